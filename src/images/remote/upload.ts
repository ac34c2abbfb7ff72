/** Puts blobs and manifests into a repository: what it has is not sent, what another repository of the registry has is mounted, what is cut off goes on. */
import { Problem } from '../../contract/errors.ts'
import type { StreamReply } from '../../http/egress-stream.ts'
import type { Expected } from '../oci/blobs.ts'
import type { Descriptor } from '../oci/documents.ts'
import type { RemoteImage } from './image.ts'
import { isPassing } from './session.ts'
import type { RegistryCall } from './session.ts'

/** Where the bytes of a blob are read from, from an offset on. */
export type ReadFrom = (digest: string, offset: number) => AsyncIterable<Uint8Array>

/** What became of a blob. */
export type Outcome = 'there' | 'mounted' | 'sent'

/** How a blob is brought. */
export interface Way {
  /** A repository of the same registry that has it. */
  readonly from?: string | undefined
  readonly say?: (line: string) => void
}

/** Blobs above this are sent in parts, so that a break costs one part alone. */
const PART = 16 * 1024 * 1024
/** Parts that may fail one after another before the upload is given up. */
const MOST_FAILURES = 5

/**
 * Brings a blob into the repository of `to`; what is cut off begins again where it was whole at once. Throws `upstream_failed` when the registry
 * will not take it, or says that it got another.
 */
export async function uploadBlob(
  to: RemoteImage,
  blob: Expected,
  read: ReadFrom,
  { from, say = nothing }: Way = {},
): Promise<Outcome> {
  for (let tries = 1; ; tries++) {
    if (await isThere(to, blob)) return tries === 1 ? 'there' : 'sent'
    const upload = new Upload(to, blob, read, say)
    try {
      if ((await upload.begin(from)) === 'mounted') return 'mounted'
      await upload.send()
      return 'sent'
    } catch (error) {
      if (!isBreak(error) || error instanceof Decided || tries >= MOST_TRIES) throw error
      say(`${blob.digest.slice(7, 19)} was cut off, it is sent again: ${(error as Error).message}`)
      await to.session.pause(tries)
    }
  }
}

const nothing = (): void => undefined

/** Uploads of one blob that are begun. */
const MOST_TRIES = 3

/** Puts a manifest under its digest, or under a tag. Returns the subject that the registry has attached it to, if it says so. */
export async function putManifest(
  to: RemoteImage,
  manifest: Descriptor,
  bytes: Buffer,
  tag?: string,
): Promise<{ subject: string | undefined }> {
  const reply = await call(to, {
    method: 'PUT',
    path: `manifests/${tag ?? manifest.digest}`,
    headers: { 'content-type': manifest.mediaType },
    body: () => bytes,
  })
  if (reply.status !== 201 && reply.status !== 200)
    throw await to.failure(reply, `the manifest ${tag ?? manifest.digest}`)
  checkSaid(to, reply, manifest.digest)
  reply.body.resume()
  const said = reply.headers['oci-subject']
  return { subject: typeof said === 'string' ? said : undefined }
}

async function isThere(to: RemoteImage, { digest, size }: Expected): Promise<boolean> {
  const reply = await call(to, { method: 'HEAD', path: `blobs/${digest}` })
  reply.body.resume()
  const length = reply.headers['content-length']
  return reply.status === 200 && (length === undefined || Number(length) === size)
}

class Upload {
  readonly #to: RemoteImage
  readonly #blob: Expected
  readonly #read: ReadFrom
  readonly #say: (line: string) => void
  #location = ''
  #part = PART

  constructor(to: RemoteImage, blob: Expected, read: ReadFrom, say: (line: string) => void) {
    this.#to = to
    this.#blob = blob
    this.#read = read
    this.#say = say
  }

