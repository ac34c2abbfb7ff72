/** Content-addressed blobs: what every driver (disk, S3) does. */
import type { Readable } from 'node:stream'

/** `sha256:` and 64 small hex digits. */
export type Digest = string

/** What a blob is known by. */
export interface BlobInfo {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
}

/** What the caller says the bytes are; a difference is refused with `unprocessable` and nothing is kept. */
export interface Expected {
  readonly digest?: Digest
  readonly size?: number
}

/** Bytes `start` to `end`, both included, as in HTTP. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export interface Blobs {
  /**
   * Stores bytes, streamed; durable when it resolves. The same bytes twice are one blob. The chunks of a stream become the
   * store's: whoever gave them may not use them afterwards.
   */
  put(source: Uint8Array | AsyncIterable<Uint8Array>, expected?: Expected): Promise<BlobInfo>
  /**
   * Stores many at once, all durable when it resolves, in their order: with far fewer waits for the disk than one after the other. A source
   * is asked for when its turn comes. After a fault none of them need be there. Absent where `put` is as good.
   */
  putMany?(sources: readonly (() => AsyncIterable<Uint8Array>)[]): Promise<BlobInfo[]>
  /**
   * The bytes as a stream; `size` is the whole blob's. Without a range the stream is hashed on the way and destroyed with
   * `corrupt_blob` before its last chunk if it does not match. It may be destroyed or left alone at any moment. Throws
   * `not_found`; `invalid_field` for a range outside.
   */
  read(digest: Digest, range?: ByteRange): Promise<{ size: number; stream: Readable }>
  /** The verified bytes; for blobs that fit in memory. Throws `not_found`, `corrupt_blob`. */
  bytes(digest: Digest): Promise<Buffer>
  /** The verified bytes of many small blobs, in their order, for far less than one by one costs. Throws as `bytes`. Absent where it would not. */
  bytesMany?(digests: readonly Digest[]): Promise<Buffer[]>
  has(digest: Digest): Promise<boolean>
  /** Deletes a blob; false when there was none. */
  delete(digest: Digest): Promise<boolean>
  /**
   * Deletes a blob unless it was stored, or stored again, at or after `before` (ms since 1970); false when it stays or was
   * not there. A blob that is stored again meanwhile stays.
   */
  deleteIdle(digest: Digest, before: number): Promise<boolean>
  /** Clears what uploads that were cut off a day ago left behind. */
  sweep(): Promise<void>
  /** Every blob, or those whose digits begin with the two of `shard`, in no order, with its time of last use in ms (stored, or stored again). */
  list(shard?: string): AsyncIterable<BlobInfo & { readonly touched_at: number }>
  /**
   * An address at which anybody may read the bytes for so many seconds, 1 to 604800, as a file of this name; undefined where
   * callers are not to be sent elsewhere.
   */
  link?(digest: Digest, as: { readonly seconds: number; readonly name: string }): string | undefined
  /** A local file with the bytes, to read or hard-link and never to change; undefined where the driver has no local files. */
  path(digest: Digest): string | undefined
  /** Tells that the bytes at `path` are not those of the digest; absent where nobody keeps the list of such blobs. */
  corrupt?(blob: BlobInfo): void
  /** Tells that a blob which something needs is not there; absent as `corrupt` is. */
  missing?(blob: BlobInfo): void
  /** Every blob that is known to be corrupt or missing; absent as `corrupt` is. */
  faulty?(): Promise<ReadonlySet<Digest>>
  /** Small texts beside the blobs; undefined where the driver has no place outside of the data folder. */
  readonly notes?: Notes
}

/** The blobs that are known to be corrupt or missing; none where nobody keeps the list. */
export async function faultyBlobs(blobs: Blobs): Promise<ReadonlySet<Digest>> {
  return (await blobs.faulty?.()) ?? new Set()
}

/** Small texts under names of their own, such as `audit/KEY/00000001.json`: outside of the data folder, never collected. */
export interface Notes {
  /** Durable when it resolves. */
  put(name: string, text: string): Promise<void>
  /** The text; '' where there is none. */
  get(name: string): Promise<string>
  /** Every name that begins with `below`, in order. */
  names(below: string): AsyncIterable<string>
}
