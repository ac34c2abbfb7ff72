/** Writes replies: plain or compressed, and early ones to callers that are still sending. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, deflate, gzip, zstdCompress } from 'node:zlib'
import type { Reply } from '../protocols/exchange.ts'
import { endStream } from './secure.ts'

/** Replies from this size on are compressed for callers that take it, bytes: below, it costs more than it saves. */
const COMPRESSED_FROM = 4096

type Pack = (bytes: Buffer, done: (error: Error | null, out: Buffer) => void) => void

const PACK: readonly (readonly [string, Pack])[] = [
  ['zstd', (bytes, done) => zstdCompress(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }, done)],
  ['gzip', (bytes, done) => gzip(bytes, { level: 1 }, done)],
  ['deflate', (bytes, done) => deflate(bytes, { level: 1 }, done)],
]

/** Sends a reply, unless one was sent or the caller has gone. `last` true = the connection closes after it. */
export function writeReply(response: ServerResponse, out: Reply, last: boolean): void {
  if (response.headersSent || response.destroyed) return
  if (last) response.shouldKeepAlive = false
  const accepted = out.body.length < COMPRESSED_FROM ? undefined : response.req.headers['accept-encoding']
  const packing = accepted === undefined ? undefined : PACK.find(([name]) => accepts(accepted, name))
  if (packing === undefined) {
    send(response, out, out.body)
    return
  }
  const [name, pack] = packing
  pack(Buffer.from(out.body as string), (error, packed) => {
    if (response.headersSent || response.destroyed) return
    if (error === null) send(response, out, packed, name)
    else send(response, out, out.body)
  })
}

/** True when an Accept-Encoding header names the encoding and does not weigh it 0. */
function accepts(header: string, name: string): boolean {
  return header.split(',').some((part) => {
    const [coding, weight] = part.split(';').map((text) => text.trim().toLowerCase())
    return coding === name && weight !== 'q=0'
  })
}

function send(response: ServerResponse, out: Reply, body: string | Buffer, encoding?: string): void {
  const text = typeof body === 'string'
  const length = text ? Buffer.byteLength(body) : body.length
  const headers = ['Content-Type', out.type, 'Content-Length', String(length)]
  if (encoding !== undefined) headers.push('Content-Encoding', encoding, 'Vary', 'Accept-Encoding')
  if (out.headers !== undefined) for (const [name, value] of Object.entries(out.headers)) headers.push(name, value)
  response.writeHead(out.status, headers)
  // Text without other letters goes out as it lies in memory.
  if (text && length === body.length) response.end(body, 'latin1')
  else response.end(body)
}

/** Bytes and time that a refused caller may go on sending before the connection is cut. */
const DISCARD_BYTES = 64 * 1024 * 1024
const DISCARD_MS = 5000

/**
 * Answers a request whose body may not have been read to its end. Where much of it is still to come, the reply goes out at once and whole,
 * but the connection is closed only when the caller has stopped sending (or after a while): a connection cut before takes the reply
 * with it.
 */
export function writeEarly(request: IncomingMessage, response: ServerResponse, out: Reply, last: boolean): void {
  if (response.headersSent || response.destroyed) return
  if (!isSendingMuch(request)) {
    writeReply(response, out, last)
    return
  }
  if (request.httpVersionMajor === 2) {
    send(response, out, out.body)
    endStream(request, response)
    return
  }
  response.shouldKeepAlive = false
  const length = typeof out.body === 'string' ? Buffer.byteLength(out.body) : out.body.length
  response.writeHead(out.status, { ...out.headers, 'Content-Type': out.type, 'Content-Length': length })
  response.write(out.body)
  let left = DISCARD_BYTES
  const end = (): void => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(end, DISCARD_MS)
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) end()
  })
  request.once('end', end)
  request.once('close', end)
  request.resume()
}

/** What is left of a smaller body is read and thrown away, and the connection goes on. */
const MUCH_BYTES = 1024 * 1024

function isSendingMuch({ complete, headers }: IncomingMessage): boolean {
  if (complete) return false
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > MUCH_BYTES
}
