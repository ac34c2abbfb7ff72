/** Writes a reply to its connection: one write for text and bytes, a pipe for streams. */
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { jsonText } from './callers/json-text.ts'
import { Raw } from './mount.ts'
import type { Patience } from './callers/request-body.ts'
import { watchReader } from './callers/slow-reader.ts'

/** A value as JSON; a promise of it where it is long. */
export function encode(status: number, value: unknown): Raw | Promise<Raw> {
  const text = jsonText(value ?? {})
  if (typeof text === 'string') return new Raw(status, JSON_HEADERS, text)
  return text.then((bytes) => new Raw(status, JSON_HEADERS, bytes))
}

/** The headers of JSON that `encode` wrote. */
export const JSON_HEADERS = { 'content-type': 'application/json; charset=utf-8' }

export interface Sending {
  readonly requestId: string
  /** The connection ends after this reply. */
  readonly close: boolean
  /** The reply ends after its headers. */
  readonly head: boolean
  /** What to reply instead when a stream fails before its first byte. */
  readonly failed: (error: unknown) => Raw
  /** How slowly the caller may take it. */
  readonly patience: Patience
}

/** A text or bytes of more than this go out in pieces, so that it is seen whether the caller takes them; bytes of a piece. */
const WHOLE = 1024 * 1024
const PIECE = 128 * 1024

/** Sends a reply. Nothing is sent to a caller that has disconnected; a stream that fails half-way cuts the connection. */
export function send(response: ServerResponse, raw: Raw, sending: Sending): void {
  if (response.destroyed || response.headersSent) return
  if ((typeof raw.body === 'string' || raw.body instanceof Uint8Array) && raw.body.length <= WHOLE) {
    response.writeHead(raw.status, headerLines(raw, raw.body, sending))
    // no bytes at all would be a second part of what is written
    if (raw.body.length === 0) response.end()
    else response.end(raw.body)
    return
  }
  pipe(response, raw, sending)
}

/** Names and values in turn, the form that Node writes unchanged. `nosniff`: no browser may guess another content type. */
function headerLines(raw: Raw, body: string | Uint8Array | undefined, sending: Sending): string[] {
  const lines = ['x-request-id', sending.requestId, 'x-content-type-options', 'nosniff']
  let hasLength = raw.status === 204 || raw.status === 304
  for (const name in raw.headers) {
    if (name === 'x-content-type-options') continue
    if (name === 'content-length') hasLength = true
    lines.push(name, raw.headers[name] ?? '')
  }
  if (body !== undefined && !hasLength) lines.push('content-length', String(Buffer.byteLength(body)))
  if (sending.close) lines.push('connection', 'close')
  return lines
}

/** Headers go out with the first byte, so that a source that fails before it is still answered as an error. */
function pipe(response: ServerResponse, raw: Raw, sending: Sending): void {
  const source = raw.body instanceof Readable ? raw.body : bytesOf(raw.body)
  const body = source instanceof Readable ? source : Readable.from(piecesOf(source), { objectMode: false })
  const lines = headerLines(raw, source instanceof Readable ? undefined : source, sending)
  response.statusCode = raw.status
  for (let at = 0; at < lines.length; at += 2) response.setHeader(lines[at] ?? '', lines[at + 1] ?? '')
  if (sending.head) {
    body.destroy()
    response.end()
    return
  }
  body.once('error', (error) => {
    if (response.headersSent) {
      response.destroy(error)
      return
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    send(response, sending.failed(error), sending)
  })
  response.once('close', () => body.destroy())
  watchReader(response, sending.patience)
  if (raw.sent === undefined) body.pipe(response)
  else pump(body, response, raw.sent)
}

function bytesOf(body: string | Buffer): Buffer {
  return typeof body === 'string' ? Buffer.from(body) : body
}

function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE)
}

/** As `pipe`, and calls `sent` for each chunk that the connection has taken. */
function pump(body: Readable, response: ServerResponse, sent: (chunk: Uint8Array) => void): void {
  body.on('data', (chunk: Buffer) => {
    const goesOn = response.write(chunk, (error) => {
      if (error === null || error === undefined) sent(chunk)
    })
    if (!goesOn) body.pause()
  })
  response.on('drain', () => body.resume())
  body.once('end', () => response.end())
}
