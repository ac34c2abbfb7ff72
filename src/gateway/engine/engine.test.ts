/** The engine over backends that do as they are told: who answers, what is logged, when a canary is left, what shadows see. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem, problem } from '../../contract/errors.ts'
import type { Backend } from '../../scoring/rows/backend.ts'
import type { Scored } from '../../scoring/rows/scores.ts'
import { namedRows } from '../../scoring/rows/rows.ts'
import type { Value } from '../../scoring/rows/rows.ts'
import { bucket } from '../../stats/hash.ts'
import { until } from '../../../test/until.ts'
import { endpointRoute, openTable } from '../gateway.fixture.ts'
import { predictionsIn } from '../records/packed.ts'
import type { LogRecord, RowRecord } from '../records/records.ts'
import type { EndpointRoute, VariantRoute } from '../table/table.ts'
import { goLive } from '../traffic/live.ts'
import type { LiveEndpoint, LiveVariant } from '../traffic/live.ts'
import type { Answer, Ask, ShadowJob } from './ask.ts'
import { engine } from './engine.ts'
import { ShadowQueue } from './shadow.ts'

const INPUTS = [{ name: 'x', kind: 'number', required: true, dtype: 'double' }] as const
const NOW = 1_000_000

type Score = (rows: readonly Value[][]) => Scored[] | Promise<Scored[]>

const add =
  (amount: number): Score =>
  (rows) =>
    rows.map(([x]) => ({ prediction: Number(x) + amount, score: Number(x) + amount }))

function backend(score: Score, more: Partial<Backend> = {}): Backend {
  return { ready: () => true, score, close: async () => undefined, describe: () => ({}), ...more }
}

interface Side {
  readonly role: VariantRoute['role']
  readonly weight?: number
  readonly score: Score | Backend
}

/** An endpoint whose variants are versions 1, 2, … in this order. */
function endpointOf(sides: readonly Side[], more: Partial<EndpointRoute> = {}): LiveEndpoint {
  const variants = sides.map(({ role, weight = 0 }, i): VariantRoute => ({
    role,
    version: String(i + 1),
    weight,
    since: 1,
    inputs: INPUTS,
    backend: { kind: 'native', dir: String(i) },
  }))
  const backends = new Map(
    sides.map(({ score }, i) => [`native ${i}`, typeof score === 'function' ? backend(score) : score]),
  )
  const route = endpointRoute('e', INPUTS, { kind: 'native', dir: '-' }, { variants, ...more })
  const memory = { stats: new Map(), breakers: new Map(), caches: new Map() }
  return goLive(openTable([route], 9), backends, memory, NOW).only as LiveEndpoint
}

function askOf(xs: readonly unknown[], more: Partial<Ask> = {}): Ask {
  return {
    rows: namedRows(xs.map((x) => ({ x }))),
    bytes: 10,
    queue: undefined,
    priority: 'normal',
    caller: '',
    ids: xs.map((_, i) => `p${i}`),
    times: xs.map((_, i) => i),
    key: null,
    params: null,
    deadline: NOW + 1000,
    explain: false,
    version: undefined,
    ...more,
  }
}

function run() {
  const logged: LogRecord[] = []
  const shadows: ShadowJob[] = []
  const ask = engine({
    clock: () => NOW,
    sinks: { log: (record) => void logged.push(record), shadow: (job) => void shadows.push(job) },
  })
  /** The answer of models that answer at once. */
  const answer = (endpoint: LiveEndpoint, asked: Ask): Answer => {
    const found = ask(endpoint, asked)
    assert.ok(!(found instanceof Promise))
    return found
  }
  const rowsLogged = (): RowRecord[] => logged.flatMap((one) => (one.t === 'm' ? predictionsIn(one) : [one]))
  return { ask, answer, logged, shadows, rowsLogged }
}

/** Keys on either side of a canary of half the traffic. */
function keyOf(canary: boolean): string {
  for (let i = 0; ; i++) if (bucket('s', `k${i}`) < 5000 === canary) return `k${i}`
}

const raising: Score = () => {
  throw problem('upstream_failed', { what: 'the model', detail: 'it raised' })
}

