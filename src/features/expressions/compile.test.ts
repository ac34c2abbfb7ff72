import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ValueType } from '../../contract/features/section.ts'
import type { Value } from '../as-of/windows.ts'
import { compileExpression } from './compile.ts'
import { ExpressionError } from './grammar.ts'

const INPUTS: readonly (readonly [string, ValueType])[] = [
  ['trips', 'int'],
  ['km', 'float'],
  ['city', 'text'],
  ['at', 'time'],
]

function run(text: string, type: ValueType, row: readonly Value[] = [7, 2.5, 'EWR', 0n]): Value {
  return compileExpression(text, INPUTS, type)(row)
}

function refused(text: string, type: ValueType = 'float'): string {
  try {
    compileExpression(text, INPUTS, type)
  } catch (error) {
    assert.ok(error instanceof ExpressionError, String(error))
    return `${error.column}: ${error.message}`
  }
  return assert.fail(`${text} was accepted`)
}

test('what is no number is null', () => {
  for (const text of [
    'km / 0',
    'km % 0',
    'ln(0)',
    'ln(-1)',
    'sqrt(-1)',
    'pow(-8, 0.5)',
    'asin(2)',
    "CAST('1,5' AS float)",
  ])
    assert.equal(run(text, 'float'), null, text)
  for (const text of [
    'trips // 0',
    'trips % 0',
    '9223372036854775807 + trips',
    "CAST('x' AS int)",
    'CAST(1e30 AS int)',
  ])
    assert.equal(run(text, 'int'), null, text)
  assert.equal(run('km + 1', 'float', [0, Number.NaN, '', 0n]), Number.NaN)
})

test('whole numbers stay exact up to 64 bits', () => {
  assert.equal(run('9007199254740993 - 1', 'int'), 9_007_199_254_740_992n)
  assert.equal(run('trips * 1317624576693539401', 'int', [7, 0, '', 0n]), 9_223_372_036_854_775_807n)
  assert.equal(run('trips / 2', 'float'), 3.5)
  assert.equal(run('-7 // 2', 'int'), -3)
  assert.equal(run('-7 % 2', 'int'), -1)
})

test('a moment before 1970 lies in the hour in which it is', () => {
  assert.deepEqual([run('year(at)', 'int', [0, 0, '', -1n]), run('hour(at)', 'int', [0, 0, '', -1n])], [1969, 23])
})

test('halves are rounded away from zero, and to places', () => {
  const rounded = ['round(2.5)', 'round(-2.5)', 'round(1.005e0 * 100)', 'round(3.14159, 2)', 'round(1234.5, -2)']
  assert.deepEqual(
    rounded.map((text) => run(text, 'float')),
    [3, -3, 100, 3.14, 1200],
  )
})

test('an int goes where a float is declared, and a NULL everywhere', () => {
  assert.equal(run('trips', 'float'), 7)
  assert.equal(run('NULL', 'text'), null)
  assert.equal(run('CASE WHEN city IN (NULL) THEN 1 ELSE 2 END', 'int'), 2)
})

test('a fault names the column, what stands there and what was expected', () => {
  assert.equal(refused('trips + city'), '7: int or float was expected, got text')
  assert.equal(refused('trips +'), '8: a name, a value or "(" was expected, got the end')
  assert.equal(refused('trip * 2'), '1: "trip" is no input; there are "trips", "km", "city", "at"')
  assert.equal(refused('city', 'float'), '1: it gives text, and float is declared')
  assert.equal(refused('trips; DROP TABLE x'), '6: "; DROP TAB" is no part of an expression')
  assert.equal(refused('pow(trips)'), '1: pow takes 2, got 1')
  assert.match(refused('read_csv(city)'), /^1: there is no function "read_csv"; there are abs, /)
  assert.match(refused('constructor(city)'), /^1: there is no function "constructor"/)
  assert.equal(refused('(SELECT 1)'), '9: ")" was expected, got "1"')
  assert.equal(refused('CASE WHEN trips THEN 1 END'), '11: bool was expected, got int')
  assert.equal(refused('trips::date'), '12: "date" is no type; there are "int", "float", "bool", "text", "time"')
  assert.match(refused(`${'('.repeat(50)}1${')'.repeat(50)}`), /^41: nested deeper than 40/)
  assert.match(refused(`1${' + 1'.repeat(1500)}`), /at most 2000 parts/)
})

test('what would be computed again and again is refused, and what would grow without end has no value', () => {
  const chain = `trips > 1${' BETWEEN (trips > 1) AND (trips > 2)'.repeat(30)}`
  assert.match(refused(chain, 'bool'), /it takes more than 10000 steps/)
  assert.match(refused('CAST(trips AS constructor)', 'int'), /"constructor" is no type/)
  const long = 'x'.repeat(600_000)
  assert.equal(run('city || city', 'text', [7, 2.5, long, 0n]), null)
  assert.equal(run('concat(city, city)', 'text', [7, 2.5, long, 0n]), null)
  assert.equal(run('trim(city)', 'text', [7, 2.5, `  a b${' '.repeat(500_000)}`, 0n]), 'a b')
})
