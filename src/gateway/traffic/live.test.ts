/** The live table: what outlives a swap, what is forgotten, who is let in. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import type { Backend } from '../../scoring/rows/backend.ts'
import { endpointRoute, openTable } from '../gateway.fixture.ts'
import type { EndpointRoute, RoutingTable, TokenRoute, VariantRoute } from '../table/table.ts'
import { asTable } from '../table/table.ts'
import type { BreakerRoute } from '../table/table.ts'
import { CachedBackend } from './cache.ts'
import { admit, seenBy } from './credentials.ts'
import { forget, goLive, takesCanary } from './live.ts'
import type { LiveEndpoint, LiveTable, VariantMemory } from './live.ts'
import { HALF_MS, VariantStats } from './stats.ts'

const INPUTS = [{ name: 'x', kind: 'number', required: true, dtype: 'double' }] as const

const model = (): Backend => ({
  ready: () => true,
  score: () => [],
  close: async () => undefined,
  describe: () => ({}),
})

function variant(role: VariantRoute['role'], version: string, more: Partial<VariantRoute> = {}): VariantRoute {
  return { role, version, weight: 0, since: 1, inputs: INPUTS, backend: { kind: 'native', dir: version }, ...more }
}

function table(variants: readonly VariantRoute[], more: Partial<EndpointRoute> = {}): RoutingTable {
  return openTable([endpointRoute('e', INPUTS, { kind: 'native', dir: '-' }, { variants, ...more })])
}

const backends = new Map(['1', '2', '3'].map((version) => [`native ${version}`, model()]))
const memoryOf = (): VariantMemory => ({ stats: new Map(), breakers: new Map(), caches: new Map() })

function live(source: RoutingTable, memory: VariantMemory): LiveTable {
  return goLive(source, backends, memory, 0)
}

/** The only endpoint of a table. */
function only(source: RoutingTable, memory = memoryOf()): LiveEndpoint {
  const found = live(source, memory).only
  assert.ok(found !== undefined)
  return found
}

test('figures and breakers stay with a variant over swaps; one that begins again has a new breaker', () => {
  const memory = memoryOf()
  const [first, same, again] = [{ weight: 10 }, { weight: 90 }, { since: 2 }].map((more) => {
    const { stable, canary } = only(table([variant('stable', '1'), variant('canary', '2', more)]), memory)
    return [stable?.stats, canary?.stats, canary?.breaker] as const
  })
  assert.ok(first !== undefined && same !== undefined && again !== undefined)
  for (const [i, part] of first.entries()) assert.equal(same[i], part)
  assert.equal(again[1], first[1])
  assert.notEqual(again[2], first[2])
})

test('a canary that begins again is not stopped for the memory that its processes outgrew before', () => {
  const memory = memoryOf()
  const outgrown = { times: 1, reason: 'a scorer outgrew 64 MB' }
  const grown: Backend = { ...model(), outgrown: () => outgrown }
  const canaryOf = (since: number) =>
    goLive(table([variant('canary', '2', { since })]), new Map([['native 2', grown]]), memory, 0).only?.canary
  assert.equal(canaryOf(2)?.breaker.outgrew(outgrown), false)
  assert.equal(canaryOf(2)?.breaker.outgrew({ ...outgrown, times: 2 }), true)
})

test('what the table no longer names is forgotten, and nothing else', () => {
  const memory = memoryOf()
  const limits = { cache: { seconds: 9, rows: 9 } }
  live(table([variant('stable', '1'), variant('canary', '2')], { limits }), memory)
  assert.deepEqual([memory.stats.size, memory.breakers.size, memory.caches.size], [2, 2, 2])
  const now = live(table([variant('stable', '1')], { limits }), memory)
  forget(memory, now)
  assert.deepEqual([memory.stats.size, memory.breakers.size, memory.caches.size], [1, 1, 1])
  assert.equal(now.only?.stable?.stats, [...memory.stats.values()][0])
})

test('a version that is not loaded is left out; with two endpoints no path without a name means one', () => {
  const found = live(table([variant('stable', '1'), variant('canary', '9')]), memoryOf())
  assert.deepEqual([found.only?.stable?.route.version, found.only?.canary], ['1', undefined])
  const route = endpointRoute('e', INPUTS, { kind: 'native', dir: '1' })
  const two = live(openTable([route, { ...route, name: 'f' }]), memoryOf())
  assert.deepEqual([two.only, [...two.endpoints.keys()]], [undefined, ['e', 'f']])
})

