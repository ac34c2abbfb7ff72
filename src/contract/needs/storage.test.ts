/** The lines about the store: none while nothing is known to be damaged, one for each kind of damage, with the remedy. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StorageState } from '../system.ts'
import { LOOKED_AT as AT, SOUND } from './storage.fixture.ts'
import { databaseText, filesText, storageNeeds } from './storage.ts'

const NOW = Date.parse('2026-05-03T10:00:00.000Z')
const file = (digit: string) => ({
  digest: `sha256:${digit.repeat(64)}`,
  size: 1,
  found_at: AT,
  found_by: 'look' as const,
  fault: 'corrupt' as const,
})

test('a store that is sound, or not known yet, needs nobody', () => {
  assert.deepEqual(storageNeeds(undefined, NOW), [])
  assert.deepEqual(storageNeeds(SOUND, NOW), [])
  assert.deepEqual(storageNeeds({ ...SOUND, database: { ...SOUND.database, state: 'unknown' } }, NOW), [])
  assert.equal(databaseText(SOUND), 'sound: quick_check of 90 tables found nothing')
  assert.equal(filesText(SOUND), 'not read again yet; that is done each night')
  assert.equal(filesText({ ...SOUND, blobs: { ...SOUND.blobs, looked_at: AT } }), 'no damaged or missing file is known')
})

test('a disk that is almost full is told with what is free', () => {
  const disk = { free_bytes: 40 * 2 ** 20, least_bytes: 2 ** 28, low: true }
  const [need, ...more] = storageNeeds({ ...SOUND, disk }, NOW)
  assert.deepEqual([need?.title, need?.status, more], ['The disk is almost full', 'high', []])
  assert.match(need?.detail ?? '', /^4\d(\.\d)? \w+ are free: large writes are refused/)
})

test('damage of either kind is a line of its own that says what to do', () => {
  const bad: StorageState = {
    disk: SOUND.disk,
    database: { ...SOUND.database, state: 'corrupt', detail: 'page 7', remedy: 'restore it', looked_at: null },
    blobs: { ...SOUND.blobs, corrupt: ['a', 'b', 'c'].map(file), corrupt_count: 5 },
  }
  const needs = storageNeeds(bad, NOW)
  assert.deepEqual(
    needs.map(({ title, detail, at, path }) => [title, detail, at, path]),
    [
      ['The database is damaged', 'Writes are refused: page 7; restore it', new Date(NOW).toISOString(), '/settings'],
      [
        '5 stored files are damaged',
        'They are not served; store them again or restore them from a backup',
        AT,
        '/settings',
      ],
    ],
  )
  assert.equal(databaseText(bad), 'damaged: page 7')
  assert.match(filesText(bad), /^5 damaged: sha256:a{64}, sha256:b{64}, sha256:c{64} …$/)
  const one = { ...bad.blobs, corrupt: [file('a')], corrupt_count: 1 }
  assert.equal(storageNeeds({ ...SOUND, blobs: one }, NOW)[0]?.title, '1 stored file is damaged')
  assert.equal(filesText({ ...SOUND, blobs: one }), `1 damaged: sha256:${'a'.repeat(64)}`)
})
