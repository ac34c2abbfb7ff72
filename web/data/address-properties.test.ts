/** Links of every page: what was written comes back, and whatever else stands in a link is left out without a failure. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { property } from '../../test/web/seeded.ts'
import type { Seeded } from '../../test/web/seeded.ts'
import * as address from './address.ts'

type Read = (raw: Record<string, unknown>) => object

/** Each page's reader with the keys that its address may have. */
const PAGES: readonly (readonly [name: string, read: Read, keys: readonly string[]])[] = [
  ['runs', address.runsSearch, ['filter', 'order', 'experiment', 'columns', 'spark', 'group', 'chosen', 'stage']],
  ['experiments', address.experimentsSearch, ['stage']],
  ['compare', address.compareSearch, ['ids', 'x', 'y', 'z', 'seed', 'smooth', 'log', 'axis', 'zoom']],
  ['run', address.runSearch, ['file', 'smooth', 'log', 'axis', 'zoom']],
  ['monitoring', address.monitoringSearch, ['from', 'to', 'since', 'until', 'hours', 'feature', 'slice']],
  ['endpoint', address.endpointSearch, ['span']],
  ['prompt', address.promptSearch, ['version', 'against']],
  ['features', address.featuresSearch, ['project', 'find', 'show']],
  ['feature', address.featureSearch, ['project', 'version', 'against', 'join']],
  ['look-up', address.lookUpSearch, ['project', 'service', 'version', 'entity', 'at']],
  ['traces', address.tracesSearch, ['filter']],
  ['trace', address.traceSearch, ['span']],
  ['pipeline run', address.stepSearch, ['step']],
  ['cost', address.costSearch, ['by']],
  ['incidents', address.stateSearch, ['state']],
  ['login', address.loginSearch, ['back', 'link']],
]

/** What a router may hand over: texts, numbers, lists, and anything that JSON has. */
function anything(random: Seeded): unknown {
  const kind = random.int(0, 5)
  if (kind === 0) return random.text(12)
  if (kind === 1) return random.number()
  if (kind === 2) return random.list(4, () => random.text(6))
  if (kind === 3)
    return random.pick([true, false, null, undefined, 'true', 'deleted', 'time', 'run', '24h', '2013-09-04', ''])
  return random.json()
}

for (const [name, read, keys] of PAGES) {
  test(`${name}: anything in a link is read without a failure, and nothing else comes out of it`, () => {
    property(300, (random) => {
      const raw = Object.fromEntries([...keys, 'other', '__proto__'].map((key) => [key, anything(random)]))
      const state = read(raw)
      assert.deepEqual(
        Object.keys(state).filter((key) => !keys.includes(key)),
        [],
      )
      assert.ok(Object.values(state).every((value) => value !== undefined && value !== ''))
    })
  })

  test(`${name}: what was read is read again as the same`, () => {
    property(200, (random) => {
      const raw = Object.fromEntries(keys.map((key) => [key, anything(random)]))
      const state = read(raw) as Record<string, unknown>
      assert.deepEqual(read(state), state)
    })
  })

  test(`${name}: a plain link is a plain page`, () => {
    assert.deepEqual(read({}), {})
    assert.deepEqual(read(Object.fromEntries(keys.map((key) => [key, '']))), {})
  })
}

test('a filter is kept to the letter, numbers become text, lists come as lists or between commas', () => {
  property(100, (random) => {
    const filter = random.text(20)
    assert.deepEqual(address.runsSearch({ filter }), filter === '' ? {} : { filter })
    const ids = random.list(5, () => String(random.int(0, 1e9)))
    const wanted = ids.length === 0 ? {} : { ids }
    assert.deepEqual(address.compareSearch({ ids }), wanted)
    assert.deepEqual(address.compareSearch({ ids: ids.join(',') }), wanted)
    assert.deepEqual(address.compareSearch({ ids: ids.map(Number) }), wanted)
  })
  assert.deepEqual(address.runsSearch({ experiment: 0 }), { experiment: '0' })
  assert.deepEqual(address.runsSearch({ columns: ',,metrics.a,' }), { columns: ['metrics.a'] })
})

test('a metric whose name holds a comma keeps its zoom', () => {
  const zoom = ['0~10~loss, of train', '5~6~auc']
  assert.deepEqual(address.runSearch({ zoom }), { zoom })
  assert.deepEqual(address.runSearch({ zoom: '0~10~auc' }), {}, 'text is no list of zooms')
})

test('smoothing lies between 0 and 1, both excluded', () => {
  const smoothed = (smooth: unknown): number | undefined => address.runSearch({ smooth }).smooth
  assert.deepEqual(
    [0, -0.1, 1, 1.5, 'much', null, [], Number.NaN, Infinity].map(smoothed),
    Array.from({ length: 9 }, () => undefined),
  )
  assert.deepEqual([0.01, '0.6', 0.99].map(smoothed), [0.01, 0.6, 0.99])
})

test('switches are on only where they say so', () => {
  assert.deepEqual(
    [true, 'true', false, 'false', 1, '1', 'yes', null].map((log) => address.compareSearch({ log }).log),
    [true, true, undefined, undefined, undefined, undefined, undefined, undefined],
  )
  assert.deepEqual(
    ['time', 'step', 'epoch', 1].map((axis) => address.runSearch({ axis }).axis),
    ['time', undefined, undefined, undefined],
  )
  assert.deepEqual(
    ['deleted', 'active', true].map((stage) => [
      address.runsSearch({ stage }).stage,
      address.experimentsSearch({ stage }).stage,
    ]),
    [
      ['deleted', 'deleted'],
      [undefined, undefined],
      [undefined, undefined],
    ],
  )
})

test('times of a range are moments in UTC, and what is no time is no end', () => {
  const { from, to, since, until } = address.monitoringSearch({
    from: '2013-09-04T02:00:00+02:00',
    to: '2013-13-40',
    since: 20_130_904,
    until: 'tomorrow',
  })
  assert.equal(from, '2013-09-04T00:00:00.000Z')
  assert.deepEqual([to, until], [undefined, undefined])
  assert.ok(since === undefined || !Number.isNaN(Date.parse(since)))
})

test('a column of the map is one to 168 whole hours', () => {
  assert.deepEqual(
    [0, 1, '24', 168, 169, 1.5, -24, 'day'].map((hours) => address.monitoringSearch({ hours }).hours),
    [undefined, 1, 24, 168, undefined, undefined, undefined, undefined],
  )
})

test('spans, views of the cost and the like are words of a list', () => {
  assert.deepEqual(
    ['15m', '1h', '6h', '24h', '7d', '8d', '1H', ''].map((span) => address.endpointSearch({ span }).span),
    ['15m', '1h', '6h', '24h', '7d', undefined, undefined, undefined],
  )
  assert.deepEqual(
    ['run', 'endpoint', 'project', 'day', 'team', 'constructor'].map((by) => address.costSearch({ by }).by),
    ['run', 'endpoint', 'project', 'day', undefined, undefined],
  )
})

test('no link leads from the login to another server', () => {
  property(500, (random) => {
    const { back } = address.loginSearch({ back: random.pick(['/', '//', '/\\', 'http:', '\\', '']) + random.text(10) })
    if (back === undefined) return
    // resolved as a browser resolves it, the host stays ours
    assert.equal(new URL(back, 'http://slipway.test').host, 'slipway.test', back)
  })
})

test('absent values are dropped, others are kept as they are', () => {
  assert.deepEqual(address.present({ a: undefined, b: null, c: 0, d: '', e: false }), {
    b: null,
    c: 0,
    d: '',
    e: false,
  })
})
