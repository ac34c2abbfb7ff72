/** Migrations: applied once, together or not at all, and never against a database of another history. */
import assert from 'node:assert/strict'
import fs, { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { damageTable } from '../../test/scenarios/damaged-table.ts'
import { startPostgres } from '../../test/postgres.ts'
import { knownDamage } from './damage.ts'
import type { Db } from './db.ts'
import { unavailable } from './failures.ts'
import { migrate, readMigrations, statementsFor } from './migrate.ts'
import { openPostgres } from './postgres/postgres.ts'
import { openSqlite } from './sqlite/sqlite.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-migrate-'))
const closers: (() => Promise<void>)[] = []
after(async () => {
  for (const close of closers) await close()
  rmSync(root, { recursive: true, force: true })
})

let made = 0

function folder(files: Record<string, string>): string {
  const path = mkdtempSync(join(root, 'migrations-'))
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(path, name), sql)
  return path
}

const engines: Record<string, () => Promise<Db>> = {
  SQLite: async () => {
    const db = openSqlite(join(root, `${++made}.db`))
    closers.push(() => db.close())
    return db
  },
  PostgreSQL: async () => {
    const server = await startPostgres()
    const db = openPostgres(server.url)
    closers.push(async () => {
      await db.close()
      await server.stop()
    })
    return db
  },
}

for (const [engine, open] of Object.entries(engines)) {
  describe(`${engine}: migrations`, () => {
    const first = { '0001_a.sql': '-- why\nCREATE TABLE a (id TEXT PRIMARY KEY);\nCREATE INDEX a_id ON a (id);\n' }
    const second = { ...first, '0002_b.sql': 'ALTER TABLE a ADD COLUMN n BIGINT;\n' }

    it('applies what is missing, in order, once, with its time', async () => {
      const db = await open()
      assert.deepEqual(await migrate(db, folder(first), () => 5), ['0001_a.sql'])
      assert.deepEqual(await migrate(db, folder(second), () => 6), ['0002_b.sql'])
      assert.deepEqual(await migrate(db, folder(second)), [])
      await db.tx((t) => t.run('INSERT INTO a (id, n) VALUES (?, ?)', ['x', 1]))
      const rows = await db.all('SELECT number, name, applied_at FROM schema_migrations ORDER BY number')
      assert.deepEqual(rows, [
        { number: 1, name: '0001_a.sql', applied_at: 5 },
        { number: 2, name: '0002_b.sql', applied_at: 6 },
      ])
    })

    it('of several that start together, one applies', async () => {
      const db = await open()
      const applied = await Promise.all([1, 2, 3, 4].map(() => migrate(db, folder(second))))
      assert.deepEqual(applied.flat(), ['0001_a.sql', '0002_b.sql'])
    })

    it('one that fails leaves nothing, and names its statement', async () => {
      const db = await open()
      const broken = folder({ ...first, '0002_b.sql': 'CREATE TABLE b (id TEXT);\nCREATE NONSENSE;\n' })
      await assert.rejects(migrate(db, broken), /0002_b\.sql failed:[\s\S]*CREATE NONSENSE/)
      await assert.rejects(db.all('SELECT * FROM a'))
      assert.equal((await migrate(db, folder(second))).length, 2)
    })

    it('works beside a newer program that only added, until that one takes away what this one needs', async () => {
      const db = await open()
      await migrate(db, folder(second))
      assert.deepEqual(await migrate(db, folder(first)), [])
      await db.tx((t) => t.run("INSERT INTO a (id) VALUES ('by the old one')"))
      const third = { ...second, '0003_c.sql': '-- needs: 0002\nALTER TABLE a DROP COLUMN n;\n' }
      await migrate(db, folder(third))
      await assert.rejects(
        migrate(db, folder(first)),
        /newer Slipway \(migration 0002_b\.sql\)[\s\S]*up to 1[\s\S]*2 is needed/,
      )
      assert.deepEqual(await migrate(db, folder(second)), [])
      const wrong = folder({ ...third, '0004_d.sql': '-- needs: 9\nDROP TABLE a;\n' })
      await assert.rejects(migrate(db, wrong), /0004_d\.sql: expected "-- needs: "/)
    })

    it('refuses the schema of another history and a changed migration', async () => {
      const db = await open()
      await migrate(db, folder(second))
      const other = folder({ '0001_a.sql': first['0001_a.sql'], '0003_c.sql': 'CREATE TABLE c (id TEXT);\n' })
      await assert.rejects(migrate(db, other), /newer Slipway \(migration 0002_b\.sql\)/)
      const changed = folder({ ...second, '0001_a.sql': 'CREATE TABLE a (id BIGINT);\n' })
      await assert.rejects(migrate(db, changed), /0001_a\.sql is not the text/)
    })

    it('the floor only rises, and says which number is needed', async () => {
      const db = await open()
      const files = {
        ...second,
        '0003_c.sql': '-- needs: 0002\nSELECT 1;\n',
        '0004_d.sql': '-- needs: 0001\nSELECT 1;\n',
      }
      await migrate(db, folder(files))
      assert.deepEqual(await db.all('SELECT number FROM schema_floor'), [{ number: 2 }])
      assert.deepEqual(await migrate(db, folder(second)), [])
      await assert.rejects(migrate(db, folder(first)), /knows migrations up to 1, cannot work with it: 2 is needed/)
      const own = { ...files, '0005_e.sql': '-- needs: 0005\nSELECT 1;\n' }
      assert.deepEqual(await migrate(db, folder(own)), ['0005_e.sql'])
      const later = folder({ ...own, '0006_f.sql': '-- needs: 0007\nSELECT 1;\n' })
      await assert.rejects(migrate(db, later), /0006_f\.sql: expected "-- needs: "/)
      assert.deepEqual(await db.all('SELECT number FROM schema_floor'), [{ number: 5 }])
    })

    it('one that is missing below those that are known is another history, one above is not', async () => {
      const db = await open()
      const gap = { '0001_a.sql': first['0001_a.sql'], '0003_c.sql': 'CREATE TABLE c (id TEXT);\n' }
      await migrate(db, folder(gap))
      assert.deepEqual(await migrate(db, folder({ ...gap, '0002_b.sql': second['0002_b.sql'] })), ['0002_b.sql'])
      await assert.rejects(migrate(db, folder(gap)), (error: Error) => {
        assert.match(error.message, /newer Slipway \(migration 0002_b\.sql\)/)
        assert.doesNotMatch(error.message, /is needed/)
        return true
      })
      assert.deepEqual(await migrate(db, folder(first)), [])
    })

    it('the migrations of this program apply', async () => {
      const db = await open()
      const applied = await migrate(db)
      assert.equal(applied[0], '0001_store.sql')
      assert.deepEqual(await migrate(db), [])
    })
  })
}

