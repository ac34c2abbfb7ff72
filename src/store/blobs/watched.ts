/** Blobs under watch: who reads wrong bytes is refused and the blob is noted; part of a blob is given only when the whole was found sound. */
import { finished } from 'node:stream/promises'
import { Problem, problem } from '../../contract/errors.ts'
import type { BlobInfo, Blobs, ByteRange, Digest } from './blobs.ts'

/** What is told of corrupt blobs. Faults of telling are the teller's own. */
export interface Watch {
  readonly isCorrupt: (digest: Digest) => boolean
  /** Corrupt, or missing. */
  readonly isListed: (digest: Digest) => boolean
  readonly corrupt: (blob: BlobInfo) => void
  readonly missing: (blob: BlobInfo) => void
  /** Every one that is listed, by this process or another. */
  readonly faulty: () => Promise<ReadonlySet<Digest>>
  /** It was stored again, or deleted. */
  readonly mended: (digest: Digest) => void
}

/** A blob of this size or less is read whole, and held against its digest, before a part of it is given. */
const WHOLE_BYTES = 64 * 1024 * 1024
/** A blob that was found sound is believed for so long, ms. */
const SOUND_MS = 3_600_000
const MOST_SOUND = 10_000

export function watchedBlobs(blobs: Blobs, watch: Watch, steady = () => performance.now()): Blobs {
  const sound = new Map<Digest, number>()
  const believed = (digest: Digest): boolean => steady() - (sound.get(digest) ?? -Infinity) < SOUND_MS
  const believe = (digest: Digest): void => {
    if (sound.size >= MOST_SOUND) sound.delete(sound.keys().next().value ?? '')
    sound.set(digest, steady())
  }
  const tell = (error: unknown, blob: BlobInfo): void => {
    if ((error as { code?: unknown } | null)?.code !== 'corrupt_blob') return
    sound.delete(blob.digest)
    watch.corrupt(blob)
  }
  const whole = async (digest: Digest): ReturnType<Blobs['read']> => {
    const { size, stream } = await blobs.read(digest)
    stream.once('error', (error) => tell(error, { digest, size }))
    stream.once('end', () => believe(digest))
    return { size, stream }
  }
  const part = async (digest: Digest, range: ByteRange): ReturnType<Blobs['read']> => {
    // another process may have mended it since this one was told
    if (watch.isCorrupt(digest)) await watch.faulty()
    if (watch.isCorrupt(digest)) throw problem('corrupt_blob', { digest })
    const found = await blobs.read(digest, range)
    if (found.size > WHOLE_BYTES || believed(digest)) return found
    try {
      await finished((await whole(digest)).stream.resume())
    } catch (error) {
      found.stream.destroy()
      throw error
    }
    return found
  }
  const forget = async (digest: Digest, gone: Promise<boolean>): Promise<boolean> => {
    if (!(await gone)) return false
    watch.mended(digest)
    return true
  }
  const stored = (info: BlobInfo): BlobInfo => {
    if (watch.isListed(info.digest)) watch.mended(info.digest)
    return info
  }
  return {
    put: async (source, expected) => stored(await blobs.put(source, expected)),
    ...(blobs.putMany !== undefined && {
      putMany: async (sources) => ((await blobs.putMany?.(sources)) ?? []).map(stored),
    }),
    read: (digest, range) => (range === undefined ? whole(digest) : part(digest, range)),
    bytes: async (digest) => {
      try {
        return await blobs.bytes(digest)
      } catch (error) {
        tell(error, { digest, size: 0 })
        throw error
      }
    },
    ...(blobs.bytesMany !== undefined && {
      bytesMany: async (digests) => {
        try {
          return (await blobs.bytesMany?.(digests)) ?? []
        } catch (error) {
          if (error instanceof Problem) tell(error, { digest: String(error.data['digest']), size: 0 })
          throw error
        }
      },
    }),
    has: (digest) => blobs.has(digest),
    delete: (digest) => forget(digest, blobs.delete(digest)),
    deleteIdle: (digest, before) => forget(digest, blobs.deleteIdle(digest, before)),
    sweep: () => blobs.sweep(),
    list: (shard) => blobs.list(shard),
    path: (digest) => blobs.path(digest),
    corrupt: watch.corrupt,
    missing: watch.missing,
    faulty: watch.faulty,
    ...(blobs.link !== undefined && { link: (digest, as) => blobs.link?.(digest, as) }),
    ...(blobs.notes !== undefined && { notes: blobs.notes }),
  }
}
