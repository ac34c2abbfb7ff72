/** Brings whole images from one place to another: layouts and registries, in any combination. */
import { createReadStream } from 'node:fs'
import { problem } from '../../contract/errors.ts'
import type { BlobFolder } from '../oci/blobs.ts'
import type { Descriptor } from '../oci/documents.ts'
import { partsOf } from '../oci/graph.ts'
import type { RemoteImage } from './image.ts'
import { putManifest, uploadBlob } from './upload.ts'
import type { Outcome } from './upload.ts'

/** How many blobs were there, mounted and sent, and the bytes of those that were sent. */
export interface Moved {
  readonly there: number
  readonly mounted: number
  readonly sent: number
  readonly bytes: number
}

/** Blobs that are moved at once. */
const AT_ONCE = 4

export interface Push {
  /** Documents, and blobs that lie on this machine. */
  readonly from: BlobFolder
  readonly root: Descriptor
  readonly to: RemoteImage
  /** Where blobs are that do not lie here: mounted where it is the same registry, else fetched first. */
  readonly lenders?: readonly RemoteImage[]
  readonly say: (line: string) => void
}

/** Pushes an image; the root comes last and gets the tag, so that nobody sees half of one. */
export async function push({ from, root, to, lenders = [], say }: Push): Promise<Moved> {
  const { manifests, blobs } = await partsOf(from, root)
  const outcomes = await inTurn(blobs, async (blob): Promise<[Outcome, number]> => {
    const near = lenders.find(({ reference }) => reference.host === to.reference.host)
    // one of the same registry is asked for only when it has no mounts
    if (near === undefined && !(await from.has(blob))) await bring(from, blob, lenders, say)
    const read = async function* (digest: string, offset: number): AsyncGenerator<Uint8Array> {
      if (!(await from.has(blob))) await bring(from, blob, lenders, say)
      yield* createReadStream(from.path(digest), { start: offset, highWaterMark: 1024 * 1024 })
    }
    const outcome = await uploadBlob(to, blob, read, { from: near?.reference.repository, say })
    if (outcome === 'sent') say(`sent ${blob.digest.slice(7, 19)}, ${blob.size} bytes`)
    return [outcome, blob.size]
  })
  for (const one of manifests) {
    const isRoot = one.digest === root.digest
    const bytes = await from.bytes(one.digest)
    await putManifest(
      to,
      one,
      bytes,
      isRoot ? (to.reference.tag ?? (to.reference.digest ? undefined : 'latest')) : undefined,
    )
  }
  return moved(outcomes)
}

/** Pulls an image into a folder; blobs that are there are not fetched. */
export async function pull(
  from: RemoteImage,
  root: Descriptor,
  to: BlobFolder,
  say: (line: string) => void,
): Promise<Moved> {
  const { manifests, blobs } = await partsOf(from, root)
  const outcomes = await inTurn(blobs, async (blob): Promise<[Outcome, number]> => {
    if (await to.has(blob)) return ['there', blob.size]
    await to.write(from.stream(blob.digest), blob)
    say(`fetched ${blob.digest.slice(7, 19)}, ${blob.size} bytes`)
    return ['sent', blob.size]
  })
  for (const one of manifests) await to.put(await from.bytes(one.digest))
  return moved(outcomes)
}

/** Fetches a blob that a base has; nothing where nobody lends. */
async function bring(
  to: BlobFolder,
  blob: Descriptor,
  lenders: readonly RemoteImage[],
  say: (line: string) => void,
): Promise<void> {
  const [first] = lenders
  if (first === undefined) return
  say(`fetching ${blob.digest.slice(7, 19)} of the base`)
  await to.write(first.stream(blob.digest), blob)
}

/** Brings every blob that the image lacks here from those that lend. */
export async function complete(
  blobs: BlobFolder,
  root: Descriptor,
  lenders: readonly RemoteImage[],
  say: (line: string) => void,
): Promise<void> {
  for (const blob of (await partsOf(blobs, root)).blobs) {
    if (await blobs.has(blob)) continue
    await bring(blobs, blob, lenders, say)
    if (!(await blobs.has(blob))) throw problem('not_found', { what: 'blob', id: blob.digest })
  }
}

function moved(outcomes: readonly (readonly [Outcome, number])[]): Moved {
  const count = (wanted: Outcome): number => outcomes.filter(([outcome]) => outcome === wanted).length
  const bytes = outcomes.reduce((total, [outcome, size]) => total + (outcome === 'sent' ? size : 0), 0)
  return { there: count('there'), mounted: count('mounted'), sent: count('sent'), bytes }
}

/** The results of all, a few at a time. */
async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const open = [...items.entries()]
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let next = open.shift(); next !== undefined; next = open.shift()) results[next[0]] = await work(next[1])
    }),
  )
  return results
}
