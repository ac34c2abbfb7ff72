/** Tables of a PostgreSQL as files: what is saved in which order, and what of it is refused when it is read back. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { temporaryFolder } from '../../../test/fixtures/folder.ts'
import { startPostgres, type TestPostgres } from '../../../test/postgres.ts'
import type { Db } from '../db.ts'
import { applyMissing, MIGRATIONS, readMigrations } from '../migrate.ts'
import { openPostgres } from './postgres.ts'
import { saveTables, startLoading, type Loading, type SavedDatabase } from './snapshot.ts'

const folder = temporaryFolder('snapshot')
const fileOf = (table: string): string => join(folder, table)

async function* rowsOf(table: string): AsyncGenerator<Uint8Array> {
  yield readFileSync(fileOf(table))
}
async function* text(rows: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(rows)
}

describe('tables of a PostgreSQL', () => {
  let server: TestPostgres
  let target: TestPostgres
  let db: Db
  let saved: SavedDatabase
  before(async () => {
    server = await startPostgres()
    db = openPostgres(server.url)
    target = await startPostgres()
    await db.tx(async (t) => {
      // two migrations that need no other
      const few = readMigrations(MIGRATIONS).filter(({ number }) => number === 1 || number === 18)
      await applyMissing(t, few, Date.now)
      await t.run("INSERT INTO store_facts (name, value) VALUES ('a', '1'), ('b', '2')")
      // a column that is gone, one that is computed, and a reference against the order of the alphabet
      await t.run('ALTER TABLE store_facts ADD COLUMN gone BIGINT')
      await t.run('ALTER TABLE store_facts DROP COLUMN gone')
      await t.run('ALTER TABLE store_facts ADD COLUMN computed TEXT GENERATED ALWAYS AS (name || value) STORED')
      await t.run('CREATE TABLE foreign_facts (name TEXT REFERENCES store_facts (name))')
      await t.run('ALTER TABLE condemned_blobs ADD FOREIGN KEY (digest) REFERENCES store_facts (name)')
      await t.run('ALTER TABLE store_facts ADD FOREIGN KEY (value) REFERENCES store_facts (name) NOT VALID')
    })
    saved = await saveTables(server.url, fileOf)
  })
  after(async () => {
    await db.close()
    await server.stop()
    await target.stop()
  })

  /** Loads into a database that is empty before; what it holds of facts afterwards, undefined when it is as empty as before. */
  async function loaded(from: SavedDatabase, use: (loading: Loading) => Promise<void>): Promise<unknown[] | undefined> {
    const loading = await startLoading(target.url, from)
    try {
      await use(loading)
    } finally {
      await loading.close()
    }
    const there = openPostgres(target.url)
    try {
      const tables = await there.all('SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace')
      return tables.length === 0 ? undefined : await there.all('SELECT name, value FROM store_facts ORDER BY name')
    } finally {
      await there.close()
    }
  }

  async function loadAll(loading: Loading): Promise<void> {
    for (const { name } of saved.tables) await loading.load(name, rowsOf(name))
  }

  it('are those of the migrations, each with its columns and rows, those that others refer to first', () => {
    assert.equal(saved.kind, 'postgres')
    assert.deepEqual(
      saved.migrations.map(({ name }) => name),
      ['0001_store.sql', '0018_store_condemned.sql'],
    )
    const names = saved.tables.map(({ name }) => name)
    const expected = ['condemned_blobs', 'schema_floor', 'schema_migrations', 'store_facts']
    assert.deepEqual([names.toSorted(), readdirSync(folder)], [expected, expected])
    assert.ok(names.indexOf('store_facts') < names.indexOf('condemned_blobs'), names.join(' '))
    assert.deepEqual(
      saved.tables.find(({ name }) => name === 'store_facts'),
      { name: 'store_facts', columns: ['name', 'value'], rows: 2 },
    )
    assert.equal(readFileSync(fileOf('store_facts'), 'utf8'), 'a\t1\nb\t2\n')
    assert.equal(saved.tables.find(({ name }) => name === 'schema_migrations')?.rows, 2)
    assert.equal(statSync(fileOf('store_facts')).mode & 0o777, 0o600)
  })

  const refusals: [string, string, AsyncIterable<Uint8Array>, RegExp][] = [
    ['a table that was not saved', 'nowhere', text(''), /the backup names no table nowhere/],
    ['fewer rows', 'store_facts', text('a\t1\n'), /table store_facts has 1 rows, and 2 were saved/],
    ['more rows', 'store_facts', text('a\t1\nb\t2\nc\t3\n'), /table store_facts has 3 rows, and 2 were saved/],
    ['a row too short', 'store_facts', text('a\n'), /table store_facts: missing data for column "value"/],
    ['a row twice', 'store_facts', text('a\t1\na\t1\n'), /table store_facts: duplicate key/],
    ['what is no number', 'condemned_blobs', text('a\tx\n'), /table condemned_blobs: invalid input syntax/],
  ]
  for (const [what, table, rows, message] of refusals) {
    it(`${what}: refused, and the database stays empty`, async () => {
      const facts = await loaded(saved, async (loading) => {
        await assert.rejects(loading.load(table, rows), { code: 'bad_request', message })
        await assert.rejects(loading.commit())
      })
      assert.equal(facts, undefined)
    })
  }

  it('a column that this program does not have is no sound backup', async () => {
    const tables = saved.tables.map((table) => ({ ...table, columns: [...table.columns, 'unknown'] }))
    await loaded({ ...saved, tables }, async (loading) => {
      await assert.rejects(loading.load('store_facts', rowsOf('store_facts')), {
        code: 'bad_request',
        message: /column "unknown"/,
      })
    })
  })

  it('a table that did not come is missed at the commit', async () => {
    await loaded(saved, async (loading) => {
      await assert.rejects(loading.commit(), { code: 'bad_request', message: /has 0 rows, and \d+ were saved/ })
    })
  })

  it('what the source of rows throws is thrown as it is', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a\t1\n')
      throw new Error('the file is cut')
    }
    await loaded(saved, async (loading) => {
      await assert.rejects(loading.load('store_facts', broken()), /^Error: the file is cut$/)
    })
  })

  it('of a schema that this program does not have are refused before anything is made', async () => {
    const [first = assert.fail(), ...rest] = saved.migrations
    for (const migrations of [
      [{ ...first, sha256: 'f'.repeat(64) }, ...rest],
      [...saved.migrations, { number: 9999, name: '9999_later.sql', sha256: first.sha256 }],
    ])
      await assert.rejects(startLoading('postgres://127.0.0.1:1/never', { ...saved, migrations }), {
        code: 'unprocessable',
        message: /made by another Slipway, whose migration (0001_store|9999_later)\.sql/,
      })
  })

  it('come back all at once, when they are committed', async () => {
    assert.equal(await loaded(saved, loadAll), undefined, 'not without a commit')
    const facts = await loaded(saved, async (loading) => {
      await loadAll(loading)
      const beside = openPostgres(target.url)
      assert.deepEqual(await beside.all("SELECT 1 FROM pg_tables WHERE schemaname = 'public'"), [])
      await beside.close()
      await loading.commit()
    })
    assert.deepEqual(facts, [
      { name: 'a', value: '1' },
      { name: 'b', value: '2' },
    ])
  })

  it('a database that holds anything is refused by its address, without its password', async () => {
    const full = await startPostgres()
    const there = openPostgres(full.url)
    await there.tx((t) => t.run('CREATE VIEW mine AS SELECT 1 AS one'))
    const { host, pathname } = new URL(full.url)
    const url = full.url.replace('slipway@', 'slipway:secret@')
    const told = (code: string) => (error: Error & { code?: string }) => {
      assert.equal(error.code, code)
      assert.ok(error.message.includes(host + pathname), error.message)
      assert.equal(error.message.includes('secret'), false)
      return true
    }
    await assert.rejects(startLoading(url, saved), told('conflict'))
    await assert.rejects(startLoading(url, saved), /is not empty: it has mine;/)
    await assert.rejects(saveTables(url, fileOf), told('not_found'))
    // nobody is left connected to it
    const left =
      'SELECT count(*) AS c FROM pg_stat_activity WHERE datname = current_database() AND application_name = ?'
    assert.deepEqual(await there.get(left, ['slipway backup']), { c: 0 })
    await there.close()
    await full.stop()
  })
})
