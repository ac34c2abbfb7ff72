/** The HTTP server of the control process: listens, checks, parses by contract, maps errors. It knows no domain. */
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, maxHeaderSize, STATUS_CODES } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import findMyWay from 'find-my-way'
import type { BaseLogger } from 'pino'
import { permits } from '../contract/access.ts'
import type { Access, Principal } from '../contract/access.ts'
import { Problem, problem } from '../contract/errors.ts'
import type { Route } from '../contract/route.ts'
import { parseCall } from './call.ts'
import { Arrivals } from './callers/arrivals.ts'
import { Calling } from './callers/calling.ts'
import type { AsCaller } from './callers/calling.ts'
import { LoopShare } from './callers/loop-share.ts'
import { FailedCredentials } from './callers/failed-credentials.ts'
import { asProblem, slipwayFailure } from './failure.ts'
import type { Change } from './feed.ts'
import { hostCheck, urlAt } from './hosts.ts'
import { answerOnce, keyOf } from './idempotency.ts'
import type { Once } from './idempotency.ts'
import type { Call, Mounted } from './mount.ts'
import { Raw } from './mount.ts'
import { encode, send } from './reply.ts'
import { discard, PATIENCE } from './callers/request-body.ts'
import type { Patience } from './callers/request-body.ts'
import { unrouted } from './unknown.ts'

/** Finds who calls; undefined = no credential was sent. Throws `unauthenticated` for a bad one. */
export type Authenticate = (request: {
  headers: IncomingMessage['headers']
  method: string
}) => Promise<Principal | undefined>

export interface ServerOptions {
  readonly routes: readonly Mounted[]
  readonly authenticate: Authenticate
  readonly host: string
  readonly port: number
  /** Host names besides loopback and `host` that a request may name. */
  readonly allowHosts?: readonly string[]
  readonly logger: Pick<BaseLogger, 'error' | 'debug'>
  /** Answers GETs that no route takes (the web UI). */
  readonly fallback?: (path: string) => Promise<Raw | undefined>
  /** Called after each accepted write, for the UI's stream of changes. */
  readonly changed?: (change: Change) => void
  /** Carries out calls with an `Idempotency-Key`; without it the header is ignored. */
  readonly once?: Once
  /** Runs each handler in the name of its call; see `Caller` of the store. */
  readonly asCaller?: AsCaller
  /** Counts wrong credentials; default: a count of its own. */
  readonly failed?: FailedCredentials
  /** Told the address of a caller that sent too many wrong credentials, at the first refusal. */
  readonly throttled?: (address: string) => void
  /** How slowly a streamed body may come, and an answer be taken. */
  readonly patience?: Patience
  /** Longest wait for open requests at shutdown, ms. */
  readonly graceMs?: number
}

export interface RunningServer {
  readonly url: string
  readonly port: number
  /** Stops listening, lets open requests end within the grace time, then cuts the rest. */
  stop(): Promise<void>
}

const NOBODY: Principal = { id: 'nobody', name: 'nobody', role: 'viewer', project: null, token_id: null }
const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/

/** Longest part of a path that a route names, characters. */
const PARAM_LENGTH = 4096

/** Starts the server; resolves once it listens. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const closing = new AbortController()
  const server = createServer({ keepAliveTimeout: 65_000, requestTimeout: 0 }, listener(options, closing.signal))
  server.on('clientError', answerMalformed)
  const silent = silentConnections(server)
  server.listen({ host: options.host, port: options.port })
  await once(server, 'listening')
  const port = (server.address() as AddressInfo).port
  return {
    url: urlAt({ host: options.host }, port),
    port,
    stop() {
      closing.abort()
      return stop(server, silent, options.graceMs ?? 10_000)
    },
  }
}

/** One request under way. */
interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly id: string
  /** Asked by HEAD: as GET, but the reply ends after its headers. */
  readonly head: boolean
}

type Params = Readonly<Record<string, string | undefined>>

/** What happens to each request: Host and Origin are checked, its route is found, the route's reply is sent. */
function listener(
  options: ServerOptions,
  closing: AbortSignal,
): (request: IncomingMessage, response: ServerResponse) => void {
  const exchanges = new Exchanges(options, closing)
  const requestId = requestIds()
  const check = hostCheck(options.host, options.allowHosts ?? [])
  const route = router(options.routes, exchanges)
  const arrivals = new Arrivals<Exchange>((come) => come.forEach(route))
  return (request, response) => {
    const exchange = { request, response, id: requestId(request), head: request.method === 'HEAD' }
    try {
      check(request.method ?? '', request.headers)
      // the absolute form, meant for proxies, names a second host beside the one that was checked
      if (request.url?.startsWith('/') !== true)
        throw problem('bad_request', { detail: 'the address must begin with "/"' })
    } catch (error) {
      void exchanges.refuse(exchange, error, slipwayFailure)
      return
    }
    arrivals.add(exchange)
  }
}

