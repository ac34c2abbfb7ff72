/** JSON of callers: bare NaN, whole numbers of 64 bits, texts that look like either, and bodies that are meant to hurt. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from '../../stats/prng.ts'
import { parseJson, requireObject, toJson } from './json.ts'

const read = (text: string): unknown => parseJson(Buffer.from(text))

test('whole numbers beyond every double are infinite, and nobody reads their digits', () => {
  assert.equal(read(`1${'0'.repeat(308)}`), 10n ** 308n)
  assert.deepEqual(read(`[${'9'.repeat(400)},-${'9'.repeat(400)}]`), [Infinity, -Infinity])
  const [began, digits] = [process.cpuUsage().user, '9'.repeat(150_000)]
  assert.deepEqual(read(`[${Array(100).fill(digits).join()}]`), Array(100).fill(Infinity))
  // four seconds where each was read to its last digit
  assert.ok(process.cpuUsage().user - began < 1_500_000)
})

test('whole numbers beyond 2^53 keep every digit, others are numbers', () => {
  assert.deepEqual(read('[9007199254740991,9007199254740992,9007199254740993,-9223372036854775808]'), [
    9007199254740991,
    9007199254740992n,
    9007199254740993n,
    -9223372036854775808n,
  ])
  assert.deepEqual(
    read('[1234567890123456.5, 1e300, 0.12345678901234567890, 12345678901234567e3]'),
    [1234567890123456.5, 1e300, 0.12345678901234568, 12345678901234567e3],
  )
  assert.deepEqual([read('9007199254740993'), read('-9007199254740993')], [9007199254740993n, -9007199254740993n])
  assert.deepEqual(read('{"n": 123456789012345678901234567890}'), { n: 123456789012345678901234567890n })
})

test('bare words for numbers become texts, those within texts are left alone', () => {
  assert.deepEqual(read('{"a": NaN, "b": [-Infinity, Infinity], "c": "NaN"}'), {
    a: 'NaN',
    b: ['-Infinity', 'Infinity'],
    c: 'NaN',
  })
  assert.deepEqual(read('[NaN, "a \\"NaN\\" b", "\\\\", NaN]'), ['NaN', 'a "NaN" b', '\\', 'NaN'])
  assert.deepEqual(read('[NaN, 9007199254740993]'), ['NaN', 9007199254740993n])
})

for (const body of [
  '',
  ' ',
  '{',
  '[1,]',
  '{"a":1,}',
  "{'a':1}",
  'nan',
  '[NaN',
  '"\\x"',
  'undefined',
  '01',
  '+1',
  '[1] 2',
]) {
  test(`no JSON: ${JSON.stringify(body)}`, () => {
    assert.throws(() => read(body), { code: 'malformed_body', status: 400 })
  })
}

test('bytes that are no UTF-8, and a value that is no object', () => {
  for (const bytes of [[0xff], [0x22, 0xc3, 0x22], [0xed, 0xa0, 0x80]])
    assert.throws(() => parseJson(Buffer.from(bytes)), { code: 'malformed_body' })
  for (const text of ['[]', 'null', '"a"', '1'])
    assert.throws(() => requireObject(read(text)), { code: 'malformed_body' })
  assert.deepEqual({ ...requireObject(read('{"__proto__":1,"a":2}')) }, JSON.parse('{"__proto__":1,"a":2}'))
})

test('a body nested a million deep is refused, in and out', () => {
  assert.throws(() => read('['.repeat(1_000_000)), { code: 'malformed_body' })
  let deep: unknown = 1
  for (let i = 0; i < 100_000; i++) deep = [deep]
  assert.throws(() => toJson(deep), { code: 'malformed_body' })
})

test('a long text before a bare word takes time in proportion to it', () => {
  // read again from its beginning for each of its quotes, it would take hours
  const text = `["${'\\"NaN '.repeat(800_000)}", NaN, ${'"a",'.repeat(400_000)} 1]`
  assert.equal((read(text) as unknown[])[1], 'NaN')
})

test('what is written is read again, whatever it is', () => {
  const random = prng(3)
  const value = (depth: number): unknown => {
    switch (random.below(depth > 4 ? 6 : 8)) {
      case 0:
        return null
      case 1:
        return random.below(2) === 0
      case 2:
        return random.uniform() * 10 ** (random.below(34) - 20)
      case 3:
        return BigInt(random.below(2 ** 31)) * 2n ** 33n + 2n ** 60n
      case 4:
        return String.fromCodePoint(...Array.from({ length: random.below(6) }, () => random.below(0xd800)))
      case 5:
        return -random.below(1000)
      case 6:
        return Array.from({ length: random.below(4) }, () => value(depth + 1))
      default:
        return Object.fromEntries(Array.from({ length: random.below(4) }, (_, i) => [`k${i}`, value(depth + 1)]))
    }
  }
  for (let i = 0; i < 500; i++) {
    const one = value(0)
    assert.deepEqual(read(toJson([one])), [one])
  }
  assert.throws(() => {
    const round: unknown[] = []
    round.push(round)
    toJson(round)
  }, TypeError)
})
