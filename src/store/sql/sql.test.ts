/** Composed statements: what text and values come of them, and that rows written by them are the rows that are read. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { emptyPostgres, emptySqlite } from '../../../test/databases.ts'
import type { Db, SqlValue, Tx } from '../db.ts'
import { deleteRows, insertion, insertRow, updateRows } from './rows.ts'
import { all, arrayOf, fetchAll, inList, insertMany, insertRows, joined, raw, searchAll, sql, unnested } from './sql.ts'

describe('composed statements', () => {
  it('values become marks in their order; fragments bring theirs with them', () => {
    const inner = sql`b > ${2} AND c = ${'three'}`
    assert.deepEqual(sql`SELECT a FROM t WHERE a = ${1} AND (${inner}) OR d = ${null}`, {
      text: 'SELECT a FROM t WHERE a = ? AND (b > ? AND c = ?) OR d = ?',
      params: [1, 2, 'three', null],
    })
    assert.deepEqual(sql`nothing`, { text: 'nothing', params: [] })
    const bytes = new Uint8Array([1])
    assert.deepEqual(sql`${bytes}`, { text: '?', params: [bytes] })
    assert.deepEqual(sql`${raw('"?"')}${1}`, { text: '"?"?', params: [1] })
  })

  it('conditions are joined; none is always true', () => {
    assert.deepEqual(joined([], ', '), { text: '', params: [] })
    assert.deepEqual(joined([sql`a = ${1}`, raw('b'), sql`c = ${2}`], ' OR '), {
      text: 'a = ? OR b OR c = ?',
      params: [1, 2],
    })
    assert.deepEqual(all([]), { text: '1 = 1', params: [] })
    assert.deepEqual(all([sql`a = ${1}`, sql`b = ${2}`]), { text: 'a = ? AND b = ?', params: [1, 2] })
  })

  it('a list of any length has a power of two of marks, and names no value that was not in it', () => {
    const lengths = new Map([
      [1, 1],
      [2, 2],
      [3, 4],
      [4, 4],
      [5, 8],
      [9, 16],
      [16, 16],
      [17, 32],
      [1000, 1024],
    ])
    for (const [length, padded] of lengths) {
      const values = Array.from({ length }, (_, i) => i * 7)
      const { text, params } = inList(values)
      assert.equal(text, `(?${', ?'.repeat(padded - 1)})`)
      assert.deepEqual(params.slice(0, length), values)
      assert.equal(params.length, padded)
      assert.ok(params.slice(length).every((value) => value === values.at(-1)))
      assert.equal(values.length, length)
    }
    assert.deepEqual(inList([]), { text: '(NULL)', params: [] })
  })

  it('a row is inserted by the names of its columns', () => {
    assert.deepEqual(insertion('t', { a: 1, b: null }, 'RETURNING a'), {
      text: 'INSERT INTO t (a, b) VALUES (?, ?) RETURNING a',
      params: [1, null],
    })
  })
})

/** A transaction that notes what it is told to run. */
function noting(kind: Tx['kind']): { t: Tx; ran: { sql: string; params: readonly SqlValue[] }[] } {
  const ran: { sql: string; params: readonly SqlValue[] }[] = []
  const run = async (text: string, params: readonly SqlValue[] = []): Promise<number> => {
    ran.push({ sql: text, params })
    return params.length
  }
  return { t: { kind, run } as Tx, ran }
}

