/** The gateway's HTTP side: reads requests, checks credentials, hands rows to the engine, writes replies after their log records. */
import { createServer, maxHeaderSize } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Http2SecureServer } from 'node:http2'
import { Server as NetServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Problem, problem } from '../../contract/errors.ts'
import type { FailedCredentials } from '../../http/callers/failed-credentials.ts'
import { Arrivals } from '../../http/callers/arrivals.ts'
import { Coming } from '../../http/json-shape.ts'
import type { Shape } from '../../http/json-shape.ts'
import type { BodyBudget } from './body.ts'
import { readBody } from './body.ts'
import { admit, seenBy } from '../traffic/credentials.ts'
import type { Caller } from '../traffic/credentials.ts'
import type { LiveTable } from '../traffic/live.ts'
import type { Answer } from '../engine/ask.ts'
import type { Engine } from '../engine/engine.ts'
import type { Reply } from '../protocols/exchange.ts'
import { findTarget } from './paths.ts'
import type { LlmPort, LlmTarget } from './llm.ts'
import { nativeFailure } from '../protocols/native.ts'
import type { Rates } from '../traffic/rates.ts'
import { writeEarly, writeReply } from './reply.ts'
import type { Listening, ServerTimes } from './secure.ts'
import type { GatewayView, PageTarget, PredictTarget } from './targets.ts'
import { failureOf } from './targets.ts'
import type { TlsFiles } from './tls.ts'

/** Longest wait for a request's headers, and for the whole of it, ms. */
export interface Patience {
  readonly headersMs: number
  readonly requestMs: number
}

export const PATIENCE: Patience = { headersMs: 20_000, requestMs: 60_000 }

export interface HttpDeps {
  readonly view: GatewayView
  readonly engine: Engine
  readonly llm: LlmPort
  readonly clock: () => number
  readonly nextId: () => string
  /** Calls back once everything logged so far is written. */
  readonly afterWrite: (release: () => void) => void
  /** Does work that logs, and writes what it logged once, behind it. */
  readonly together: (work: () => void) => void
  /** Told about faults that are ours. */
  readonly fault: (error: unknown) => void
  /** Host and Origin check, used while the table is open to requests without credential. */
  readonly checkHost: (method: string, headers: IncomingMessage['headers']) => void
  readonly bodies: BodyBudget
  readonly rates: Rates
  /** Counts wrong credentials, of all ports. */
  readonly failed: FailedCredentials
  readonly patience?: Patience
}

export interface GatewayServer {
  readonly port: number
  /** Stops listening and lets open requests end; connections close after their reply. Resolves when all are closed. */
  drain(graceMs: number): Promise<void>
}

/** Where a server listens. */
export interface ListenAt {
  readonly host: string
  readonly port: number
  readonly reusePort: boolean
  /** With it the port speaks TLS only. */
  readonly tls?: TlsFiles
}

/** Listens; resolves with the port. Throws when certificate and key are no pair. */
export async function listen(deps: HttpDeps, at: ListenAt): Promise<GatewayServer> {
  const { headersMs, requestMs } = deps.patience ?? PATIENCE
  const times: ServerTimes = {
    keepAliveTimeout: 65_000,
    requestTimeout: requestMs,
    headersTimeout: headersMs,
    connectionsCheckingInterval: Math.min(5000, headersMs / 2),
  }
  const listening =
    at.tls === undefined
      ? plainServer(times)
      : // HTTP/2 is loaded where it is spoken: a gateway without it starts sooner
        (await import('./secure.ts')).secureServer(at.tls, times, deps.fault)
  // Both kinds of server tell the same events; requests of HTTP/2 have what is used here of those of HTTP/1.1.
  const server = listening.server as Server
  const arrivals = new Arrivals<readonly [IncomingMessage, ServerResponse]>((come) =>
    deps.together(() => {
      for (const [request, response] of come) handle(deps, request, response)
    }),
  )
  server.on('request', (request, response) => arrivals.add([request, response]))
  server.on('checkContinue', (request, response) => {
    // who asks before sending a body that is too large is told so instead
    if (Number(request.headers['content-length'] ?? 0) <= deps.bodies.maxBody) response.writeContinue()
    handle(deps, request, response)
  })
  server.on('clientError', answerMalformed)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: at.host, port: at.port, reusePort: at.reusePort, backlog: 1024 }, resolve)
  })
  return { port: (server.address() as AddressInfo).port, drain: (graceMs) => drain(listening, graceMs) }
}

