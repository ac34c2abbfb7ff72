/** Uploads a stream to S3 in parts, a few at a time, hashed on the way, in bounded memory. */
import { createHash, type Hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { problem } from '../../../contract/errors.ts'
import type { BlobInfo, Digest } from '../blobs.ts'
import type { S3Client } from './client.ts'
import { escaped, textOf } from './xml.ts'

/** S3 takes parts of 5 MiB or more, and so many of them. */
const PART_BYTES = 8 * 1024 * 1024
const MOST_PARTS = 10_000
/** Parts of one upload under way at once, and of all uploads; every upload may have one. */
const AT_ONCE = 4
const ALL_AT_ONCE = 8

/** Parts of all uploads of a driver that are under way. */
export interface Sending {
  count: number
}

/** What a stream was hashed and counted to so far. */
export interface Cut {
  readonly hash: Hash
  size: number
}

/** Bytes of a part for a blob whose size is known, or of a stream whose size is not: that may have 10,000 parts of 8 MiB. */
export function partSize(size?: number): number {
  const least = Math.ceil((size ?? 0) / MOST_PARTS)
  return Math.max(PART_BYTES, Math.ceil(least / 1024 / 1024) * 1024 * 1024)
}

/** The stream in pieces of `size` bytes, the last one shorter; at least one. Each is hashed and counted in `cut`. */
export async function* pieces(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  size: number,
  cut: Cut,
): AsyncGenerator<Buffer> {
  let held: Uint8Array[] = []
  let bytes = 0
  for await (const whole of source) {
    cut.hash.update(whole)
    cut.size += whole.length
    let chunk = whole
    while (bytes + chunk.length > size) {
      held.push(chunk.subarray(0, size - bytes))
      chunk = chunk.subarray(size - bytes)
      yield Buffer.concat(held, size)
      held = []
      bytes = 0
    }
    if (chunk.length > 0) held.push(chunk)
    bytes += chunk.length
  }
  yield Buffer.concat(held, bytes)
}

/** A fresh count and hash. */
export function fresh(): Cut {
  return { hash: createHash('sha256'), size: 0 }
}

export interface PartsUpload {
  readonly client: S3Client
  readonly sending: Sending
  readonly key: string
  readonly cut: Cut
  /** Throws when the bytes are not to be kept; the upload is then given up. */
  readonly agree: (info: BlobInfo) => void
}

/** Uploads all pieces as one object, which appears whole or not at all. What fails leaves nothing behind. */
export async function uploadParts(upload: PartsUpload, all: AsyncIterable<Buffer>): Promise<BlobInfo> {
  const { client, key, cut } = upload
  const headers = { 'x-amz-checksum-algorithm': 'CRC32' }
  const begun = await client.call({ method: 'POST', key, query: { uploads: '' }, headers })
  const id = textOf(begun.text, 'UploadId') ?? ''
  try {
    const done = await sendAll(upload, id, all)
    const digest: Digest = `sha256:${cut.hash.digest('hex')}`
    upload.agree({ digest, size: cut.size })
    await complete(upload, id, done)
    return { digest, size: cut.size }
  } catch (error) {
    await abortParts(client, key, id)
    throw error
  }
}

/** Tells S3 to forget the parts; those of an upload that stays are swept away. */
export async function abortParts(client: S3Client, key: string, id: string): Promise<void> {
  await client.call({ method: 'DELETE', key, query: { uploadId: id }, accept: [404] }).catch(() => undefined)
}

async function sendAll(upload: PartsUpload, id: string, all: AsyncIterable<Buffer>): Promise<string[]> {
  const done: string[] = []
  const mine = new Set<Promise<void>>()
  const failures: unknown[] = []
  let number = 0
  try {
    for await (const piece of all) {
      while (mine.size > 0 && (mine.size >= AT_ONCE || upload.sending.count >= ALL_AT_ONCE)) await Promise.race(mine)
      if (failures.length > 0) break
      const part = ++number
      if (part > MOST_PARTS) throw problem('payload_too_large', { limit: MOST_PARTS * piece.length })
      upload.sending.count += 1
      const sent: Promise<void> = sendPart(upload, id, part, piece)
        .then(
          (line) => void (done[part - 1] = line),
          (error: unknown) => void failures.push(error),
        )
        .finally(() => {
          upload.sending.count -= 1
          mine.delete(sent)
        })
      mine.add(sent)
    }
  } finally {
    // parts that arrive after the upload was given up would stay
    await Promise.all(mine)
  }
  if (failures.length > 0) throw failures[0]
  return done
}

/** Sends one part; the server holds it against its CRC32. Returns its line in the list that completes the upload. */
async function sendPart(upload: PartsUpload, id: string, part: number, body: Buffer): Promise<string> {
  const check = Buffer.alloc(4)
  check.writeUInt32BE(crc32(body))
  const sum = check.toString('base64')
  const { headers } = await upload.client.call({
    method: 'PUT',
    key: upload.key,
    query: { partNumber: String(part), uploadId: id },
    headers: { 'x-amz-checksum-crc32': sum },
    body,
  })
  const etag = escaped(headers.etag ?? '')
  return `<Part><PartNumber>${part}</PartNumber><ETag>${etag}</ETag><ChecksumCRC32>${sum}</ChecksumCRC32></Part>`
}

async function complete({ client, key, cut }: PartsUpload, id: string, parts: readonly string[]): Promise<void> {
  const body = Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`)
  const reply = await client.call({ method: 'POST', key, query: { uploadId: id }, body, accept: [404] })
  if (reply.status !== 404) return
  // A first try whose answer was lost has completed it: the object is then there.
  const { status, headers } = await client.call({ method: 'HEAD', key, accept: [404] })
  if (status !== 404 && Number(headers['content-length']) === cut.size) return
  throw problem('upstream_failed', { what: 'the S3 server of the blobs', detail: 'it lost an upload' })
}
