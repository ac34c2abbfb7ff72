/** A server that is killed while a run takes its sources: what was read before the kill counts once it is written with the run, and never in part. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { RunView } from '../run/view.ts'
import { files } from './sources.fixture.ts'

const FIXTURE = join(import.meta.dirname, '../run/control.fixture.ts')

/** The run of a server that is killed at a point, after which the source changes, and that is started again. */
async function killedAt(t: TestContext, point: string): Promise<RunView> {
  const root = mkdtempSync(join(tmpdir(), 'slipway-killed-'))
  t.after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))
  const [dataDir, source] = [join(root, 'data'), join(root, 'sources/a.txt')]
  for (const folder of [dataDir, join(root, 'sources')]) mkdirSync(folder)
  writeFileSync(join(dataDir, 'files.json'), JSON.stringify(files({ file: source })))
  writeFileSync(source, 'before')
  const control = (env: object): Promise<string | null> => {
    const child = spawn(process.execPath, [FIXTURE, dataDir], { stdio: 'inherit', env: { ...process.env, ...env } })
    return new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)))
  }
  assert.equal(await control({ SLIPWAY_TEST_HOOKS: '1', SLIPWAY_FAULT: `pipelines.${point}@1` }), 'SIGKILL')
  writeFileSync(source, 'after the kill')
  assert.equal(await control({}), null)
  return (JSON.parse(readFileSync(join(dataDir, 'ended.json'), 'utf8')) as { run: RunView }).run
}

test('killed before the run has its sources, they are read anew', async (t) => {
  const run = await killedAt(t, 'pinned')
  assert.deepEqual([run.outcome, run.sources?.[0]?.size, run.steps[0]?.outputs['out']?.size], ['succeeded', 14, 14])
  assert.equal(run.steps[0]?.attempts.length, 1)
})

for (const point of ['prepared', 'keyed', 'submitted']) {
  test(`killed after it has them (${point}), it goes on with what was read`, async (t) => {
    const run = await killedAt(t, point)
    assert.deepEqual([run.outcome, run.sources?.[0]?.size, run.steps[0]?.outputs['out']?.size], ['succeeded', 6, 6])
  })
}
