/** What comparisons of a filter find on every database, beside a second reading of each operator over the same rows. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Db } from '../store/db.ts'
import { raw, sql } from '../store/sql/sql.ts'
import { compare, matching, ofTagged } from './compare.ts'
import type { Comparison, Filter, Operator } from './filter.ts'

const TEXTS = ['a', 'A', 'ab', 'aB', 'b', '', '%', 'a%b', '_', 'a_', 'a\\', '\\%', "it's", 'é', 'É', 'x\ny', null]
const NUMBERS = [0, 1, -1, 0.1, 1e300, -1e300, 2 ** 53 - 1, 2 ** 60, 5e-324, null]

const COMPARED: Partial<Record<Operator, (left: string | number, right: string | number) => boolean>> = {
  '=': (left, right) => left === right,
  '!=': (left, right) => left !== right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
}

/** LIKE by its definition, character by character: `%` is any text, `_` one character, all else is itself. */
function isLike(text: string, pattern: string): boolean {
  if (pattern === '') return text === ''
  const [first, rest] = [pattern.charAt(0), pattern.slice(1)]
  if (first === '%') return isLike(text, rest) || (text !== '' && isLike(text.slice(1), pattern))
  return text !== '' && (first === '_' || first === text.charAt(0)) && isLike(text.slice(1), rest)
}

const comparison = (operator: Operator, value: Comparison['value'], key = 'v', entity = 'attribute'): Comparison => ({
  kind: 'compare',
  entity,
  key,
  operator,
  value,
})

