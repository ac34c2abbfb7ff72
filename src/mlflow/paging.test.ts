/** Page tokens: what is read back, what is refused, and that a page begins after a position in every order. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { prng } from '../stats/prng.ts'
import { openTemporaryStore } from '../store/open.ts'
import { raw, sql } from '../store/sql/sql.ts'
import { keyset, pageToken, queryHash, readToken } from './paging.ts'
import type { SortColumn } from './paging.ts'

const refusal = (work: () => unknown, text: RegExp): void =>
  assert.throws(work, (error: { data?: Record<string, unknown> }) => {
    assert.equal(error.data?.['mlflow_code'], 'INVALID_PARAMETER_VALUE')
    assert.match(String(error.data?.['detail']), text)
    return true
  })
const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

test('a token gives its position back to the query that it was made for, and to no other', () => {
  const hash = queryHash(['runs', 'a = 1'])
  const token = pageToken(hash, [1, 'x', 0.5])
  assert.deepEqual(readToken(token, hash), { after: [1, 'x', 0.5] })
  refusal(() => readToken(token, queryHash(['runs', 'a = 2'])), /belongs to another query/)
  assert.match(token, /^[A-Za-z0-9_-]+$/, 'it may stand in an address')
})

test('no token is the first page', () => {
  assert.equal(readToken(undefined, 'h'), undefined)
  assert.equal(readToken('', 'h'), undefined)
})

test("an offset of MLflow's own tokens is taken, one that is none is not", () => {
  assert.deepEqual(readToken(encoded({ offset: 0 }), 'h'), { offset: 0 })
  assert.deepEqual(readToken(encoded({ offset: 250 }), 'h'), { offset: 250 })
  for (const offset of [-1, 1.5, '3', null, 2 ** 60]) refusal(() => readToken(encoded({ offset }), 'h'), /no position/)
})

for (const [what, token, text] of [
  ['not base64', 'a b', /could not base64-decode/],
  ['not JSON', Buffer.from('{').toString('base64url'), /could not base64-decode/],
  ['a number', encoded(7), /could not base64-decode/],
  ['null', encoded(null), /could not base64-decode/],
  ['a list', encoded([1]), /no position/],
  ['keys that are objects', encoded({ q: 'h', k: [{}] }), /no position/],
  ['keys that are null', encoded({ q: 'h', k: [null] }), /no position/],
] as const) {
  test(`a token that is ${what} is refused`, () => refusal(() => readToken(token, 'h'), text))
}

test('hashes tell queries apart by every part, and are short', () => {
  const hashes = [['a'], ['a', ''], ['a', null], [['a']], { a: 1 }, { a: '1' }].map(queryHash)
  assert.equal(new Set(hashes).size, hashes.length)
  for (const hash of hashes) assert.equal(hash.length, 16)
})

test('a position of another type than its column never reaches the database', () => {
  const columns: SortColumn[] = [
    { expression: raw('a'), descending: false, type: 'int' },
    { expression: raw('b'), descending: false, type: 'text' },
  ]
  const token = (after: (string | number)[]) => pageToken(queryHash('q'), after)
  for (const after of [['1', 'x'], [1.5, 'x'], [1, 2], [1], []]) {
    refusal(() => keyset(columns, token(after), 'q'), /does not fit the order/)
  }
  assert.deepEqual(keyset(columns, token([1, 'x']), 'q').position, [1, 'x'])
})

describe('pages of a table', () => {
  test('property: pages of any size in any order are the rows that sorting gives, each once', async () => {
    const store = await openTemporaryStore()
    const { db } = store
    const random = prng(4)
    const pick = (n: number): number => Math.floor(random.uniform() * n)
    const rows = Array.from({ length: 40 }, (_, id) => ({
      id,
      a: pick(4) - 2,
      b: pick(3) / 2,
      c: 'xyz'.charAt(pick(3)),
    }))
    const values = rows.map(({ id, a, b, c }) => `(${id}, ${a}, ${b}, '${c}')`).join(', ')
    const table = raw(`(WITH t (id, a, b, c) AS (VALUES ${values}) SELECT * FROM t) t`)
    for (const size of [1, 3, 39, 40, 41]) {
      for (let turn = 0; turn < 4; turn++) {
        const down = [pick(2) === 1, pick(2) === 1, pick(2) === 1]
        const columns: SortColumn[] = [
          { expression: raw('a'), descending: down[0] === true, type: 'int' },
          { expression: raw('b'), descending: down[1] === true, type: 'double' },
          { expression: raw('c'), descending: down[2] === true, type: 'text' },
          { expression: raw('id'), descending: false, type: 'int' },
        ]
        const side = (at: number, order: number): number => (down[at] === true ? -order : order)
        const wanted = rows.toSorted(
          (x, y) =>
            side(0, x.a - y.a) || side(1, x.b - y.b) || side(2, x.c < y.c ? -1 : x.c > y.c ? 1 : 0) || x.id - y.id,
        )
        const found: number[] = []
        let token: string | undefined
        do {
          const page = keyset(columns, token, ['t', down])
          const query = sql`SELECT id${page.keys} FROM ${table} WHERE 1 = 1 ${page.after} ORDER BY ${page.order} LIMIT ${size}`
          const part = await db.all<{ id: number } & Record<string, number | string>>(query.text, query.params)
          found.push(...part.map((row) => row.id))
          const last = part.at(-1)
          token = last === undefined || part.length < size ? undefined : page.next(last)
        } while (token !== undefined)
        assert.deepEqual(
          found,
          wanted.map((row) => row.id),
          `${size} ${down.join()}`,
        )
      }
    }
    await store.close()
  })
})
