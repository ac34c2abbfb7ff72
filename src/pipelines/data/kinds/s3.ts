/** Sources in a bucket of an S3 server: an object, or all below a prefix, each as it was listed. */
import type { IncomingMessage } from 'node:http'
import { Problem, problem } from '../../../contract/errors.ts'
import { destination, pinnedTo } from '../../../http/egress.ts'
import { safePath } from '../../../store/blobs/archive.ts'
import { s3Client, type S3Client } from '../../../store/blobs/s3/client.ts'
import { listObjects, type Listed } from '../../../store/blobs/s3/listing.ts'
import { s3Settings } from '../../../store/blobs/s3/settings.ts'
import { putManifest, type TreeFile } from '../../../store/blobs/trees.ts'
import { hashOf } from '../../spec/canonical.ts'
import type { Place } from '../../spec/external/source.ts'
import { SourceAway, takeAll, within, type Asked, type Reading } from './asked.ts'
import { reached } from './http.ts'

type S3Place = Extract<Place, { kind: 's3' }>

/** Objects that a prefix may hold. */
const MOST_OBJECTS = 100_000
/** The run that waits tries again itself. */
const PATIENCE = { attempts: 3, idleMs: 30_000 }

/** Reads an object or a prefix. It is unchanged where its list says the same keys, sizes, etags and times of change. */
export async function readS3(asked: Asked<S3Place>): Promise<Reading> {
  const { place, blobs, before, limits } = asked
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/?(.*)$/s.exec(place.url) ?? []
  const client = await clientFor(asked, bucket)
  try {
    const found = await listed(client, key)
    const token = stateOf(found)
    if (token === before) return 'unchanged'
    for (const { size } of found) limits.take(size)
    const files = await takeAll(found, limits, (one) => keep(client, one))
    if (stateOf(await listed(client, key)) !== token) throw new SourceAway(`${place.url} changed while it was read`)
    const [only] = files
    const version =
      files.length === 1 && only !== undefined
        ? only.version
        : `${files.length} objects, ${hashOf(files.map((file) => [file.path, file.version]))}`
    return { tree: await putManifest(blobs, files), version, dataAt: Math.max(...found.map(({ at }) => at)), token }
  } catch (error) {
    throw inWords(error, place)
  } finally {
    client.close()
  }

  async function keep(
    from: S3Client,
    { key: object, etag, size }: Listed,
  ): Promise<TreeFile & { readonly version: string }> {
    const reply = await from.open({ method: 'GET', key: object, headers: { 'if-match': etag }, accept: [404, 412] })
    if (reply.statusCode === 404 || reply.statusCode === 412) {
      reply.resume()
      throw new SourceAway(`${place.url} changed while it was read`)
    }
    const kept = await blobs.put(within(parts(reply), { ...limits, take: () => undefined }))
    if (kept.size !== size) throw new SourceAway(`${place.url} changed while it was read`)
    const version = reply.headers['x-amz-version-id']
    const path = object === key ? '' : safePath(object.slice(folderOf(key).length))
    return {
      path,
      size,
      digest: kept.digest,
      executable: false,
      version: typeof version === 'string' && version !== 'null' ? version : etag,
    }
  }
}

/** The client of the project's own keys, pinned to one address that may be reached. */
async function clientFor({ place, access, secret }: Asked<S3Place>, bucket: string): Promise<S3Client> {
  const settings = s3Settings(`s3://${bucket}`, {
    AWS_ACCESS_KEY_ID: await secret(place.access_key),
    AWS_SECRET_ACCESS_KEY: await secret(place.secret_key),
    AWS_REGION: place.region,
    ...(place.endpoint !== null && { AWS_ENDPOINT_URL_S3: place.endpoint.replace(/\/$/, '') }),
  })
  const { address } = await reached(destination(settings.origin, access.allow))
  return s3Client({ ...settings, lookup: pinnedTo(address) }, PATIENCE)
}

/** What a prefix ends with: of an object the folder that it lies in. */
function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1)
}

async function listed(client: S3Client, key: string): Promise<Listed[]> {
  const found: Listed[] = []
  for await (const one of listObjects(client, key)) {
    // a marker that some tools write for a folder
    if (one.key.endsWith('/')) continue
    if (key === '' || key.endsWith('/') || one.key === key) found.push(one)
    if (found.length > MOST_OBJECTS)
      throw problem('unprocessable', { detail: `it has more than ${MOST_OBJECTS} objects` })
  }
  if (found.length === 0) throw problem('unprocessable', { detail: 'nothing lies there' })
  return found.toSorted((a, b) => (a.key < b.key ? -1 : 1))
}

function stateOf(found: readonly Listed[]): string {
  return hashOf(found.map(({ key, size, etag, at }) => [key, size, etag, at]))
}

async function* parts(reply: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    yield* reply as AsyncIterable<Buffer>
  } catch (error) {
    throw new SourceAway(`the reply broke off: ${(error as Error).message}`, { cause: error })
  }
}

/** Faults of the client are told as those of this place, and not of the server's own store. */
function inWords(error: unknown, place: S3Place): unknown {
  if (!(error instanceof Problem)) return error
  const detail = typeof error.data['detail'] === 'string' ? error.data['detail'] : error.message
  if (error.code === 'unprocessable') return problem('unprocessable', { detail: `${place.url}: ${detail}` }, error)
  if (error.code === 'upstream_failed') return problem('unprocessable', { detail: `${place.url}: ${detail}` }, error)
  if (error.code !== 'unavailable') return error
  const said = detail.replace(
    /AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY/,
    `the secrets ${place.access_key} and ${place.secret_key}`,
  )
  return new SourceAway(`${place.url}: ${said}`, { cause: error })
}
