import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { until } from '../../test/until.ts'
import { startLoad } from '../../test/predict-load.ts'
import { servingModels } from '../../test/serving-models.ts'
import type { ScoredRow, ServingModels } from '../../test/serving-models.ts'
import { auditLog } from '../auth/audit.ts'
import { tokens } from '../auth/tokens.ts'
import type { Principal } from '../contract/access.ts'
import { makeIds } from '../contract/ids.ts'
import { openStore } from '../store/open.ts'
import type { Store } from '../store/open.ts'
import { randomBytes } from 'node:crypto'
import type { IngestHooks } from './records/rows.ts'
import { gatewayStats } from './fleet/admin-client.ts'
import { isAlive, readJsonFile } from '../gateway/run-files.ts'
import type { GatewayFile } from '../gateway/run-files.ts'
import { openDoor } from './open-door.fixture.ts'
import { servingRoom } from './room.ts'
import type { ServingRoom } from './room.ts'
import type { Returned } from './endpoints/deployment.ts'
import { getPrediction, listPredictions } from './records/predictions.ts'
import { ifSound } from '../store/if-sound.fixture.ts'

const CAUSE = { by: 'ada', way: 'deployed', reason: '' } as const

const WHO: Principal = { id: 'u', name: 'tester', role: 'admin', project: null, token_id: null }

let models: ServingModels
const cleanups: (() => Promise<void>)[] = []
before(async () => {
  models = await servingModels()
})
after(async () => {
  for (const clean of cleanups.reverse()) await clean()
})

interface World {
  readonly room: ServingRoom
  readonly store: Store
  readonly dataDir: string
  readonly seen: Record<'p' | 's' | 'b', Record<string, unknown>[]>
  readonly returns: readonly Returned[]
}

/** Versions of the tests: which model each is, and whether Python serves it. */
const VERSIONS: Record<string, [string, boolean]> = {
  '1': ['hgb', false],
  '2': ['hgb2', false],
  '3': ['hgb', true],
  '4': ['faulty', true],
}

async function open(dataDir: string, options: { gateways?: number; port?: number } = {}): Promise<World> {
  const store = await openStore({ dataDir })
  const seen: World['seen'] = { p: [], s: [], b: [] }
  const keep =
    (kind: keyof World['seen']) =>
    async (_t: unknown, records: readonly object[]): Promise<void> => {
      seen[kind].push(...(records as Record<string, unknown>[]))
    }
  const hooks: IngestHooks = {
    onPredictions: keep('p'),
    onShadows: keep('s'),
    onBreakers: keep('b'),
  }
  const returns: Returned[] = []
  const context = {
    db: store.db,
    clock: Date.now,
    ids: makeIds(Date.now, randomBytes),
    audit: auditLog(Date.now),
  }
  const room = servingRoom({
    ...context,
    ...openDoor(store.db),
    dataDir,
    ifSound,
    version: '0.0.0',
    gateways: { count: options.gateways ?? 1, host: '127.0.0.1', port: options.port ?? 0, allowHosts: [] },
    open: true,
    tokens: tokens(context),
    versionFiles: async (_model, version) => {
      const found = VERSIONS[version]
      if (found === undefined) throw new Error(`no version ${version}`)
      return models.files(found[0], found[1])
    },
    workers: 1,
    memoryMb: 2048,
    hooks: () => [hooks],
    modelProject: async (_, model) => (model === 'foreign' ? 'elsewhere' : undefined),
    returned: async (_, __, back) => void returns.push(back),
    changed: () => undefined,
    log: () => undefined,
  })
  return { room, store, dataDir, seen, returns }
}

/** A world with one endpoint that answers with version 1. */
async function world(options: { gateways?: number } = {}): Promise<World> {
  const dataDir = mkdtempSync(join(tmpdir(), 'serving-'))
  const it = await open(dataDir, options)
  await it.room.start()
  cleanups.push(async () => {
    await it.room.stop()
    await it.store.db.close()
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
  })
  await it.room.put(WHO, 'flights', { project: 'p', model: 'm' })
  await it.room.deploy(WHO, 'flights', { version: '1' })
  return it
}

function inputsOf(row: ScoredRow): Record<string, unknown> {
  const { score: _, ...inputs } = row
  return inputs
}