/** Gives each request the caller's id, or one of its own: a random prefix made at the start and a counter, for random bytes are slow to make. */
function requestIds(): (raw: IncomingMessage) => string {
  const start = randomBytes(6).toString('hex')
  let last = 0
  return ({ headers }) => {
    const given = headers['x-request-id']
    return typeof given === 'string' && REQUEST_ID.test(given) ? given : `${start}-${(++last).toString(36)}`
  }
}

/** Finds the route of a request: in a table by path where the route has no parameters, as most have not, else in the tree. */
function router(routes: readonly Mounted[], exchanges: Exchanges): (exchange: Exchange) => void {
  const whole = new Map<string, Map<string, Mounted>>()
  const waiting = new WeakMap<IncomingMessage, Exchange>()
  const exchangeOf = (request: IncomingMessage): Exchange => waiting.get(request) as Exchange
  const refuse = (request: IncomingMessage, detail: string): void =>
    void exchanges.refuse(exchangeOf(request), problem('bad_request', { detail }), slipwayFailure)
  const judge = unrouted(routes)
  const tree = findMyWay({
    maxParamLength: PARAM_LENGTH,
    querystringParser: () => NONE,
    defaultRoute: (request: IncomingMessage) => void exchanges.unknown(exchangeOf(request), judge),
    onBadUrl: (path: string, request: IncomingMessage) => refuse(request, `"${path}" is not a valid path`),
    onMaxParamLength: (_path: string, request: IncomingMessage) => refuse(request, 'a part of the path is too long'),
  })
  for (const mounted of routes) {
    const { method, path } = mounted.route
    if (!/\/:|\*/.test(path)) whole.set(method, (whole.get(method) ?? new Map<string, Mounted>()).set(path, mounted))
    // a colon within a part is itself, as in `features:read`; the tree takes it doubled
    tree.on(
      method,
      path.replace(/(?<!\/):/g, '::'),
      (request, _response, params) => void exchanges.take(exchangeOf(request), mounted, params),
    )
  }
  return (exchange) => {
    const { request, response, head } = exchange
    // the response knows already that it must not have a body
    if (head) request.method = 'GET'
    const { url = '/', method = 'GET' } = request
    const mark = url.indexOf('?')
    const mounted = whole.get(method)?.get(mark < 0 ? url : url.slice(0, mark))
    if (mounted !== undefined) {
      void exchanges.take(exchange, mounted, NONE)
      return
    }
    waiting.set(request, exchange)
    tree.lookup(request, response)
  }
}

const NONE: Params = {}

interface Sent {
  readonly close?: boolean
  readonly render?: Mounted['fail']
}

/** Answers requests whose route is known. Its promises never reject. */
class Exchanges {
  readonly #options: ServerOptions
  readonly #closing: AbortSignal
  readonly #patience: Patience
  readonly #failed: FailedCredentials
  readonly #share = new LoopShare()
  /** Every connection ends with its next reply. */
  #ends = false