describe('migration files', () => {
  it('have parts for one kind of database', () => {
    const sql =
      'CREATE TABLE x (a TEXT);\n-- only: postgres\nCREATE INDEX p ON x (a);\n-- only: sqlite\nCREATE INDEX s ON x (a);\n-- all\nCREATE INDEX b ON x (a); -- both\n'
    const expected = (own: string) => [
      'CREATE TABLE x (a TEXT)',
      `CREATE INDEX ${own} ON x (a)`,
      'CREATE INDEX b ON x (a)',
    ]
    assert.deepEqual(statementsFor(sql, 'sqlite'), expected('s'))
    assert.deepEqual(statementsFor(sql, 'postgres'), expected('p'))
  })

  it('are read by number whatever the order of their names, with the hash of their text', () => {
    const read = readMigrations(folder({ '0010_b.sql': 'SELECT 2;\n', '0002_a.sql': 'SELECT 1;\n', 'notes.md': 'x' }))
    assert.deepEqual(
      read.map(({ number, name, sql }) => [number, name, sql]),
      [
        [2, '0002_a.sql', 'SELECT 1;\n'],
        [10, '0010_b.sql', 'SELECT 2;\n'],
      ],
    )
    assert.equal(read[0]?.sha256, 'b4e0497804e46e0a0b0b8c31975b062152d551bac49c3c2e80932567b4085dcd')
    for (const name of ['01_a.sql', '00001_a.sql', '0001-a.sql', '0001_A.sql', '0001_.sql', 'x0001_a.sql'])
      assert.throws(() => readMigrations(folder({ [name]: '' })), /expected a name such as 0001_store\.sql/, name)
  })

  it('end a statement only at the end of a line, and leave comments of a line out', () => {
    const sql =
      "-- head\nINSERT INTO a VALUES ('x;y');\n  -- inside\nUPDATE a\n  SET b = 1; \t-- why; so\n\n;\nDELETE FROM a"
    assert.deepEqual(statementsFor(sql, 'sqlite'), [
      "INSERT INTO a VALUES ('x;y')",
      'UPDATE a\n  SET b = 1',
      'DELETE FROM a',
    ])
    assert.deepEqual(statementsFor('', 'sqlite'), [])
    assert.deepEqual(statementsFor('  --only:sqlite  \nA;\n--  all \nB;\n', 'postgres'), ['B'])
  })

  it('have a number each, and a name that says so', () => {
    assert.throws(() => readMigrations(folder({ 'first.sql': '' })), /expected a name such as/)
    assert.throws(() => readMigrations(folder({ '0002_c.sql': '', '0001_a.sql': '', '0001_b.sql': '' })), {
      message: 'migrations 0001_a.sql and 0001_b.sql have the same number',
    })
  })
})