test('stable answers, is counted and logged with the row as the model took it', () => {
  const { answer, rowsLogged } = run()
  const endpoint = endpointOf([{ role: 'stable', score: add(1) }])
  const found = answer(endpoint, askOf([4], { key: 'u', times: [77] }))
  assert.deepEqual(found.results.predictions(), [5])
  assert.equal(found.variant, endpoint.stable)
  const [record] = rowsLogged()
  assert.ok(record?.t === 'p' && record.us >= 0)
  const { us: _, ...rest } = record
  assert.deepEqual(rest, {
    t: 'p',
    id: 'p0',
    ep: 'e',
    role: 'stable',
    ver: '1',
    ep_epoch: 9,
    et: 77,
    at: NOW,
    st: 200,
    key: 'u',
    x: [4],
    s: 5,
    p: 5,
  })
  assert.deepEqual([endpoint.stable?.stats.requests, endpoint.stable?.stats.errors], [1, 0])
})

test('a native answer comes without a promise, another when it is there', async () => {
  const { ask } = run()
  const later = endpointOf([{ role: 'stable', score: async (rows) => add(2)(rows) }])
  const promise = ask(later, askOf([1]))
  assert.ok(promise instanceof Promise)
  assert.deepEqual((await promise).results.predictions(), [3])
})

test('the split: a key below the weight goes to the canary for good, the first id stands in for it', () => {
  const { answer } = run()
  const endpoint = endpointOf([
    { role: 'stable', score: add(0) },
    { role: 'canary', weight: 5000, score: add(100) },
  ])
  for (const canary of [true, false]) {
    const key = keyOf(canary)
    assert.equal(answer(endpoint, askOf([1], { key })).variant.route.role, canary ? 'canary' : 'stable')
    assert.equal((answer(endpoint, askOf([1], { ids: [key] }))).variant.route.role, canary ? 'canary' : 'stable') // prettier-ignore
  }
})

test('a version that the caller insists on answers whatever the split says; one that is not loaded is not found', () => {
  const { answer, rowsLogged } = run()
  const endpoint = endpointOf([
    { role: 'stable', score: add(0) },
    { role: 'canary', weight: 0, score: add(100) },
    { role: 'shadow', score: add(7) },
  ])
  assert.deepEqual(answer(endpoint, askOf([1], { version: '2' })).results.predictions(), [101])
  assert.equal(rowsLogged().at(-1)?.t === 'p' && (rowsLogged().at(-1) as { pin?: boolean }).pin, true)
  for (const version of ['3', '9'])
    assert.throws(() => answer(endpoint, askOf([1], { version })), { code: 'not_found', data: { what: 'version', id: version } }) // prettier-ignore
})

test('an endpoint without a stable version is unavailable', () => {
  assert.throws(() => run().answer(endpointOf([]), askOf([1])), { code: 'unavailable', status: 503 })
})

for (const [how, score] of [
  ['raises', raising],
  ['rejects', async () => raising([])],
] as const) {
  test(`stable answers for a canary that ${how}; the failure is the canary's, and the caller sees none`, async () => {
    const { ask, rowsLogged } = run()
    const endpoint = endpointOf([
      { role: 'stable', score: add(1) },
      { role: 'canary', weight: 10_000, score },
    ])
    const found = await ask(endpoint, askOf([1, 2]))
    assert.deepEqual(found.results.predictions(), [2, 3])
    assert.equal(found.variant.route.version, '1')
    const records = rowsLogged()
    assert.deepEqual(
      records.filter(({ t }) => t === 'p').map((one) => [one.ver, one.t === 'p' && one.fb]),
      [
        ['1', true],
        ['1', true],
      ],
    )
    assert.deepEqual(
      records.flatMap((one) => (one.t === 'c' ? [[one.id, one.ver, one.et]] : [])),
      [
        ['p0', '2', 0],
        ['p1', '2', 1],
      ],
    )
    assert.deepEqual([endpoint.canary?.stats.errors, endpoint.stable?.stats.errors], [1, 0])
    assert.equal(endpoint.stable?.stats.fallbacks, 1)
  })
}