describe('rows in chunks', () => {
  it('chunks are powers of two, 64 at most, and hold all rows in order', async () => {
    for (const [length, sizes] of [
      [0, []],
      [1, [1]],
      [2, [2]],
      [3, [2, 1]],
      [63, [32, 16, 8, 4, 2, 1]],
      [64, [64]],
      [65, [64, 1]],
      [200, [64, 64, 64, 8]],
    ] as const) {
      const { t, ran } = noting('sqlite')
      const rows = Array.from({ length }, (_, i): SqlValue[] => [i, `r${i}`])
      assert.equal(await insertRows(t, 'INSERT INTO t (a, b)', rows, 'ON CONFLICT DO NOTHING'), 2 * length)
      assert.deepEqual(
        ran.map(({ params }) => params.length / 2),
        sizes,
      )
      assert.deepEqual(
        ran.flatMap(({ params }) => params),
        rows.flat(),
      )
      for (const { sql: text, params } of ran) {
        const marks = Array.from({ length: params.length / 2 }, () => '(?, ?)').join(', ')
        assert.equal(text, `INSERT INTO t (a, b) VALUES ${marks} ON CONFLICT DO NOTHING`)
      }
    }
  })

  it('rows of different widths do not share their marks', async () => {
    const { t, ran } = noting('sqlite')
    await insertRows(t, 'i', [[1], [2]])
    await insertRows(t, 'i', [[1, 2, 3]])
    assert.deepEqual(
      ran.map(({ sql: text }) => text.trim()),
      ['i VALUES (?), (?)', 'i VALUES (?, ?, ?)'],
    )
  })

  it('only PostgreSQL gets arrays, and only for more than one row', async () => {
    const into = { table: 't', columns: { a: 'BIGINT', b: 'TEXT' } } as const
    for (const [kind, rows, arrays] of [
      ['sqlite', 2, false],
      ['postgres', 1, false],
      ['postgres', 2, true],
    ] as const) {
      const { t, ran } = noting(kind)
      await insertMany(
        t,
        into,
        Array.from({ length: rows }, (): SqlValue[] => [1, 'x']),
        'TAIL',
      )
      assert.equal(ran.length, 1)
      assert.equal(ran[0]?.sql.includes('unnest'), arrays, `${kind} ${rows}`)
      assert.match(ran[0]?.sql ?? '', /^INSERT INTO t \(a, b\) .* TAIL$/)
    }
    const { t, ran } = noting('postgres')
    assert.equal(await insertMany(t, into, [], ''), 0)
    assert.deepEqual(ran, [])
    assert.deepEqual(
      unnested(into, [[1, 'x']], 'T').text,
      'INSERT INTO t (a, b) SELECT * FROM unnest(CAST(? AS BIGINT[]), CAST(? AS TEXT[])) T',
    )
  })
})

const NUMBERS = [0, -1, 1, 2 ** 31, -(2 ** 31), 2 ** 32, -(2 ** 32) - 1, 2 ** 53 - 1, -(2 ** 53) + 1]
const DOUBLES = [0, -0.5, 1 / 3, 5e-324, 1.7976931348623157e308, -1e-7, 123456789.12345679, 3, -3]
const TEXTS = [
  '',
  'a',
  'a',
  'ünïcode 🙂',
  "'; DROP TABLE many --",
  '{"a",NULL}',
  'NULL',
  'x'.repeat(5000),
  'tab\tline\n',
]

/** Rows with every value beside a null, in runs of equal neighbours and out of them. */
function rowsOfAll(): SqlValue[][] {
  const rows: SqlValue[][] = []
  for (let i = 0; i < 150; i++) {
    const pick = (values: readonly SqlValue[], step: number): SqlValue =>
      i % step === 0 ? null : (values[Math.floor(i / 3) % values.length] ?? null)
    rows.push([i, pick(NUMBERS, 5), pick(DOUBLES, 7), pick(TEXTS, 4)])
  }
  return rows
}

