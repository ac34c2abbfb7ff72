/** Layouts on disk: blobs that are not what their name says, tags that move, and documents that nobody wrote in good faith. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { BlobFolder } from './blobs.ts'
import { digestOf, Index, readDocument, TYPES } from './documents.ts'
import type { Descriptor } from './documents.ts'
import { copyImage, partsOf } from './graph.ts'
import { layoutBlobs, nameInLayout, resolveInLayout } from './layout.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-layout-'))
after(() => rmSync(root, { recursive: true }))
let folders = 0
const fresh = (): string => join(root, `l${folders++}`)
const at = (dir: string, tag?: string) => ({ kind: 'layout', dir, tag, digest: undefined }) as const

async function* parts(...texts: readonly string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text)
}

describe('blobs', () => {
  it('are kept under their digest, and nothing else is left behind', async () => {
    const blobs = new BlobFolder(fresh())
    const kept = await blobs.write(parts('he', 'llo'))
    assert.deepEqual(kept, { digest: digestOf(Buffer.from('hello')), size: 5 })
    assert.equal(await blobs.put(Buffer.from('hello')), kept.digest)
    assert.equal((await blobs.bytes(kept.digest)).toString(), 'hello')
    assert.deepEqual(readdirSync(join(blobs.dir, 'blobs/sha256')), [kept.digest.slice(7)])
  })

  it('that are not what was expected are refused and not kept', async () => {
    const blobs = new BlobFolder(fresh())
    const hello = { digest: digestOf(Buffer.from('hello')), size: 5 }
    for (const given of [['hallo'], ['hello', ' and more'], ['hell'], []])
      await assert.rejects(blobs.write(parts(...given), hello), { code: 'unprocessable' })
    async function* breaks(): AsyncGenerator<Buffer> {
      yield Buffer.from('he')
      throw new Error('cut')
    }
    await assert.rejects(blobs.write(breaks(), hello), /cut/)
    assert.deepEqual(readdirSync(join(blobs.dir, 'blobs/sha256')), [])
  })

  it('that were changed on disk are told where they are read', async () => {
    const blobs = new BlobFolder(fresh())
    const digest = await blobs.put(Buffer.from('hello'))
    writeFileSync(blobs.path(digest), 'jello')
    await assert.rejects(blobs.bytes(digest), { code: 'unprocessable', message: /not what its digest says/ })
    await assert.rejects(
      async () => {
        for await (const _ of blobs.stream(digest));
      },
      { code: 'unprocessable' },
    )
  })

  it('have no names but digests', () => {
    const blobs = new BlobFolder(fresh())
    for (const name of ['sha256:../../x', 'x', '', `sha512:${'a'.repeat(128)}`, `sha256:${'A'.repeat(64)}`])
      assert.throws(() => blobs.path(name), { code: 'invalid_field' })
  })
})

describe('a layout', () => {
  const image = async (blobs: BlobFolder, text: string) => {
    const config = Buffer.from(JSON.stringify({ text }))
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        config: { mediaType: TYPES.config, digest: await blobs.put(config), size: config.length },
        layers: [],
      }),
    )
    return { mediaType: TYPES.manifest, digest: await blobs.put(manifest), size: manifest.length }
  }

  it('finds by tag, by digest or the only one; a tag moves', async () => {
    const dir = fresh()
    const blobs = layoutBlobs(dir)
    const [a, b] = [await image(blobs, 'a'), await image(blobs, 'b')]
    await nameInLayout(dir, a, 'one')
    assert.deepEqual(await resolveInLayout(at(dir)), a)
    await nameInLayout(dir, b, 'two')
    await assert.rejects(resolveInLayout(at(dir)), { code: 'unprocessable', message: /holds 2 images/ })
    assert.deepEqual(await resolveInLayout({ ...at(dir), digest: b.digest }), b)
    await nameInLayout(dir, b, 'one')
    assert.deepEqual(await resolveInLayout(at(dir, 'one')), b)
    await assert.rejects(resolveInLayout(at(dir, 'three')), { code: 'not_found' })
    await assert.rejects(resolveInLayout(at(fresh())), { code: 'not_found' })
  })

  it('is copied whole, and not at all where a part is missing', async () => {
    const [from, to] = [layoutBlobs(fresh()), layoutBlobs(fresh())]
    const one = await image(from, 'a')
    const { manifests, blobs } = await copyImage(from, to, one)
    assert.deepEqual([manifests.length, blobs.length], [1, 1])
    assert.deepEqual(await to.bytes(one.digest), await from.bytes(one.digest))
    rmSync(from.path(blobs[0]?.digest ?? ''))
    await assert.rejects(copyImage(from, layoutBlobs(fresh()), one), { code: 'not_found' })
  })

  it('that names itself in circles or is no JSON is refused', async () => {
    const dir = fresh()
    mkdirSync(dir)
    for (const text of ['{', '[]', '{"schemaVersion":2}', '{"schemaVersion":1,"manifests":[]}']) {
      writeFileSync(join(dir, 'index.json'), text)
      await assert.rejects(resolveInLayout(at(dir)), { code: 'unprocessable' })
    }
    const bad = { schemaVersion: 2, manifests: [{ mediaType: 'x', digest: 'sha256:../x', size: 1 }] }
    assert.throws(() => readDocument(Index, Buffer.from(JSON.stringify(bad)), 'the index'), {
      message: /the index is not as OCI has it: manifests\.0\.digest/,
    })
    // an index of indexes, deeper than any image is
    const blobs = layoutBlobs(dir)
    let below: Descriptor = await image(blobs, 'deep')
    for (let i = 0; i < 6; i++) {
      const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [below] }))
      below = { mediaType: TYPES.index, digest: await blobs.put(bytes), size: bytes.length }
    }
    await assert.rejects(partsOf(blobs, below), { code: 'unprocessable', message: /deeper/ })
  })

  it('is written as OCI has it', async () => {
    const dir = fresh()
    await nameInLayout(dir, await image(layoutBlobs(dir), 'a'), undefined)
    assert.deepEqual(JSON.parse(readFileSync(join(dir, 'oci-layout'), 'utf8')), { imageLayoutVersion: '1.0.0' })
    assert.deepEqual(readdirSync(dir).toSorted(), ['blobs', 'index.json', 'oci-layout'])
  })
})