export function compareCases(name: string, open: () => Promise<{ db: Db; close(): Promise<void> }>): void {
  describe(`${name}: comparisons`, () => {
    let opened: Awaited<ReturnType<typeof open>>
    let kind: Db['kind']
    before(async () => {
      opened = await open()
      kind = opened.db.kind
      await opened.db.tx(async (t) => {
        await t.run('CREATE TABLE cmp_texts (id INTEGER, v TEXT)')
        await t.run('CREATE TABLE cmp_numbers (id INTEGER, v DOUBLE PRECISION)')
        await t.run('CREATE TABLE cmp_tags (id INTEGER, key TEXT, value TEXT)')
        for (const [id, value] of TEXTS.entries()) await t.run('INSERT INTO cmp_texts VALUES (?, ?)', [id, value])
        for (const [id, value] of NUMBERS.entries()) await t.run('INSERT INTO cmp_numbers VALUES (?, ?)', [id, value])
        for (const [id, key, value] of TAGS) await t.run('INSERT INTO cmp_tags VALUES (?, ?, ?)', [id, key, value])
      })
    })
    after(() => opened.close())

    const found = async (table: string, filter: Filter): Promise<unknown[]> => {
      const query = sql`SELECT e.v AS v FROM ${raw(table)} e WHERE ${matching(filter, (one) => compare(kind, raw('e.v'), one))} ORDER BY e.id`
      return (await opened.db.all<{ v: unknown }>(query.text, query.params)).map((row) => row.v)
    }
    const texts = (operator: Operator, value: Comparison['value']) => found('cmp_texts', comparison(operator, value))
    const numbers = (operator: Operator, value: Comparison['value']) =>
      found('cmp_numbers', comparison(operator, value))

    test('numbers are compared as doubles with any number, whole and beyond 2^53 or not; NULL satisfies none', async () => {
      for (const operator of ['=', '!=', '>', '>=', '<', '<='] as const) {
        for (const value of NUMBERS.filter((one) => one !== null)) {
          const wanted = NUMBERS.filter((one) => one !== null && COMPARED[operator]?.(one, value))
          assert.deepEqual(await numbers(operator, value), wanted, `${operator} ${value}`)
        }
      }
    })

    test('texts are equal by every character and case', async () => {
      for (const value of TEXTS.filter((one) => one !== null)) {
        assert.deepEqual(await texts('=', value), [value])
        assert.deepEqual(
          await texts('!=', value),
          TEXTS.filter((one) => one !== null && one !== value),
        )
      }
    })

    for (const pattern of [
      'a',
      'a%',
      '%b',
      '%',
      '',
      '_',
      '__',
      'a_',
      'a\\%',
      '\\%',
      '\\_',
      '%\\',
      '%é%',
      'a%b',
      'x%y',
    ]) {
      test(`LIKE ${JSON.stringify(pattern)} minds case and has no escape`, async () => {
        const wanted = TEXTS.filter((one) => one !== null && isLike(one, pattern))
        assert.deepEqual(await texts('LIKE', pattern), wanted)
      })
    }

    test('ILIKE does not mind the case of ASCII letters', async () => {
      assert.deepEqual(await texts('ILIKE', 'A'), ['a', 'A'])
      assert.deepEqual(await texts('ILIKE', '%B'), ['ab', 'aB', 'b', 'a%b'])
    })

    test('IN and NOT IN are of whole values; NULL is in neither', async () => {
      assert.deepEqual(await texts('IN', ['b', 'a', 'nosuch', "it's"]), ['a', 'b', "it's"])
      assert.deepEqual(
        await texts('NOT IN', ['a', '']),
        TEXTS.filter((one) => one !== null && one !== 'a' && one !== ''),
      )
      assert.deepEqual(await numbers('IN', [1, 0.1, 2 ** 60]), [1, 0.1, 2 ** 60])
    })

    test('a regular expression matches anywhere, and minds case unless it says otherwise', async () => {
      assert.deepEqual(await texts('REGEXP', '^a(b|%b)$'), ['ab', 'a%b'])
      assert.deepEqual(await texts('REGEXP', 'B'), ['aB'])
      assert.deepEqual(await texts('REGEXP', '(?i)B'), ['ab', 'aB', 'b', 'a%b'])
      assert.deepEqual(await texts('REGEXP', "it's"), ["it's"])
    })

    test('IS NULL and IS NOT NULL are of the column', async () => {
      assert.deepEqual(await texts('IS NULL', null), [null])
      assert.equal((await texts('IS NOT NULL', null)).length, TEXTS.length - 1)
    })

    test('AND, OR and NOT nest as they are written', async () => {
      const [a, b, ab] = ['a', 'b', 'ab'].map((value) => comparison('=', value)) as [Comparison, Comparison, Comparison]
      const or: Filter = { kind: 'or', parts: [a, b] }
      const isShort = comparison('LIKE', '_')
      assert.deepEqual(await found('cmp_texts', { kind: 'and', parts: [or, { kind: 'not', part: b }] }), ['a'])
      assert.deepEqual(await found('cmp_texts', { kind: 'or', parts: [{ kind: 'and', parts: [a, isShort] }, ab] }), [
        'a',
        'ab',
      ])
      assert.deepEqual(
        await found('cmp_texts', {
          kind: 'and',
          parts: [isShort, { kind: 'not', part: { kind: 'or', parts: [or, ab] } }],
        }),
        ['A', '%', '_', 'é', 'É'],
      )
    })

    const tagged = async (operator: Operator, value: Comparison['value'], key = 'k'): Promise<number[]> => {
      const where = ofTagged(kind, comparison(operator, value, key, 'tag'), { tags: 'cmp_tags', id: 'id' })
      const query = sql`SELECT e.id AS id FROM cmp_texts e WHERE ${where} AND e.id < 4 ORDER BY e.id`
      return (await opened.db.all<{ id: number }>(query.text, query.params)).map((row) => row.id)
    }

    test('a tag is looked for in its own table, by the whole key; what has no such tag satisfies IS NULL alone', async () => {
      assert.deepEqual(await tagged('=', 'x'), [0])
      assert.deepEqual(await tagged('!=', 'x'), [1], 'not 2, whose tag is another, and not 3, which has none')
      assert.deepEqual(await tagged('LIKE', '%'), [0, 1])
      assert.deepEqual(await tagged('IS NULL', null), [2, 3])
      assert.deepEqual(await tagged('IS NOT NULL', null), [0, 1])
      assert.deepEqual(await tagged('=', 'x', 'K'), [2])
      assert.deepEqual(await tagged('=', 'x', "k' OR 1 = 1 --"), [])
    })
  })
}

const TAGS = [
  [0, 'k', 'x'],
  [1, 'k', ''],
  [2, 'K', 'x'],
] as const
