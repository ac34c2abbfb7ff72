import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { AGGREGATES } from '../../contract/features/section.ts'
import { prng } from '../../stats/prng.ts'
import type { ColumnWindow } from './window-spans.ts'
import { windowStatement } from './window-statement.ts'
import { EMPTY_TILE, finishWindow, mergeTiles, tileOfValue, windowStart, type Value } from './windows.ts'

let instance: DuckDBInstance
let duck: DuckDBConnection

before(async () => {
  instance = await DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '500MB' })
  duck = await instance.connect()
})
after(() => {
  duck.closeSync()
  instance.closeSync()
})

interface Row {
  readonly key: number
  readonly event: bigint
  readonly created: bigint
  readonly arrival: bigint
  readonly value: Value
}

/** A window by its words: rows of the key from its beginning to the moment, known by then. */
function byLooking(
  rows: readonly Row[],
  { key, at }: { key: number; at: bigint },
  window: ColumnWindow,
  late: boolean,
): Value {
  const start = windowStart(at, window)
  const within = rows.filter(
    (row) => row.key === key && row.event >= start && row.event <= at && (late || row.created <= at),
  )
  return finishWindow(
    window,
    within
      .map((row) => tileOfValue(window.take, window.column === null ? true : row.value, row))
      .reduce(mergeTiles, EMPTY_TILE),
  )
}

const VALUES: readonly Value[] = [null, 0, 1, 2.5, -3, 7, Number.NaN, Number.POSITIVE_INFINITY]

test('each aggregate of 3,000 random requests is what looking at every row gives', async () => {
  const random = prng(33)
  const windows: ColumnWindow[] = [
    ...AGGREGATES.map((take): ColumnWindow => ({ name: take, take, column: 'value', over: 7n, step: 3n, q: 0.3 })),
    { name: 'rows', take: 'count', column: null, over: 20n, step: 5n, q: 0 },
  ]
  const rows = Array.from({ length: 600 }, (_, i): Row => {
    const event = BigInt(random.below(60) - 30)
    const value = VALUES[random.below(i % 3 === 0 ? VALUES.length : 6)] ?? null
    return { key: random.below(25), event, created: event + BigInt(random.below(6)), arrival: BigInt(i), value }
  })
  const requests = Array.from({ length: 1500 }, () => ({ key: random.below(26), at: BigInt(random.below(80) - 40) }))
  const float = (value: Value): string => (value === null ? 'NULL' : `'${String(value)}'::DOUBLE`)
  await duck.run(
    `CREATE TABLE rows AS SELECT * FROM (VALUES ${rows.map((row) => `(${row.key}, ${row.event}::BIGINT, ${row.created}::BIGINT, ${row.arrival}::BIGINT, ${float(row.value)})`).join(',')}) v(key, event, created, arrival, value)`,
  )
  await duck.run(
    `CREATE TABLE requests AS SELECT * FROM (VALUES ${requests.map((one, i) => `(${i}, ${one.at}::BIGINT, ${one.key})`).join(',')}) v("row", "at", asked)`,
  )
  for (const includeLateData of [false, true]) {
    const sql = windowStatement({
      requests: 'requests',
      rows: 'rows',
      keys: ['key'],
      asked: ['asked'],
      windows,
      includeLateData,
    })
    const names = windows.map(({ name }) => `"${name}"`).join(', ')
    const got = (
      await duck.runAndReadAll(`SELECT ${names} FROM requests LEFT JOIN (${sql}) USING ("row") ORDER BY "row"`)
    ).getRows()
    for (const [i, request] of requests.entries())
      for (const [k, window] of windows.entries()) {
        const expected = byLooking(rows, request, window, includeLateData)
        const value = got[i]?.[k] ?? null
        // where no row was met at all, nothing stands for a count of none
        const counted = value === null && (window.take === 'count' || window.take === 'distinct') ? 0 : value
        assert.ok(
          isSame(counted as Value, expected),
          `${window.name} of ${request.key} at ${request.at}: ${String(value)} instead of ${String(expected)}`,
        )
      }
  }
})

function isSame(got: Value, expected: Value): boolean {
  const [a, b] = [typeof got === 'bigint' ? Number(got) : got, expected]
  if (typeof a === 'number' && typeof b === 'number')
    return Object.is(a, b) || Math.abs(a - b) <= 1e-12 * Math.max(1, Math.abs(b))
  return a === b
}
