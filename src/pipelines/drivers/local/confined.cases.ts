/** The local driver passes what every driver must do with confined steps too. */
import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { dirname } from 'node:path'
import { describe } from 'node:test'
import type { Layer, Plan } from '../../../isolation/plan.ts'
import { probeMachine, type Probed } from '../../../isolation/probe.ts'
import { driverCases } from '../driver.cases.ts'
import { python } from './attempt.fixture.ts'
import { localDriver } from './driver.ts'

const found = await probed()
/** The layers that this machine has. */
export const LAYERS = found.layers as Layer[]

async function probed(): Promise<Probed> {
  const machine = await probeMachine(tmpdir())
  assert.ok(typeof machine !== 'string', `no Python: ${machine as string}`)
  return machine
}

/** What every driver must do, with steps that these layers confine. */
export function confinedCases(layers: Layer[]): void {
  describe(`confined by ${layers.join(' and ') || 'nothing'}`, () => {
    driverCases({
      python,
      open({ blobs, folder }) {
        const plan: Plan = { python: found.python, layers, hide: [dirname(folder)], write: [] }
        return localDriver({ blobs, folder, clock: Date.now, plan: layers.length === 0 ? null : plan })
      },
    })
  })
}
