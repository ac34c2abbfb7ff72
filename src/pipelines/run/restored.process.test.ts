/** Steps that ran when a backup was made: where it is restored they begin anew at once, or end where they are cancelled. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { until } from '../../../test/until.ts'
import { backup, restore } from '../../store/backup/backup.ts'
import { ANA, openBench } from '../bench.fixture.ts'
import { killMarked } from '../drivers/local/processes.ts'
import { cancelRun } from './runs.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-restored-run-'))
const [gate, notes, saved] = [join(root, 'gate'), join(root, 'notes'), join(root, 'saved.tar')]
const begun = (): number => (existsSync(notes) ? readFileSync(notes, 'utf8').length : 0)
const PROJECT = {
  'slipway.yaml': 'project: saved\npipeline: {steps: {one: {run: work:one, outputs: [a]}}}\n',
  'work.py': `import os, time
def one(a):
    with open(${JSON.stringify(notes)}, "a") as file: file.write(".")
    while not os.path.exists(${JSON.stringify(gate)}): time.sleep(0.02)
    a.write_text("a")
`,
}
let id = ''

/** A run whose one step waits for a file is saved while it runs; its server is killed, and so is the step. */
before(async () => {
  const dataDir = join(root, 'first/data')
  mkdirSync(dataDir, { recursive: true })
  writeFileSync(join(dataDir, 'files.json'), JSON.stringify(PROJECT))
  const control = spawn(process.execPath, [join(import.meta.dirname, 'control.fixture.ts'), dataDir], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  await until('its step begins', () => begun() > 0)
  await backup(dataDir, saved)
  control.kill('SIGKILL')
  await once(control, 'exit')
  id = readFileSync(join(dataDir, 'run-id'), 'utf8')
  const [attempt = ''] = readdirSync(join(dataDir, 'run', 'attempts'))
  await killMarked('SLIPWAY_ATTEMPT', attempt)
})
after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))

test('a step that ran when the backup was made begins anew', async () => {
  const dataDir = join(root, 'second/data')
  await restore(saved, dataDir)
  writeFileSync(gate, '')
  const bench = await openBench(dataDir)
  const run = await bench.end(id)
  assert.equal(run.outcome, 'succeeded', run.message)
  assert.deepEqual(
    run.steps[0]?.attempts.map(({ state, failure }) => [state, failure?.class ?? null]),
    [
      ['lost', 'infrastructure'],
      ['succeeded', null],
    ],
  )
  assert.match(run.steps[0]?.attempts[0]?.failure?.message ?? '', /backup/)
  assert.equal(begun(), 2)
  await bench.close()
})

test('a run that is cancelled there ends', async () => {
  const dataDir = join(root, 'third/data')
  await restore(saved, dataDir)
  const paused = await openBench(dataDir, () => ({ capacity: { cpus: 0, memory_bytes: 0 } }))
  await cancelRun(paused.room.context, ANA, id)
  paused.room.wake(id)
  const run = await paused.end(id)
  assert.equal(run.state, 'cancelled', run.message)
  await paused.close()
})
