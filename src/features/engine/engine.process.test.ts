/** Tasks in their own process: what it gives, what it refuses, and that it reads nothing else and can be ended. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { until } from '../../../test/until.ts'
import { Problem } from '../../contract/errors.ts'
import type { Service, View } from '../definitions/definitions.ts'
import { OnlineReader } from '../online/reader.ts'
import { OnlineStore } from '../online/store.ts'
import { runTask, type EngineOptions } from './engine.ts'
import type { Task } from './tasks.ts'

let folder: string
let options: EngineOptions

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-engine-'))
  options = { folder, memory_bytes: 256e6, threads: 1, longest_ms: 60_000 }
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const VIEW: View = {
  name: 'stats',
  entities: ['driver'],
  keys: [{ name: 'driver_id', type: 'int' }],
  origin: { sources: ['stats'], query: null },
  push: false,
  event_time: 'at',
  created_time: null,
  ttl_ms: null,
  features: [{ name: 'trips', type: 'int', column: 'trips' }],
  windows: [],
}
const SERVICE: Service = {
  name: 'eta',
  views: [{ name: 'stats', view: 'stats', version: 1, keys: ['driver_id'] }],
  columns: [{ name: 'trips', type: 'int', of: { view: 'stats', feature: 'trips' } }],
  on_demand: [],
  on_expired: 'null',
}

function write(name: string, text: string) {
  const path = join(folder, name)
  writeFileSync(path, text)
  return { paths: [path], format: 'csv' as const }
}

function joinTask(
  query: string | null = null,
  stats = 'driver_id,at,trips\n1,2024-01-01,5\n',
): Extract<Task, { kind: 'join' }> {
  const view = { ...VIEW, origin: { sources: ['stats'], query } }
  const request = {
    entities: write('entities.csv', 'driver_id,time\n1,2024-01-02\n2,2024-01-02\n'),
    time: 'time',
    service: SERVICE,
    views: { stats: view },
    sources: { stats: write('stats.csv', stats) },
    include_late_data: false,
    into: join(folder, 'out.parquet'),
  }
  return { kind: 'join', request }
}

test('a reason names a file and not where it lies', async () => {
  const { request } = joinTask()
  const sources = { stats: { ...write('stats.parquet', 'no table at all'), format: 'parquet' as const } }
  const task = { kind: 'join' as const, request: { ...request, sources } }
  const told = await refusal(task)
  assert.match(told, /'stats\.parquet'/)
  assert.ok(!told.includes(folder), told)
})

const ENDLESS =
  'SELECT 1 AS driver_id, now() AS "at", sum(a.range * b.range) AS trips FROM range(10000000) a, range(10000000) b'

async function refusal(task: Extract<Task, { kind: 'join' }>, given: Partial<EngineOptions> = {}): Promise<string> {
  const error = await runTask(task, { ...options, ...given }).then(
    () => assert.fail('it was accepted'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof Problem, String(error))
  return `${error.code}: ${error.message}`
}

test('a join leaves its file and nothing else', async () => {
  const result = await runTask(joinTask(), options)
  assert.deepEqual(result, { rows: 2, columns: [{ name: 'trips', statuses: { not_found: 1, present: 1 } }] })
  assert.deepEqual(readdirSync(folder).toSorted(), ['entities.csv', 'out.parquet', 'stats.csv'])
})

test('a materialisation fills the set that it was given', async () => {
  const file = join(folder, 'online.db')
  const of = { project: 'p', view: 'stats', version: 1 }
  const store = new OnlineStore(file)
  const set = store.begin(of, VIEW, 10n)
  const sources = { stats: write('stats.csv', 'driver_id,at,trips\n1,1970-01-01,5\n,1970-01-01,5\n3,2100-01-01,5\n') }
  const until = String(BigInt(Date.UTC(2024, 0)) * 1_000_000n)
  const result = await runTask({ kind: 'materialise', view: VIEW, sources, until, store: file, set }, options)
  const { statistics, ...counts } = result
  assert.deepEqual(counts, { rows: 1, tiles: 0, without_key: 1, later: 1 })
  assert.deepEqual([statistics.live, statistics.features[0]?.numbers?.max], [1, 5])
  store.switchTo(set, of, { horizon: BigInt(until), now: BigInt(until) })
  const reader = new OnlineReader(file)
  assert.deepEqual(reader.read(of, ['1'], BigInt(until)), [{ status: 'live', event: 0n, values: [5] }])
  reader.close()
  store.close()
})

test('what does not fit is told with the column and the value', async () => {
  assert.match(
    await refusal(joinTask(null, 'driver_id,at,trips\n1,2024-01-01,many\n')),
    /^unprocessable: .*column "trips" has many, and a whole number/,
  )
  assert.match(await refusal(joinTask('SELECT nothing FROM stats')), /^unprocessable: .*"nothing" not found/)
})

test('a query reads nothing but its sources, and changes no setting', async () => {
  const secret = join(folder, 'secret.csv')
  writeFileSync(secret, 'a\n1\n')
  for (const query of [
    `SELECT * FROM read_csv('${secret}')`,
    `SELECT * FROM '${secret}'`,
    `SELECT content FROM read_text('/etc/hostname')`,
    `SELECT * FROM glob('/etc/*')`,
    `SELECT * FROM 'https://example.com/a.csv'`,
    `SELECT 1) AS x; SET enable_external_access = true; SELECT * FROM (SELECT * FROM '${secret}'`,
    `SELECT 1) AS x; COPY (SELECT 1) TO '${join(folder, 'made.csv')}'; SELECT * FROM (SELECT 1`,
    'SELECT 1; SELECT 2',
    `SELECT 1) AS x; INSTALL httpfs; SELECT * FROM (SELECT 1`,
    `SELECT 1) AS x; ATTACH '${join(folder, 'other.db')}' AS other; SELECT * FROM (SELECT 1`,
  ])
    assert.match(await refusal(joinTask(query)), /^unprocessable: /, query)
  assert.equal(existsSync(join(folder, 'made.csv')) || existsSync(join(folder, 'other.db')), false)
})

test('what takes too long or too much is ended, and leaves nothing', async () => {
  assert.match(await refusal(joinTask(ENDLESS), { longest_ms: 1500 }), /^too_costly: the join took more than 1\.5 s/)
  const large = `SELECT range AS driver_id, now() AS "at", list(range) OVER () AS trips FROM range(3000000)`
  assert.match(await refusal(joinTask(large), { memory_bytes: 60e6 }), /^(too_costly|unprocessable): /)
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('engine-')),
    [],
  )
})

test('the process ends with the server that started it', async () => {
  const program = join(import.meta.dirname, 'process.ts')
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program], { env: {} })
  const ended = new Promise((done) => child.once('exit', (_code, signal) => done(signal)))
  const limits = { memory_bytes: 256e6, threads: 1, scratch: folder }
  child.stdin.write(`${JSON.stringify({ task: joinTask(ENDLESS), limits })}\n`)
  await until('the engine is at work', () => existsSync(join(folder, 'engine.db')))
  child.stdin.end()
  assert.equal(await ended, 'SIGKILL')
})

test('views that mean other things by one name have each its own', async () => {
  const task = joinTask()
  const [taken] = SERVICE.views
  assert.ok(taken !== undefined)
  const service = {
    ...SERVICE,
    views: [taken, { ...taken, name: 'before' }],
    columns: ['stats', 'before'].map((name) => ({
      name: `trips of ${name}`,
      type: 'int' as const,
      of: { view: name, feature: 'trips' },
    })),
  }
  const own = { before: { stats: write('before.csv', 'driver_id,at,trips\n2,2024-01-01,4\n') } }
  const request = { ...task.request, service, views: { stats: VIEW, before: VIEW }, own }
  const { columns } = await runTask({ kind: 'join', request }, options)
  // the first row has trips in one, the second in the other
  assert.deepEqual(
    columns.map(({ statuses }) => statuses),
    [
      { not_found: 1, present: 1 },
      { not_found: 1, present: 1 },
    ],
  )
  const instance = await DuckDBInstance.create()
  const duck = await instance.connect()
  const found = await duck.runAndReadAll(`SELECT * EXCLUDE (time) FROM '${request.into}'`)
  assert.deepEqual(found.getRowsJS(), [
    ['1', 5n, null],
    ['2', null, 4n],
  ])
  duck.closeSync()
  instance.closeSync()
})

test('a caller who goes away ends it', async () => {
  const gone = new AbortController()
  const running = runTask(joinTask(ENDLESS), options, gone.signal)
  gone.abort(new Error('gone away'))
  await assert.rejects(running, /gone away/)
})

test('the process keeps what Node compiled where the server has it', async (t) => {
  const compiled = join(folder, 'compiled')
  const before = process.env['NODE_COMPILE_CACHE']
  process.env['NODE_COMPILE_CACHE'] = compiled
  t.after(() => {
    if (before === undefined) delete process.env['NODE_COMPILE_CACHE']
    else process.env['NODE_COMPILE_CACHE'] = before
  })
  await runTask(joinTask(), options)
  assert.ok(readdirSync(compiled).length > 0)
})