function cases(name: string, open: () => Promise<{ db: Db; close: () => Promise<void> }>): void {
  describe(`statements on ${name}`, () => {
    let opened: Awaited<ReturnType<typeof open>>
    let db: Db
    before(async () => {
      opened = await open()
      db = opened.db
      await db.tx((t) => t.run('CREATE TABLE many (id BIGINT PRIMARY KEY, n BIGINT, x DOUBLE PRECISION, text TEXT)'))
    })
    after(() => opened.close())

    const into = {
      table: 'many',
      columns: { id: 'BIGINT', n: 'BIGINT', x: 'DOUBLE PRECISION', text: 'TEXT' },
    } as const
    const stored = async (): Promise<SqlValue[][]> =>
      (await db.all<Record<string, SqlValue>>('SELECT id, n, x, text FROM many ORDER BY id')).map((row) => [
        row['id'] ?? null,
        row['n'] ?? null,
        row['x'] ?? null,
        row['text'] ?? null,
      ])

    it('rows come back as they were written, however they were inserted', async () => {
      const rows = rowsOfAll()
      for (const insert of [
        (t: Tx) => insertMany(t, into, rows, ''),
        (t: Tx) => insertRows(t, 'INSERT INTO many (id, n, x, text)', rows),
      ]) {
        assert.equal(await db.tx(insert), rows.length)
        assert.deepEqual(await stored(), rows)
        assert.equal(await db.tx((t) => deleteRows(t, 'many')), rows.length)
      }
    })

    it('a conflict is counted as what it did', async () => {
      const rows = Array.from({ length: 70 }, (_, i): SqlValue[] => [i, 1, null, null])
      await db.tx((t) => insertMany(t, into, rows.slice(0, 10), ''))
      assert.equal(await db.tx((t) => insertMany(t, into, rows, 'ON CONFLICT DO NOTHING')), 60)
      const head = 'INSERT INTO many (id, n, x, text)'
      const update = 'ON CONFLICT (id) DO UPDATE SET n = many.n + 1'
      assert.equal(await db.tx((t) => insertRows(t, head, [...rows, [70, 1, null, null]], update)), 71)
      assert.deepEqual(await db.get('SELECT sum(n) AS n FROM many'), { n: 141 })
      await db.tx((t) => deleteRows(t, 'many'))
    })

    it('lists of any length find what is in them, and an empty one nothing', async () => {
      await db.tx((t) => insertMany(t, into, rowsOfAll(), ''))
      for (let length = 0; length < 20; length++) {
        const ids = Array.from({ length }, (_, i) => i * 5)
        const query = sql`SELECT id FROM many WHERE id IN ${inList(ids)} ORDER BY id`
        const found = { plain: await fetchAll<{ id: number }>(db, query), searched: await searchAll(db, query) }
        assert.deepEqual(
          found.plain.map(({ id }) => id),
          ids,
        )
        assert.deepEqual(found.searched, found.plain)
      }
      await db.tx((t) => deleteRows(t, 'many'))
    })

    it('rows that fit are changed and deleted, the others are not', async () => {
      await db.tx(async (t) => {
        assert.equal(await insertRow(t, 'many', { id: 1, n: 1, text: 'a' }), 1)
        assert.equal(await insertRow(t, 'many', { id: 2, n: 1, text: 'b' }), 1)
        assert.equal(await insertRow(t, 'many', { id: 2, n: 9 }, 'ON CONFLICT DO NOTHING'), 0)
        assert.equal(await updateRows(t, 'many', { n: 5, text: null }, sql`id = ${2} AND text = ${'b'}`), 1)
        assert.equal(await updateRows(t, 'many', { n: 7 }, sql`id > ${2}`), 0)
      })
      assert.deepEqual(await stored(), [
        [1, 1, null, 'a'],
        [2, 5, null, null],
      ])
      assert.equal(await db.tx((t) => deleteRows(t, 'many', sql`n = ${5}`)), 1)
      assert.deepEqual(await stored(), [[1, 1, null, 'a']])
      await db.tx((t) => deleteRows(t, 'many'))
    })

    if (name === 'PostgreSQL') {
      it('an array is read as the values that it was made of', async () => {
        for (const [type, values] of [
          ['BIGINT', NUMBERS],
          ['DOUBLE PRECISION', DOUBLES],
          ['TEXT', TEXTS],
        ] as const) {
          for (const list of [values, [null, ...values, null, null], [null], []]) {
            const rows = await fetchAll<{ v: SqlValue }>(
              db,
              sql`SELECT v FROM unnest(${arrayOf(type, list)}) WITH ORDINALITY AS u (v, at) ORDER BY at`,
            )
            assert.deepEqual(
              rows.map(({ v }) => v),
              list,
            )
          }
        }
      })
    }
  })
}

cases('SQLite', emptySqlite)
cases('PostgreSQL', emptyPostgres)

it('a list that no statement could hold is the mistake of who sent it', () => {
  assert.equal(inList(Array<string>(16_384).fill('x')).params.length, 16_384)
  assert.throws(() => inList(Array<string>(16_385).fill('x')), {
    code: 'bad_request',
    message: /16385 values; at most 16384/,
  })
})