test('a canary that fails again and again trips once, and gets no request after', () => {
  const { answer, logged } = run()
  let tried = 0
  const endpoint = endpointOf([
    { role: 'stable', score: add(0) },
    {
      role: 'canary',
      weight: 10_000,
      score(rows) {
        tried++
        return raising(rows)
      },
    },
  ])
  for (let i = 0; i < 50; i++) answer(endpoint, askOf([i]))
  const trips = logged.filter(({ t }) => t === 'b')
  assert.equal(trips.length, 1)
  assert.ok(tried >= 2 && tried <= 4, `${tried} requests met it`)
  const [trip] = trips
  assert.ok(trip?.t === 'b' && trip.ver === '2' && trip.since === 1 && /in a row failed.*it raised/.test(trip.reason))
})

test('a canary whose scorers outgrow their memory trips once, and gets no request after', () => {
  const { answer, logged } = run()
  const endpoint = endpointOf([
    { role: 'stable', score: add(0) },
    { role: 'canary', weight: 10_000, score: add(100) },
  ])
  assert.deepEqual(answer(endpoint, askOf([1])).results.predictions(), [101])
  const canary = endpoint.canary as LiveVariant
  Object.assign(canary.backend, { outgrown: () => ({ times: 1, reason: 'a scorer outgrew 64 MB' }) })
  for (let i = 0; i < 5; i++) assert.deepEqual(answer(endpoint, askOf([i])).results.predictions(), [i])
  assert.equal(canary.breaker.reason, 'a scorer outgrew 64 MB')
  const trips = logged.filter(({ t }) => t === 'b')
  assert.deepEqual(trips, [{ t: 'b', ep: 'e', ver: '2', at: NOW, since: 1, reason: 'a scorer outgrew 64 MB' }])
})

test('rows that neither side takes are the caller’s mistake: nothing counts against the canary', () => {
  const { answer, logged } = run()
  const endpoint = endpointOf([
    { role: 'stable', score: add(0) },
    { role: 'canary', weight: 10_000, score: add(0) },
  ])
  for (let i = 0; i < 20; i++) assert.throws(() => answer(endpoint, askOf(['text'])), { code: 'invalid_field' })
  assert.equal(endpoint.canary?.breaker.reason, null)
  assert.deepEqual(logged, [])
  assert.equal(endpoint.stable?.stats.errors, 0)
})

test('a stable model that raises is logged with its status; a refusal under load is counted and not logged', () => {
  const { answer, rowsLogged } = run()
  const broken = endpointOf([{ role: 'stable', score: raising }])
  assert.throws(() => answer(broken, askOf([1, 2])), { code: 'upstream_failed' })
  assert.deepEqual(
    rowsLogged().map((one) => one.t === 'p' && [one.id, one.st, one.s, one.p, one.x]),
    [
      ['p0', 502, null, null, [1]],
      ['p1', 502, null, null, [2]],
    ],
  )
  assert.match((rowsLogged()[0] as { err?: string }).err ?? '', /it raised/)
  const busy = run()
  const full = endpointOf([
    {
      role: 'stable',
      score: () => {
        throw problem('too_many_requests', { what: 'the queue', retry_after: 1 })
      },
    },
  ])
  assert.throws(() => busy.answer(full, askOf([1])), { code: 'too_many_requests' })
  assert.deepEqual([busy.logged.length, full.stable?.stats.errors], [0, 1])
})

test('an error that is no Problem becomes one of ours, and is not shown to the caller', () => {
  const endpoint = endpointOf([
    {
      role: 'stable',
      score: () => {
        throw new TypeError('secret path')
      },
    },
  ])
  assert.throws(
    () => run().answer(endpoint, askOf([1])),
    (error: unknown) => error instanceof Problem && error.code === 'internal' && !error.message.includes('secret'),
  )
})

test('several rows are logged in records of at most 256, and read as if each had come alone', () => {
  const { answer, logged, rowsLogged } = run()
  const xs = Array.from({ length: 600 }, (_, i) => i / 3)
  answer(endpointOf([{ role: 'stable', score: add(1) }]), askOf(xs))
  assert.deepEqual(
    logged.map((one) => one.t === 'm' && one.ids.length),
    [256, 256, 88],
  )
  const rows = rowsLogged() as Extract<RowRecord, { t: 'p' }>[]
  assert.deepEqual(
    rows.map(({ id, et, x, s, p }) => [id, et, x, s, p]),
    xs.map((x, i) => [`p${i}`, i, [x], x + 1, x + 1]),
  )
  assert.deepEqual(rows.map((one) => one.nth === true), xs.map((_, i) => i > 0)) // prettier-ignore
})

