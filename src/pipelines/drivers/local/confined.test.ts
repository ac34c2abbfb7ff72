/** The local driver passes what every driver must do with confined steps too, by each layer that this machine has. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { dirname } from 'node:path'
import { describe } from 'node:test'
import type { Layer, Plan } from '../../../isolation/plan.ts'
import { probeMachine } from '../../../isolation/probe.ts'
import { driverCases } from '../driver.cases.ts'
import { localDriver } from './driver.ts'

const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim()
const found = await probeMachine(tmpdir())
assert.ok(typeof found !== 'string', `no Python: ${found as string}`)
const choices: Layer[][] = [found.layers as Layer[], ...(found.layers.length > 1 ? [['landlock'] as Layer[]] : [])]

for (const layers of choices)
  describe(`confined by ${layers.join(' and ') || 'nothing'}`, () => {
    driverCases({
      python,
      open({ blobs, folder }) {
        const plan: Plan = { python: found.python, layers, hide: [dirname(folder)], write: [] }
        return localDriver({ blobs, folder, clock: Date.now, plan: layers.length === 0 ? null : plan })
      },
    })
  })
