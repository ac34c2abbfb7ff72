/** What a step leaves as its checkpoints is its own: links lead nowhere. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openTemporaryStore } from '../../store/open.ts'
import { readState, storeCheckpoints } from './kept.ts'

const STATE = { last: null, made: 7, resumed: null, damaged: 0, failed: null }

/** A folder of an attempt with one checkpoint. */
function attempt(root: string, name: string): string {
  const dir = join(root, name)
  const made = join(dir, 'checkpoints', '000000000001')
  mkdirSync(made, { recursive: true })
  mkdirSync(join(dir, 'said'))
  writeFileSync(join(dir, 'said', 'checkpoints.json'), JSON.stringify(STATE))
  writeFileSync(join(made, 'checkpoint.json'), JSON.stringify({ manifest: JSON.stringify({ step: 1, at: 5 }) }))
  writeFileSync(join(made, 'state'), `of ${name}`)
  return dir
}

test('a link in the place of a checkpoint, or of all of them, shows nothing of another attempt', async (t) => {
  const store = await openTemporaryStore()
  const root = mkdtempSync(join(tmpdir(), 'slipway-kept-'))
  t.after(async () => {
    await store.close()
    rmSync(root, { recursive: true, force: true })
  })
  const other = attempt(root, 'other')
  const own = attempt(root, 'own')
  symlinkSync(join(other, 'checkpoints', '000000000001'), join(own, 'checkpoints', '000000000002'))
  const stored = await storeCheckpoints(store.blobs, own)
  assert.deepEqual(
    stored.map(({ number }) => number),
    [1],
  )
  assert.equal((await readState(own))?.made, 7)
  for (const name of ['checkpoints', 'said']) {
    rmSync(join(own, name), { recursive: true })
    symlinkSync(join(other, name), join(own, name))
  }
  assert.deepEqual(await storeCheckpoints(store.blobs, own), [])
  assert.equal(await readState(own), undefined)
})
