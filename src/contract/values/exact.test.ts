/** JSON whose long numbers keep their digits: the value is that of the parser with a reviver, and only those numbers are looked at. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { prng } from '../../stats/prng.ts'
import type { Prng } from '../../stats/prng.ts'
import { numbers, parseExact } from './exact.ts'

interface Sort {
  readonly name: string
  readonly pattern: RegExp
  /** As a reviver would know them. */
  readonly isOne: (source: string) => boolean
}

const SORTS: readonly Sort[] = [
  { name: 'long whole numbers', pattern: numbers('-?[1-9]\\d{15,}'), isOne: (source) => /^-?\d{16,}$/.test(source) },
  {
    name: 'all numbers but fractions',
    pattern: numbers('-?(?:0|[1-9]\\d*)(?:\\.\\d+)?(?:[eE][+-]?\\d+)?'),
    isOne: (source) => !Number.isFinite(Number(source)) || Number.isInteger(Number(source)),
  },
]

/** What a number is read as: nothing that a text could be taken for. */
const read = (source: string): unknown => ({ digits: source })

/** The oracle: the parser's own reviver. */
function revived(text: string, { isOne }: Sort): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' && isOne(context?.source ?? '') ? read(context?.source ?? '') : value,
  ) as unknown
}

const NUMBERS = ['0', '-0', '7', '-12', '1.5', '1.0', '-2e3', '1E+2', '5e-1', '9007199254740993', '-9007199254740993']
const LONG = ['1234567890123456', '1234567890123456.5', '0.1234567890123456789', '1e400', '12345678901234567e1']
const TEXTS = ['""', '"a"', '"9007199254740993"', '"\\"[1234567890123456,\\\\"', '"\\\\"', '"\\u0031", "1.0"', '"é{:,"']
const KEYS = ['"a"', '"7"', '"__proto__"', '"9007199254740993"', '"\\"1.0:"', '"constructor"']

function randomText(random: Prng, depth: number): string {
  const pick = (from: readonly string[]): string => from[random.below(from.length)] as string
  const space = (): string => (random.below(8) === 0 ? pick([' ', '\n', '\t\r']) : '')
  const kind = random.below(depth > 5 ? 4 : 6)
  if (kind < 2) return space() + pick(random.below(2) === 0 ? NUMBERS : LONG) + space()
  if (kind === 2) return space() + pick(['true', 'null', '[]', '{ }', '"x"']) + space()
  const items = (make: () => string): string => Array.from({ length: random.below(5) }, make).join(',')
  if (kind === 3) return `[${items(() => pick(TEXTS))}]`
  if (kind === 4) return `${space()}[${items(() => randomText(random, depth + 1))}]${space()}`
  return `{${items(() => `${space()}${pick(KEYS)}${space()}:${randomText(random, depth + 1)}`)}}`
}

function outcome(call: () => unknown): unknown {
  try {
    return { value: call() }
  } catch (error) {
    return { refused: (error as Error).message }
  }
}

for (const sort of SORTS) {
  describe(sort.name, () => {
    test('are those that a reviver finds, in 3000 texts', () => {
      const random = prng(23)
      let found = 0
      for (let round = 0; round < 3000; round++) {
        const text = `[${Array.from({ length: 4 }, () => randomText(random, 0)).join(',')}]`
        const value = parseExact(text, { pattern: sort.pattern, read: (source) => (found++, read(source)) })
        assert.deepEqual(value, revived(text, sort), text)
      }
      assert.ok(found > 1000, `${found} numbers`)
    })

    test('are taken exactly where the parser takes the text, and its refusal is told', () => {
      const random = prng(29)
      let refused = 0
      for (let round = 0; round < 3000; round++) {
        const text = randomText(random, 1)
        const at = random.below(text.length + 1)
        const put = [',', ']', '}', '{', '"', ':', '0', '-', '.', 'e', '9007199254740993', ' ', '\\'][random.below(13)]
        const spoiled = text.slice(0, at) + put + text.slice(at + random.below(2))
        const expected = outcome(() => revived(spoiled, sort))
        if ('refused' in (expected as object)) refused++
        assert.deepEqual(
          outcome(() => parseExact(spoiled, { pattern: sort.pattern, read })),
          expected,
          spoiled,
        )
      }
      assert.ok(refused > 1000, `${refused} refused`)
    })
  })
}

describe('a body of a million values with', () => {
  const rows = (last: string): string => `[${'[1,2.5,"1234567890123456",{"a":3}],'.repeat(160_000)}[${last}]]`
  for (const [name, last, expected] of [
    ['one long number', '9007199254740993', ['9007199254740993']],
    ['none', '1', []],
  ] as const)
    test(`${name} has so many of them read`, () => {
      const sources: string[] = []
      const pattern = SORTS[0]?.pattern as RegExp
      parseExact(rows(last), { pattern, read: (source) => sources.push(source) })
      assert.deepEqual(sources, expected)
    })
})

test('a mark that the parser told a caller is of no use in its next text', () => {
  const pattern = numbers('-?[1-9]\\d{15,}')
  const marks = new Set<string>()
  for (let round = 0; round < 3; round++) {
    const text = '[1234567890123456]'
    const parse = JSON.parse
    JSON.parse = (given: string): unknown => {
      marks.add(given)
      return parse(given)
    }
    try {
      parseExact(text, { pattern, read })
    } finally {
      JSON.parse = parse
    }
  }
  assert.equal(marks.size, 3)
})
