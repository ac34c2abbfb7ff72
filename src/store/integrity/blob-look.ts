/** Reads blobs again and holds them against their digests, in bounded portions that go on where the last one ended. */
import { finished } from 'node:stream/promises'
import type { BlobInfo, Blobs, Digest } from '../blobs/blobs.ts'

export interface Portion {
  /** The last blob of the portion before; '' = from the first one on. */
  readonly after: string
  /** Bytes and time that are enough; one blob is read at least. */
  readonly bytes: number
  readonly ms: number
}

export interface Looked {
  readonly blobs: number
  readonly bytes: number
  readonly corrupt: readonly BlobInfo[]
  /** Where the next portion begins; '' when all were read. */
  readonly after: string
}

/** Looks at a portion of the blobs, in the order of their digests. */
export async function lookAtBlobs(blobs: Blobs, { after, bytes: most, ms }: Portion): Promise<Looked> {
  const end = performance.now() + ms
  const corrupt: BlobInfo[] = []
  let [count, bytes] = [0, 0]
  for await (const blob of inOrder(blobs, after)) {
    if (!(await isSound(blobs, blob.digest))) corrupt.push(blob)
    count++
    bytes += blob.size
    if (bytes >= most || performance.now() > end) return { blobs: count, bytes, corrupt, after: blob.digest }
  }
  return { blobs: count, bytes, corrupt, after: '' }
}

/** Whether the stored bytes are those of the digest; true for a blob that is not there any more. A disk that cannot read them is damage. */
export async function isSound(blobs: Blobs, digest: Digest): Promise<boolean> {
  try {
    const { stream } = await blobs.read(digest)
    await finished(stream.resume())
    return true
  } catch (error) {
    const { code } = error as { code?: unknown }
    if (code === 'not_found' || code === 'ENOENT') return true
    if (code === 'corrupt_blob' || code === 'EIO') return false
    throw error
  }
}

async function* inOrder(blobs: Blobs, after: string): AsyncGenerator<BlobInfo> {
  const first = after === '' ? 0 : Number.parseInt(after.slice(7, 9), 16)
  for (let shard = first; shard < 256; shard++) {
    const found: BlobInfo[] = []
    for await (const blob of blobs.list(shard.toString(16).padStart(2, '0'))) if (blob.digest > after) found.push(blob)
    yield* found.sort((a, b) => (a.digest < b.digest ? -1 : 1))
  }
}
