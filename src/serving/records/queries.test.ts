/** The exported reads of the prediction log against the records that were written, filtered by hand; figures of gateways; addresses. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { PredictionRecord, ShadowRecord } from '../../gateway/records/records.ts'
import { VariantStats } from '../../gateway/traffic/stats.ts'
import { prng } from '../../stats/prng.ts'
import { openTemporaryStore } from '../../store/open.ts'
import { fetchAll, sql } from '../../store/sql/sql.ts'
import { gatewayAddresses } from '../fleet/addresses.ts'
import type { GatewayStats } from '../fleet/admin-client.ts'
import { figuresOf, logLossesOf, usageOf } from './figures.ts'
import * as queries from './queries.ts'
import { writeRecords } from './rows.ts'

const random = prng(21)
const pick = <T>(...items: readonly T[]): T => items[random.below(items.length)] as T

/** Predictions of two endpoints with times that repeat, some failed, some answered by stable for a canary. */
const PREDICTIONS: readonly PredictionRecord[] = Array.from({ length: 400 }, (_, i) => ({
  t: 'p',
  id: `p${String((i * 37) % 400).padStart(3, '0')}`,
  ep: pick('e', 'e', 'other'),
  role: pick('stable', 'canary'),
  ver: pick('1', '2', '3'),
  ep_epoch: 1,
  et: random.below(60),
  at: random.below(60),
  us: random.below(1000),
  st: pick(200, 200, 200, 400, 502),
  key: pick(null, 'k'),
  x: [i],
  s: pick(null, i / 7),
  p: i,
  ...(random.below(6) === 0 && { fb: true }),
}))
const SHADOWS: readonly ShadowRecord[] = PREDICTIONS.filter((_, i) => i % 3 !== 0).map((one) => ({
  t: 's',
  id: one.id,
  ep: one.ep,
  ver: pick('2', '9'),
  et: one.et,
  at: one.at,
  us: 5,
  s: 0.5,
  p: 1,
  ...(random.below(4) === 0 && { err: 'it raised' }),
}))

let store: Awaited<ReturnType<typeof openTemporaryStore>>
before(async () => {
  store = await openTemporaryStore()
  await store.db.tx((t) => writeRecords(t, [...PREDICTIONS, ...SHADOWS], {}))
})
after(() => store.close())

const mine = PREDICTIONS.filter(({ ep }) => ep === 'e')
const answered = mine.filter(({ st }) => st < 400)
const ascending = (a: PredictionRecord, b: PredictionRecord): number => a.et - b.et || (a.id < b.id ? -1 : 1)
const idsOf = (rows: readonly { readonly id: string }[]): string[] => rows.map((row) => row.id)

test('arrivals come page by page, each once, in the order of their arrival', async () => {
  const want = mine
    .filter(({ at, ver }) => at >= 10 && at <= 50 && ver !== '3')
    .toSorted((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))
  const found: queries.Arrival[] = []
  let last: readonly [number, string] = [0, '']
  for (;;) {
    const page = {
      endpoint: 'e',
      from: Math.max(10, last[0]),
      until: 50,
      versions: ['1', '2'],
      after: last,
      limit: 7,
    } as const
    const rows = await queries.arrivals(store.db, page)
    found.push(...rows)
    const end = rows.at(-1)
    if (end === undefined) break
    last = [end.at, end.id]
  }
  assert.deepEqual(
    found,
    want.map(({ id, ver, role, at, key, fb }) => ({
      id,
      version: ver,
      role,
      at,
      route_key: key,
      fallback: fb ? 1 : 0,
    })),
  )
  const [first] = want
  assert.deepEqual(await queries.arrivalOf(store.db, 'e', first?.id ?? ''), found[0])
  assert.equal(await queries.arrivalOf(store.db, 'nobody', first?.id ?? ''), undefined)
})

test('answers by id: those of one version, whatever else is asked for', async () => {
  const some = mine.filter((_, i) => i % 2 === 0)
  const want = some.filter(({ ver }) => ver === '2')
  const rows = await queries.answersById(store.db, { endpoint: 'e', version: '2' }, [...idsOf(some), 'none'])
  assert.deepEqual(
    rows.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    want
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .map(({ id, s, x }) => ({ id, score: s, inputs: JSON.stringify(x) })),
  )
})