  /** Opens the upload, or mounts the blob of another repository; a registry that has no mounts opens one too. */
  async begin(from?: string): Promise<'mounted' | 'open'> {
    const query = from === undefined ? '' : `?${new URLSearchParams({ mount: this.#blob.digest, from }).toString()}`
    let reply = await call(
      this.#to,
      { method: 'POST', path: `blobs/uploads/${query}`, body: () => Buffer.alloc(0) },
      from,
    )
    if (from !== undefined && reply.status !== 201 && reply.status !== 202) {
      reply.body.destroy()
      reply = await call(this.#to, { method: 'POST', path: 'blobs/uploads/', body: () => Buffer.alloc(0) })
    }
    if (reply.status === 201 && from !== undefined) {
      checkSaid(this.#to, reply, this.#blob.digest)
      reply.body.resume()
      return 'mounted'
    }
    if (reply.status !== 202) throw await decided(this.#to, reply, 'an upload')
    // some registries take no smaller parts than they say
    const least = Number(reply.headers['oci-chunk-min-length'] ?? 0)
    if (Number.isSafeInteger(least)) this.#part = Math.max(PART, least)
    this.#follow(reply)
    return 'open'
  }

  async send(): Promise<void> {
    const { size } = this.#blob
    if (size <= this.#part) return this.#finish(0)
    let failures = 0
    for (let at = 0; at < size;) {
      const end = Math.min(size, at + this.#part)
      const reached = await this.#sendPart(at, end)
      failures = reached > at ? 0 : failures + 1
      if (failures > MOST_FAILURES) throw this.#gaveUp(at)
      at = reached
    }
    await this.#finish(size)
  }

  /** Sends bytes of the blob; returns up to where the registry has them, also where it broke off. */
  async #sendPart(at: number, end: number): Promise<number> {
    const headers = { 'content-type': 'application/octet-stream', 'content-range': `${at}-${end - 1}` }
    const body = () => ({ size: end - at, parts: limited(this.#read(this.#blob.digest, at), end - at) })
    try {
      const reply = await call(this.#to, { method: 'PATCH', path: this.#location, headers, body, once: true })
      if (reply.status === 202) {
        this.#follow(reply)
        return end
      }
      if (reply.status !== 416 && reply.status < 500 && !isPassing(reply.status))
        throw await decided(this.#to, reply, 'a part of an upload')
      reply.body.destroy()
    } catch (error) {
      if (!isBreak(error) || error instanceof Decided) throw error
    }
    return this.#reached()
  }

  /** Up to where the registry has the bytes. An upload that it has forgotten begins again. */
  async #reached(): Promise<number> {
    const reply = await call(this.#to, { method: 'GET', path: this.#location })
    reply.body.resume()
    if (reply.status === 204 || reply.status === 202) {
      this.#follow(reply)
      const last = /^(?:bytes=)?0-(\d+)$/.exec(reply.headers['range'] ?? '')?.[1]
      const reached = last === undefined || last === '0' ? 0 : Number(last) + 1
      return Math.min(reached, this.#blob.size)
    }
    if (reply.status !== 404) throw this.#gaveUp(0)
    this.#say(
      `the registry has forgotten what it had of ${this.#blob.digest.slice(7, 19)}, which is sent from its start`,
    )
    await this.begin()
    return 0
  }

  /** Ends the upload, with the whole blob where none of it was sent. */
  async #finish(sent: number): Promise<void> {
    const { digest, size } = this.#blob
    const url = new URL(this.#to.session.url(this.#location))
    url.searchParams.set('digest', digest)
    const headers = { 'content-type': 'application/octet-stream' }
    const body = () => (sent === size && size > 0 ? Buffer.alloc(0) : { size, parts: this.#read(digest, 0) })
    const reply = await call(this.#to, { method: 'PUT', path: url.href, headers, body, once: true })
    if (reply.status !== 201 && reply.status !== 204) throw await decided(this.#to, reply, `the blob ${digest}`)
    checkSaid(this.#to, reply, digest)
    reply.body.resume()
  }

  /** Where the upload goes on; it may be anywhere, and credentials go to the registry alone. */
  #follow(reply: StreamReply): void {
    const { location } = reply.headers
    if (location !== undefined) this.#location = new URL(location, this.#to.session.url('')).href
    reply.body.resume()
  }

  #gaveUp(at: number): Error {
    const detail = `it does not take ${this.#blob.digest} beyond byte ${at}`
    return new Decided('upstream_failed', { what: `the registry ${this.#to.reference.host}`, detail })
  }
}

type Call = Omit<RegistryCall, 'scope'>

/** A call on the repository; `from` names another one that is read. */
function call(to: RemoteImage, { path, ...rest }: Call, from?: string): Promise<StreamReply> {
  const { repository } = to.reference
  const scope = `repository:${repository}:pull,push${from === undefined ? '' : ` repository:${from}:pull`}`
  return to.session.call({ ...rest, path: /^https?:/.test(path) ? path : `${repository}/${path}`, scope })
}

/** A registry that has kept something else than was sent says so at best; nothing is made of it. */
function checkSaid(to: RemoteImage, reply: StreamReply, digest: string): void {
  const said = reply.headers['docker-content-digest']
  if (said === undefined || said === digest) return
  const detail = `it says that it kept ${String(said)} in place of ${digest}`
  throw new Decided('upstream_failed', { what: `the registry ${to.reference.host}`, detail })
}

/** An answer that the next try would get too. */
class Decided extends Problem {}

async function decided(to: RemoteImage, reply: StreamReply, what: string): Promise<Problem> {
  const { code, data } = await to.failure(reply, what)
  return reply.status >= 500 || reply.status === 404 || isPassing(reply.status)
    ? new Problem(code, data)
    : new Decided(code, data)
}

function isBreak(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'upstream_failed'
}

async function* limited(parts: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let left = size
  for await (const part of parts) {
    yield part.subarray(0, left)
    left -= part.length
    if (left <= 0) return
  }
}
