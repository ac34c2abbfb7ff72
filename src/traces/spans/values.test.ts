/** Values of attributes: their JSON, Python's words for them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from '../../stats/prng.ts'
import { fromJsonText, plainValue, pythonFloat, pythonJson, readValue, writeValue } from './values.ts'
import type { Value } from './values.ts'

test('what is written is read back, a double as a double and to the last digit', () => {
  const values: Value[] = [
    'ü "x" \n',
    0n,
    -9_223_372_036_854_775_808n,
    18_446_744_073_709_551_615n,
    1,
    -0,
    1e21,
    5e-324,
    Number.NaN,
    -Infinity,
    true,
    null,
    [1n, [2.5, []]],
    new Map<string, Value>([
      ['__proto__', 'own'],
      ['a', new Map([['b', 1n]])],
    ]),
  ]
  for (const value of values) assert.deepEqual(readValue(writeValue(value)), value)
  const bytes = readValue(writeValue(Uint8Array.of(0, 255)))
  assert.deepEqual([...(bytes as Uint8Array)], [0, 255])
})

test('any double survives', () => {
  const random = prng(3)
  const view = new DataView(new ArrayBuffer(8))
  for (let i = 0; i < 2000; i++) {
    for (let at = 0; at < 8; at++) view.setUint8(at, Math.floor(random.uniform() * 256))
    const value = view.getFloat64(0)
    assert.ok(Object.is(readValue(writeValue(value)), value), String(value))
    if (Number.isFinite(value)) assert.equal(Number(pythonFloat(value)), value)
  }
})

test('a number is whole exactly where it is written without point and exponent', () => {
  for (const [text, value] of [
    ['0', 0n],
    ['-0', 0n],
    ['-0.0', -0],
    ['7', 7n],
    ['7.0', 7],
    ['2e3', 2000],
    ['1.5', 1.5],
    ['9007199254740993', 9007199254740993n],
    ['9007199254740993.0', 9007199254740992],
    ['-18446744073709551616', -(2n ** 64n)],
    ['1e400', Infinity],
  ] as const) {
    for (const [given, found] of [
      [text, value],
      [` [ ${text} , "${text}"]`, [value, text]],
      [`{"7":${text}}`, new Map([['7', value]])],
    ] as const)
      assert.deepEqual(readValue(given), found, given)
  }
})

test('whole numbers have as many digits as Python reads', () => {
  const digits = '9'.repeat(4300)
  assert.equal(pythonJson(fromJsonText(`[${digits}]`) ?? null), `[${digits}]`)
  assert.equal(fromJsonText(`[${digits}9]`), undefined, 'what is more stays a text')
})

test('numbers in Python’s words', () => {
  const words: [number, string][] = [
    [1, '1.0'],
    [0, '0.0'],
    [-0, '-0.0'],
    [0.1, '0.1'],
    [1e-4, '0.0001'],
    [1e-5, '1e-05'],
    [1.5e-7, '1.5e-07'],
    [123_456_789_012_345_680, '1.2345678901234568e+17'],
    [1e15, '1000000000000000.0'],
    [1e16, '1e+16'],
    [1e100, '1e+100'],
    [Number.NaN, 'NaN'],
    [-Infinity, '-Infinity'],
  ]
  for (const [value, text] of words) assert.equal(pythonFloat(value), text)
})

test('JSON as Python writes it, and JSON for people', () => {
  const value = new Map<string, Value>([
    ['a', [1n, 2.5, 'ü']],
    ['b', new Map([['c', null]])],
    ['big', 9_007_199_254_740_993n],
  ])
  assert.equal(pythonJson(value), '{"a": [1, 2.5, "ü"], "b": {"c": null}, "big": 9007199254740993}')
  assert.deepEqual(plainValue(value), { a: [1, 2.5, 'ü'], b: { c: null }, big: '9007199254740993' })
  assert.equal(fromJsonText('{'), undefined)
})
