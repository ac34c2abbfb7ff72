/** Folders of backups that go on are told from those of killed ones. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { lockFolder } from '../folder-lock.ts'
import { clearScratch, makeScratch } from './scratch.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-scratch-'))
after(() => rmSync(root, { recursive: true, force: true }))

test('a folder is its maker’s alone while it is used, and gone with all in it afterwards', async () => {
  const beginning = join(root, 'used-')
  const { folder, end } = await makeScratch(beginning)
  assert.match(basename(folder), /^used-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  writeFileSync(join(folder, 'a'), 'b')
  assert.equal(lockFolder(folder), undefined)
  assert.deepEqual(await clearScratch(beginning), [])
  assert.ok(existsSync(join(folder, 'a')))
  const other = await makeScratch(beginning)
  await end()
  assert.deepEqual([existsSync(folder), existsSync(other.folder)], [false, true])
  await other.end()
  await assert.rejects(makeScratch(join(root, 'nowhere', 'a-')), { code: 'ENOENT' })
})

test('what lost its user goes; a folder of an older program, without a lock, is left for a day; other names are never touched', async () => {
  const uuid = '00000000-0000-4000-8000-000000000000'
  const beginning = join(root, 'old-')
  const { folder } = await makeScratch(beginning)
  const left = beginning + uuid.replaceAll('0', '1')
  mkdirSync(left)
  lockFolder(left)?.()
  assert.deepEqual(await clearScratch(beginning), [left])
  assert.ok(existsSync(folder))
  mkdirSync(beginning + uuid)
  mkdirSync(`${beginning}photos`)
  assert.deepEqual(await clearScratch(beginning), [])
  const yesterday = Date.now() / 1000 - 86_000
  utimesSync(beginning + uuid, yesterday, yesterday)
  assert.deepEqual(await clearScratch(beginning), [])
  utimesSync(beginning + uuid, yesterday - 500, yesterday - 500)
  utimesSync(`${beginning}photos`, 0, 0)
  assert.deepEqual(await clearScratch(beginning), [beginning + uuid])
  assert.deepEqual(await clearScratch(join(root, 'nowhere', 'old-')), [])
})
