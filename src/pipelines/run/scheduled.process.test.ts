/** A schedule of the project file starts runs, each due time once, and goes when the file no longer has it. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { JOB_DEPS } from '../../jobs/queue.ts'
import { fireDue, listSchedules } from '../../jobs/schedule.ts'
import { Worker } from '../../jobs/worker.ts'
import { until } from '../../../test/until.ts'
import { openBench, type Bench } from '../bench.fixture.ts'
import { SCHEDULED_RUN } from '../spec/schedule.ts'
import { scheduledRun } from './scheduled.ts'
import { secretFromEnvironment, secretOf } from '../context/secrets.ts'
import { newestVersion } from '../spec/versions.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-schedules-'))
let bench: Bench
let worker: Worker
const HOUR = 3_600_000

before(async () => {
  bench = await openBench(join(root, 'data'))
  // a day on which clocks are put back has 25 hours
  worker = new Worker(bench.store.db, { pollMs: 50, now: () => Date.now() + 26 * HOUR })
  const { db } = bench.store
  const startRun = bench.room.startRun.bind(bench.room)
  worker.register(SCHEDULED_RUN, scheduledRun({ db, clock: Date.now, startRun }))
  worker.start()
})
after(async () => {
  await worker.stop()
  await bench.close()
  rmSync(root, { recursive: true, force: true, maxRetries: 5 })
})

const files = (schedule: string): Record<string, string> => ({
  'slipway.yaml': `project: nightly\npipeline: {steps: {one: {run: one:main}}${schedule}}\n`,
  'one.py': 'def main(): return {"m": 1}\n',
})

test('a due time is one run, and the next version decides', async () => {
  const first = await bench.end(await bench.begin(files(', schedule: {cron: "0 4 * * *", timezone: Europe/Berlin}')))
  const [schedule] = await listSchedules(bench.store.db)
  assert.equal(schedule?.name, 'pipeline:nightly')
  assert.equal(schedule.timezone, 'Europe/Berlin')
  const due = schedule.next_fire ?? assert.fail('it is never due')
  const now = Date.now()
  assert.ok(due <= now + 25 * HOUR)
  assert.equal(await fireDue(bench.store.db, { ...JOB_DEPS, now: () => due }), 1)
  assert.equal(await fireDue(bench.store.db, { ...JOB_DEPS, now: () => due }), 0)
  const sql = "SELECT id FROM pipeline_runs WHERE trigger_kind = 'schedule'"
  await until('a run by the schedule', () => bench.store.db.get(sql))
  const rows = await bench.store.db.all<{ id: string }>(sql)
  assert.equal(rows.length, 1)
  const run = await bench.end(rows[0]?.id ?? '')
  assert.equal(run.outcome, 'succeeded')
  assert.equal(run.created_by, 'slipway')

  await bench.end(await bench.begin(files('')))
  assert.deepEqual(await listSchedules(bench.store.db), [])
  await bench.end(await bench.begin(files(', schedule: {cron: "0 4 * * *", timezone: Europe/Berlin}')))
  assert.equal(
    (await newestVersion(bench.store.db, 'nightly')).id,
    first.pipeline_version,
    'an old version is newest again',
  )
  assert.equal((await listSchedules(bench.store.db)).length, 1)
})

test('secrets come from the environment, a project its own first', () => {
  process.env['SLIPWAY_SECRET_API_KEY'] = 'all'
  process.env['SLIPWAY_SECRET_MY_PROJECT_API_KEY'] = 'mine'
  const of = (project: string, name: string): string | undefined =>
    secretFromEnvironment(project, name, ['my-project', 'other'])
  assert.equal(of('my-project', 'API_KEY'), 'mine')
  assert.equal(of('other', 'API_KEY'), 'all')
  assert.equal(of('other', 'NOTHING'), undefined)
})

test('no project gets the secret of another by spelling out its variable', async () => {
  process.env['SLIPWAY_SECRET_NIGHTLY_API_KEY'] = 'of nightly'
  process.env['SLIPWAY_SECRET_NIGHTLY_TWO_API_KEY'] = 'of nightly-two'
  process.env['SLIPWAY_SECRET_ELSEWHERE_KEY'] = 'of all'
  const { db } = bench.store
  assert.equal(await secretOf(db, 'nightly', 'API_KEY'), 'of nightly')
  assert.equal(await secretOf(db, 'other', 'NIGHTLY_API_KEY'), undefined)
  assert.equal(await secretOf(db, 'other', 'ELSEWHERE_KEY'), 'of all')
  const both = ['nightly', 'nightly-two']
  assert.equal(secretFromEnvironment('nightly-two', 'API_KEY', both), 'of nightly-two')
  assert.equal(secretFromEnvironment('nightly', 'TWO_API_KEY', both), undefined, 'the longest name owns it')
})
