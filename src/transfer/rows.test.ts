/** Rows that move, on a table of the test's own: read page by page, written once, refused where they differ, followed where they came from. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { emptySqlite } from '../../test/databases.ts'
import type { TestDatabase } from '../../test/databases.ts'
import type { Principal } from '../contract/access.ts'
import type { Row } from '../store/db.ts'
import { movedTable, naming, originOf } from '../store/moved/table.ts'
import type { MovedTable } from '../store/moved/table.ts'
import { sql } from '../store/sql/sql.ts'
import { readRows, writeRows } from './rows.ts'
import type { Written } from './rows.ts'

let database: TestDatabase
before(async () => {
  database = await emptySqlite()
  await run(
    'CREATE TABLE boats (harbour TEXT, id INTEGER, name TEXT UNIQUE, length REAL, note TEXT, PRIMARY KEY (harbour, id))',
    'CREATE TABLE tracking_import_origins (import_id TEXT, thing TEXT, PRIMARY KEY (import_id, thing))',
  )
})
after(() => database.close())
beforeEach(() => run('DELETE FROM boats', 'DELETE FROM tracking_import_origins'))

const run = (...statements: readonly string[]): Promise<void> =>
  database.db.tx(async (t) => {
    for (const statement of statements) await t.run(statement)
  })

const WHO = { name: 'ada', role: 'admin', project: null } as unknown as Principal
const ALL = { kind: 'all' } as const
const WORDS = 'harbour id:int | name length:real? note?'
const within = naming('harbour', (scope) => (scope.kind === 'project' ? sql`${scope.id}` : undefined))
const table = (more: Partial<MovedTable> = {}): MovedTable => movedTable('boats', WORDS, within, more)
const boat = (id: number, changed: Row = {}): Row => ({
  harbour: 'kiel',
  id,
  name: `boat ${id}`,
  length: 2.5,
  note: null,
  ...changed,
})

const write = (
  rows: readonly Row[],
  of = table(),
  more: { dryRun?: boolean; following?: string } = {},
): Promise<Written> => writeRows(database.db, WHO, of, { rows, dryRun: false, ...more })
const here = async (): Promise<Row[]> =>
  (await readRows(database.db, table(), ALL, { after: undefined, limit: 1000 })).rows

describe('rows that are read', () => {
  it('come page by page in the order of the key, each once', async () => {
    const rows = ['kiel', 'bremen'].flatMap((harbour) =>
      [10, 2, 7].map((id) => boat(id, { harbour, name: `${harbour} ${id}` })),
    )
    await write(rows)
    for (const limit of [1, 2, 3, 5, 6, 7]) {
      const found: string[] = []
      let last: string | undefined
      let pages = 0
      do {
        const page = await readRows(database.db, table(), ALL, { after: last, limit })
        assert.ok(page.rows.length <= limit)
        found.push(...page.rows.map((row) => `${String(row['harbour'])} ${String(row['id'])}`))
        last = page.after
        assert.ok(++pages < 10)
      } while (last !== undefined)
      assert.deepEqual(found, ['bremen 2', 'bremen 7', 'bremen 10', 'kiel 2', 'kiel 7', 'kiel 10'], `${limit} a page`)
    }
  })

  it('are those of a scope, and none where the scope has none of the table', async () => {
    await write([boat(1), boat(2, { harbour: 'bremen' })])
    const of = async (scope: Parameters<typeof readRows>[2]): Promise<unknown[]> =>
      (await readRows(database.db, table(), scope, { after: undefined, limit: 10 })).rows.map((row) => row['id'])
    assert.deepEqual(await of({ kind: 'project', id: 'bremen' }), [2])
    assert.deepEqual(await of({ kind: 'project', id: 'rostock' }), [])
    assert.deepEqual(await of({ kind: 'run', id: 'kiel' }), [])
  })

  it('leave as the table says', async () => {
    await write([boat(1, { note: 'secret' })])
    const leaving = (row: Row): Row => ({ ...row, note: null })
    const { rows } = await readRows(database.db, table({ leaving }), ALL, { after: undefined, limit: 1 })
    assert.deepEqual(rows, [boat(1)])
  })

  for (const after of [
    '',
    'kiel',
    '["kiel"]',
    '["kiel", 1, 2]',
    '["kiel", "1"]',
    '["kiel", null]',
    '["kiel", 1.5]',
    '{"harbour": "kiel"}',
  ])
    it(`are not read from behind ${after || 'nothing'}`, async () => {
      await assert.rejects(readRows(database.db, table(), ALL, { after, limit: 1 }), {
        code: 'invalid_field',
        message: /^after: .*expected what the page before answered/,
      })
    })
})

describe('rows that are written', () => {
  it('are added once, and counted as the same after', async () => {
    assert.deepEqual(await write([boat(1), boat(2)]), { added: 2, same: 0, changed: 0, kept: [] })
    assert.deepEqual(await write([boat(1), boat(2), boat(3)]), { added: 1, same: 2, changed: 0, kept: [] })
    assert.deepEqual(await write([boat(4), boat(4)]), { added: 1, same: 1, changed: 0, kept: [] })
    assert.deepEqual(
      await here(),
      [1, 2, 3, 4].map((id) => boat(id)),
    )
  })

  it('are compared all, however many come at once', async () => {
    const rows = Array.from({ length: 173 }, (_, id) => boat(id))
    await write(rows.filter((_, i) => i % 2 === 0))
    assert.deepEqual(await write(rows), { added: 86, same: 87, changed: 0, kept: [] })
  })

  it('are refused where one is here with other content, and then none is written', async () => {
    await write([boat(1)])
    await assert.rejects(write([boat(2), boat(1, { length: 3, note: 'x' })]), {
      code: 'conflict',
      message: 'boats kiel/1: length is 2.5 here and 3 in the import',
    })
    await assert.rejects(write([boat(3), boat(3, { note: 'x' })]), {
      message: /boats kiel\/3: note is null here and "x"/,
    })
    await assert.rejects(write([boat(1, { note: 'x'.repeat(500) })]), ({ message }: Error) => {
      assert.ok(message.length < 250 && message.endsWith('... in the import'), message)
      return true
    })
    assert.deepEqual(await here(), [boat(1)])
  })

  it('are refused where a name belongs to another row', async () => {
    await write([boat(1)])
    await assert.rejects(write([boat(2, { name: 'boat 1' })]), {
      code: 'conflict',
      message: 'boats: a name among the rows from kiel/2 on belongs to something else here',
    })
  })

  it('are only counted in a dry run, which does not compare what the table fills', async () => {
    await write([boat(1, { note: 'filled' })])
    const filled = table({ fills: ['note'], arriving: () => assert.fail('a dry run completes no rows') })
    assert.deepEqual(await write([boat(1), boat(2)], filled, { dryRun: true }), {
      added: 1,
      same: 1,
      changed: 0,
      kept: [],
    })
    await assert.rejects(write([boat(1)], table(), { dryRun: true }), { code: 'conflict' })
    assert.deepEqual((await here()).length, 1)
  })

  it('are completed on their way, and told to the table in the transaction', async () => {
    const told: Row[] = []
    const of = table({
      arriving: async (_, rows) => rows.map((row) => ({ ...row, note: 'arrived' })),
      given: async (_, row) => ({ length: Number(row['id']) * 2 }),
      written: async (_, who, rows) => {
        assert.equal(who, WHO)
        told.push(...rows)
      },
    })
    await write([boat(3)], of)
    assert.deepEqual(told, [boat(3, { note: 'arrived', length: 6 })])
    assert.deepEqual(await here(), told)
    const failing = table({ written: () => Promise.reject(new Error('the table refuses')) })
    await assert.rejects(write([boat(4)], failing), /the table refuses/)
    assert.equal((await here()).length, 1)
  })

  it('replace what every new server has, when it may', async () => {
    await write([boat(0, { name: 'Default' })])
    const of = table({ replaceable: async (_, row) => row['id'] === 0 })
    assert.equal((await write([boat(0, { name: 'ours' })], of)).added, 1)
    assert.deepEqual(await here(), [boat(0, { name: 'ours' })])
    await assert.rejects(write([boat(0, { name: 'theirs' })], table({ replaceable: async () => false })), {
      code: 'conflict',
    })
  })

  for (const [what, changed, field] of [
    ['a column too many', { colour: 'red' }, 'rows[1].colour'],
    ['a number for a text', { name: 5 }, 'rows[1].name'],
    ['a text with a zero byte', { name: 'a\0b' }, 'rows[1].name'],
    ['no value for what needs one', { name: null }, 'rows[1].name'],
    ['a part of a whole number', { id: 1.5 }, 'rows[1].id'],
    ['a whole number that is too large', { id: 2 ** 53 }, 'rows[1].id'],
    ['a text for a number', { length: '2' }, 'rows[1].length'],
    ['no finite number', { length: Infinity }, 'rows[1].length'],
  ] as const)
    it(`are refused with ${what}`, async () => {
      await assert.rejects(write([boat(1), boat(2, changed)]), ({ code, message }: Error & { code: string }) => {
        assert.deepEqual([code, message.startsWith(`${field}: got `)], ['invalid_field', true], message)
        return true
      })
      assert.deepEqual(await here(), [])
    })
})

describe('rows that are followed', () => {
  const followed = table({ origin: originOf('boats', 'id', { root: true, columns: ['name', 'note'] }) })
  const follow = (rows: readonly Row[], of = followed, following = 'i1'): Promise<Written> =>
    write(rows, of, { following })

  it('become what they are at their source, but for columns that stay', async () => {
    await follow([boat(1), boat(2)])
    await run('UPDATE boats SET length = 9 WHERE id = 1')
    const changed = boat(1, { name: 'new', length: 1 })
    assert.deepEqual(await follow([changed, boat(2)]), { added: 0, same: 1, changed: 1, kept: [] })
    assert.deepEqual(await here(), [boat(1, { name: 'new', length: 9 }), boat(2)])
    assert.deepEqual(
      await follow([changed]),
      { added: 0, same: 1, changed: 0, kept: [] },
      'a column that stays is no change',
    )
  })

  it('are refused where another import, or nobody, brought them', async () => {
    await write([boat(1)])
    await follow([boat(2)], followed, 'other')
    for (const id of [1, 2])
      await assert.rejects(follow([boat(id, { name: 'new' })]), {
        code: 'conflict',
        message: new RegExp(`boats kiel/${id}: name is`),
      })
    assert.deepEqual(await here(), [boat(1), boat(2)])
  })

  it('stay and are told where the table keeps its own', async () => {
    const kept = table({ origin: originOf('boats', 'id', { root: true, columns: [] }) })
    await follow([boat(1)], kept)
    const { kept: told, same, changed } = await follow([boat(1, { note: 'x' })], kept)
    assert.deepEqual([told, same, changed], [['boats kiel/1: note is null here and "x" in the import'], 0, 0])
    assert.deepEqual(await here(), [boat(1)])
  })

  it('change nothing in a dry run, which counts what would change', async () => {
    await follow([boat(1)])
    const tried = await write([boat(1, { name: 'new' })], followed, { dryRun: true, following: 'i1' })
    assert.deepEqual([tried.changed, await here()], [1, [boat(1)]])
  })

  it('are refused by name where their new name belongs to another', async () => {
    await follow([boat(1), boat(2)])
    await assert.rejects(follow([boat(1, { name: 'boat 2' })]), {
      code: 'conflict',
      message: 'boats kiel/1: its name belongs to something else here',
    })
    assert.deepEqual(await here(), [boat(1), boat(2)])
  })
})
