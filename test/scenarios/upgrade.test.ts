/** Upgrades without a stop: an old process goes on writing while a new one migrates, on both databases. */
import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { startPostgres } from '../postgres.ts'
import type { Db } from '../../src/store/db.ts'
import { migrate, MIGRATIONS, readMigrations, type Migration } from '../../src/store/migrate.ts'
import { openPostgres } from '../../src/store/postgres/postgres.ts'
import { openSqlite } from '../../src/store/sqlite/sqlite.ts'
import { until } from '../until.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-upgrade-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** The migrations of the first version that others may run. */
const FIRST_VERSION = 11

interface Column {
  readonly place: string
  /** 1 when a row may be inserted without naming this column. */
  readonly optional: number
}

const COLUMNS: Readonly<Record<Db['kind'], string>> = {
  sqlite: `SELECT m.name || '.' || c.name AS place, CASE WHEN c."notnull" = 0 OR c.dflt_value IS NOT NULL OR c.pk > 0 THEN 1 ELSE 0 END AS optional
    FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'`,
  postgres: `SELECT table_name || '.' || column_name AS place,
      CASE WHEN is_nullable = 'YES' OR column_default IS NOT NULL OR is_identity = 'YES' THEN 1 ELSE 0 END AS optional
    FROM information_schema.columns WHERE table_schema = 'public'`,
}

async function columnsOf(db: Db): Promise<Map<string, boolean>> {
  const rows = await db.all<Column>(COLUMNS[db.kind])
  return new Map(rows.map(({ place, optional }) => [place, optional === 1]))
}

function upTo(all: readonly Migration[], count: number): string {
  const folder = mkdtempSync(join(root, 'until-'))
  for (const { name } of all.slice(0, count)) copyFileSync(join(MIGRATIONS, name), join(folder, name))
  return folder
}

const engines: Record<string, () => Promise<{ open: () => Db; stop: () => Promise<void> }>> = {
  SQLite: async () => {
    const file = join(mkdtempSync(join(root, 'db-')), 'slipway.db')
    return { open: () => openSqlite(file), stop: async () => undefined }
  },
  PostgreSQL: async () => {
    const server = await startPostgres()
    return { open: () => openPostgres(server.url), stop: () => server.stop() }
  },
}

for (const [engine, start] of Object.entries(engines)) {
  describe(`${engine}: an upgrade without a stop`, () => {
    it('every migration leaves what older programs use, or says which ones can no longer run', async () => {
      const all = readMigrations(MIGRATIONS)
      const { open, stop } = await start()
      const db = open()
      await migrate(db, upTo(all, FIRST_VERSION))
      let before = await columnsOf(db)
      assert.ok(before.size > 100)
      for (const [index, migration] of all.entries()) {
        if (index < FIRST_VERSION) continue
        await migrate(db, upTo(all, index + 1))
        const now = await columnsOf(db)
        const tables = new Set([...before.keys()].map((place) => place.split('.')[0]))
        const gone = [...before.keys()].filter((place) => !now.has(place))
        const demanded = [...now].filter(
          ([place, optional]) => !before.has(place) && tables.has(place.split('.')[0]) && !optional,
        )
        if (!/^--\s*needs:/m.test(migration.sql)) {
          assert.deepEqual(gone, [], `${migration.name} takes columns away; it wants a line "-- needs: NNNN"`)
          assert.deepEqual(demanded, [], `${migration.name} adds columns that an older program does not fill`)
        }
        before = now
      }
      await db.close()
      await stop()
    })

    it('an old process writes through while the new one migrates, and starts again afterwards', async () => {
      const all = readMigrations(MIGRATIONS)
      const old = upTo(all, FIRST_VERSION)
      const { open, stop } = await start()
      const [writer, newer] = [open(), open()]
      await migrate(writer, old)
      const load = { written: 0, stopped: false }
      const writing = (async () => {
        while (!load.stopped) {
          await writer.tx((t) =>
            t.run('INSERT INTO store_facts (name, value) VALUES (?, ?)', [`f${load.written}`, 'x']),
          )
          load.written += 1
        }
      })()
      await until('the first row', () => load.written > 0)
      const applied = await migrate(newer)
      assert.equal(applied.length, all.length - FIRST_VERSION)
      const during = load.written
      await until('a row after it', () => load.written > during)
      load.stopped = true
      await writing
      const kept = await newer.get<{ n: number }>(
        "SELECT COUNT(*) AS n FROM store_facts WHERE name LIKE 'f%' AND value = 'x'",
      )
      assert.equal(kept?.n, load.written)
      assert.deepEqual(await migrate(writer, old), [], 'the old program starts on the new schema')
      await Promise.all([writer.close(), newer.close()])
      await stop()
    })
  })
}
