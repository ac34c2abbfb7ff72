/** Blobs in a bucket of any S3 server: `<first two hex digits>/<the rest>` below the prefix, whole or not at all. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { problem } from '../../../contract/errors.ts'
import type { BlobInfo, Blobs, ByteRange, Digest, Expected, Notes } from '../blobs.ts'
import { abandonable, digestOf, hexOf, isWithin, outside, refuseDifferent, verified } from '../verify.ts'
import { backOff, blobsUnavailable, s3Client, type Patience, type S3Client } from './client.ts'
import { copyObject } from './copy.ts'
import { deleteMarked, settled } from './leaving.ts'
import { listObjects, sweep } from './listing.ts'
import { fresh, partSize, pieces, uploadParts, type Cut, type Sending } from './parts.ts'
import type { S3Settings } from './settings.ts'
import { encodeSegment, presigned } from './sign.ts'

/** Half-written uploads older than this are swept away, ms. */
const STALE_MS = 24 * 3600 * 1000
/** S3 tells the time of an object in whole seconds. */
const TIME_STEP_MS = 1000

export interface S3Options extends Patience {
  /** Wall time by which ages are told, ms; requests are signed with the system's. */
  readonly now?: () => number
}

/** Blobs in S3, with `close` for the connections. Throws at once when the bucket cannot be read with these keys. */
export async function openS3Blobs(settings: S3Settings, options: S3Options = {}): Promise<S3Blobs> {
  const now = options.now ?? Date.now
  const client = s3Client(settings, options)
  await client.call({ method: 'GET', query: { 'list-type': '2', 'max-keys': '1', prefix: settings.prefix } })
  return new S3Blobs(client, now)
}

export class S3Blobs implements Blobs {
  readonly #client: S3Client
  readonly #now: () => number
  readonly #sending: Sending = { count: 0 }
  readonly notes: Notes

  constructor(client: S3Client, now: () => number) {
    this.#client = client
    this.#now = now
    this.notes = notesOf(client)
  }

  async put(source: Uint8Array | AsyncIterable<Uint8Array>, expected: Expected = {}): Promise<BlobInfo> {
    const cut = fresh()
    const all = pieces(source instanceof Uint8Array ? [source] : source, partSize(expected.size), cut)
    const first = await all.next()
    const second = await all.next()
    const begin = first.done === true ? Buffer.alloc(0) : first.value
    if (second.done === true) return this.#putWhole(begin, cut, expected)
    return this.#putLarge(joined([begin, second.value], all), cut, expected)
  }

