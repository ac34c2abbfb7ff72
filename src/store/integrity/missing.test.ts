/** What rows need is compared with the blobs that there are: in portions, trees with their files, and only what is certain is called missing. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Digest } from '../blobs/blobs.ts'
import { openDiskBlobs } from '../blobs/disk.ts'
import type { NeededTree } from '../blobs/reach.ts'
import { putTree } from '../blobs/trees.ts'
import { compareBlobs } from './missing.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-compare-'))
after(() => rmSync(root, { recursive: true, force: true }))

let stores = 0
const fresh = () => openDiskBlobs(join(root, `blobs-${++stores}`))
const rows = (...needed: (Digest | NeededTree)[]) =>
  async function* (): AsyncGenerator<Digest | NeededTree> {
    yield* needed
  }
const shardOf = (digest: Digest): number => Number.parseInt(digest.slice(7, 9), 16)

test('portions go on where the last one ended, and name each missing blob once', async () => {
  const blobs = fresh()
  const stored: Digest[] = []
  for (let i = 0; i < 60; i++) stored.push((await blobs.put(Buffer.from(`blob ${i}`))).digest)
  const gone = stored.filter((_, i) => i % 7 === 0)
  for (const digest of gone) await blobs.delete(digest)
  const found: Digest[] = []
  let [from, portions] = [0, 0]
  do {
    const { missing, next } = await compareBlobs(
      { blobs, sources: [rows(...stored, ...stored)] },
      { from, ms: -1, most: 10 },
    )
    assert.ok(missing.every((one) => shardOf(one) >= from && (next === 0 || shardOf(one) < next)))
    found.push(...missing)
    from = next
    portions++
  } while (from !== 0)
  assert.deepEqual(found.sort(), gone.sort())
  assert.ok(portions > 2 && portions < 60, `${portions}`)
  const whole = await compareBlobs({ blobs, sources: [rows(...stored)] }, { from: 0, ms: 60_000, most: 10 })
  assert.deepEqual([[...whole.missing].sort(), whole.next], [gone, 0], 'while there is time it goes on')
})

test('a tree needs its manifest and its files; of one whose manifest is gone only that is told, of a corrupt one nothing more', async () => {
  const blobs = fresh()
  const source = join(root, 'source')
  mkdirSync(source)
  for (const name of ['a', 'b']) writeFileSync(join(source, name), name)
  const { digest: tree } = await putTree(blobs, source)
  const { digest: file } = await blobs.put(Buffer.from('a'))
  const compare = (unreadable?: (one: Digest) => void) =>
    compareBlobs({ blobs, sources: [rows({ tree })], ...(unreadable && { unreadable }) }, { from: 0, ms: 60_000 })
  assert.deepEqual((await compare()).missing, [])
  await blobs.delete(file)
  assert.deepEqual((await compare()).missing, [file])
  const manifest = await blobs.bytes(tree)
  chmodSync(blobs.path(tree) ?? '', 0o644)
  writeFileSync(blobs.path(tree) ?? '', 'X'.repeat(manifest.length))
  const told: Digest[] = []
  assert.deepEqual([(await compare((one) => told.push(one))).missing, told], [[], [tree]])
  await blobs.delete(tree)
  assert.deepEqual((await compare()).missing, [tree])
})

test('a blob that comes while rows are read is there; what was missing is asked for again wherever it lies', async () => {
  const blobs = fresh()
  const late = Buffer.from('late')
  const { digest } = await blobs.put(late)
  await blobs.delete(digest)
  const comes = async function* (): AsyncGenerator<Digest> {
    await blobs.put(late)
    yield digest
  }
  assert.deepEqual((await compareBlobs({ blobs, sources: [comes] }, { from: 0, ms: 60_000 })).missing, [])
  const [other, unneeded] = [`sha256:00${'1'.repeat(62)}`, `sha256:01${'1'.repeat(62)}`]
  const again = [digest, other, unneeded]
  const { missing, found } = await compareBlobs({ blobs, sources: [rows(digest, other)], again }, { from: 255, ms: -1 })
  assert.deepEqual([missing, found], [[other], [digest, unneeded]])
})

test('a source that fails ends it: nothing is said to be missing', async () => {
  const broken = async function* (): AsyncGenerator<Digest> {
    yield `sha256:${'0'.repeat(64)}`
    throw new Error('the table cannot be read')
  }
  await assert.rejects(compareBlobs({ blobs: fresh(), sources: [broken] }, { from: 0, ms: 1 }), /cannot be read/)
})
