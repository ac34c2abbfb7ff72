/** Backups of a store whose tables lie in a real PostgreSQL: whole under writes, equal when restored, refused where they do not fit. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import pg from 'pg'
import { startPostgres } from '../../../test/postgres.ts'
import { backup, restore } from './backup.ts'
import { openStore, type Store } from '../open.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-backup-pg-'))
const data = join(root, 'data')

/** Texts that a form of lines and tabs could take for something else. */
const TEXTS = [
  '',
  '\\N',
  '\\.',
  'a\tb\nc\rd\\e',
  '\u2028 ü 日本 🚢',
  '"quoted", (1,2)',
  "'; DROP TABLE runs --",
  'x'.repeat(300_000),
]
const NUMBERS = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -1e-7, 123456789.12345679]

/** Every table with its rows as text, in an order of its own. */
async function content(url: string): Promise<Map<string, string[]>> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const tables = await client.query<{ name: string }>(
      "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
    )
    const all = new Map<string, string[]>()
    for (const { name } of tables.rows) {
      const rows = await client.query<{ row: string }>(`SELECT t::text AS row FROM "${name}" t ORDER BY 1`)
      all.set(
        name,
        rows.rows.map(({ row }) => row),
      )
    }
    return all
  } finally {
    await client.end()
  }
}

