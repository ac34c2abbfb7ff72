/** Large JSON bodies: parsed in slices they mean what the parser says of the whole, and beyond a limit nothing of them is parsed. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { countTurns } from './callers/loop-turns.fixture.ts'
import { prng } from '../stats/prng.ts'
import type { Prng } from '../stats/prng.ts'
import { closingQuote, DEEPEST, MOST_FIELDS, MOST_VALUES, shapeOf, SMALL, Walk } from './json-shape.ts'
import type { Shape } from './json-shape.ts'
import { parseBody } from './json-slices.ts'

/** Parses a text and keeps how many bytes each call of the parser got. */
async function parse(text: string, uniqueKeys = false): Promise<{ value: unknown; slices: number[] }> {
  const slices: number[] = []
  const value = await parseBody(Buffer.from(text), {
    uniqueKeys,
    parse(bytes) {
      slices.push(bytes.length)
      return JSON.parse(bytes.toString())
    },
  })
  return { value, slices }
}

const SCALARS = ['1', '-2.5e3', '"a"', '""', '"[{,]}:\\\\"', '"\\"quoted\\" é"', 'true', 'null', '{}', '[]', ' [ ] ']
const KEYS = ['a', '__proto__', '7', '12', 'ключ', 'with \\"', 'toString', 'b,c:']

/** A JSON text of about `size` values, with spaces where they may stand. */
function randomText(random: Prng, size: number): string {
  const pick = (from: readonly string[]): string => from[Math.floor(random.uniform() * from.length)] as string
  const space = (): string => (random.uniform() < 0.1 ? pick([' ', '\n', '\t \r']) : '')
  if (size <= 1) return space() + pick(SCALARS) + space()
  const width = 1 + Math.floor(random.uniform() * (random.uniform() < 0.5 ? 6 : size))
  const isList = random.uniform() < 0.5
  const items = Array.from({ length: width }, (_, i) => {
    const item = randomText(random, Math.floor(size / width))
    return isList ? item : `${space()}"${random.uniform() < 0.3 ? pick(KEYS) : `k${i}`}"${space()}:${item}`
  })
  return space() + (isList ? `[${items.join(',')}]` : `{${items.join(',')}}`) + space()
}

describe('a body of many values is parsed in slices, and its value', () => {
  const random = prng(7)
  for (let round = 0; round < 12; round++) {
    const text = randomText(random, 30_000)
    test(`is that of the whole, text ${round} of ${text.length} characters`, async () => {
      const { value, slices } = await parse(text)
      assert.deepEqual(value, JSON.parse(text))
      // what stands in one slice is at most one slice and one item that is not large
      assert.ok(Math.max(...slices) <= 2 * SMALL.bytes + 100, `${Math.max(...slices)} bytes at once`)
    })
  }

  test('keeps a long text whole, in a list and as a field', async () => {
    const long = 'x,"'.repeat(50_000)
    const value = { a: long, numbers: Array.from({ length: 6000 }, (_, i) => i), z: [long, long] }
    assert.deepEqual((await parse(JSON.stringify(value))).value, value)
  })
})

test('a text is taken in slices exactly when the parser takes it whole', async () => {
  const random = prng(11)
  let refused = 0
  for (let round = 0; round < 150; round++) {
    const text = randomText(random, 7000)
    const at = Math.floor(random.uniform() * text.length)
    const put = [',', ']', '}', '[', '{', '"', ':', '1', ''][Math.floor(random.uniform() * 9)] as string
    const spoiled = text.slice(0, at) + put + text.slice(at + Math.floor(random.uniform() * 2))
    let expected: unknown
    try {
      expected = { value: JSON.parse(spoiled) as unknown }
    } catch {
      expected = 'refused'
      refused++
    }
    const { value, slices } = await parse(spoiled).catch(() => ({ value: undefined, slices: undefined }))
    assert.deepEqual(slices === undefined ? 'refused' : { value }, expected, `round ${round}, ${put} at ${at}`)
  }
  assert.ok(refused > 50, 'most of the texts were spoiled')
})