async function predict(it: World, body: unknown, endpoint = 'flights'): Promise<{ status: number; body: Answer }> {
  const response = await fetch(`${it.room.addresses().gateway_url}/v1/endpoints/${endpoint}:predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: (await response.json()) as Answer }
}

interface Answer {
  readonly scores: number[]
  readonly predictions: unknown[]
  readonly prediction_ids: string[]
  readonly version: string
  readonly variant: string
  readonly epoch: number
  readonly error?: { readonly code: string; readonly message: string }
}

/** Eight clients that ask for predictions until they are stopped; resolves when they have begun. */
async function runningLoad(it: World, retries: number, keptMs?: number): Promise<ReturnType<typeof startLoad>> {
  const load = startLoad({
    url: () => `${it.room.addresses().gateway_url}/v1/endpoints/flights:predict`,
    body: (i) => JSON.stringify({ inputs: inputsOf(models.rows[i % 200] as ScoredRow) }),
    clients: 8,
    retries,
    ...(keptMs !== undefined && { keptMs }),
  })
  await until('the load to run', () => load.count() > 100)
  return load
}

function gatewayPids(it: World): number[] {
  return gatewayFiles(it).map((file) => file.pid)
}

/** A gateway that leaves takes its file away, at any moment. */
function gatewayFiles(it: World): GatewayFile[] {
  return readdirSync(join(it.dataDir, 'run'))
    .filter((name) => /^gateway-\d+\.json$/.test(name))
    .map((name) => readJsonFile(join(it.dataDir, 'run', name)) as GatewayFile | undefined)
    .filter((file) => file !== undefined)
}

test('a native version answers as scikit-learn did, by every protocol, and each row is logged once', async () => {
  const it = await world()
  const some = models.rows.slice(0, 60)
  const times = some.map((_, i) => 1_380_000_000_000 + i * 600_000)
  const reply = await predict(it, { inputs: some.map(inputsOf), event_time: times, id: some.map((_, i) => `row-${i}`) })
  assert.equal(reply.status, 200)
  some.forEach((row, i) => assert.ok(Math.abs((reply.body.scores[i] ?? 0) - row.score) <= 2 ** -52 + 1e-15, `row ${i}`))
  const [first] = some as [ScoredRow]
  const split = {
    dataframe_split: { columns: Object.keys(inputsOf(first)), data: [Object.values(inputsOf(first))] },
  }
  const mlflow = await fetch(`${it.room.addresses().gateway_url}/invocations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-slipway-event-time': '2013-09-24T05:20:00Z' },
    body: JSON.stringify(split),
  })
  assert.deepEqual(await mlflow.json(), { predictions: [reply.body.predictions[0]] })
  const tensors = Object.entries(inputsOf(first)).map(([name, value]) => ({
    name,
    shape: [1],
    datatype: typeof value === 'string' ? 'BYTES' : 'FP64',
    data: [value],
  }))
  const oip = await fetch(`${it.room.addresses().gateway_url}/v2/models/flights/infer`, {
    method: 'POST',
    body: JSON.stringify({ id: 'q1', inputs: tensors, parameters: { prediction_id: 'oip-1' } }),
  })
  const inferred = (await oip.json()) as { id: string; outputs: { data: number[] }[] }
  assert.equal(inferred.id, 'q1')
  const named = { id: 'q2', inputs: tensors, parameters: { prediction_id: 'oip-2' } }
  const url = `${it.room.addresses().gateway_url}/v2/models/flights/versions/1/infer`
  assert.equal((await fetch(url, { method: 'POST', body: JSON.stringify(named) })).status, 200)
  assert.deepEqual(inferred.outputs[0]?.data, reply.body.predictions[0])
  await it.room.flush()
  const { items } = await listPredictions(it.store.db, { endpoint: 'flights', limit: 1000 })
  assert.equal(items.length, 63)
  assert.equal(new Set(items.map((one) => one.id)).size, 63)
  const marked = (mark: string) => it.seen.p.filter((record) => record[mark] === true).map((record) => record['id'])
  assert.deepEqual(
    marked('nth'),
    some.slice(1).map((_, i) => `row-${i + 1}`),
    'rows of a call after its first',
  )
  assert.deepEqual(marked('pin'), ['oip-2'], 'a call that named a version')
  const one = await getPrediction(it.store.db, 'flights', 'row-7')
  assert.deepEqual(one.inputs, inputsOf(some[7] as ScoredRow))
  assert.equal(one.event_time, new Date(times[7] ?? 0).toISOString())
  assert.equal(one.score, reply.body.scores[7])
})

test('the same id sent again is logged once', async () => {
  const it = await world()
  const body = { inputs: inputsOf(models.rows[0] as ScoredRow), id: 'twice' }
  await predict(it, body)
  await predict(it, body)
  await it.room.flush()
  assert.equal(it.seen.p.length, 1)
})

