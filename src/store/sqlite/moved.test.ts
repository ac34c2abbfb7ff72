/** The files of an open database are taken away or replaced: no write is acknowledged, what was is saved, and a copy that fails is tried again. */
import assert from 'node:assert/strict'
import Database from 'better-sqlite3'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs'
import { renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import { knownDamage } from '../damage.ts'
import { OpenFiles } from './open-files.ts'
import { copyName } from './save-copy.ts'
import { openSqlite } from './sqlite.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-moved-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** An open database with one row, that looks at its files so often. */
async function opened(t: TestContext, watchMs: number) {
  const folder = mkdtempSync(join(root, 'data-'))
  const path = join(folder, 'a.db')
  const told: string[] = []
  const damage = knownDamage()
  damage.onTold((text) => told.push(text))
  const db = openSqlite(path, { damage, watchMs })
  t.after(() => db.close())
  await db.tx((x) => x.run('CREATE TABLE a (b BIGINT)'))
  const insert = (b: number): Promise<number> => db.tx((x) => x.run('INSERT INTO a VALUES (?)', [b]))
  await insert(1)
  const copies = (): string[] => readdirSync(folder).filter((name) => name.startsWith('a.db.saved-'))
  return { folder, path, db, damage, told, insert, copies }
}

function rowsOf(file: string): unknown[] {
  const db = new Database(file, { readonly: true })
  const [rows, mode] = [db.prepare('SELECT b FROM a').pluck().all(), db.pragma('journal_mode', { simple: true })]
  db.close()
  assert.equal(mode, 'delete', 'it needs no log beside it')
  return rows
}

describe('an open database whose file is gone', () => {
  test('refuses writes from the first one on, and searches; reads what it has, saves it, and says where', async (t) => {
    const { path, folder, db, damage, told, insert, copies } = await opened(t, 1e6)
    rmSync(path)
    const refused = { code: 'storage_corrupt', status: 507, message: /a\.db was removed or moved away while/ }
    await assert.rejects(insert(2), refused)
    await assert.rejects(insert(3), refused)
    await assert.rejects(db.search({ text: 'SELECT b FROM a', params: [] }), { code: 'unavailable', message: /moved/ })
    assert.deepEqual((await db.all<{ b: number }>('SELECT b FROM a')).slice(0, 1), [{ b: 1 }])
    assert.match(
      told[0] ?? '',
      /^the database is damaged: \S+a\.db was removed .*; what it holds is being saved beside/,
    )
    await until('it to be saved', () => /is saved: stop/.test(damage.remedy()))
    const [copy = '', ...others] = copies()
    assert.deepEqual(others, [])
    assert.equal(
      damage.remedy(),
      `what it held is saved: stop the server, rm -f ${path}-wal ${path}-shm, mv ${join(folder, copy)} ${path}, start it`,
    )
    assert.ok(rowsOf(join(folder, copy)).includes(1))
    assert.ok(!rowsOf(join(folder, copy)).includes(3))
    await db.close()
    assert.deepEqual([copies(), told.length], [[copy], 2], 'it is saved once')
  })

  test('is noticed without a write by the next look at its files, and not before', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const { path, damage, copies } = await opened(t, 1000)
    t.mock.timers.tick(1000)
    assert.equal(damage.found(), undefined)
    renameSync(path, `${path}.away`)
    t.mock.timers.tick(999)
    assert.equal(damage.found(), undefined)
    t.mock.timers.tick(1)
    assert.match(damage.found() ?? '', /a\.db was removed or moved away/)
    await until('a copy', () => copies().length === 1)
  })

  test('is noticed by a search, which reads no other file', async (t) => {
    const { path, damage, db } = await opened(t, 1e6)
    const other = new Database(`${path}.other`)
    other.exec('CREATE TABLE a (b BIGINT); INSERT INTO a VALUES (99)')
    other.close()
    renameSync(`${path}.other`, path)
    await assert.rejects(db.search({ text: 'SELECT b FROM a', params: [] }), { code: 'unavailable' })
    assert.match(damage.found() ?? '', /a\.db was replaced by another file while the server had it open/)
  })

  test('cannot be saved where its folder is a file: that is told, and tried again when it is closed', async (t) => {
    const { path, folder, damage, db, insert } = await opened(t, 1e6)
    renameSync(folder, `${folder}-away`)
    writeFileSync(folder, 'in the way')
    await assert.rejects(insert(2), /a\.db was removed|ENOTDIR/)
    await until('the copy to fail', () => /could not be saved/.test(damage.remedy()))
    assert.match(
      damage.remedy(),
      /what it holds could not be saved in \S+saved-\S+ \(.+\); it is tried again when the server is stopped/,
    )
    rmSync(folder)
    await db.close()
    const [copy = ''] = readdirSync(folder)
    assert.match(copy, /^a\.db\.saved-/)
    assert.ok(rowsOf(join(folder, copy)).includes(1))
    assert.match(damage.remedy(), /what it held is saved/)
    assert.ok(!existsSync(`${path}.partial`))
  })
})

