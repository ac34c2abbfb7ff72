/** An OCI image layout: a folder with blobs and an index of what they are, as podman, skopeo and crane read it. */
import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'
import { BlobFolder } from './blobs.ts'
import { documentBytes, Index, MOST_DOCUMENT, readDocument, TYPES } from './documents.ts'
import type { Descriptor } from './documents.ts'
import type { LayoutReference } from './reference.ts'

/** Annotation by which an index names what it holds. */
const NAME = 'org.opencontainers.image.ref.name'
const VERSION_FILE = 'oci-layout'
const INDEX_FILE = 'index.json'

/** The blobs of a layout. */
export function layoutBlobs(dir: string): BlobFolder {
  return new BlobFolder(resolve(dir))
}

/** What a layout has under a tag or digest, or the only thing that it has. Throws `not_found`, and `unprocessable` where several would do. */
export async function resolveInLayout(reference: LayoutReference): Promise<Descriptor> {
  const { dir, tag, digest } = reference
  const index = await readIndex(dir)
  if (index === undefined) throw problem('not_found', { what: 'OCI layout', id: dir })
  // what is attached to an image is none, unless it is asked for by its digest
  const images = index.manifests.filter((one) => digest !== undefined || one.artifactType === undefined)
  const named = images.filter((one) => tag === undefined || one.annotations?.[NAME] === tag)
  const found = named.filter((one) => digest === undefined || one.digest === digest)
  const [first] = found
  if (first === undefined) {
    const tags = index.manifests.flatMap((one) => one.annotations?.[NAME] ?? [])
    throw problem('not_found', { what: `image in layout:${dir}`, id: tag ?? digest ?? '', tags })
  }
  if (new Set(found.map((one) => one.digest)).size > 1)
    throw problem('unprocessable', { detail: `layout:${dir} holds ${found.length} images; name one by its tag` })
  const { annotations: _, ...descriptor } = first
  return descriptor
}

/** What is attached to images in a layout: artifacts of all of them. */
export async function artifactsInLayout(dir: string): Promise<readonly Descriptor[]> {
  return ((await readIndex(dir))?.manifests ?? []).filter((one) => one.artifactType !== undefined)
}

/**
 * Puts a manifest, whose blobs are there, into the index of a layout, which is made where there is none. A tag that names something else
 * goes over to it; one without a tag is added beside what is there.
 */
export async function nameInLayout(dir: string, descriptor: Descriptor, tag: string | undefined): Promise<void> {
  await mkdir(dir, { recursive: true })
  await whole(join(dir, VERSION_FILE), Buffer.from('{"imageLayoutVersion":"1.0.0"}'))
  const before = (await readIndex(dir))?.manifests ?? []
  const kept = before.filter((one) =>
    tag === undefined ? one.digest !== descriptor.digest : one.annotations?.[NAME] !== tag,
  )
  const named = tag === undefined ? descriptor : { ...descriptor, annotations: { [NAME]: tag } }
  const index: Index = { schemaVersion: 2, mediaType: TYPES.index, manifests: [...kept, named] }
  await whole(join(dir, INDEX_FILE), documentBytes(index))
}

async function readIndex(dir: string): Promise<Index | undefined> {
  const path = join(dir, INDEX_FILE)
  const size = (await ifMissing(stat(path)))?.size
  if (size === undefined) return undefined
  if (size > MOST_DOCUMENT) throw problem('unprocessable', { detail: `${path} is larger than any index` })
  return readDocument(Index, await readFile(path), path)
}

async function whole(path: string, bytes: Buffer): Promise<void> {
  const fresh = `${path}.${randomUUID()}`
  await writeFile(fresh, bytes)
  await rename(fresh, path)
}
