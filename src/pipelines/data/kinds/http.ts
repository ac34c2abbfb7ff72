/** Sources that are answers of addresses: one GET through the egress client, with the etag of the last answer. */
import { createHash } from 'node:crypto'
import { Problem, problem } from '../../../contract/errors.ts'
import type { StreamReply } from '../../../http/egress-stream.ts'
import type { Blobs } from '../../../store/blobs/blobs.ts'
import { putManifest } from '../../../store/blobs/trees.ts'
import type { Place } from '../../spec/external/source.ts'
import { SourceAway, within, type Asked, type Given, type Limits, type Reading } from './asked.ts'

const MOST_REDIRECTS = 5
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]
/** Answers after which another try may give another. */
const PASSING: readonly number[] = [408, 425, 429, 500, 502, 503, 504]

type HttpPlace = Extract<Place, { kind: 'http' }>

/**
 * Reads an address. It is unchanged where the server answers 304 to its own strong etag; a weak one, and a time of whole seconds, may
 * stand for other bytes.
 */
export async function readHttp(asked: Asked<HttpPlace>): Promise<Reading> {
  const { place, before, secret, limits } = asked
  const token = place.token === null ? undefined : await secret(place.token)
  let url = place.url
  for (let followed = 0; followed <= MOST_REDIRECTS; followed++) {
    limits.check()
    const reply = await reached(asked.http({ method: 'GET', url, headers: headersOf(asked, url, token) }))
    const { location } = reply.headers
    if (reply.status === 304 && etagOf(before, url) !== undefined) return ended(reply, 'unchanged')
    if (!REDIRECTS.includes(reply.status) || location === undefined) return given(asked, url, reply)
    url = ended(reply, new URL(location, url).href)
  }
  throw problem('unprocessable', { detail: `${place.url} leads on more than ${MOST_REDIRECTS} times` })
}

function headersOf(
  { place, before }: Asked<HttpPlace>,
  url: string,
  token: string | undefined,
): Record<string, string> {
  const isOwn = new URL(url).origin === new URL(place.url).origin
  const etag = etagOf(before, url)
  return {
    'accept-encoding': 'identity',
    ...(etag !== undefined && { 'if-none-match': etag }),
    ...(token !== undefined && isOwn && { authorization: `Bearer ${token}` }),
  }
}

async function given({ blobs, limits }: Asked<HttpPlace>, url: string, reply: StreamReply): Promise<Given> {
  if (reply.status !== 200) throw ended(reply, refused(url, reply.status))
  const { etag, 'last-modified': modified, 'content-encoding': encoding = 'identity' } = reply.headers
  // asked for as it is: packed bytes are not what the address stands for
  if (encoding.trim().toLowerCase() !== 'identity') throw ended(reply, encoded(url, encoding))
  const { digest, size } = await keptBody(reply, blobs, limits)
  const tree = await putManifest(blobs, [{ path: '', size, digest, executable: false }])
  const at = Date.parse(modified ?? '')
  const token = etag !== undefined && /^"[^"]*"$/.test(etag) ? `${addressOf(url)} ${etag}` : null
  return { tree, version: etag ?? modified ?? null, dataAt: Number.isNaN(at) ? null : at, token }
}

/** The etag that an address itself gave: where a redirect leads elsewhere by now, the same etag stands for other bytes. */
function etagOf(before: string | null, url: string): string | undefined {
  const start = `${addressOf(url)} `
  return before?.startsWith(start) === true ? before.slice(start.length) : undefined
}

/** An address for comparing: its text may hold what nobody else is to see, such as a signature. */
function addressOf(url: string): string {
  return createHash('sha256').update(url).digest('hex')
}

function encoded(url: string, encoding: string): Error {
  const { host, pathname } = new URL(url)
  return problem('unprocessable', {
    detail: `${host}${pathname} answered packed (content-encoding ${encoding}), and was asked for its bytes as they are`,
  })
}

/** What was asked of a server that may be away; an address that may not be reached is told as the fault that it is. */
export async function reached<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    if (error.code === 'upstream_failed' || error.code === 'unavailable')
      throw new SourceAway(error.message, { cause: error })
    if (error.code === 'invalid_field') throw problem('unprocessable', { detail: error.message }, error)
    throw error
  }
}

/** The body, kept; a connection that is given up in the middle of it is closed. */
async function keptBody({ body }: StreamReply, blobs: Blobs, limits: Limits): ReturnType<Blobs['put']> {
  try {
    return await reached(blobs.put(within(body as AsyncIterable<Buffer>, limits)))
  } finally {
    body.on('error', () => undefined).destroy()
  }
}

/** Ends a reply whose body nobody reads. */
function ended<T>({ body }: StreamReply, value: T): T {
  body.on('error', () => undefined).destroy()
  return value
}

function refused(url: string, status: number): Error {
  const { host, pathname } = new URL(url)
  const said = `${host}${pathname} answered ${status}`
  return PASSING.includes(status) ? new SourceAway(said) : problem('unprocessable', { detail: said })
}
