/** Fields that many routes share, at their edges. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { z } from 'zod'
import { id, listOf, microDollars, name, page, time, toTime, words } from './fields.ts'

const takes = (schema: z.ZodType, value: unknown): boolean => schema.safeParse(value).success

describe('name', () => {
  for (const good of ['a', 'Z', '9', 'a.b_c-d', 'x'.repeat(128), '0', 'a..b', 'a-'])
    test(`${good.slice(0, 20)} is one`, () => assert.ok(takes(name, good)))
  for (const bad of [
    '',
    '.a',
    '-a',
    '_a',
    'a b',
    'a/b',
    'a\\b',
    'ä',
    'a\n',
    '\na',
    'a\0',
    'x'.repeat(129),
    '../a',
    'a%2Fb',
    null,
    5,
    ['a'],
  ])
    test(`${JSON.stringify(bad).slice(0, 20)} is none`, () => assert.ok(!takes(name, bad)))
})

describe('id', () => {
  test('has 1 to 128 characters', () => {
    assert.deepEqual(
      ['', 'a', 'x'.repeat(128), 'x'.repeat(129)].map((text) => takes(id, text)),
      [false, true, true, false],
    )
  })
})

describe('time', () => {
  for (const good of [
    '2026-05-03T10:00:00Z',
    '2026-05-03T10:00:00.123Z',
    '2026-05-03T10:00:00+02:00',
    '2024-02-29T00:00:00Z',
    '1970-01-01T00:00:00Z',
  ])
    test(`${good} is one`, () => {
      assert.ok(takes(time, good))
      assert.ok(!Number.isNaN(Date.parse(good)))
    })
  for (const bad of [
    '',
    '2026-05-03',
    '2026-05-03T10:00:00',
    '2026-05-03 10:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2025-02-29T00:00:00Z',
    '2026-05-03T24:00:00Z',
    '2026-05-03T10:60:00Z',
    '05/03/2026',
    '1777766400000',
    1_777_766_400_000,
    'now',
    null,
  ])
    test(`${JSON.stringify(bad)} is none`, () => assert.ok(!takes(time, bad)))

  test('a refused one is told with an example', () => {
    assert.match(time.safeParse('now').error?.issues[0]?.message ?? '', /RFC 3339.*2026-05-03T10:00:00Z/)
  })

  for (const [ms, text] of [
    [0, '1970-01-01T00:00:00.000Z'],
    [1_777_766_400_000, '2026-05-03T00:00:00.000Z'],
    [1_777_766_400_001, '2026-05-03T00:00:00.001Z'],
    [951_782_400_000, '2000-02-29T00:00:00.000Z'],
  ] as const) {
    test(`${ms} ms is written as ${text}, which is a time again`, () => {
      assert.equal(toTime(ms), text)
      assert.ok(takes(time, text))
    })
  }
})

describe('page', () => {
  test('has 100 items where none is asked', () => assert.deepEqual(page.parse({}), { limit: 100 }))
  for (const [limit, read] of [
    ['1', 1],
    ['1000', 1000],
    [50, 50],
    ['0', undefined],
    ['1001', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['ten', undefined],
    ['1e9', undefined],
    ['NaN', undefined],
    ['Infinity', undefined],
  ] as const) {
    test(`a limit of ${limit} is ${read ?? 'refused'}`, () => {
      const parsed = page.safeParse({ limit })
      assert.equal(parsed.data?.limit, read)
      if (!parsed.success) assert.deepEqual(parsed.error.issues[0]?.path, ['limit'])
    })
  }
  test('a token of 2048 characters is taken, one more is not', () => {
    assert.ok(takes(page, { page_token: 't'.repeat(2048) }))
    assert.ok(!takes(page, { page_token: 't'.repeat(2049) }))
  })
  test('a list has its items, and a token where there are more', () => {
    const list = listOf(z.number())
    assert.ok(takes(list, { items: [] }))
    assert.ok(takes(list, { items: [1], next_page_token: 'x' }))
    assert.ok(!takes(list, { items: ['a'] }))
    assert.ok(!takes(list, {}))
    assert.ok(!takes(list, { items: [], next_page_token: 5 }))
  })
})

describe('words', () => {
  for (const [given, read] of [
    ['a', ['a']],
    ['a,b', ['a', 'b']],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    [
      ['a,b', 'c'],
      ['a', 'b', 'c'],
    ],
    ['', []],
    [',,', []],
    ['a,,b', ['a', 'b']],
    [' a', [' a']],
    ['a,b,c,d', undefined],
    [['a', 'b', 'c', 'd'], undefined],
    ['x'.repeat(512), ['x'.repeat(512)]],
    ['x'.repeat(513), undefined],
    [5, undefined],
    [null, undefined],
  ] as const) {
    test(`${JSON.stringify(given).slice(0, 24)} is ${read === undefined ? 'refused' : `${read.length} of them`}`, () =>
      assert.deepEqual(words(3).safeParse(given).data, read))
  }
})

describe('money', () => {
  for (const [value, good] of [
    [0, true],
    [-1, true],
    [Number.MAX_SAFE_INTEGER, true],
    [0.5, false],
    [Number.MAX_SAFE_INTEGER + 1, false],
    [Number.NaN, false],
    [Infinity, false],
    ['1', false],
  ] as const) {
    test(`${value} is ${good ? '' : 'not '}an amount`, () => assert.equal(takes(microDollars, value), good))
  }
})
