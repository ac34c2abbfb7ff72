/** What is left when an SQLite database is closed, and when its readers or its process end. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { endOf } from '../../../test/output.ts'
import { descriptorsBelow } from '../descriptors.fixture.ts'
import { Readers } from './readers.ts'
import { openSqlite } from './sqlite.ts'
import { openWriter } from './connection.ts'
import { UpkeepThread } from './upkeep.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-ending-'))
after(() => rmSync(root, { recursive: true, force: true }))

const SLOW = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1e12) SELECT max(i) FROM n'

test('a closed database is one file, and this process has none of it', async () => {
  const path = join(root, 'closed.db')
  const db = openSqlite(path)
  await db.tx((t) => t.run('CREATE TABLE rows (id BIGINT)'))
  await db.search({ text: 'SELECT 1', params: [] })
  assert.deepEqual(await db.all('SELECT id FROM rows'), [])
  await db.close()
  assert.deepEqual([existsSync(path), existsSync(`${path}-wal`), existsSync(`${path}-shm`)], [true, false, false])
  if (existsSync('/proc/self/fd')) assert.deepEqual(descriptorsBelow(root), [])
})

test('a database in memory is refused: it could be neither synced nor read by another process', () => {
  assert.throws(() => openSqlite(':memory:'), /needs a file/)
})

test('what is asked of readers and thread when they are closed, and afterwards, is refused', async () => {
  const path = join(root, 'asked.db')
  const db = openSqlite(path)
  const thread = new UpkeepThread(path)
  const readers = new Readers(path, { places: 1 })
  assert.deepEqual(await readers.search('SELECT 1 AS one', []), [{ one: 1 }])
  const asked: Promise<unknown>[] = [readers.search(SLOW, []), readers.search('SELECT 2', []), thread.checkpoint()]
  const refused = Promise.allSettled(asked)
  await Promise.all([readers.close(), thread.close()])
  for (const each of await refused) assert.equal(each.status === 'rejected' && each.reason.code, 'unavailable')
  await assert.rejects(thread.checkpoint(), { code: 'unavailable', message: /it is closed/ })
  await assert.rejects(readers.search('SELECT 1', []), { code: 'unavailable', message: /it is closed/ })
  await db.close()
})

test('a thread that was closed has nothing open any more', async () => {
  const path = join(root, 'thread.db')
  const writer = openWriter(path)
  const thread = new UpkeepThread(path)
  assert.ok((await thread.checkpoint()) >= 0)
  await thread.close()
  writer.close()
  assert.deepEqual(
    [existsSync(path), existsSync(`${path}-wal`)],
    [true, false],
    'the last who closes takes the log away',
  )
})

test('a reader that nobody asks does not keep the process, one that is asked does', () => {
  const url = new URL('./sqlite.ts', import.meta.url).href
  const program = `
    const { openSqlite } = await import('${url}')
    const db = openSqlite(process.argv[1])
    console.log((await db.search({ text: 'SELECT 1 AS n', params: [] }))[0].n)
    Promise.all([2, 3].map((n) => db.search({ text: 'SELECT ? AS n', params: [n] }).then(([row]) => console.log(row.n))))`
  const args = ['--input-type=module', '-e', program, join(root, 'left.db')]
  const said = execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 120_000 })
  // each of the last two has a reader of its own
  assert.deepEqual(said.split('\n').toSorted(), ['', '1', '2', '3'])
})

for (const [fault, kept] of [
  ['store.written', false],
  ['store.committed', true],
] as const)
  test(`killed at ${fault}, whole transactions are ${kept ? '' : 'not '}there`, async () => {
    const path = join(root, `${fault}.db`)
    const db = openSqlite(path)
    await db.tx((t) => t.run('CREATE TABLE acknowledged (id BIGINT PRIMARY KEY, half BIGINT NOT NULL)'))
    await db.close()
    assert.equal(await endOf(join(import.meta.dirname, 'inserter.fixture.ts'), [path, '0'], fault), 'SIGKILL')
    const again = openSqlite(path)
    const rows = await again.all<{ half: number }>('SELECT half FROM acknowledged')
    await again.close()
    assert.equal(rows.length > 0, kept)
    assert.deepEqual(
      rows.filter(({ half }) => half !== 2),
      [],
    )
  })