function plainServer(times: ServerTimes): Listening<Server> {
  const server = createServer(times)
  // A caller that closes its side after the request still waits for the answer.
  Object.assign(server, { httpAllowHalfOpen: true })
  return {
    server,
    goAway: () => undefined,
    closeIdle: () => server.closeIdleConnections(),
    closeAll: () => server.closeAllConnections(),
  }
}

function handle(deps: HttpDeps, request: IncomingMessage, response: ServerResponse): void {
  const { url = '/' } = request
  const path = pathOf(url)
  const method = request.method ?? 'GET'
  let fail = failureOf(path)
  try {
    if (deps.view.table.source.open) deps.checkHost(method, request.headers)
    const { view } = deps
    const caller = callerOf(deps, request, path)
    const llm = deps.llm.target(path)
    if (llm !== undefined) {
      fail = (error) => llm.fail(error)
      readLlm(deps, llm, { request, response, caller })
      return
    }
    const seen = (): LiveTable => seenBy(view.table, caller)
    const models = (): readonly string[] => deps.llm.names(admit(view.table, caller, 'read'))
    const target = findTarget({ view, method, url, path, seen, models })
    fail = target.kind === 'page' ? target.fail : target.protocol.fail
    if (target.kind === 'page') sendPage(deps, target, { request, response, caller })
    else readPredict(deps, target, { request, response, caller })
  } catch (error) {
    refuse(deps, request, response, { error, fail })
  }
}

/** The path of a request's address, which callers behind a proxy may write in full. */
function pathOf(url: string): string {
  const own = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?]*/i, '')
  const mark = own.indexOf('?')
  return mark < 0 ? own : own.slice(0, mark)
}

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly caller: Caller
}

function readPredict(deps: HttpDeps, target: PredictTarget, { request, response, caller }: Exchange): void {
  const token = admit(deps.view.table, caller, 'predict')
  deps.rates.take(target.endpoint.route, token, caller.now)
  const coming = target.protocol.isJson(request.headers) ? new Coming() : undefined
  readBody(request, deps.bodies, {
    look: coming?.look,
    done: (body) => predict(deps, target, { request, response, body, shape: coming?.shape, caller: token?.id ?? '' }),
    fail: (error) => refuse(deps, request, response, { error, fail: target.protocol.fail }),
  })
}

/** Reads a call of a language model; its client may hold the token where the client of a provider has its key. */
function readLlm(deps: HttpDeps, target: LlmTarget, { request, response, caller }: Exchange): void {
  const { method = 'GET', url = '/', headers } = request
  if (method !== 'POST') throw problem('method_not_allowed', { method, path: pathOf(url), allowed: 'POST' })
  const authorization = headers.authorization ?? keyHeader(headers)
  const token = admit(deps.view.table, { ...caller, authorization }, 'predict')
  const fail = (error: Problem): Reply => target.fail(error)
  readBody(request, deps.bodies, {
    fail: (error) => refuse(deps, request, response, { error, fail }),
    done(body) {
      // it is held until the call has ended
      deps.bodies.held += body.length
      response.once('close', () => {
        deps.bodies.held -= body.length
      })
      try {
        target.answer({ body, token, request, response })
      } catch (error) {
        refuse(deps, request, response, { error, fail })
      }
    },
  })
}

/** Where clients of Anthropic, Azure and Gemini hold their key. */
function keyHeader(headers: IncomingMessage['headers']): string | undefined {
  const key = headers['x-api-key'] ?? headers['api-key'] ?? headers['x-goog-api-key']
  return key === undefined ? undefined : `Bearer ${String(key)}`
}

function sendPage(deps: HttpDeps, target: PageTarget, { request, response, caller }: Exchange): void {
  if (target.verb !== null) admit(deps.view.table, caller, target.verb)
  if (!target.takesBody) {
    writeEarly(request, response, target.reply(NOTHING), deps.view.draining)
    return
  }
  readBody(request, deps.bodies, {
    fail: (error) => refuse(deps, request, response, { error, fail: target.fail }),
    done(body) {
      try {
        write(deps, response, target.reply(body))
      } catch (error) {
        refuse(deps, request, response, { error, fail: target.fail })
      }
    },
  })
}