  async read(digest: Digest, range?: ByteRange): Promise<{ size: number; stream: Readable }> {
    const key = keyOf(digest)
    const first = await this.#open(key, digest, range)
    const size = totalOf(first, range)
    const reach = range ?? { start: 0, end: size - 1 }
    const bytes = Readable.from(this.#stream(key, first, reach), { objectMode: false })
    // A stream that nobody began to read runs no code of its own when it is destroyed.
    bytes.once('close', () => first.destroy())
    return { size, stream: range === undefined ? verified(bytes, digest) : abandonable(bytes) }
  }

  async bytes(digest: Digest): Promise<Buffer> {
    const key = keyOf(digest)
    // A connection may have damaged them on the way: they are taken once more.
    for (let tries = 0; tries < 2; tries++) {
      const first = await this.#open(key, digest)
      const chunks: Buffer[] = []
      const reach = { start: 0, end: totalOf(first) - 1 }
      for await (const chunk of this.#stream(key, first, reach)) chunks.push(chunk)
      const bytes = Buffer.concat(chunks)
      if (digestOf(bytes) === digest) return bytes
    }
    throw problem('corrupt_blob', { digest })
  }

  async has(digest: Digest): Promise<boolean> {
    return (await this.#head(digest)) !== undefined
  }

  async delete(digest: Digest): Promise<boolean> {
    if (!(await this.has(digest))) return false
    await this.#client.call({ method: 'DELETE', key: keyOf(digest), accept: [404] })
    return true
  }

  async *list(shard?: string): AsyncIterable<BlobInfo & { readonly touched_at: number }> {
    for await (const { key, size, at } of listObjects(this.#client, shard === undefined ? '' : `${shard}/`)) {
      const match = /^([0-9a-f]{2})\/([0-9a-f]{62})$/.exec(key)
      if (match !== null) yield { digest: `sha256:${match[1]}${match[2]}`, size, touched_at: at }
    }
  }

  async deleteIdle(digest: Digest, before: number): Promise<boolean> {
    const key = keyOf(digest)
    return deleteMarked(this.#client, key, async () => {
      const found = await this.#head(digest)
      return found !== undefined && found.at < before - TIME_STEP_MS
    })
  }

  sweep(): Promise<void> {
    return sweep(this.#client, this.#now() - STALE_MS)
  }

  link(digest: Digest, { seconds, name }: { readonly seconds: number; readonly name: string }): string | undefined {
    const { settings } = this.#client
    if (!settings.directLinks) return undefined
    const path = `${settings.base}/${(settings.prefix + keyOf(digest)).split('/').map(encodeSegment).join('/')}`
    const query = {
      // nothing that a run has written is to act as a page of that host
      'response-content-disposition': `attachment; filename*=UTF-8''${encodeSegment(name)}`,
      'response-content-type': 'application/octet-stream',
    }
    const request = { method: 'GET', path, query, headers: { host: new URL(settings.origin).host } }
    const scope = { region: settings.region, credentials: settings.credentials, at: Date.now() }
    return `${settings.origin}${path}?${presigned(request, scope, seconds)}`
  }

  path(): undefined {
    return undefined
  }

  /** Closes the connections that are idle. */
  close(): void {
    this.#client.close()
  }

  async #head(digest: Digest): Promise<{ at: number } | undefined> {
    const { status, headers } = await this.#client.call({ method: 'HEAD', key: keyOf(digest), accept: [404] })
    return status === 404 ? undefined : { at: Date.parse(headers['last-modified'] ?? '') }
  }

  /** Bytes that fit into one part go in one request, which the server holds against their hash; a second time makes them young. */
  async #putWhole(body: Buffer, cut: Cut, expected: Expected): Promise<BlobInfo> {
    const hex = cut.hash.digest('hex')
    const info = { digest: `sha256:${hex}`, size: cut.size }
    refuseDifferent(info, expected)
    const key = keyOf(info.digest)
    await settled(this.#client, key, async () => {
      await this.#client.call({ method: 'PUT', key, body, contentHash: hex })
    })
    return info
  }

  /** The parts make an object under another name, as the digest is known only at the end; the server then copies it. */
  async #putLarge(all: AsyncIterable<Buffer>, cut: Cut, expected: Expected): Promise<BlobInfo> {
    const client = this.#client
    const temporary = `tmp/${randomUUID()}`
    const agree = (info: BlobInfo): void => refuseDifferent(info, expected)
    const info = await uploadParts({ client, sending: this.#sending, key: temporary, cut, agree }, all)
    const to = keyOf(info.digest)
    try {
      await settled(client, to, () => copyObject(client, { from: temporary, to, size: info.size }))
    } finally {
      await client.call({ method: 'DELETE', key: temporary, accept: [404] }).catch(() => undefined)
    }
    return info
  }

  async #open(key: string, digest: Digest, range?: ByteRange): Promise<IncomingMessage> {
    if (range !== undefined && !isWithin(range, Number.MAX_SAFE_INTEGER)) throw outside(range, Number.MAX_SAFE_INTEGER)
    const reply = await this.#client.open({
      method: 'GET',
      key,
      accept: [404, 416],
      ...(range !== undefined && { headers: { range: `bytes=${range.start}-${range.end}` } }),
    })
    if (reply.statusCode !== 404 && reply.statusCode !== 416) return reply
    reply.resume()
    if (reply.statusCode === 404 || range === undefined) throw problem('not_found', { what: 'blob', id: digest })
    throw outside(range, Number(/\/(\d+)$/.exec(reply.headers['content-range'] ?? '')?.[1] ?? range.start))
  }

  /** The bytes of `reach`; a connection that breaks off is opened again where it broke, as often as the client is patient. */
  async *#stream(key: string, first: IncomingMessage, reach: ByteRange): AsyncGenerator<Buffer> {
    const { patience } = this.#client
    let reply = first
    let at = reach.start
    for (let failures = 0; at <= reach.end;) {
      const before = at
      try {
        for await (const chunk of reply as AsyncIterable<Buffer>) {
          at += chunk.length
          yield chunk
        }
      } catch (error) {
        if (at > before) failures = 0
        if (++failures >= patience.attempts) throw blobsUnavailable('it breaks off while it sends a blob', error)
      }
      if (at > reach.end) return
      if (at === before && ++failures >= patience.attempts) throw blobsUnavailable('it sends too few bytes')
      await backOff(patience, failures)
      const digest = `sha256:${key.replace('/', '')}`
      reply = await this.#open(key, digest, { start: at, end: reach.end })
    }
  }
}

function notesOf(client: S3Client): Notes {
  return {
    async put(key, text) {
      const body = Buffer.from(text)
      await client.call({ method: 'PUT', key, body, contentHash: hexOf(digestOf(body)) })
    },
    async get(key) {
      const { status, text } = await client.call({ method: 'GET', key, accept: [404] })
      return status === 404 ? '' : text
    },
    async *names(below) {
      for await (const { key } of listObjects(client, below)) yield key
    },
  }
}

function keyOf(digest: Digest): string {
  const hex = hexOf(digest)
  return `${hex.slice(0, 2)}/${hex.slice(2)}`
}

/** Size of the whole blob as a reply tells it. Throws for a range outside of it. */
function totalOf(reply: IncomingMessage, range?: ByteRange): number {
  if (range === undefined) return Number(reply.headers['content-length'])
  const size = Number(/\/(\d+)$/.exec(reply.headers['content-range'] ?? '')?.[1] ?? Number.NaN)
  if (isWithin(range, size)) return size
  reply.destroy()
  if (Number.isNaN(size)) throw problem('upstream_failed', { what: 'the S3 server', detail: 'it knows no ranges' })
  throw outside(range, size)
}

async function* joined(first: readonly Buffer[], rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield* first
  yield* rest
}
