/** Makes layers and keeps them: what was made once from the same content or the same recipe is taken from the cache. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { PassThrough } from 'node:stream'
import { ifJson, ifMissing } from '../../contract/absence/absent.ts'
import type { BlobFolder } from '../oci/blobs.ts'
import type { Descriptor } from '../oci/documents.ts'
import { compressionName, compressor, LAYER_TYPES } from './compression.ts'
import type { Compression } from './compression.ts'
import type { Entries } from './entries.ts'
import { layerTar } from './tar.ts'

/** A layer of an image: its compressed blob, the digest of its tar, and what it is for. */
export interface Layer {
  readonly descriptor: Descriptor
  readonly diffId: string
  /** For the history of the image. */
  readonly comment: string
}

export interface LayerMaker {
  readonly blobs: BlobFolder
  readonly compression: Compression
}

/** Makes a layer of entries. The tar is read twice where it is new: once for its digest, once to compress it. */
export async function makeLayer(maker: LayerMaker, comment: string, entries: Entries): Promise<Layer> {
  const hash = createHash('sha256')
  for await (const part of layerTar(entries)) hash.update(part)
  const diffId = `sha256:${hash.digest('hex')}`
  const kept = keptAt(maker, 'layers', diffId)
  const known = await readKept(maker, kept)
  if (known !== undefined) return { ...known, comment }
  const compressed = new PassThrough({ highWaterMark: 1024 * 1024 })
  const [blob] = await Promise.all([
    maker.blobs.write(compressed),
    pipeline(layerTar(entries), compressor(maker.compression), compressed),
  ])
  const layer = { descriptor: { mediaType: LAYER_TYPES[maker.compression], ...blob }, diffId }
  await keep(kept, layer)
  return { ...layer, comment }
}

/**
 * The layer of a recipe that names all that it is made from by digest, so that the same recipe makes the same layer; `make` is called
 * where it was not followed before.
 */
export async function layerByRecipe(
  maker: LayerMaker,
  comment: string,
  recipe: object,
  make: () => Promise<Entries>,
): Promise<Layer> {
  const key = createHash('sha256').update(JSON.stringify(recipe)).digest('hex')
  const kept = keptAt(maker, 'recipes', key)
  const known = await readKept(maker, kept)
  if (known !== undefined) return { ...known, comment }
  const layer = await makeLayer(maker, comment, await make())
  await keep(kept, { descriptor: layer.descriptor, diffId: layer.diffId })
  return layer
}

type Kept = Omit<Layer, 'comment'>

function keptAt({ blobs, compression }: LayerMaker, folder: string, key: string): string {
  return join(blobs.dir, folder, compressionName(compression), key.replace(':', '-'))
}

async function readKept({ blobs }: LayerMaker, path: string): Promise<Kept | undefined> {
  const text = await ifMissing(readFile(path, 'utf8'))
  const kept = text === undefined ? undefined : (ifJson(text) as Kept | undefined)
  return kept !== undefined && (await blobs.has(kept.descriptor)) ? kept : undefined
}

async function keep(path: string, kept: Kept): Promise<void> {
  const fresh = `${path}.${randomUUID()}`
  await mkdir(dirname(path), { recursive: true })
  await writeFile(fresh, JSON.stringify(kept))
  await rename(fresh, path)
}