describe('around a large part is refused', () => {
  const large = `[${'1,'.repeat(6000)}1]`
  for (const text of [
    `[${large},]`,
    `[,${large}]`,
    `[${large} ${large}]`,
    `[1 ${large}]`,
    `{"a":1 "b":${large}}`,
    `{"a":${large},}`,
    `{${large}}`,
    `{"a" ${large}}`,
    `{a:${large}}`,
    `{"a":${large} 1}`,
    `${large},`,
    `${large} ${large}`,
    `${large}]`,
    `[${large}}`,
    `[${large}`,
    `{"a":{"b":${large}}`,
  ]) {
    test(text.replaceAll(large, 'LARGE'), async () => {
      assert.throws(() => JSON.parse(text), SyntaxError)
      await assert.rejects(parse(text))
    })
  }
})

test('a key that stands twice is refused beside large parts too, where it is asked for', async () => {
  const large = `[${'1,'.repeat(6000)}1]`
  const text = `{"a":${large},"b":1,"a":2}`
  await assert.rejects(parse(text, true), /the key "a" stands twice/)
  assert.deepEqual((await parse(text)).value, JSON.parse(text))
})

describe('beyond a limit, before anything is parsed, is refused', () => {
  const bodies: [string, string, object][] = [
    ['lists', '['.repeat(DEEPEST + 1) + ' '.repeat(200) + ']'.repeat(DEEPEST + 1), { code: 'malformed_body' }],
    ['8 million lists without an end', '['.repeat(8_000_000), { code: 'malformed_body' }],
    ['objects', '{"a":'.repeat(DEEPEST + 1) + '1' + '}'.repeat(DEEPEST + 1), { code: 'malformed_body' }],
    [
      'values of a list',
      `[${'1,'.repeat(MOST_VALUES - 1)}1]`,
      { code: 'too_many_values', status: 413, data: { what: 'values', value: MOST_VALUES + 1, limit: MOST_VALUES } },
    ],
    ['empty objects', `{"instances":[${'{},'.repeat(4_000_000)}{}]}`, { code: 'too_many_values' }],
    ['a list that is left open', `[${'{},'.repeat(MOST_VALUES / 2)}`, { code: 'malformed_body' }],
    ['a text that is left open', `[${'{},'.repeat(MOST_VALUES / 2)}"]`, { code: 'malformed_body' }],
    [
      'fields of an object',
      `{${'"a":1,'.repeat(MOST_FIELDS)}"a":1}`,
      {
        code: 'too_many_values',
        data: { what: 'fields in one object', value: MOST_FIELDS + 1, limit: MOST_FIELDS },
      },
    ],
  ]
  for (const [name, text, refusal] of bodies) {
    test(name, async () => {
      let calls = 0
      const parts = { uniqueKeys: false, parse: () => calls++ }
      await assert.rejects(async () => parseBody(Buffer.from(text), parts), refusal)
      assert.equal(calls, 0)
    })
  }

  test('the last number below each limit is taken', () => {
    assert.equal(shapeOf(Buffer.from(`[${'1,'.repeat(MOST_VALUES - 2)}1]`)).values, MOST_VALUES)
    assert.equal(shapeOf(Buffer.from(`{${'"a":1,'.repeat(MOST_FIELDS - 1)}"a":1}`)).values, MOST_FIELDS + 1)
    assert.equal(shapeOf(Buffer.from('['.repeat(DEEPEST) + ']'.repeat(DEEPEST))).values, DEEPEST)
  })
})