describe('backup with PostgreSQL', () => {
  let from: string
  let store: Store
  const file = join(root, 'a.backup')
  before(async () => {
    from = (await startPostgres()).url
    store = await openStore({ dataDir: data, databaseUrl: from })
    await store.db.tx(async (t) => {
      for (const [i, text] of TEXTS.entries()) {
        await t.run('INSERT INTO run_tags (run_id, key, value) VALUES (?, ?, ?)', ['r', `t${i}`, text])
      }
      for (const [i, value] of NUMBERS.entries()) {
        await t.run(
          'INSERT INTO metric_points (run_id, key, timestamp, step, value, is_nan) VALUES (?, ?, ?, ?, ?, 0)',
          ['r', 'm', 2 ** 53 - i, -i, value],
        )
      }
      await t.run('CREATE TABLE of_others (id BIGINT)')
    })
    await store.blobs.put(Buffer.alloc(200_000, 1))
    writeFileSync(join(data, 'webhook.key'), Buffer.alloc(32, 7), { mode: 0o600 })
  })
  after(async () => {
    await store.db.close()
    rmSync(root, { recursive: true, force: true })
  })

  it('what nobody writes to comes back equal in every table, with the blobs and keys', async () => {
    const made = await backup(data, file, { databaseUrl: from })
    assert.equal(made.blobs, 1)
    assert.deepEqual(
      readdirSync(data).filter((name) => name.startsWith('backup-')),
      [],
    )
    const to = (await startPostgres()).url
    const target = join(root, 'restored')
    assert.deepEqual(await restore(file, target, { databaseUrl: to }), made)
    const expected = await content(from)
    assert.ok(expected.delete('of_others'))
    assert.deepEqual(await content(to), expected)
    assert.ok((expected.get('run_tags')?.length ?? 0) === TEXTS.length)
    assert.ok(readFileSync(join(target, 'webhook.key')).equals(Buffer.alloc(32, 7)))
    assert.equal(existsSync(join(target, 'slipway.db')), false)
    const again = await openStore({ dataDir: target, databaseUrl: to })
    const values = await again.db.all<{ value: number }>('SELECT value FROM metric_points ORDER BY timestamp DESC')
    assert.deepEqual(
      values.map((row) => row.value),
      NUMBERS,
    )
    await again.db.tx((t) => t.run("INSERT INTO store_facts (name, value) VALUES ('after', 'it works')"))
    await again.db.close()
  })

  it('made while transactions go on, it holds whole transactions of one moment', async () => {
    const stop = new AbortController()
    let written = 0
    const some = Promise.withResolvers<void>()
    const writes = (async () => {
      while (!stop.signal.aborted) {
        await store.db.tx(async (t) => {
          // tables at both ends of the alphabet, which are copied at different times
          await t.run('INSERT INTO store_facts (name, value) VALUES (?, ?)', [`n${written}`, 'x'.repeat(2000)])
          await t.run('INSERT INTO batch_keys (run_id, key, hash, created_at) VALUES (?, ?, ?, 1)', [
            'r',
            `n${written}`,
            'h',
          ])
        })
        if (++written === 50) some.resolve()
      }
    })()
    await some.promise
    const busy = join(root, 'busy.backup')
    const before = written
    await backup(data, busy, { databaseUrl: from })
    stop.abort()
    await writes
    assert.ok(written > before, 'nothing was written meanwhile')
    const to = (await startPostgres()).url
    await restore(busy, join(root, 'from-busy'), { databaseUrl: to })
    const client = new pg.Client({ connectionString: to })
    await client.connect()
    const { rows } = await client.query<{ one: string; other: string; odd: string }>(
      `SELECT (SELECT count(*) FROM store_facts WHERE name LIKE 'n%') AS one, (SELECT count(*) FROM batch_keys) AS other,
         (SELECT count(*) FROM batch_keys WHERE key NOT IN (SELECT name FROM store_facts)) AS odd`,
    )
    await client.end()
    assert.equal(rows[0]?.one, rows[0]?.other)
    assert.equal(rows[0]?.odd, '0')
    assert.ok(
      Number(rows[0]?.one) >= before && Number(rows[0]?.one) <= written,
      `${rows[0]?.one} of ${before}…${written}`,
    )
  })

  it('is refused without a database, and into one or a folder that holds something', async () => {
    const fresh = join(root, 'new')
    await assert.rejects(restore(file, fresh), /SLIPWAY_DATABASE_URL/)
    await assert.rejects(restore(file, fresh, { databaseUrl: from }), /not empty/)
    const to = (await startPostgres()).url
    await assert.rejects(restore(file, data, { databaseUrl: to }), { code: 'conflict' })
    await assert.rejects(backup(data, join(root, 'b'), { databaseUrl: to }), { code: 'not_found' })
    await assert.rejects(backup(data, join(root, 'b'), { databaseUrl: 'postgres://x@127.0.0.1:1/x' }), {
      code: 'unavailable',
    })
    assert.deepEqual([(await content(to)).size, existsSync(fresh), existsSync(join(root, 'b'))], [0, false, false])
  })

  it('a damaged or cut backup, or one of a newer schema, leaves the database and the folder as empty as they were', async () => {
    const to = (await startPostgres()).url
    const target = join(root, 'from-bad')
    const bad = join(root, 'bad.backup')
    const sound = readFileSync(file)
    const at = sound.indexOf('ü 日本')
    const tries: [string, Buffer][] = [
      [
        'a byte of a row',
        Buffer.concat([sound.subarray(0, at), Buffer.from([sound[at]! ^ 1]), sound.subarray(at + 1)]),
      ],
      ['cut in the tables', sound.subarray(0, at + 10)],
      ['cut at the end', sound.subarray(0, sound.length - 150_000)],
      [
        'newer',
        Buffer.from(
          sound
            .toString('latin1')
            .replace('0001_store.sql","sha256":"', '0001_store.sql","sha256":"f')
            .replace(/("sha256":"f[0-9a-f]{63})[0-9a-f]/, '$1'),
          'latin1',
        ),
      ],
    ]
    for (const [what, bytes] of tries) {
      writeFileSync(bad, bytes)
      await assert.rejects(restore(bad, target, { databaseUrl: to }), (error: { code?: string }) =>
        [what === 'newer' ? 'unprocessable' : 'bad_request'].includes(error.code ?? ''),
      )
      assert.deepEqual([(await content(to)).size, existsSync(target)], [0, false], what)
    }
    await restore(file, target, { databaseUrl: to })
  })

  it('the tables have no sequences, which a backup would have to set', async () => {
    const client = new pg.Client({ connectionString: from })
    await client.connect()
    const { rows } = await client.query("SELECT relname FROM pg_class WHERE relkind = 'S'")
    await client.end()
    assert.deepEqual(rows, [])
  })

  it('a table is plain text of COPY, to be read by hand', () => {
    const text = execFileSync('tar', ['xOf', file, 'tables/metric_points.copy'], { encoding: 'utf8' })
    assert.equal(text.split('\n')[1], 'r\tm\t9007199254740991\t-1\t0.3333333333333333\t0')
  })
})