test('answers beside a shadow: stable’s own, the newest first; with a shadow only what it scored too', async () => {
  const own = mine.filter((one) => one.role === 'stable' && one.ver === '1' && one.st < 400 && one.fb !== true)
  const newest = own.toSorted((a, b) => -ascending(a, b))
  const alone = await queries.comparedAnswers(store.db, { endpoint: 'e', stable: '1', limit: 20 })
  assert.deepEqual(idsOf(alone), idsOf(newest).slice(0, 20))
  assert.ok(alone.every((row) => row.candidate === null && row.candidate_us === null))
  const shadow = new Map(SHADOWS.filter(({ ep, ver }) => ep === 'e' && ver === '9').map((one) => [one.id, one]))
  const beside = await queries.comparedAnswers(store.db, { endpoint: 'e', stable: '1', shadow: '9', limit: 1000 })
  assert.deepEqual(
    beside.map(({ id, candidate, error, candidate_us }) => [id, candidate, error, candidate_us]),
    newest.flatMap(({ id }) => {
      const one = shadow.get(id)
      return one === undefined ? [] : [[id, one.s, one.err ?? null, one.us]]
    }),
  )
  assert.ok(beside.length > 3)
})

test('answered rows page by page, the newest inputs, ids of a time, event times', async () => {
  const rows: queries.AnsweredRow[] = []
  let [time, id] = [5, '']
  for (;;) {
    const page = await queries.answersAfter(store.db, { endpoint: 'e', time, id, limit: 9 })
    rows.push(...page)
    const last = page.at(-1)
    if (last === undefined) break
    ;[time, id] = [last.event_time, last.id]
  }
  assert.deepEqual(idsOf(rows), idsOf(answered.filter(({ et }) => et >= 5).toSorted(ascending)))
  const window = { endpoint: 'e', from: 10, until: 20, limit: 12 }
  const inTime = ({ et }: PredictionRecord): boolean => et >= 10 && et < 20
  assert.deepEqual(
    await queries.newestInputs(store.db, window),
    answered.filter(inTime).toSorted((a, b) => -ascending(a, b)).slice(0, 12).map(({ et, ver, x }) => ({ event_time: et, version: ver, inputs: JSON.stringify(x) })), // prettier-ignore
  )
  assert.deepEqual(
    await queries.idsBetween(store.db, window),
    idsOf(mine.filter(inTime).toSorted(ascending)).slice(0, 12),
  )
  const asked = mine.slice(0, 30)
  assert.deepEqual(
    new Map(
      (await queries.eventTimes(store.db, 'e', [...idsOf(asked), 'none'])).map((row) => [row.id, row.event_time]),
    ),
    new Map(asked.map((one) => [one.id, one.et])),
  )
  assert.deepEqual((await queries.answeringVersions(store.db, 'e')).toSorted(), ['1', '2', '3'])
})

test('queries to read from: rows with a score, rows since a time, whether a version answered', async () => {
  const window = { endpoint: 'e', from: 10, until: 40 }
  const scored = await fetchAll<{ id: string }>(
    store.db,
    sql`SELECT id FROM (${queries.scoredSql(window)}) p ORDER BY id`,
  )
  assert.deepEqual(idsOf(scored), idsOf(answered.filter(({ et, s }) => et >= 10 && et < 40 && s !== null)).toSorted())
  const since = await fetchAll<{ id: string }>(
    store.db,
    sql`SELECT id FROM (${queries.answeredSinceSql('e', 40)}) p ORDER BY id`,
  )
  assert.deepEqual(idsOf(since), idsOf(answered.filter(({ et }) => et > 40)).toSorted())
  for (const version of ['1', '9']) {
    const by = queries.answeredBySql(version, { endpoint: "'e'", from: '0', until: '60' })
    const [row] = await fetchAll<{ yes: number }>(
      store.db,
      sql`SELECT CASE WHEN EXISTS (${by}) THEN 1 ELSE 0 END AS yes`,
    )
    assert.equal(row?.yes, version === '1' ? 1 : 0)
  }
})