test('answers are kept for stable and canary where the endpoint asks for it, never for shadows', () => {
  const memory = memoryOf()
  const cache = { seconds: 5, rows: 5 }
  const sides = [variant('stable', '1'), variant('canary', '2'), variant('shadow', '3')]
  const on = live(table(sides, { limits: { cache } }), memory).only
  assert.ok(on?.stable?.backend instanceof CachedBackend && on.canary?.backend instanceof CachedBackend)
  assert.equal(on.shadows[0]?.backend, backends.get('native 3'))
  const later = live(table(sides, { limits: { cache } }), memory).only
  assert.equal(later?.stable?.backend, on.stable.backend)
  const other = live(table(sides, { limits: { cache: { ...cache, rows: 6 } } }), memory).only
  assert.notEqual(other?.stable?.backend, on.stable.backend)
  const off = live(table(sides, { limits: { cache: null } }), memory).only
  assert.equal(off?.stable?.backend, backends.get('native 1'))
})

test('a growing weight never sends a key back, and a tripped canary takes none', () => {
  const canary = live(table([variant('stable', '1'), variant('canary', '2', { weight: 100 })]), memoryOf()).only?.canary
  assert.ok(canary !== undefined)
  assert.deepEqual([takesCanary(canary, 99), takesCanary(canary, 100)], [true, false])
  const larger = { ...canary, route: { ...canary.route, weight: 500 } }
  for (let at = 0; at < 10_000; at++) assert.ok(!takesCanary(canary, at) || takesCanary(larger, at))
  while (!canary.breaker.record(false)) assert.equal(canary.breaker.reason, null)
  assert.equal(takesCanary(canary, 0), false)
})

test('a breaker rule that an earlier program wrote is replaced by the default', () => {
  const old = { limit: 0, alpha: 0 } satisfies BreakerRoute
  const { canary } = only(table([variant('stable', '1'), variant('canary', '2', { breaker: old })]))
  for (let i = 0; i < 5000; i++) assert.equal(canary?.breaker.record(i % 100 !== 0), false, `request ${i}`)
})

const SECRET = 'abcdefghijklmnopqrstuvwxyz'
const token = (id: string, more: Partial<TokenRoute> = {}): TokenRoute => ({
  id,
  hash: hash('sha256', SECRET, 'hex'),
  role: 'service',
  project: null,
  expires_at: null,
  ...more,
})
const CLOSED = live(
  {
    ...table([variant('stable', '1')]),
    open: false,
    tokens: [
      token('s1'),
      token('v1', { role: 'viewer' }),
      token('p1', { project: 'p' }),
      token('q1', { project: 'q' }),
      token('e1', { expires_at: 100 }),
    ],
  },
  memoryOf(),
)
const caller = (authorization: string | undefined, now = 50) => ({ authorization, now })

test('a token is taken as Bearer and as the password of Basic, however often it is shown', () => {
  const text = `slw_s1.${SECRET}`
  const basic = Buffer.from(`anyone:${text}`).toString('base64')
  for (const header of [`Bearer ${text}`, `bearer  ${text} `, `Basic ${basic}`, `Bearer ${text}`])
    assert.equal(admit(CLOSED, caller(header), 'predict')?.id, 's1', header)
  assert.equal(admit(CLOSED, caller(`Bearer slw_p1.${SECRET}`), 'predict')?.id, 'p1')
})

for (const [header, verb, code] of [
  [undefined, 'predict', 'unauthenticated'],
  ['', 'predict', 'unauthenticated'],
  ['Bearer', 'predict', 'unauthenticated'],
  [`Bearer slw_s1.${SECRET}x`, 'predict', 'unauthenticated'],
  [`Bearer slw_none.${SECRET}`, 'predict', 'unauthenticated'],
  ['Bearer slw_s1.short', 'predict', 'unauthenticated'],
  [`Digest slw_s1.${SECRET}`, 'predict', 'unauthenticated'],
  [`Bearer slw___proto__.${SECRET}`, 'predict', 'unauthenticated'],
  ['Basic !!!', 'predict', 'unauthenticated'],
  [`Bearer slw_v1.${SECRET}`, 'predict', 'forbidden'],
  [`Bearer slw_s1.${SECRET}`, 'deploy', 'forbidden'],
] as const) {
  test(`${String(header).slice(0, 24)} may not ${verb}: ${code}`, () => {
    assert.throws(() => admit(CLOSED, caller(header), verb), { code })
  })
}

