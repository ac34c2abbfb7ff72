/** Sends signed requests to an S3 server and sends them again when it is busy, slow or cuts them off. */
import http from 'node:http'
import https from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import { certificateWords } from '../../../client/certificates.ts'
import { problem, type Problem } from '../../../contract/errors.ts'
import type { S3Settings } from './settings.ts'
import { EMPTY_HASH, encodeQuery, encodeSegment, signed } from './sign.ts'
import { textOf } from './xml.ts'

/** How patient the client is. */
export interface Patience {
  /** Tries of one request, the first included. Default 6. */
  readonly attempts?: number
  /** Wait before the second try, ms; it doubles with each, up to 5 s, and half of it is random. Default 100. */
  readonly baseMs?: number
  /** A server that sends and takes nothing for so long is given up, ms. Default 60 s. */
  readonly idleMs?: number
}

export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  /** Below the prefix; undefined = the bucket itself. */
  readonly key?: string
  readonly query?: Readonly<Record<string, string>>
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer
  /** Hex sha256 of the body; without it a body goes unsigned and needs a checksum among the headers. */
  readonly contentHash?: string
  /** Statuses besides 2xx that are an answer and no failure. */
  readonly accept?: readonly number[]
}

export interface S3Reply {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
}

export interface S3Client {
  readonly settings: S3Settings
  readonly patience: Required<Patience>
  /** The whole reply. Throws `unavailable` when the server stays out of reach or refuses the keys, and `upstream_failed` when it refuses the request. */
  call(request: S3Request): Promise<S3Reply>
  /** The reply as a stream, which may still break off. Throws as `call` does. */
  open(request: S3Request): Promise<http.IncomingMessage>
  /** Closes the connections that are idle. */
  close(): void
}

/** Replies that are not blobs: lists and errors. */
const MOST_TEXT = 16 * 1024 * 1024
const LONGEST_WAIT_MS = 5000
const TRANSIENT = new Set([408, 429, 500, 502, 503, 504])

/** A server that said nothing for so often is not asked again: each of these waits is long. */
const MOST_SILENCES = 2

/** Nothing came, and nothing was taken, for as long as the client waits. */
class Silence extends Error {
  readonly code = 'ETIMEDOUT'
}

/** A reply that is worth another try. */
class Transient extends Error {}

export function s3Client(settings: S3Settings, patience: Patience = {}, now: () => number = Date.now): S3Client {
  const patient = { attempts: 6, baseMs: 100, idleMs: 60_000, ...patience }
  const wire = settings.origin.startsWith('https:') ? https : http
  const agent = new wire.Agent({ keepAlive: true, maxSockets: 64, ...(settings.lookup && { lookup: settings.lookup }) })
  const once = async (request: S3Request): Promise<http.IncomingMessage> => {
    try {
      return await exchange(request, { settings, agent, at: now(), idleMs: patient.idleMs })
    } catch (error) {
      // another try is shown the same certificate
      if (!(error instanceof Error) || !isUntrusted(error)) throw error
      throw blobsUnavailable(await certificateWords(error, { url: new URL(settings.origin) }), error)
    }
  }
  const opened = (request: S3Request): Promise<http.IncomingMessage> =>
    again(patient, request, async () => judged(request, await once(request)))
  const call = (request: S3Request): Promise<S3Reply> =>
    again(patient, request, async () => {
      const reply = await judged(request, await once(request))
      const text = await readText(reply)
      // Some calls answer 200 at once and tell a failure later, in the body.
      if (/^\s*(<\?xml[^>]*>)?\s*<Error>/.test(text)) throw new Transient(told(200, text))
      return { status: reply.statusCode ?? 0, headers: reply.headers, text }
    })
  return { settings, patience: patient, call, open: opened, close: () => agent.destroy() }
}

/** Waits before try number `attempt` + 1. */
export async function backOff(patience: Required<Patience>, attempt: number): Promise<void> {
  const most = Math.min(LONGEST_WAIT_MS, patience.baseMs * 2 ** attempt)
  await delay(most / 2 + (Math.random() * most) / 2)
}

/** The problem of an S3 server that cannot answer now. */
export function blobsUnavailable(detail: string, cause?: unknown): Problem {
  return problem('unavailable', { what: 'the S3 server of the blobs', detail }, cause)
}

async function again<T>(patience: Required<Patience>, request: S3Request, attempt: () => Promise<T>): Promise<T> {
  let silences = 0
  for (let tries = 1; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof Transient || isNetwork(error))) throw error
      if (error instanceof Silence) silences++
      if (tries >= patience.attempts || silences >= MOST_SILENCES) {
        const why = error instanceof Error ? error.message : String(error)
        throw blobsUnavailable(`${request.method} failed ${tries} times, at last: ${why}`, error)
      }
      await backOff(patience, tries - 1)
    }
  }
}

function isNetwork(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false
  return /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|HPE_|ERR_STREAM_PREMATURE)/.test(
    error.code,
  )
}

/** Whether TLS came to nothing: the server's certificate is not trusted, or it does not speak TLS. */
function isUntrusted(error: Error): boolean {
  return (
    'code' in error &&
    /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|INVALID_CA|ERR_TLS|ERR_SSL|EPROTO)/.test(String(error.code))
  )
}

interface Wire {
  readonly settings: S3Settings
  readonly agent: http.Agent
  readonly at: number
  readonly idleMs: number
}

function exchange(request: S3Request, { settings, agent, at, idleMs }: Wire): Promise<http.IncomingMessage> {
  const { method, query = {}, body } = request
  const key = request.key === undefined ? '' : settings.prefix + request.key
  const path = `${settings.base}/${key.split('/').map(encodeSegment).join('/')}`
  const url = new URL(settings.origin)
  const contentHash = body === undefined ? EMPTY_HASH : (request.contentHash ?? 'UNSIGNED-PAYLOAD')
  const length = { 'content-length': String(body?.length ?? 0) }
  const given = { host: url.host, ...(method !== 'GET' && method !== 'HEAD' && length), ...request.headers }
  const headers = signed({ method, path, query, headers: given, contentHash }, { ...settings, at })
  const search = encodeQuery(query)
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>()
  const send = url.protocol === 'https:' ? https.request : http.request
  const sent = send(url, { method, path: search === '' ? path : `${path}?${search}`, headers, agent }, resolve)
  sent.setTimeout(idleMs, () => {
    sent.destroy(new Silence(`nothing came for ${idleMs} ms`))
  })
  sent.on('error', reject)
  sent.end(body)
  return promise
}

async function judged(request: S3Request, reply: http.IncomingMessage): Promise<http.IncomingMessage> {
  const status = reply.statusCode ?? 0
  if ((status >= 200 && status < 300) || request.accept?.includes(status) === true) return reply
  const text = told(status, await readText(reply))
  if (TRANSIENT.has(status)) throw new Transient(text)
  if (status === 401 || status === 403)
    throw blobsUnavailable(
      `${request.method}: ${text}; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, the region and the clock`,
    )
  throw problem('upstream_failed', { what: `${request.method} at the S3 server of the blobs`, detail: text })
}

function told(status: number, text: string): string {
  const code = textOf(text, 'Code')
  const message = textOf(text, 'Message')
  return code === undefined ? `it answered ${status}` : `it answered ${status} ${code}: ${message ?? ''}`
}

async function readText(reply: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of reply as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MOST_TEXT) throw problem('upstream_failed', { what: 'the S3 server', detail: 'its reply is too long' })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
