/** The gateway's HTTP side: reads requests, checks credentials, hands rows to the engine, writes replies after their log records. */
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as NetServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Problem, problem } from '../../contract/errors.ts'
import { admit } from './credentials.ts'
import type { Answer, Engine } from './engine.ts'
import type { Reply } from './exchange.ts'
import { failureOf, findTarget } from './paths.ts'
import type { GatewayView, PageTarget, PredictTarget } from './paths.ts'
import { nativeFailure } from './protocols/native.ts'

export interface HttpDeps {
  readonly view: GatewayView
  readonly engine: Engine
  readonly clock: () => number
  readonly nextId: () => string
  /** Calls back once everything logged so far is written. */
  readonly afterWrite: (release: () => void) => void
  /** Told about faults that are ours. */
  readonly fault: (error: unknown) => void
  /** Host and Origin check, used while the table is open to requests without credential. */
  readonly checkHost: (method: string, headers: IncomingMessage['headers']) => void
  /** Largest body, bytes. */
  readonly maxBody: number
}

export interface GatewayServer {
  readonly port: number
  /** Stops listening and lets open requests end; connections close after their reply. Resolves when all are closed. */
  drain(graceMs: number): Promise<void>
}

/** Listens; resolves with the port. */
export async function listen(
  deps: HttpDeps,
  at: { host: string; port: number; reusePort: boolean },
): Promise<GatewayServer> {
  const server = createServer({ keepAliveTimeout: 65_000, requestTimeout: 60_000, headersTimeout: 20_000 })
  server.on('request', (request, response) => handle(deps, request, response))
  server.on('clientError', answerMalformed)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: at.host, port: at.port, reusePort: at.reusePort, backlog: 1024 }, resolve)
  })
  return { port: (server.address() as AddressInfo).port, drain: (graceMs) => drain(server, graceMs) }
}

function handle(deps: HttpDeps, request: IncomingMessage, response: ServerResponse): void {
  const url = request.url ?? '/'
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const method = request.method ?? 'GET'
  let fail = failureOf(path)
  try {
    if (deps.view.table.source.open) deps.checkHost(method, request.headers)
    const target = findTarget(deps.view, method, path)
    if (target.kind === 'page') {
      sendPage(deps, target, request, response)
      return
    }
    fail = target.protocol.fail
    const scope = { project: target.endpoint.route.project, now: deps.clock() }
    admit(deps.view.table, request.headers.authorization, 'predict', scope)
    readBody(deps, target, request, response)
  } catch (error) {
    refuse(deps, response, error, fail)
  }
}

function sendPage(deps: HttpDeps, target: PageTarget, request: IncomingMessage, response: ServerResponse): void {
  if (target.verb !== null) {
    const scope = { project: target.project, now: deps.clock() }
    admit(deps.view.table, request.headers.authorization, target.verb, scope)
  }
  write(deps, response, target.reply())
}

function readBody(deps: HttpDeps, target: PredictTarget, request: IncomingMessage, response: ServerResponse): void {
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity')
    throw problem('unsupported_media_type', { value: `content-encoding ${encoding}`, expected: 'an uncompressed body' })
  const chunks: Buffer[] = []
  let size = 0
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= deps.maxBody) chunks.push(chunk)
    else if (!response.headersSent) {
      response.shouldKeepAlive = false
      refuse(deps, response, problem('payload_too_large', { limit: deps.maxBody }), target.protocol.fail)
    }
  })
  request.on('end', () => {
    if (size > deps.maxBody) return
    const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size)
    predict(deps, target, { request, response, body })
  })
}

interface Received {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly body: Buffer
}

function predict(deps: HttpDeps, target: PredictTarget, received: Received): void {
  const { response } = received
  const { protocol } = target
  try {
    // The table may have changed while the body arrived: the newest one answers.
    const endpoint = deps.view.table.endpoints.get(target.endpoint.route.name) ?? target.endpoint
    const { ask, note } = protocol.read({
      endpoint,
      headers: received.request.headers,
      body: received.body,
      version: target.version,
      now: deps.clock(),
      nextId: deps.nextId,
    })
    const answer = deps.engine(endpoint, ask)
    if (answer instanceof Promise) {
      answer.then(
        (result) => reply(deps, response, writer(protocol.write, result, note)),
        (error: unknown) => refuse(deps, response, error, protocol.fail),
      )
    } else reply(deps, response, writer(protocol.write, answer, note))
  } catch (error) {
    refuse(deps, response, error, protocol.fail)
  }
}

function writer(write: PredictTarget['protocol']['write'], answer: Answer, note: unknown): () => Reply {
  return () => write(answer, note)
}

/** Sends an answer once its records are written. */
function reply(deps: HttpDeps, response: ServerResponse, make: () => Reply): void {
  deps.afterWrite(() => write(deps, response, make()))
}

function refuse(deps: HttpDeps, response: ServerResponse, error: unknown, fail: (error: Problem) => Reply): void {
  const known = error instanceof Problem ? error : problem('internal', {}, error)
  if (known.code === 'internal') deps.fault(known.cause ?? known)
  write(deps, response, fail(known))
}

function write(deps: HttpDeps, response: ServerResponse, out: Reply): void {
  if (response.headersSent || response.destroyed) return
  const headers = ['Content-Type', out.type, 'Content-Length', String(Buffer.byteLength(out.body))]
  if (out.headers !== undefined) for (const [name, value] of Object.entries(out.headers)) headers.push(name, value)
  if (deps.view.draining) response.shouldKeepAlive = false
  response.writeHead(out.status, headers)
  response.end(out.body)
}

/** What is not HTTP at all gets one line and a closed connection. */
function answerMalformed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return
  const overflow = error.code === 'HPE_HEADER_OVERFLOW'
  const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
  const line = overflow ? '431 Request Header Fields Too Large' : late ? '408 Request Timeout' : '400 Bad Request'
  const detail = overflow
    ? 'the headers are too long'
    : late
      ? 'the request took too long'
      : 'the request is not valid HTTP'
  const { body } = nativeFailure(new Problem('bad_request', { detail }))
  socket.end(
    `HTTP/1.1 ${line}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

/** Time in which callers that keep sending are told by their next reply that the connection closes, ms. */
const LAST_REPLY_MS = 500

async function drain(server: Server, graceMs: number): Promise<void> {
  // The HTTP server's own close would cut idle connections at once, and with them the request that a caller is just sending.
  const closed = new Promise<void>((resolve) => {
    NetServer.prototype.close.call(server, () => resolve())
  })
  const busyUntil = Date.now() + Math.min(LAST_REPLY_MS, graceMs / 2)
  const sweep = setInterval(() => {
    if (Date.now() >= busyUntil) server.closeIdleConnections()
  }, 20)
  const cut = setTimeout(() => server.closeAllConnections(), graceMs)
  await closed
  clearInterval(sweep)
  clearTimeout(cut)
}