/** A gateway that answered so often with one variant, each in so many ms. */
function gateway(pid: number, requests: number, ms: number): GatewayStats {
  const stats = new VariantStats(0)
  for (let i = 0; i < requests; i++) stats.add(20_000, 2, ms * 1000, i === 0)
  const variant = { endpoint: 'e', role: 'stable', version: '1', since: 1, tripped: null }
  const scorers = [{ cpu_seconds_now: 2, resident_mb: 3 }, { cpu_seconds_now: null, resident_mb: null }] // prettier-ignore
  return {
    pid,
    epoch: 1,
    draining: false,
    failed: [],
    cpu_us: { user: 1_500_000, system: 500_000 },
    rss: 1000,
    log: { writer: `w${pid}`, records: 1, lost: pid, error: pid === 1 ? 'full' : null },
    shadow: { waiting: 0, scored: 0, dropped: 0 },
    variants: [
      { ...variant, backend: { scorers }, stats: stats.toJson(20_000) },
      { ...variant, role: 'shadow', version: '2', backend: {}, stats: stats.toJson(20_000) },
    ],
  }
}

test('figures of a variant are those of all gateways together', () => {
  const both = [gateway(1, 30, 2), gateway(2, 10, 8)]
  const found = figuresOf(both, { endpoint: 'e', role: 'stable', version: '1' })
  assert.ok(found !== undefined)
  assert.deepEqual([found.requests, found.rows, found.errors, found.window_s, found.requests_per_s], [40, 80, 2, 20, 2])
  assert.ok(Math.abs((found.p50_ms ?? 0) - 2) < 0.1 && Math.abs((found.p95_ms ?? 0) - 8) < 0.3)
  assert.equal(figuresOf(both, { endpoint: 'e', role: 'canary', version: '1' }), undefined)
  const idle = figuresOf([gateway(1, 0, 1)], { endpoint: 'e', role: 'stable', version: '1' })
  assert.deepEqual([idle?.requests, idle?.p50_ms], [0, null])
})

test('use is metered by process and version; a shadow works for nobody; losses are told by log', () => {
  const usage = usageOf([gateway(1, 3, 1)], new Map([['e', 'p']]))
  assert.deepEqual(
    usage.map(({ project, version, predictions, requests }) => [project, version, predictions, requests]),
    [
      ['p', '1', 6, 3],
      ['p', '2', 0, 3],
    ],
  )
  assert.deepEqual(
    [usage[0]?.gateway_cpu_seconds, usage[0]?.scorer_cpu_seconds, usage[0]?.scorer_bytes, usage[1]?.scorer_bytes],
    [2, 2, 3 * 1_048_576, 0],
  )
  assert.deepEqual(logLossesOf([gateway(1, 3, 1), gateway(2, 4, 1)]), [
    { writer: 'w1', lost: 1, error: 'full', requests: new Map([['e', 6]]) },
    { writer: 'w2', lost: 2, error: null, requests: new Map([['e', 8]]) },
  ])
})

const ports = { port: 8101, grpcPort: 8102 }
const tls = { cert: 'c', key: 'k' }
for (const [options, want] of [
  [{ host: '127.0.0.1', count: 1 }, ['http://127.0.0.1:8101', '127.0.0.1:8102']],
  [{ host: '0.0.0.0', count: 1 }, ['http://127.0.0.1:8101', '127.0.0.1:8102']],
  [{ host: '::', count: 2, tls }, ['https://127.0.0.1:8101', '127.0.0.1:8102']],
  [{ host: '::1', count: 1 }, ['http://[::1]:8101', '[::1]:8102']],
  [{ host: 'box', count: 0 }, ['', null]],
] as const) {
  test(`gateways on ${options.host} are reached at ${want[0] || 'nothing'}`, () => {
    const found = gatewayAddresses(options, ports)
    assert.deepEqual([found.gateway_url, found.grpc_address], want)
    if (options.count > 0) assert.equal(gatewayAddresses(options, { ...ports, grpcPort: null }).grpc_address, null)
  })
}