function callerOf(deps: HttpDeps, request: IncomingMessage, path: string): Caller {
  const { headers } = request
  const from = { address: request.socket.remoteAddress, failed: deps.failed }
  // the list of models is read by the clients of vendors too
  const authorization = headers.authorization ?? (path.startsWith('/v1/models') ? keyHeader(headers) : undefined)
  return { authorization, now: deps.clock(), from }
}

const NOTHING = Buffer.alloc(0)

interface Received {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly body: Buffer
  readonly shape: Shape | undefined
  readonly caller: string
}

/** Reads the body, which may take turns of the loop; its bytes count as held until it has been read. */
function predict(deps: HttpDeps, target: PredictTarget, received: Received): void {
  const { request, response, body } = received
  const { protocol } = target
  const failed = (error: unknown): void => refuse(deps, request, response, { error, fail: protocol.fail })
  try {
    const prepared = protocol.prepare(request.headers, body, received.shape)
    if (!(prepared instanceof Promise)) {
      answer(deps, target, received, prepared)
      return
    }
    deps.bodies.held += body.length
    void prepared
      .finally(() => {
        deps.bodies.held -= body.length
      })
      .then((value: unknown) => answer(deps, target, received, value))
      .catch(failed)
  } catch (error) {
    failed(error)
  }
}

function answer(deps: HttpDeps, target: PredictTarget, received: Received, prepared: unknown): void {
  const { request, response } = received
  const { protocol } = target
  const failed = (error: unknown): void => refuse(deps, request, response, { error, fail: protocol.fail })
  try {
    // The table may have changed while the body arrived: the newest one answers.
    const endpoint = deps.view.table.endpoints.get(target.endpoint.route.name) ?? target.endpoint
    const { ask, note } = protocol.read({
      endpoint,
      headers: request.headers,
      caller: received.caller,
      body: received.body,
      prepared,
      version: target.version,
      now: deps.clock(),
      nextId: deps.nextId,
    })
    const found = deps.engine(endpoint, ask)
    const reply = (result: Answer): void =>
      deps.afterWrite(() => {
        try {
          write(deps, response, protocol.write(result, note))
        } catch (error) {
          failed(error)
        }
      })
    if (found instanceof Promise) found.then(reply, failed)
    else reply(found)
  } catch (error) {
    failed(error)
  }
}

interface Refused {
  readonly error: unknown
  readonly fail: (error: Problem) => Reply
}

function refuse(deps: HttpDeps, request: IncomingMessage, response: ServerResponse, refused: Refused): void {
  const { error, fail } = refused
  const known = error instanceof Problem ? error : problem('internal', {}, error)
  if (known.code === 'internal') deps.fault(known.cause ?? known)
  writeEarly(request, response, fail(known), deps.view.draining)
}

function write(deps: HttpDeps, response: ServerResponse, out: Reply): void {
  writeReply(response, out, deps.view.draining)
}

/** What is not HTTP at all gets one line and a closed connection. */
function answerMalformed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return
  const overflow = error.code === 'HPE_HEADER_OVERFLOW'
  const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
  const line = overflow ? '431 Request Header Fields Too Large' : late ? '408 Request Timeout' : '400 Bad Request'
  const detail = late ? 'the request took too long' : 'the request is not valid HTTP'
  const fault = overflow ? problem('headers_too_large', { limit: maxHeaderSize }) : problem('bad_request', { detail })
  const { body } = nativeFailure(fault)
  socket.end(
    `HTTP/1.1 ${line}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${String(body)}`,
  )
}

/** Time in which callers that keep sending are told by their next reply that the connection closes, ms. */
const LAST_REPLY_MS = 500

async function drain(listening: Listening<Server | Http2SecureServer>, graceMs: number): Promise<void> {
  const { server, goAway, closeIdle, closeAll } = listening
  // connections that the kernel has made for this process would be reset: those of this turn are accepted first
  await new Promise((resolve) => setImmediate(resolve))
  // The HTTP server's own close would cut idle connections at once, and with them the request that a caller is just sending.
  const closed = new Promise<void>((resolve) => {
    NetServer.prototype.close.call(server, () => resolve())
  })
  goAway()
  const busyUntil = performance.now() + Math.min(LAST_REPLY_MS, graceMs / 2)
  const sweep = setInterval(() => {
    // after a pause of this process, what has come meanwhile is read first: timers are before it in a turn
    if (performance.now() >= busyUntil) setImmediate(closeIdle)
  }, 20)
  const cut = setTimeout(closeAll, graceMs)
  await closed
  clearInterval(sweep)
  clearTimeout(cut)
}
