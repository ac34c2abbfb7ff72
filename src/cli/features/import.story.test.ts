/** `slipway features import feast` with Feast itself, on the repository that `feast init` makes. */
// covers: python/slipway/features/command.py
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { testEnv } from '../../../test/python-env.ts'
import { importRepository } from '../../features/feast/import.ts'
import { FeastRepository } from '../../features/feast/repository.ts'
import { importFeast } from './import.ts'

const RECORDED = join(import.meta.dirname, '../../features/feast/template.fixture.json')
const run = promisify(execFile)
const root = mkdtempSync(join(tmpdir(), 'slipway-feast-story-'))
after(() => rmSync(root, { recursive: true, force: true }))
const python = await testEnv(['feast[duckdb]==0.67.0'], 'once').catch(() => undefined)

test(
  'the repository of `feast init` is read as it was when it was recorded',
  {
    skip: python === undefined && 'Feast 0.67.0 is not in the cache and could not be installed',
  },
  async () => {
    const program = python ?? assert.fail()
    await run(join(dirname(program), 'feast'), ['init', 'template'], { cwd: root })
    const folder = join(root, 'template/feature_repo')
    const data: unknown[] = []
    const nothing = (): void => undefined
    const out = {
      json: true,
      line: nothing,
      data: (value: unknown) => data.push(value),
      progress: nothing,
      table: nothing,
    }
    assert.equal(await importFeast({ args: [], flags: { python: program }, out }, ['feast', folder]), 0)
    const recorded = readFileSync(RECORDED, 'utf8').replaceAll('/srv/template', folder)
    const expected = importRepository(FeastRepository.parse(JSON.parse(recorded)))
    assert.deepEqual(data, [{ ...expected, written: null }])
  },
)