test('each of the three files counts, and a change of what is in them does not', () => {
  const folder = mkdtempSync(join(root, 'files-'))
  const path = join(folder, 'x')
  for (const end of ['', '-wal', '-shm']) {
    for (const each of ['', '-wal', '-shm']) writeFileSync(path + each, 'text')
    const files = new OpenFiles(path)
    writeFileSync(path + end, 'other text')
    chmodSync(path + end, 0o600)
    assert.equal(files.changed(), undefined)
    renameSync(path + end, `${path}.away`)
    assert.equal(files.changed(), `${path}${end} was removed or moved away while the server had it open`)
    writeFileSync(path + end, 'text')
    assert.equal(files.changed(), `${path}${end} was replaced by another file while the server had it open`)
    rmSync(path + end)
    renameSync(`${path}.away`, path + end)
    assert.equal(files.changed(), undefined)
  }
  mkdirSync(join(folder, 'empty'))
  assert.throws(() => new OpenFiles(join(folder, 'empty', 'none')), { code: 'ENOENT' })
})

/** Files of a database in a folder whose time is so many ms ago. */
function inFolder(agoMs: number) {
  const folder = mkdtempSync(join(root, 'folder-'))
  const path = join(folder, 'x')
  for (const each of ['', '-wal', '-shm']) writeFileSync(path + each, 'text')
  const time = new Date(Date.now() - agoMs)
  const setBack = (): void => utimesSync(folder, time, time)
  setBack()
  return { folder, path, files: new OpenFiles(path), setBack }
}

test('a look at their folder alone notices each of the three, one that is moved back, and another folder of that name', () => {
  for (const end of ['', '-wal', '-shm']) {
    const { folder, path, files } = inFolder(60_000)
    for (let again = 0; again < 3; again++) assert.equal(files.changedInFolder(), undefined)
    renameSync(path + end, `${path}.away`)
    assert.match(files.changedInFolder() ?? '', /was removed or moved away/)
    writeFileSync(path + end, 'text')
    assert.match(files.changedInFolder() ?? '', /was replaced by another file/)
    renameSync(`${path}.away`, path + end)
    assert.equal(files.changedInFolder(), undefined)
    const { mtime } = statSync(folder)
    cpSync(folder, `${folder}-copy`, { recursive: true })
    utimesSync(`${folder}-copy`, mtime, mtime)
    renameSync(folder, `${folder}-away`)
    assert.match(files.changedInFolder() ?? '', /was removed or moved away/)
    renameSync(`${folder}-copy`, folder)
    assert.match(files.changedInFolder() ?? '', /was replaced by another file/)
  }
})

test('a folder that changed a moment ago is not believed: its clock may stand still for two seconds', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
  const fresh = inFolder(1900)
  assert.equal(fresh.files.changedInFolder(), undefined)
  renameSync(fresh.path, `${fresh.path}.away`)
  fresh.setBack()
  assert.match(fresh.files.changedInFolder() ?? '', /was removed or moved away/)
  // what a look at the folder cannot see is seen by the look at each of them
  const old = inFolder(60_000)
  assert.equal(old.files.changedInFolder(), undefined)
  renameSync(old.path, `${old.path}.away`)
  old.setBack()
  assert.equal(old.files.changedInFolder(), undefined)
  assert.match(old.files.changed() ?? '', /was removed or moved away/)
})

test('a copy is named by its time, in names that sort', () => {
  assert.equal(
    copyName('/d/slipway.db', new Date(Date.UTC(2026, 4, 3, 2, 1, 0, 7))),
    '/d/slipway.db.saved-2026-05-03T02-01-00-007Z',
  )
})
