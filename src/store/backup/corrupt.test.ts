/** What a backup takes of blobs: those whose bytes are not what their names say are found, a fault of another kind is thrown. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { corruptAmong, isCorrupt } from './corrupt.ts'

const coded = (code: string): Error => Object.assign(new Error(code), { code })

test('entries whose bytes differ, or that the disk cannot read, are corrupt', async () => {
  const entry = (path: string) => ({ path, size: 2, sha256: createHash('sha256').update('ab').digest('hex') })
  async function* open(path: string): AsyncGenerator<Uint8Array> {
    yield Buffer.from('a')
    if (/^[A-Z]/.test(path)) throw coded(path)
    yield Buffer.from(path === 'sound' ? 'b' : 'c')
  }
  const entries = ['sound', 'spoilt', 'EIO'].map(entry)
  assert.deepEqual(await corruptAmong(entries, open), [entry('spoilt'), entry('EIO')])
  await assert.rejects(corruptAmong([entry('EACCES')], open), { code: 'EACCES' })
})

test('only a wrong digest and a disk that cannot read are corruption', () => {
  const told = [coded('corrupt_blob'), coded('EIO'), coded('ENOENT'), new Error('so'), null, undefined].map(isCorrupt)
  assert.deepEqual(told, [true, true, false, false, false, false])
})
