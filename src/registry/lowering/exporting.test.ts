/** The graph of an exported model on disk: laid out once, whole for each who asks. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openDiskBlobs } from '../../store/blobs/disk.ts'
import { graphOf } from './exporting.ts'

test('a graph that many ask for at once is whole for each of them, and leaves nothing beside it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-graph-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const blobs = openDiskBlobs(join(folder, 'blobs'))
  const bytes = Buffer.alloc(3_000_000, 'graph')
  const { digest } = await blobs.put(bytes)
  const kept = JSON.stringify({ digest, path: null, answer: { output: 'y', list: false, whole: [] } })
  const dir = join(folder, 'model')
  const asked = Array.from({ length: 8 }, async () => {
    const found = (await graphOf(blobs, kept, dir)) ?? assert.fail('there is none')
    assert.ok(readFileSync(found.file).equals(bytes))
  })
  await Promise.all(asked)
  assert.equal(readdirSync(`${dir}.onnx`).length, 1)
})