  constructor(options: ServerOptions, closing: AbortSignal) {
    this.#options = options
    this.#patience = options.patience ?? PATIENCE
    this.#failed = options.failed ?? new FailedCredentials()
    this.#closing = closing
    closing.addEventListener('abort', () => (this.#ends = true))
  }

  async take(exchange: Exchange, mounted: Mounted, params: Params): Promise<void> {
    const { request, response, id, head } = exchange
    try {
      const who = await admit(request, mounted.route.access, this.#options.authenticate)
      const turn = this.#share.turn(who.id)
      if (turn !== undefined) await turn
      const received = {
        request,
        response,
        params,
        requestId: id,
        head,
        who,
        closing: this.#closing,
        patience: this.#patience,
      }
      const parsed = parseCall(received, mounted)
      const call = parsed instanceof Promise ? await parsed : parsed
      const { once } = this.#options
      const key = once === undefined ? undefined : keyOf(call, mounted)
      const raw =
        once === undefined || key === undefined
          ? await this.#answer(exchange, call, mounted)
          : await answerOnce(once, { call, mounted, key }, () => this.#answerAlways(exchange, call, mounted))
      this.#send(exchange, raw, { render: mounted.fail })
    } catch (error) {
      await this.refuse(exchange, this.#counted(request, mounted, error), mounted.fail ?? slipwayFailure)
    }
  }

  /** The refusal of a wrong credential; `too_many_requests` instead where its address sent too many. Other errors as they are. */
  #counted(request: IncomingMessage, { route }: Mounted, error: unknown): unknown {
    const address = request.socket.remoteAddress
    if (address === undefined || !isWrongCredential(request, route, error)) return error
    try {
      this.#failed.failed(address, performance.now(), () => this.#options.throttled?.(address))
      return error
    } catch (tooMany) {
      return tooMany
    }
  }

  async #answer({ response }: Exchange, call: Call, mounted: Mounted): Promise<Raw> {
    const { route } = mounted
    const { asCaller } = this.#options
    const work = (): unknown => mounted.handle(call)
    const calling = new Calling(response, call.who, route)
    const result = await (asCaller === undefined ? work() : asCaller(calling, () => calling.during(work)))
    // what is predicted or read changes nothing, whatever its method
    const { method, access } = route
    if (method !== 'GET' && access !== 'public' && access.verb !== 'predict')
      this.#options.changed?.({ kind: access.resource })
    return result instanceof Raw ? result : encode(route.status ?? 200, result)
  }

  /** The reply, a refusal included. */
  #answerAlways(exchange: Exchange, call: Call, mounted: Mounted): Promise<Raw> {
    return this.#answer(exchange, call, mounted).catch((error: unknown) =>
      this.#fail(exchange, error, mounted.fail ?? slipwayFailure),
    )
  }

  /** Answers with an error in the shape of the route's protocol, after reading and dropping the rest of the body. */
  async refuse(exchange: Exchange, error: unknown, render: NonNullable<Mounted['fail']>): Promise<void> {
    const raw = this.#fail(exchange, error, render)
    const clean = await discard(exchange.request)
    this.#send(exchange, raw, { close: !clean, render })
  }

  async unknown(exchange: Exchange, judge: ReturnType<typeof unrouted>): Promise<void> {
    const { url = '/', method = 'GET' } = exchange.request
    const path = url.split('?')[0] ?? '/'
    const { error, render, headers, page } = judge(method, path)
    try {
      const found = page && method === 'GET' ? await this.#options.fallback?.(path) : undefined
      if (found !== undefined) return this.#send(exchange, found)
      const said = this.#fail(exchange, error, render)
      return this.#send(exchange, new Raw(said.status, { ...said.headers, ...headers }, said.body))
    } catch (cause) {
      return this.refuse(exchange, cause, render)
    }
  }

  /** `render` words the fault of a body that fails before its first byte. */
  #send(exchange: Exchange, raw: Raw, { close = false, render }: Sent = {}): void {
    const { response, id, head } = exchange
    const failed = (error: unknown): Raw => this.#fail(exchange, error, render ?? slipwayFailure)
    const ends = close || this.#ends
    send(response, raw, { requestId: id, close: ends, head, failed, patience: this.#patience })
  }

  #fail({ request, id }: Exchange, error: unknown, render: NonNullable<Mounted['fail']>): Raw {
    const known: Problem = asProblem(error)
    const { logger } = this.#options
    if (known.status >= 500)
      logger.error({ request_id: id, code: known.code, err: known.cause ?? known }, known.message)
    else logger.debug({ request_id: id, code: known.code, path: request.url }, known.message)
    return render(known, id)
  }
}

/** True for a token that is not known, and for what a public route takes in place of one: a secret in its path, a machine's ID token. */
function isWrongCredential({ headers }: IncomingMessage, { access, path }: Route, error: unknown): boolean {
  const code = error instanceof Problem ? error.code : undefined
  if (code === 'unauthenticated' && headers.authorization !== undefined) return true
  return (
    access === 'public' &&
    /:(code|secret)\b|\/machine-tokens$/.test(path) &&
    (code === 'unauthenticated' || code === 'not_found')
  )
}

/** Public routes do not look at credentials: a health check with an old token is answered all the same. */
async function admit(request: IncomingMessage, access: Access, authenticate: Authenticate): Promise<Principal> {
  if (access === 'public') return NOBODY
  const who = await authenticate({ headers: request.headers, method: request.method ?? '' })
  if (who === undefined) throw problem('unauthenticated', { detail: 'the request carries none' })
  if (permits(who, access)) return who
  const of = who.project === null ? who.role : `${who.role} of project ${who.project}`
  const role = who.attempt === undefined ? of : `step, ${of}`
  throw problem('forbidden', { role, verb: access.verb, resource: access.resource })
}

/** Bytes that are not HTTP are answered with one error, and the connection is closed. */
function answerMalformed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return
  const fault =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? problem('headers_too_large', { limit: maxHeaderSize })
      : problem('bad_request', { detail: 'the request is not valid HTTP' })
  const { status, body } = slipwayFailure(fault, randomUUID())
  const text = typeof body === 'string' ? body : ''
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  )
}

/** Connections on which no request has come yet: browsers and clients open some ahead. Node does not count them as idle. */
function silentConnections(server: Server): ReadonlySet<Socket> {
  const silent = new Set<Socket>()
  server.on('connection', (socket) => {
    silent.add(socket)
    socket.once('close', () => silent.delete(socket))
  })
  server.on('request', ({ socket }) => silent.delete(socket))
  return silent
}

async function stop(server: Server, silent: ReadonlySet<Socket>, graceMs: number): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), graceMs)
  // a connection that has just been answered stays open for another request, which nobody would answer
  const sweep = setInterval(() => {
    server.closeIdleConnections()
    for (const socket of silent) socket.destroy()
  }, 20)
  const closed = once(server, 'close')
  server.close()
  await closed
  clearTimeout(cut)
  clearInterval(sweep)
}