test('where everybody may ask, a token that is not known is as none, and one that is keeps its role', () => {
  const open: LiveTable = { ...CLOSED, source: { ...CLOSED.source, open: true } }
  for (const header of [undefined, `Bearer slw_none.${SECRET}`, 'Bearer of-another-server', 'Digest x'])
    assert.equal(admit(open, caller(header), 'predict'), undefined, header)
  assert.equal(admit(open, caller(`Bearer slw_e1.${SECRET}`, 200), 'predict'), undefined, 'it has expired')
  assert.equal(admit(open, caller(`Bearer slw_p1.${SECRET}`), 'predict')?.id, 'p1')
  assert.throws(() => admit(open, caller(`Bearer slw_v1.${SECRET}`), 'predict'), { code: 'forbidden' })
})

test('a token of one project sees what is of it, one of all projects and one that is open see all', () => {
  const own = seenBy(CLOSED, caller(`Bearer slw_p1.${SECRET}`))
  assert.deepEqual([...own.endpoints.keys()], ['e'])
  assert.equal(seenBy(CLOSED, caller(`Bearer slw_p1.${SECRET}`)), own, 'made once')
  const other = seenBy(CLOSED, caller(`Bearer slw_q1.${SECRET}`))
  assert.deepEqual([[...other.endpoints.keys()], other.only, other.epoch], [[], undefined, CLOSED.epoch])
  assert.equal(seenBy(CLOSED, caller(`Bearer slw_s1.${SECRET}`)), CLOSED)
  assert.throws(() => seenBy(CLOSED, caller(undefined)), { code: 'unauthenticated' })
})

test('a token that has run out is refused although it was shown before', () => {
  const short = `Bearer slw_e1.${SECRET}`
  assert.equal(admit(CLOSED, caller(short), 'predict')?.id, 'e1')
  assert.throws(() => admit(CLOSED, caller(short, 100), 'predict'), { code: 'unauthenticated' })
})

test('the recent figures cover 30 to 60 seconds: what is older is counted for good, but is recent no more', () => {
  const stats = new VariantStats(0)
  for (let second = 0; second < 300; second++) {
    stats.add(second * 1000, 2, 1000 * (1 + second), second % 10 === 0)
    const { requests, rows, errors, recent } = stats.toJson(second * 1000)
    assert.deepEqual([requests, rows, errors], [second + 1, 2 * (second + 1), Math.floor(second / 10) + 1])
    const least = Math.min(second, HALF_MS / 1000)
    assert.ok(recent.requests >= least && recent.requests <= 60, `${recent.requests} at ${second} s`)
    assert.equal(recent.rows, 2 * recent.requests)
    assert.ok(recent.window_ms <= 2 * HALF_MS)
    const [middle] = stats.quantiles(second * 1000, [0.5])
    const exact = 1 + second - recent.requests / 2
    assert.ok(Math.abs((middle?.ms ?? 0) - exact) < 1 + exact * 0.03, `${middle?.ms} for ${exact}`)
  }
})

for (const [what, value, message] of [
  ['nothing', null, /not a routing table/],
  ['another format', { format: 'x' }, /not a routing table/],
  ['an epoch of a half', { format: 'slipway.routing/1', epoch: 0.5 }, /epoch 0.5/],
  ['no lists', { format: 'slipway.routing/1', epoch: 1, endpoints: {}, tokens: [] }, /must be lists/],
  ['a weight beyond all', table([variant('canary', '1', { weight: 10_001 })]), /weight 10001/],
  ['two stable variants', table([variant('stable', '1'), variant('stable', '2')]), /2 stable variants/],
] as const) {
  test(`a pushed table is refused: ${what}`, () => {
    assert.throws(() => asTable(value), { message })
  })
}