describe('walked piece by piece, as it comes,', () => {
  /** Cuts a text anywhere, within texts, escapes and empty brackets too. */
  const pieces = (random: Prng, text: string): Buffer[] => {
    const bytes = Buffer.from(text)
    const cut: Buffer[] = []
    for (let at = 0; at < bytes.length;) {
      const size = random.uniform() < 0.5 ? 1 + Math.floor(random.uniform() * 4) : Math.floor(random.uniform() * 2000)
      cut.push(bytes.subarray(at, at + size))
      at += size
    }
    return cut
  }
  const shape = ({ values, large, isOpen }: Shape): object => ({ values, large: [...large], isOpen })

  test('a body has the shape of the whole, and the value', async () => {
    const random = prng(5)
    for (let round = 0; round < 40; round++) {
      const text = randomText(random, 6000)
      const walk = new Walk()
      for (const piece of pieces(random, text)) walk.take(piece)
      assert.deepEqual(shape(walk), shape(shapeOf(Buffer.from(text))), `round ${round}`)
      const parts = {
        uniqueKeys: false,
        shape: walk,
        parse: (bytes: Buffer) => JSON.parse(bytes.toString()) as unknown,
      }
      assert.deepEqual(await parseBody(Buffer.from(text), parts), JSON.parse(text), `round ${round}`)
    }
  })

  test('texts, escapes and empty lists may be cut anywhere', () => {
    for (const [text, values] of [
      ['"[\\"[\\\\"', 1],
      ['["a,\\",b",{}, [ \n ] ,[1]]', 6],
      ['{"a" : [ ] , "b":{ }}', 3],
    ] as const) {
      const bytes = Buffer.from(text)
      for (let at = 0; at <= bytes.length; at++) {
        const walk = new Walk()
        for (const piece of [bytes.subarray(0, at), bytes.subarray(at)]) walk.take(piece)
        assert.deepEqual([walk.values, walk.isOpen], [values, false], `${text} cut at ${at}`)
      }
    }
  })

  test('long texts with escapes anywhere end where the parser ends them', () => {
    const random = prng(17)
    for (let round = 0; round < 300; round++) {
      const few = random.uniform() < 0.5
      const text = Array.from({ length: Math.floor(random.uniform() * 1200) }, () =>
        random.uniform() < (few ? 0.01 : 0.5) ? ['\\', '"', '\\"', '\n'][Math.floor(random.uniform() * 4)] : 'a',
      ).join('')
      const bytes = Buffer.from(`[${JSON.stringify(text)},1]`)
      assert.equal(closingQuote(bytes, 1), bytes.length - 4, JSON.stringify(text))
      const cut = Math.floor(random.uniform() * bytes.length)
      const walk = new Walk()
      for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) walk.take(piece)
      assert.deepEqual([walk.values, walk.isOpen], [3, false], `${JSON.stringify(text)} cut at ${cut}`)
    }
  })

  test('a body is refused at the piece that takes it beyond a limit', () => {
    for (const [piece, code, taken] of [
      ['['.repeat(60), 'malformed_body', 1],
      ['[],'.repeat(1000), 'too_many_values', 3],
    ] as const) {
      const walk = new Walk(3500)
      walk.take(Buffer.from('['))
      for (let i = 0; i < taken; i++) walk.take(Buffer.from(piece))
      assert.throws(() => walk.take(Buffer.from(piece)), { code })
    }
  })
})

test('vast bodies are parsed one after the other, and smaller ones beside them', async () => {
  const list = (count: number): Buffer => Buffer.from(`[${'1,'.repeat(count - 1)}1]`)
  const order: string[] = []
  const read = async (name: string, count: number): Promise<void> => {
    const parse = (bytes: Buffer): unknown => {
      order.push(name)
      return JSON.parse(bytes.toString()) as unknown
    }
    await parseBody(list(count), { uniqueKeys: false, parse })
  }
  await Promise.all([read('vast', 300_000), read('vast too', 300_000), read('small', 6000)])
  assert.ok(order.lastIndexOf('vast') < order.indexOf('vast too'), 'one vast body at a time')
  assert.ok(order.lastIndexOf('small') < order.lastIndexOf('vast'), 'a smaller one does not wait')
})

test('of long texts that come at once each is parsed in a turn of its own', async () => {
  const body = Buffer.from(JSON.stringify({ text: 'a'.repeat(1_100_000) }))
  const turns: number[] = []
  const loop = countTurns()
  const parse = (): unknown => turns.push(loop.turns)
  await Promise.all(
    Array.from({ length: 3 }, async () => parseBody(body, { uniqueKeys: false, shape: shapeOf(body), parse })),
  )
  loop.stop()
  assert.equal(new Set(turns).size, 3, `turns ${turns.join(', ')}`)
})

test('values are counted as a person would count them', () => {
  for (const [text, count] of [
    ['1', 1],
    ['"a,b"', 1],
    ['[]', 1],
    [' { } ', 1],
    ['[1,2,3]', 4],
    ['{"a":[],"b":{"c":[1,{}]}}', 6],
  ] as const) {
    assert.equal(shapeOf(Buffer.from(text)).values, count, text)
  }
})
