/** Outgoing HTTP with bodies of any size: the rules of `egress` for addresses, and streams both ways. */
import http from 'node:http'
import https from 'node:https'
import { Readable } from 'node:stream'
import { problem } from '../contract/errors.ts'
import { destination, inWords, pinnedTo } from './egress.ts'
import type { ReplyHead } from './egress.ts'

export interface StreamOptions {
  /** As in EgressOptions. */
  readonly allow: readonly string[]
  /** Longest silence of the other side, ms; default 30 000. */
  readonly silenceMs?: number
}

export interface StreamRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** Bytes, or a stream of exactly `size` bytes. */
  readonly body?: Uint8Array | { readonly size: number; readonly parts: AsyncIterable<Uint8Array> }
}

export interface StreamReply extends ReplyHead {
  /** Has to be read to its end or destroyed. */
  readonly body: Readable
}

export type EgressStream = (request: StreamRequest) => Promise<StreamReply>

/**
 * Makes the client. It follows no redirect. It resolves when the head of the reply is there; a reply that comes before the whole body was
 * sent ends the sending. Throws `upstream_failed`, `invalid_field` for a refused address, and what the body's stream throws.
 */
export function egressStream(options: StreamOptions): EgressStream {
  return async (request) => {
    const { url, address } = await destination(request.url, options.allow)
    const { body } = request
    const size = body === undefined ? 0 : body instanceof Uint8Array ? body.length : body.size
    const sized = size > 0 || ['POST', 'PUT', 'PATCH'].includes(request.method)
    const send = (url.protocol === 'https:' ? https : http).request(url, {
      method: request.method,
      headers: { ...request.headers, ...(sized && { 'content-length': String(size) }) },
      lookup: pinnedTo(address),
    })
    const what = `${request.method} ${url.host}`
    const late = (): void => void send.destroy(new Error('no answer in time'))
    send.setTimeout(options.silenceMs ?? 30_000, late)
    const replied = headOf(send, what)
    // it is awaited below; a fault of the body comes first
    replied.catch(() => undefined)
    try {
      await sendBody(send, body)
    } catch (error) {
      send.destroy()
      throw error
    }
    try {
      const reply = await replied
      // one that was answered before its end is never whole, and its connection would stay open for ever
      if (!send.writableEnded) reply.body.once('close', () => send.destroy())
      return reply
    } catch (error) {
      throw await inWords(error, what, { url, address: address.address })
    }
  }
}

function headOf(send: http.ClientRequest, what: string): Promise<StreamReply> {
  const { promise, resolve, reject } = Promise.withResolvers<StreamReply>()
  send.on('error', reject)
  send.on('response', (reply) =>
    resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: faultsInWords(reply, what) }),
  )
  return promise
}

/** A reply that is cut off is the other side's fault. */
function faultsInWords(reply: http.IncomingMessage, what: string): Readable {
  async function* parts(): AsyncGenerator<Buffer> {
    try {
      yield* reply as AsyncIterable<Buffer>
    } catch (error) {
      throw problem('upstream_failed', { what, detail: `the reply broke off: ${(error as Error).message}` }, error)
    }
  }
  const body = Readable.from(parts(), { objectMode: false })
  // a generator that nobody has begun to read is ended without its code, and the connection would stay until its silence is too long
  body.once('close', () => reply.destroy())
  return body
}

/** Sends until the body's end, or until the other side has answered or gone. */
async function sendBody(send: http.ClientRequest, body: StreamRequest['body']): Promise<void> {
  if (body === undefined || body instanceof Uint8Array) {
    send.end(body)
    return
  }
  let over = false
  for (const event of OVER) send.once(event, () => (over = true))
  let sent = 0
  for await (const part of body.parts) {
    if (over) return
    sent += part.length
    if (!send.write(part)) await drained(send)
  }
  // who has all of it may answer before the stream says that it is over
  if (over && sent < body.size) return
  if (sent !== body.size) throw new Error(`the body has ${sent} bytes in place of ${body.size}`)
  send.end()
}

/** Events after which nothing more is to be sent. */
const OVER = ['response', 'error', 'close'] as const

function drained(send: http.ClientRequest): Promise<void> {
  const events = ['drain', ...OVER]
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of events) send.off(event, done)
      resolve()
    }
    for (const event of events) send.on(event, done)
  })
}

/** A reply's whole body. Throws `upstream_failed` when it is larger than `most` bytes. */
export async function wholeBody({ body }: StreamReply, most: number, what: string): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body as AsyncIterable<Buffer>) {
    size += part.length
    if (size > most) throw problem('upstream_failed', { what, detail: `the reply has more than ${most} bytes` })
    parts.push(part)
  }
  return Buffer.concat(parts)
}
