/** Expressions against DuckDB, which knows nothing of ours: random ones, over rows with nulls and edges. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { prng, type Prng } from '../../stats/prng.ts'
import type { ValueType } from '../../contract/features/section.ts'
import type { Value } from '../as-of/windows.ts'
import { compileExpression } from './compile.ts'

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

const INPUTS: readonly (readonly [string, ValueType])[] = [
  ['i', 'int'],
  ['j', 'int'],
  ['x', 'float'],
  ['y', 'float'],
  ['b', 'bool'],
  ['s', 'text'],
  ['u', 'text'],
  ['t', 'time'],
]

const VALUES: Readonly<Record<string, readonly Value[]>> = {
  i: [null, 0, 1, -7, 12, 4],
  j: [null, 0, 3, -2, 5],
  x: [null, 0, -0.5, 2.5, 1e6, 7.25],
  y: [null, 1, -3, 0.125, 0],
  b: [null, true, false],
  s: [null, '', 'Ab', 'zürich', '𝒳y z'],
  u: [null, 'Ab', 'b', ' pad '],
  t: [null, 0n, -1_000_000n, 1_709_251_199_999_999_999n, 1_704_067_200_000_000_001n],
}

function pick<T>(random: Prng, from: readonly T[]): T {
  return from[random.below(from.length)] as T
}

/** A text of an expression of a type, of at most `depth` more levels. */
function draw(random: Prng, type: 'int' | 'float' | 'bool' | 'text', depth: number): string {
  const of = (wanted: 'int' | 'float' | 'bool' | 'text'): string => draw(random, wanted, depth - 1)
  const number = (): string => of(pick(random, ['int', 'float']))
  if (depth === 0) return leaf(random, type)
  const common = [
    () => leaf(random, type),
    () => `CASE WHEN ${of('bool')} THEN ${of(type)} WHEN ${of('bool')} THEN ${of(type)} ELSE ${of(type)} END`,
    () => `CASE WHEN ${of('bool')} THEN ${of(type)} END`,
    () => `coalesce(${of(type)}, ${of(type)})`,
    () => `least(${of(type)}, ${of(type)})`,
    () => `greatest(${of(type)}, ${of(type)})`,
    () => `nullif(${of(type)}, ${of(type)})`,
  ]
  const own = {
    int: [
      () => `(${of('int')} ${pick(random, ['+', '-'])} ${leaf(random, 'int')})`,
      () => `(${leaf(random, 'int')} * ${leaf(random, 'int')})`,
      () => `(${of('int')} % nullif(${leaf(random, 'int')}, 0))`,
      () => `(${of('int')} // nullif(${leaf(random, 'int')}, 0))`,
      () => `length(${of('text')})`,
      () => `(-${of('int')})`,
      () => `abs(${of('int')})`,
      () => `sign(${number()})`,
      () => `${pick(random, ['year', 'month', 'day', 'hour', 'minute', 'isodow'])}(t)`,
      () => `CAST(${of('bool')} AS bigint)`,
    ],
    float: [
      () => `(${number()} ${pick(random, ['+', '-', '*'])} ${of('float')})`,
      () => `(${number()} / nullif(${number()}, 0))`,
      () => `${pick(random, ['floor', 'ceil', 'exp', 'sin', 'cos', 'atan', 'radians'])}(${leaf(random, 'float')})`,
      () => `sqrt(abs(${of('float')}))`,
      () => `ln(greatest(${of('float')}, 0.5))`,
      () => `pow(${leaf(random, 'float')}, 2)`,
      () => `CAST(${of('int')} AS double)`,
    ],
    bool: [
      () => `(${of('bool')} ${pick(random, ['AND', 'OR'])} ${of('bool')})`,
      () => `NOT ${of('bool')}`,
      () => `(${number()} ${pick(random, ['=', '<>', '<', '<=', '>', '>='])} ${number()})`,
      () => `(${of('text')} ${pick(random, ['=', '<', '>='])} ${of('text')})`,
      () => `(${of(type)} IS ${pick(random, ['', 'NOT '])}NULL)`,
      () => `(${of('int')} ${pick(random, ['', 'NOT '])}IN (${of('int')}, ${leaf(random, 'int')}))`,
      () => `(${number()} ${pick(random, ['', 'NOT '])}BETWEEN ${number()} AND ${number()})`,
    ],
    text: [
      () => `(${of('text')} || ${of('text')})`,
      () => `${pick(random, ['lower', 'upper', 'trim'])}(${of('text')})`,
      () => `substr(${of('text')}, 2, 3)`,
      () => `CASE ${of('int')} WHEN 1 THEN ${of('text')} ELSE ${of('text')} END`,
    ],
  }[type]
  return pick(random, [...common, ...own, ...own])()
}

