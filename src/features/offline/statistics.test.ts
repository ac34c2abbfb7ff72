/** Statistics of a materialisation, by hand and by sorting: which rows they are of, each type, and numbers that no float squares. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join as path } from 'node:path'
import { test, type TestContext } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import type { View } from '../definitions/definitions.ts'
import { materialise, type Materialised } from './materialise.ts'

const UNTIL = BigInt(Date.parse('2024-02-01T00:00:00Z')) * 1_000_000n

function viewOf(features: Readonly<Record<string, View['features'][number]['type']>>, more: Partial<View> = {}): View {
  return {
    name: 'stats',
    entities: ['driver'],
    keys: [{ name: 'id', type: 'int' }],
    origin: { sources: ['stats'], query: null },
    push: false,
    event_time: 'at',
    created_time: null,
    ttl_ms: 10 * 86_400_000,
    features: Object.entries(features).map(([name, type]) => ({ name, type, column: name })),
    windows: [],
    ...more,
  }
}

async function made(t: TestContext, view: View, csv: string): Promise<Materialised> {
  const folder = mkdtempSync(path(tmpdir(), 'slipway-statistics-'))
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const duck = await instance.connect()
  t.after(() => {
    duck.closeSync()
    instance.closeSync()
    rmSync(folder, { recursive: true, force: true })
  })
  const file = path(folder, 'stats.csv')
  writeFileSync(file, csv)
  const sources = { stats: { paths: [file], format: 'csv' as const } }
  return materialise(duck, { view, sources, until: UNTIL, take: () => undefined })
}

const NONE = { numbers: null, not_finite: 0, true_share: null, frequent: null, first: null, last: null }

test('they are over the newest row of each entity, of those that are live at the moment', async (t) => {
  const view = viewOf({ trips: 'int', rate: 'float', busy: 'bool', alive: 'text', since: 'time' })
  const long = 'é'.repeat(61)
  const { rows, later, statistics } = await made(
    t,
    view,
    `id,at,trips,rate,busy,alive,since
1,2024-01-30T00:00:00Z,99,99,true,old,2020-01-01T00:00:00Z
1,2024-01-31T00:00:00Z,2,1.5,true,Oslo,2023-01-01T00:00:00.000000001Z
2,2024-01-31T00:00:00Z,4,NaN,false,Oslo,2022-01-01T00:00:00Z
3,2024-01-22T00:00:00Z,9,2.5,,Rome,
4,2024-01-31T00:00:00Z,,-Infinity,true,${long},
5,2024-01-21T23:59:59Z,1000,1000,false,gone,2000-01-01T00:00:00Z
1,2024-02-02T00:00:00Z,77,77,false,later,2025-01-01T00:00:00Z
`,
  )
  assert.deepEqual([rows, later, statistics.live, statistics.expired], [5, 1, 4, 1])
  const [trips, rate, busy, town, since] = statistics.features
  const { quartiles: _quartiles, ...numbers } = trips?.numbers ?? assert.fail()
  // 2, 4 and 9: mean 5, squared distances 9 + 1 + 16
  const own = { ...NONE, name: 'trips', type: 'int', nulls: 1, distinct: 3 }
  assert.deepEqual({ ...trips, numbers }, { ...own, numbers: { min: 2, max: 9, mean: 5, std: Math.sqrt(13) } })
  const { nulls, not_finite, numbers: found } = rate ?? assert.fail()
  assert.deepEqual([nulls, not_finite, found?.mean, found?.max], [0, 2, 2, 2.5])
  assert.deepEqual(busy, { ...NONE, name: 'busy', type: 'bool', nulls: 1, distinct: 2, true_share: 2 / 3 })
  assert.deepEqual(town, {
    ...NONE,
    name: 'alive',
    type: 'text',
    nulls: 0,
    distinct: 3,
    frequent: [
      { value: 'Oslo', is_cut: false, rows: 2 },
      { value: 'Rome', is_cut: false, rows: 1 },
      { value: 'é'.repeat(60), is_cut: true, rows: 1 },
    ],
  })
  assert.deepEqual(since, {
    ...NONE,
    name: 'since',
    type: 'time',
    nulls: 2,
    distinct: 2,
    first: String(BigInt(Date.parse('2022-01-01')) * 1_000_000n),
    last: String(BigInt(Date.parse('2023-01-01')) * 1_000_000n + 1n),
  })
})

test('quartiles and different values are near the true ones', async (t) => {
  const n = 20_000
  const csv = Array.from({ length: n }, (_, i) => `${i},2024-01-31T00:00:00Z,${(i * 7919) % n},${i % 500}`)
  const view = viewOf({ spread: 'float', few: 'int' }, { ttl_ms: null })
  const { statistics } = await made(t, view, `id,at,spread,few\n${csv.join('\n')}\n`)
  const [spread, few] = statistics.features
  for (const [i, q] of [0.25, 0.5, 0.75].entries())
    assert.ok(Math.abs((spread?.numbers?.quartiles[i] ?? 0) - q * n) < 0.02 * n, `quartile ${q}`)
  assert.ok(Math.abs((few?.distinct ?? 0) - 500) < 150, `${few?.distinct} different values`)
  assert.deepEqual([statistics.live, statistics.expired], [n, 0])
})

test('numbers beyond what a float can square, a single one and none at all do not fail a materialisation', async (t) => {
  const view = viewOf({ huge: 'float', one: 'int', none: 'float', word: 'text', wide: 'int' }, { keys: [] })
  const { statistics } = await made(
    t,
    view,
    'at,huge,one,none,word,wide\n2024-01-31T00:00:00Z,1e300,7,,,9223372036854775807\n',
  )
  const [huge, one, none, word, wide] = statistics.features
  const quartiles = (value: number) => [value, value, value]
  assert.deepEqual(huge?.numbers, { min: 1e300, max: 1e300, mean: null, std: null, quartiles: quartiles(1e300) })
  assert.deepEqual(one?.numbers, { min: 7, max: 7, mean: 7, std: null, quartiles: quartiles(7) })
  assert.deepEqual(none, { ...NONE, name: 'none', type: 'float', nulls: 1, distinct: 0 })
  assert.deepEqual([word?.frequent, wide?.numbers?.max], [[], 2 ** 63])
  const nothing = await made(t, view, 'at,huge,one,none,word,wide\n')
  assert.deepEqual([nothing.rows, nothing.statistics.live], [0, 0])
  assert.deepEqual((await made(t, viewOf({}), 'id,at\n1,2024-01-31T00:00:00Z\n')).statistics, {
    live: 1,
    expired: 0,
    features: [],
  })
})
