/** Where a batch reads and writes: files here and objects in S3, which are brought here first. */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ifMissing } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'
import { s3Client, type S3Client } from '../../store/blobs/s3/client.ts'
import { fresh, partSize, pieces, uploadParts } from '../../store/blobs/s3/parts.ts'
import { s3Settings } from '../../store/blobs/s3/settings.ts'
import { csvSource } from './csv-source.ts'
import { parquetSource } from './parquet-source.ts'
import { settle } from './parts.ts'
import type { Source } from './table.ts'

export type Format = 'csv' | 'parquet'

export interface S3Place {
  readonly bucket: string
  readonly key: string
}

/** The format that a name ends with. Throws `invalid_field`. */
export function formatOf(field: string, place: string): Format {
  const found = /\.(csv|parquet)$/i.exec(place)?.[1]?.toLowerCase()
  if (found === 'csv' || found === 'parquet') return found
  throw problem('invalid_field', { field, value: place, expected: 'a name that ends with .csv or .parquet' })
}

/** Bucket and key of `s3://bucket/key`; undefined for what is no such address. */
export function s3Place(place: string): S3Place | undefined {
  const match = /^s3:\/\/([^/]+)\/(.+)$/.exec(place)
  return match === null ? undefined : { bucket: match[1] ?? '', key: match[2] ?? '' }
}

/** An input that lies here, with what tells this state of it from another. */
export interface Found {
  readonly path: string
  readonly identity: Readonly<Record<string, string | number>>
}

/** Finds an input; one in S3 is brought into the folder once. Throws `not_found`. */
export async function findInput(place: string, folder: string): Promise<Found> {
  const remote = s3Place(place)
  if (remote !== undefined) return withClient(remote, (client) => bring(client, remote.key, { place, folder }))
  const path = resolve(place)
  const found = await ifMissing(stat(path))
  if (found === undefined || !found.isFile()) throw problem('not_found', { what: 'file', id: place })
  return {
    path,
    identity: { place: path, size: found.size, mtime: found.mtimeMs, head: await headHash(path) },
  }
}

export function openSource(path: string, format: Format): Promise<Source> {
  return format === 'csv' ? csvSource(path) : parquetSource(path)
}

/** Bytes of a file's beginning that are hashed: the header of any table. */
const HEAD = 64 * 1024

/** sha256 of a file's first bytes. */
async function headHash(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD), 0, HEAD, 0)
    return createHash('sha256').update(buffer.subarray(0, bytesRead)).digest('hex')
  } finally {
    await file.close()
  }
}

async function withClient<T>({ bucket }: S3Place, use: (client: S3Client) => Promise<T>): Promise<T> {
  const client = s3Client(s3Settings(`s3://${bucket}`, process.env))
  try {
    return await use(client)
  } finally {
    client.close()
  }
}

async function bring(client: S3Client, key: string, to: { place: string; folder: string }): Promise<Found> {
  const { status, headers } = await client.call({ method: 'HEAD', key, accept: [404] })
  if (status === 404) throw problem('not_found', { what: 'object', id: to.place })
  const etag = headers.etag ?? ''
  const size = Number(headers['content-length'])
  const name = createHash('sha256').update(`${to.place} ${etag} ${size}`).digest('hex').slice(0, 16)
  const path = join(to.folder, `input-${name}`)
  await mkdir(to.folder, { recursive: true })
  const there = await ifMissing(stat(path))
  if (there === undefined) {
    const bytes = Readable.from(objectBytes(client, key, { etag, size }), { objectMode: false })
    await pipeline(bytes, createWriteStream(`${path}.new`, { flush: true }))
    await settle(`${path}.new`, path)
  }
  return { path, identity: { place: to.place, size, etag, head: await headHash(path) } }
}

/** Tries of a connection that breaks off without having brought anything. */
const IDLE_TRIES = 6

/** The bytes of one state of an object; a connection that breaks off is opened again where it broke. */
async function* objectBytes(
  client: S3Client,
  key: string,
  { etag, size }: { etag: string; size: number },
): AsyncGenerator<Buffer> {
  for (let at = 0, idle = 0; at < size;) {
    const before = at
    const headers = { 'if-match': etag, range: `bytes=${at}-${size - 1}` }
    const reply = await client.open({ method: 'GET', key, headers, accept: [412] })
    if (reply.statusCode === 412) {
      reply.resume()
      throw problem('conflict', { detail: `the object "${key}" was changed while it was read; start again` })
    }
    try {
      for await (const chunk of reply as AsyncIterable<Buffer>) {
        at += chunk.length
        yield chunk
      }
    } catch (error) {
      if (at === before && ++idle === IDLE_TRIES) throw error
    }
    if (at > before) idle = 0
    else if (++idle >= IDLE_TRIES)
      throw problem('unavailable', { what: 'the S3 server', detail: 'it sends too few bytes' })
  }
}

/** Whether a result lies at a place already. */
export async function exists(place: string): Promise<boolean> {
  const remote = s3Place(place)
  if (remote === undefined) return (await ifMissing(stat(resolve(place)))) !== undefined
  return withClient(remote, async (client) => {
    const { status } = await client.call({ method: 'HEAD', key: remote.key, accept: [404] })
    return status !== 404
  })
}

/** Moves a finished result to its place, where it appears whole or not at all. */
export async function deliver(path: string, place: string): Promise<void> {
  const remote = s3Place(place)
  if (remote === undefined) return settle(path, resolve(place))
  const { size } = await stat(path)
  const cut = fresh()
  await withClient(remote, async (client) => {
    const { key } = remote
    await uploadParts(
      { client, sending: { count: 0 }, key, cut, agree: () => undefined },
      pieces(createReadStream(path), partSize(size), cut),
    )
  })
}