test('200 swaps under load: no failed request, no answer from a version outside the table of its epoch', async () => {
  const it = await world()
  const load = await runningLoad(it, 0)
  const served = new Map<number, string>()
  for (let i = 0; i < 200; i++) {
    const version = i % 2 === 0 ? '2' : '1'
    const { epoch } = await it.room.deploy(WHO, 'flights', { version })
    served.set(epoch, version)
  }
  const { answers, failed } = await load.stop()
  assert.deepEqual(failed, [])
  assert.ok(answers.length > 200, `${answers.length} answers`)
  const epochs = new Set(answers.map((one) => one.epoch))
  assert.ok(epochs.size > 20, `answers of ${epochs.size} epochs`)
  for (const one of answers) if (served.has(one.epoch)) assert.equal(one.version, served.get(one.epoch))
  await it.room.flush()
  assert.equal(it.seen.p.length, answers.length)
})

test('a canary that fails one request in five is taken to weight 0 by the breaker, and no caller sees it', async () => {
  const it = await world()
  await it.room.setVariants(
    'flights',
    [
      { role: 'stable', version: '1', weight: 0 },
      { role: 'canary', version: '4', weight: 10_000 },
    ],
    { cause: CAUSE },
  )
  const rows = models.rows.slice(0, 120)
  for (const [i, row] of rows.entries()) {
    const { status } = await predict(it, { inputs: inputsOf(row), routing_key: `user-${i}` })
    assert.equal(status, 200)
  }
  await it.room.flush()
  const failures = (await it.store.db.all('SELECT id FROM canary_failures')).length
  assert.ok(failures >= 3 && failures <= 15, `${failures} failures before the trip`)
  assert.equal(it.seen.b.length, 1)
  assert.equal(it.seen.p.filter((record) => record['fb'] === true).length, failures)
  assert.equal(it.seen.p.length, 120)
  await until('the rows to say that it tripped', async () => {
    const endpoint = await it.room.endpoint('flights')
    const canary = endpoint.variants.find((one) => one.role === 'canary')
    return canary?.weight === 0 && /failed/.test(canary.tripped ?? '')
  })
})

test('a shadow scores the rows that were answered, paired by id, and answers nobody', async () => {
  const it = await world()
  await it.room.setVariants(
    'flights',
    [
      { role: 'stable', version: '1', weight: 0 },
      { role: 'shadow', version: '2', weight: 0 },
    ],
    { cause: CAUSE },
  )
  for (const row of models.rows.slice(0, 50)) {
    const { body } = await predict(it, { inputs: inputsOf(row) })
    assert.equal(body.version, '1')
  }
  await until('all shadows to be logged', async () => {
    await it.room.flush()
    return it.seen.s.length === 50
  })
  assert.deepEqual(new Set(it.seen.s.map((one) => one['id'])), new Set(it.seen.p.map((one) => one['id'])))
  assert.ok(it.seen.s.every((one) => one['ver'] === '2' && typeof one['s'] === 'number'))
})

test('the split is sticky and monotone: a growing weight never sends a key back', async () => {
  const it = await world()
  // the salt of an endpoint is random, and by it the keys that go to the canary
  await it.store.db.tx((t) => t.run("UPDATE endpoints SET salt = 'of this test' WHERE name = 'flights'"))
  const onCanary = async (weight: number): Promise<Set<number>> => {
    await it.room.setVariants(
      'flights',
      [
        { role: 'stable', version: '1', weight: 0 },
        { role: 'canary', version: '2', weight },
      ],
      { cause: CAUSE },
    )
    const found = new Set<number>()
    for (let i = 0; i < 150; i++) {
      const { body } = await predict(it, { inputs: inputsOf(models.rows[i] as ScoredRow), routing_key: `k${i}` })
      if (body.variant === 'canary') found.add(i)
    }
    return found
  }
  const small = await onCanary(1500)
  const large = await onCanary(5000)
  assert.ok(small.size >= 8 && small.size <= 42, `${small.size} of 150 at 15 %`)
  assert.ok(large.size >= 50 && large.size <= 100, `${large.size} of 150 at 50 %`)
  for (const key of small) assert.ok(large.has(key))
})

test('kill -9 of one of two gateways under load: no failed request with a retry; it is back within seconds', async () => {
  const it = await world({ gateways: 2 })
  const load = await runningLoad(it, 3)
  const [victim = 0] = gatewayPids(it)
  process.kill(victim, 'SIGKILL')
  await until('a new gateway', () => gatewayPids(it).length === 2 && !gatewayPids(it).includes(victim))
  const before = load.count()
  await until('a hundred answers of both', () => load.count() >= before + 100)
  const { answers, failed, broken } = await load.stop()
  assert.deepEqual(failed, [])
  assert.ok(broken <= 8, `${broken} broken connections for 8 clients`)
  await it.room.flush()
  const logged = new Set(it.seen.p.map((one) => one['id']))
  assert.equal(logged.size, it.seen.p.length)
  const missing = answers.filter((one) => !logged.has(one.id))
  assert.deepEqual(missing, [], 'every answer that a caller got is in the log')
})

