/** Strict JSON: what is refused and in which words, and that the walk agrees with the parser about everything else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NUMERALS, readNumeral } from '../contract/values/numerals.ts'
import { prng } from '../stats/prng.ts'
import { DEEPEST } from './json-shape.ts'
import { readJson } from './json.ts'

const strict = (text: string | Uint8Array): unknown => readJson(Buffer.from(text), { uniqueKeys: true })
const loose = (text: string): unknown => readJson(Buffer.from(text), { uniqueKeys: false })
const refused = (detail: RegExp) => (error: unknown) => {
  const { code, message } = error as { code: string; message: string }
  return code === 'malformed_body' && detail.test(message)
}

test('values come as the parser reads them', () => {
  for (const text of [
    '{}',
    '[]',
    'null',
    '"a"',
    '1e3',
    '{"a":[{"b":"}{,"},{"b":"\\"x\\\\"}],"c":{"b":1}}',
    ' [1 , {"a" : []} ] ',
  ]) {
    assert.deepEqual(strict(text), JSON.parse(text))
  }
})

test('a key twice in one object is refused, also when written with escapes; in two objects it is fine', () => {
  assert.throws(() => strict('{"a":1,"a":2}'), refused(/key "a" stands twice/))
  assert.throws(() => strict('{"x":[{"a":{"b":1},"\\u0061":2}]}'), refused(/key "a" stands twice/))
  assert.deepEqual(strict('[{"a":1},{"a":["a","a"]},{"b":"a","a":"b"}]'), [
    { a: 1 },
    { a: ['a', 'a'] },
    { b: 'a', a: 'b' },
  ])
  assert.deepEqual(loose('{"a":1,"a":2}'), { a: 2 })
})

test('the deepest nesting is taken, one more is not', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ' '.repeat(300) + ']'.repeat(depth)
  assert.doesNotThrow(() => loose(nested(DEEPEST)))
  assert.throws(() => loose(nested(DEEPEST + 1)), refused(/nests deeper than 100/))
  assert.throws(() => loose(nested(200_000)), refused(/nests deeper than 100/))
  assert.deepEqual(loose(JSON.stringify({ a: '['.repeat(500) })), { a: '['.repeat(500) })
})

test('what is not Unicode is refused: broken bytes, halves of pairs in values and keys; whole pairs are taken', () => {
  assert.throws(() => strict(Uint8Array.of(0x22, 0xff, 0x22)), refused(/not UTF-8/))
  assert.throws(() => strict(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22)), refused(/not UTF-8/))
  assert.throws(() => strict('["\\ud800"]'), refused(/surrogate/))
  assert.throws(() => strict('{"\\uDFFF":1}'), refused(/surrogate/))
  assert.equal(strict('"\\ud83d\\ude00"'), '😀')
})

test('bad syntax is told by the parser', () => {
  for (const text of ['{"a":', '{a:1}', "{'a':1}", '[1,]', '01', 'NaN', '"\t"', '{"a":1}}']) {
    assert.throws(() => strict(text), refused(/not valid JSON/), text)
  }
})

test('numbers with a meaning of their own are read in slices, and are those of a reviver over the whole', async () => {
  const random = prng(41)
  const numbers = ['1', '2.5', '1.0', '-0', '9007199254740993', '1e3', '"1.0"', '12345678901234567890']
  const row = (): string =>
    `{"a":${numbers[random.below(numbers.length)]},"b":[${numbers[random.below(numbers.length)]}]}`
  const text = `{"rows":[${Array.from({ length: 50_000 }, row).join()}],"last":1.0}`
  const expected = JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' ? readNumeral(context?.source ?? '') : value,
  ) as unknown
  const counts = [0]
  const exact = {
    ...NUMERALS,
    read(source: string) {
      counts.push((counts.pop() ?? 0) + 1)
      return NUMERALS.read(source)
    },
  }
  let going = true
  const nextTurn = (): void => {
    counts.push(0)
    if (going) setImmediate(nextTurn)
  }
  setImmediate(nextTurn)
  const value = await readJson(Buffer.from(text), { uniqueKeys: false, exact })
  going = false
  assert.deepEqual(value, expected)
  const all = counts.reduce((sum, one) => sum + one, 0)
  assert.ok(Math.max(...counts) < all / 3, `${Math.max(...counts)} of ${all} numbers in one turn`)
})
