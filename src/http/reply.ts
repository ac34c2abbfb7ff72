/** Writes a reply to its connection: one write for text and bytes, a pipe for streams. */
import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { Raw } from './mount.ts'

/** A value as JSON. */
export function encode(status: number, value: unknown): Raw {
  return new Raw(status, JSON_HEADERS, JSON.stringify(value ?? {}))
}

const JSON_HEADERS = { 'content-type': 'application/json; charset=utf-8' }

export interface Sending {
  readonly requestId: string
  /** The connection ends after this reply. */
  readonly close: boolean
  /** The reply ends after its headers. */
  readonly head: boolean
  /** What to reply instead when a stream fails before its first byte. */
  readonly failed: (error: unknown) => Raw
}

/** Sends a reply. Nothing is sent to a caller that has disconnected; a stream that fails half-way cuts the connection. */
export function send(response: ServerResponse, raw: Raw, sending: Sending): void {
  if (response.destroyed || response.headersSent) return
  if (typeof raw.body === 'string' || raw.body instanceof Uint8Array) {
    response.writeHead(raw.status, headerLines(raw, raw.body, sending))
    response.end(raw.body)
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
  const body = raw.body as Exclude<Raw['body'], string | Buffer>
  const lines = headerLines(raw, undefined, sending)
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
  if (raw.sent === undefined) body.pipe(response)
  else pump(body, response, raw.sent)
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
