/** Files from package registries that a hash pins: fetched once, checked, kept in the cache. */
import { createHash } from 'node:crypto'
import type { EgressStream } from '../../http/egress-stream.ts'
import { wholeBody } from '../../http/egress-stream.ts'
import { problem } from '../../contract/errors.ts'
import { BlobFolder } from '../oci/blobs.ts'

export interface PinnedFile {
  readonly name: string
  readonly url: string
  readonly size: number
  /** Hexadecimal SHA-256, or a Subresource Integrity text of SHA-512. */
  readonly hash: string
}

export interface Fetching {
  readonly blobs: BlobFolder
  /** Undefined where the network may not be used. */
  readonly fetch: EgressStream | undefined
  readonly say: (line: string) => void
}

/** The bytes of a pinned file. Throws `unavailable` where it is not to be had, and `unprocessable` where it is not what was pinned. */
export async function pinnedFile({ blobs, fetch, say }: Fetching, file: PinnedFile): Promise<Buffer> {
  const inCache = new BlobFolder(`${blobs.dir}/pinned`)
  const bySha256 = /^[0-9a-f]{64}$/.test(file.hash) ? `sha256:${file.hash}` : undefined
  const kept = bySha256 === undefined ? undefined : await inCache.size(bySha256)
  if (bySha256 !== undefined && kept === file.size) return whole(inCache.stream(bySha256))
  if (fetch === undefined) throw missing(file, 'the network may not be used, and it is not in the cache')
  say(`fetching ${file.name}`)
  const reply = await fetch({ method: 'GET', url: file.url })
  if (reply.status !== 200) throw missing(file, `${new URL(file.url).host} answered ${reply.status}`)
  const bytes = await wholeBody(reply, file.size, file.name)
  if (!fits(bytes, file.hash))
    throw problem('unprocessable', { detail: `${file.name} is not what was pinned: its hash is another` })
  if (bySha256 !== undefined) await inCache.put(bytes)
  return bytes
}

/** All that a stream gives. */
export async function whole(parts: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const part of parts) all.push(part)
  return Buffer.concat(all)
}

function fits(bytes: Buffer, hash: string): boolean {
  if (hash.startsWith('sha512-')) return createHash('sha512').update(bytes).digest('base64') === hash.slice(7)
  return createHash('sha256').update(bytes).digest('hex') === hash
}

function missing({ name, url }: PinnedFile, detail: string): Error {
  return problem('unavailable', { what: name, detail: `${detail} (${url}); --base takes another base` })
}