function leaf(random: Prng, type: 'int' | 'float' | 'bool' | 'text'): string {
  const leaves = {
    int: ['i', 'j', '2', '0'],
    float: ['x', 'y', '1.5e0', '0.0e0'],
    bool: ['b', 'TRUE', 'FALSE', 'i > j'],
    text: ['s', 'u', "'it''s'", "''"],
  }
  return random.below(12) === 0 ? 'NULL' : pick(random, leaves[type])
}

test('3,000 random expressions over 40 rows give what DuckDB gives', async () => {
  const random = prng(32)
  const rows = Array.from({ length: 40 }, () => INPUTS.map(([name]) => pick(random, VALUES[name] ?? [])))
  await duck.run(
    `CREATE OR REPLACE TABLE v (n INT, i BIGINT, j BIGINT, x DOUBLE, y DOUBLE, b BOOLEAN, s VARCHAR, u VARCHAR, t TIMESTAMP_NS)`,
  )
  await duck.run(`INSERT INTO v VALUES ${rows.map((row, n) => `(${[n, ...row.map(inSql)].join(',')})`).join(',')}`)
  let compared = 0
  const seen = { values: 0, nulls: 0 }
  while (compared < 3000) {
    const drawn = Array.from({ length: 50 }, () => {
      const type = pick(random, ['int', 'float', 'bool', 'text'] as const)
      return { type, text: draw(random, type, 1 + random.below(4)) }
    })
    const casts = { int: 'BIGINT', float: 'DOUBLE', bool: 'BOOLEAN', text: 'VARCHAR' }
    const sql = `SELECT ${drawn.map(({ text, type }, k) => `CAST(${text} AS ${casts[type]}) AS c${k}`).join(', ')} FROM v ORDER BY n`
    const expected = (await duck.runAndReadAll(sql)).getRows()
    for (const [k, { text, type }] of drawn.entries()) {
      const run = compileExpression(text, INPUTS, type)
      for (const [n, row] of rows.entries()) {
        const [got, right] = [run(row), expected[n]?.[k] as Value]
        assert.ok(
          isSame(got, right),
          `${text}\n${JSON.stringify(row, (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v))}: ${got} instead of ${right}`,
        )
        if (got === null) seen.nulls += 1
        else seen.values += 1
      }
      compared += 1
    }
  }
  assert.ok(seen.values > 30_000 && seen.nulls > 10_000, JSON.stringify(seen))
})

function inSql(value: Value): string {
  if (value === null) return 'NULL'
  if (typeof value === 'string') return `'${value}'`
  return typeof value === 'bigint' ? `make_timestamp_ns(${value})` : `${value}`
}

/** Floats to the last digits: sums of libraries for sines differ there. */
function isSame(got: Value, expected: Value): boolean {
  if (typeof got === 'number' && typeof expected === 'number')
    return Object.is(got, expected) || Math.abs(got - expected) <= 1e-12 * Math.max(Math.abs(expected), 1e-300)
  if (typeof expected === 'bigint') return got !== null && typeof got !== 'string' && BigInt(got) === expected
  return got === expected
}