describe('a damaged SQLite file', () => {
  const first = { '0001_a.sql': 'CREATE TABLE a (id TEXT PRIMARY KEY);\n' }
  const second = { ...first, '0002_b.sql': 'ALTER TABLE a ADD COLUMN n BIGINT;\n' }

  /** A file that these migrations made, of which a table is damaged since. */
  async function damaged(files: Record<string, string>, table: string): Promise<Db> {
    const path = join(root, `${++made}.db`)
    const before = openSqlite(path)
    await migrate(before, folder(files))
    await before.close()
    damageTable(path, table)
    const damage = knownDamage()
    damage.tell(`${table}: malformed`)
    const db = openSqlite(path, { damage })
    closers.push(() => db.close())
    return db
  }

  for (const table of ['a', 'schema_floor', 'schema_migrations'])
    it(`is read where it has what the migrations make, although ${table} is damaged`, async () => {
      assert.deepEqual(await migrate(await damaged(second, table), folder(second)), [])
    })

  it('is refused where it lacks some of it, whether or not it can tell what was applied', async () => {
    for (const table of ['a', 'schema_migrations'])
      await assert.rejects(migrate(await damaged(first, table), folder(second)), /made by an older version/)
  })
})

describe('another process that migrates', () => {
  const busy = unavailable('another process holds its lock', Object.assign(new Error(), { code: '55P03' }))
  const away = unavailable('it cannot be reached', Object.assign(new Error(), { code: 'ECONNREFUSED' }))

  /** Migrates while the database fails in turn, a minute after it was asked. Gives the outcome and how often it was asked. */
  async function migrated(t: TestContext, failures: Iterable<unknown>): Promise<[unknown, number]> {
    const db = await engines['SQLite']!()
    let [now, asked] = [0, 0]
    t.mock.method(performance, 'now', () => now)
    const turns = failures[Symbol.iterator]()
    const failing: Db = Object.assign(Object.create(db) as Db, {
      tx: async (work: Parameters<Db['tx']>[0]) => {
        asked += 1
        now += 60_000
        const { value, done } = turns.next()
        if (done === true) return db.tx(work)
        throw value
      },
    })
    const ended = await migrate(failing, folder({ '0001_a.sql': 'SELECT 1;' })).catch((error: unknown) => error)
    t.mock.restoreAll()
    return [ended, asked]
  }

  it('is waited for', async (t) => assert.deepEqual(await migrated(t, [busy, busy]), [['0001_a.sql'], 3]))

  it('is waited for no longer than half an hour', async (t) => {
    function* always(): Generator {
      for (;;) yield busy
    }
    assert.deepEqual(await migrated(t, always()), [busy, 30])
  })

  it('is not what is wrong with a database out of reach, or with a fault of another kind', async (t) => {
    const bare = Object.assign(new Error('not explained'), { code: '55P03', cause: busy.cause })
    for (const fault of [away, bare, 'text']) assert.deepEqual(await migrated(t, [fault]), [fault, 1])
  })
})

it('migrations come by number, in whatever order the system gives their files', (t) => {
  const path = folder({ '0001_z.sql': '', '0002_b.sql': '', '0003_a.sql': '' })
  t.mock.method(fs, 'readdirSync', () => ['0002_b.sql', '0003_a.sql', '0001_z.sql'])
  syncBuiltinESMExports()
  t.after(() => {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
  assert.deepEqual(
    readMigrations(path).map(({ number, name }) => [number, name]),
    [
      [1, '0001_z.sql'],
      [2, '0002_b.sql'],
      [3, '0003_a.sql'],
    ],
  )
})