test('gateways answer while control is gone, are adopted when it is back, and the log is ingested once', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'serving-'))
  const first = await open(dataDir)
  await first.room.start()
  await first.room.put(WHO, 'flights', { project: 'p', model: 'm' })
  await first.room.deploy(WHO, 'flights', { version: '1' })
  const pids = gatewayPids(first)
  await predict(first, { inputs: inputsOf(models.rows[0] as ScoredRow), id: 'before' })
  await first.room.stop({ keepGateways: true })
  await first.store.db.close()
  const { status } = await predict(first, { inputs: inputsOf(models.rows[1] as ScoredRow), id: 'alone' })
  assert.equal(status, 200)
  const second = await open(dataDir)
  await second.room.start()
  cleanups.push(async () => {
    await second.room.stop()
    await second.store.db.close()
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
  })
  assert.deepEqual(gatewayPids(second), pids)
  await second.room.flush()
  const { items } = await listPredictions(second.store.db, { endpoint: 'flights', limit: 10 })
  assert.deepEqual(items.map((one) => one.id).sort(), ['alone', 'before'])
  assert.deepEqual(
    second.seen.p.map((one) => one['id']),
    ['alone'],
  )
  const { body } = await predict(second, { inputs: inputsOf(models.rows[2] as ScoredRow) })
  assert.equal(body.version, '1')
})

test('a gateway that is told to end answers what is sent to it; the other takes the rest', async () => {
  const it = await world({ gateways: 2 })
  // it closes connections on which nothing came for half a second
  const load = await runningLoad(it, 0, 400)
  const [leaving = 0] = gatewayPids(it)
  process.kill(leaving, 'SIGTERM')
  await until('a new gateway', () => gatewayPids(it).length === 2 && !gatewayPids(it).includes(leaving))
  const { failed } = await load.stop()
  assert.deepEqual(failed, [])
})

test('a Python scorer does not outlive its killed gateway, and the next one answers again', async () => {
  const it = await world()
  await it.room.deploy(WHO, 'flights', { version: '3' })
  const scorer = async (): Promise<number> => {
    const [file] = gatewayFiles(it)
    const stats = await gatewayStats(file ?? { socket: '' })
    const backend = stats.variants[0]?.backend as { scorers: { pid: number }[] } | undefined
    return backend?.scorers[0]?.pid ?? 0
  }
  const before = await predict(it, { inputs: inputsOf(models.rows[0] as ScoredRow) })
  assert.equal(before.status, 200)
  const [gateway = 0, old] = [gatewayPids(it)[0], await scorer()]
  process.kill(gateway, 'SIGKILL')
  await until('the end of the scorer', () => !isAlive(old, null))
  await until('a new gateway', () => gatewayPids(it).length === 1 && gatewayPids(it)[0] !== gateway)
  const again = await predict(it, { inputs: inputsOf(models.rows[0] as ScoredRow), timeout_ms: 60_000 })
  assert.deepEqual(again.body.scores, before.body.scores)
  assert.notEqual(await scorer(), old)
})

test('rollback returns to the previous version; without one it is refused', async () => {
  const it = await world()
  await assert.rejects(it.room.rollback(WHO, 'flights', 'x'), { code: 'conflict' })
  await it.room.deploy(WHO, 'flights', { version: '2' })
  const back = await it.room.rollback(WHO, 'flights', 'looks wrong')
  assert.equal(back.variants[0]?.version, '1')
  assert.equal(back.previous_version, '2')
  const told = { endpoint: 'flights', model: 'm', from: '2', to: '1', reason: 'looks wrong' }
  assert.deepEqual(it.returns, [told], 'the registry is told in the same transaction')
  await assert.rejects(it.room.put(WHO, 'other', { project: 'p', model: 'foreign' }), { code: 'conflict' })
  const audit = await it.store.db.all<{ detail: string }>(
    "SELECT detail FROM audit WHERE resource_id = 'flights' ORDER BY seq",
  )
  assert.match(audit.at(-1)?.detail ?? '', /looks wrong/)
})

test('a version that cannot be loaded is refused and changes nothing', async () => {
  const it = await world()
  await assert.rejects(it.room.deploy(WHO, 'flights', { version: '9' }), /no version 9/)
  const { body } = await predict(it, { inputs: inputsOf(models.rows[0] as ScoredRow) })
  assert.equal(body.version, '1')
})