test('a backend that takes columns gets them from 16 rows on, and the log is the same', () => {
  const byColumns: number[] = []
  const columned = backend(add(1), {
    scoreColumns(columns, count) {
      byColumns.push(count)
      const data = Float64Array.from(columns[0] as ArrayLike<number>, (x) => x + 1)
      return { count, predictions: () => [...data], scores: () => [...data], numbers: { data, width: undefined } }
    },
  })
  for (const count of [15, 16]) {
    const [one, other] = [run(), run()]
    const xs = Array.from({ length: count }, (_, i) => i)
    one.answer(endpointOf([{ role: 'stable', score: columned }]), askOf(xs))
    other.answer(endpointOf([{ role: 'stable', score: add(1) }]), askOf(xs))
    const plain = (rows: RowRecord[]): unknown[] => rows.map((row) => ({ ...row, us: 0 }))
    assert.deepEqual(plain(one.rowsLogged()), plain(other.rowsLogged()))
  }
  assert.deepEqual(byColumns, [16])
})

test('shadows get every answered request, whoever answered, and none that failed', () => {
  const { answer, shadows } = run()
  const sides: Side[] = [
    { role: 'stable', score: add(0) },
    { role: 'shadow', score: add(7) },
  ]
  const ask = askOf([1])
  answer(endpointOf(sides), ask)
  assert.deepEqual(
    shadows.map((job) => job.ask),
    [ask],
  )
  assert.throws(() => answer(endpointOf([{ role: 'stable', score: raising }, ...sides.slice(1)]), ask))
  assert.equal(shadows.length, 1)
})

/** A shadow queue beside the records that it wrote. */
function shadowed(options: { maxRows?: number } = {}) {
  const records: LogRecord[] = []
  const queue = new ShadowQueue({ clock: () => NOW, log: (record) => void records.push(record), ...options })
  const idle = async (): Promise<void> => {
    await until('no rows to wait', () => queue.rows === 0)
  }
  return { queue, records, idle }
}

test('a shadow scores the rows by its own inputs after the reply; what it raises is its record', async () => {
  const { queue, records, idle } = shadowed()
  const endpoint = endpointOf([
    { role: 'stable', score: add(0) },
    { role: 'shadow', score: add(7) },
    { role: 'shadow', score: raising },
  ])
  queue.push({ endpoint, ask: askOf([1, 2]) })
  assert.deepEqual([records.length, queue.rows], [0, 2], 'not within the turn of the request')
  await idle()
  assert.deepEqual(
    records.map((one) => one.t === 's' && [one.id, one.ver, one.s, one.err !== undefined]),
    [
      ['p0', '2', 8, false],
      ['p1', '2', 9, false],
      ['p0', '3', null, true],
      ['p1', '3', null, true],
    ],
  )
  assert.deepEqual([queue.scored, queue.dropped, queue.rows], [2, 0, 0])
  assert.deepEqual(endpoint.shadows.map(({ stats }) => [stats.rows, stats.errors]), [[2, 0], [2, 1]]) // prettier-ignore
})

test('a shadow that is slow loses rows beyond its bound, and takes new ones when it has caught up', async () => {
  const { queue, records, idle } = shadowed({ maxRows: 5 })
  const gate = Promise.withResolvers<void>()
  const slow: Score = async (rows) => {
    await gate.promise
    return add(0)(rows)
  }
  const endpoint = endpointOf([
    { role: 'stable', score: add(0) },
    { role: 'shadow', score: slow },
  ])
  for (let i = 0; i < 4; i++) queue.push({ endpoint, ask: askOf([1, 2]) })
  assert.deepEqual([queue.rows, queue.dropped], [4, 4])
  gate.resolve()
  await idle()
  queue.push({ endpoint, ask: askOf([1, 2, 3, 4, 5]) })
  await idle()
  assert.deepEqual([records.length, queue.dropped, queue.scored], [9, 4, 9])
})
