/** The HTTP server of the control process: listens, checks, parses by contract, maps errors. It knows no domain. */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { fastify, LogController } from 'fastify'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ZodType } from 'zod'
import { permits } from '../contract/access.ts'
import type { Access, Principal } from '../contract/access.ts'
import { problem } from '../contract/errors.ts'
import type { Problem } from '../contract/errors.ts'
import { asProblem, fromZod, slipwayFailure } from './failure.ts'
import type { Change } from './feed.ts'
import { hostCheck } from './hosts.ts'
import { readJson } from './json.ts'
import type { Call, Mounted } from './mount.ts'
import { Raw } from './mount.ts'
import { chunksOf, discard, readBytes } from './request-body.ts'
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
  readonly logger: FastifyBaseLogger
  /** Answers GETs that no route takes (the web UI). */
  readonly fallback?: (path: string) => Promise<Raw | undefined>
  /** Told of each accepted write, for the UI's stream of changes. */
  readonly changed?: (change: Change) => void
  /** Longest wait for open requests at shutdown, ms. */
  readonly graceMs?: number
}

export interface RunningServer {
  readonly url: string
  readonly port: number
  /** Stops listening, lets open requests end within the grace time, then cuts the rest. */
  stop(): Promise<void>
}

const BODY_LIMIT = 1024 * 1024
const NOBODY: Principal = { id: 'nobody', name: 'nobody', role: 'viewer', project: null, token_id: null }
const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/

/** Starts the server; resolves once it listens. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const app = fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT,
    genReqId: requestIds(),
    // the few lines that are logged name their request themselves
    childLoggerFactory: (logger) => logger,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 4096 },
    requestTimeout: 0,
    keepAliveTimeout: 65_000,
    clientErrorHandler: answerMalformed,
    frameworkErrors: (error, request, reply) => {
      void send(reply, fail(error, request, slipwayFailure))
    },
  })
  acceptBodies(app)
  const check = hostCheck(options.host, options.allowHosts ?? [])
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id)
    check(request.method, request.raw.headers)
    // the form for proxies names a host of its own, beside the one that was checked
    if (request.raw.url?.startsWith('/') !== true)
      throw problem('bad_request', { detail: 'the address must begin with "/"' })
    done()
  })
  app.setErrorHandler((error, request, reply) => send(reply, fail(error, request, slipwayFailure)))
  const closing = new AbortController()
  for (const mounted of options.routes) addRoute(app, mounted, { ...options, closing: closing.signal })
  const judge = unrouted(options.routes)
  app.setNotFoundHandler((request, reply) => answerUnknown(request, reply, options.fallback, judge))
  await app.listen({ host: options.host, port: options.port })
  const port = (app.server.address() as AddressInfo).port
  return {
    url: `http://${urlHost(options.host)}:${port}`,
    port,
    stop() {
      closing.abort()
      return stop(app, options.graceMs ?? 10_000)
    },
  }
}

function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

/** Gives each request the caller's id or one of its own: chance once a start, then a number, for chance is dear. */
function requestIds(): (raw: IncomingMessage) => string {
  const start = randomBytes(6).toString('hex')
  let last = 0
  return ({ headers }) => {
    const given = headers['x-request-id']
    return typeof given === 'string' && REQUEST_ID.test(given) ? given : `${start}-${(++last).toString(36)}`
  }
}

interface RouteOptions extends ServerOptions {
  /** Aborted when the server begins to stop: streams of events would never end by themselves. */
  readonly closing: AbortSignal
}

/** JSON is parsed here, not by fastify's parser, so that its errors are ours; every other type arrives as a stream. */
function acceptBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
}

function addRoute(app: FastifyInstance, mounted: Mounted, options: RouteOptions): void {
  const { route } = mounted
  const render = mounted.fail ?? slipwayFailure
  const writes = route.method !== 'GET' && route.access !== 'public' ? route.access.resource : undefined
  app.route({
    method: route.method,
    url: route.path,
    bodyLimit: Number.MAX_SAFE_INTEGER,
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      try {
        const who = await admit(request, route.access, options.authenticate)
        const gone = mounted.route.reply === 'events' ? options.closing : undefined
        const result = await mounted.handle(await parse(request, mounted, who, () => goneSignal(reply, gone)))
        if (writes) options.changed?.({ kind: writes })
        return send(reply, result instanceof Raw ? result : encode(route.status ?? 200, result))
      } catch (error) {
        if (!(await discard(request.raw))) void reply.header('connection', 'close')
        return send(reply, fail(error, request, render))
      }
    },
  })
}

/** Public routes do not look at credentials: a health check with an old token is answered all the same. */
async function admit(request: FastifyRequest, access: Access, authenticate: Authenticate): Promise<Principal> {
  if (access === 'public') return NOBODY
  const who = await authenticate({ headers: request.raw.headers, method: request.method })
  if (who === undefined) throw problem('unauthenticated', { detail: 'the request carries none' })
  if (permits(who, access)) return who
  const role = who.project === null ? who.role : `${who.role} of project ${who.project}`
  throw problem('forbidden', { role, verb: access.verb, resource: access.resource })
}

async function parse(
  request: FastifyRequest,
  mounted: Mounted,
  who: Principal,
  signal: () => AbortSignal,
): Promise<Call> {
  const { route } = mounted
  const url = request.raw.url ?? '/'
  const mark = url.indexOf('?')
  return {
    params: check(route.params, request.params, 'path'),
    query: check(route.query, request.query, 'query'),
    body: route.body === 'stream' ? chunksOf(request.raw) : await readBody(request, route),
    who,
    headers: request.raw.headers,
    request_id: request.id,
    ip: request.ip,
    origin: `${request.protocol}://${request.raw.headers.host ?? 'localhost'}`,
    get signal() {
      return signal()
    },
    get search() {
      return new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1))
    },
  }
}

/** Aborts when the connection closes before the reply has ended, or with `also`. */
function goneSignal(reply: FastifyReply, also: AbortSignal | undefined): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return also === undefined ? gone.signal : AbortSignal.any([gone.signal, also])
}

function check(schema: ZodType | undefined, value: unknown, where: string): unknown {
  if (schema === undefined) return value
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw fromZod(parsed.error, where, value)
  return parsed.data
}

async function readBody(request: FastifyRequest, route: Mounted['route']): Promise<unknown> {
  if (route.body === undefined) return undefined
  const bytes = await readBytes(request.raw, route.limit ?? BODY_LIMIT)
  const foreign = typeof route.body === 'string'
  const value = bytes.length === 0 ? emptyBody() : parseJson(bytes, request.headers['content-type'], foreign)
  return typeof route.body === 'string' ? value : check(route.body, value, 'body')
}

/** A foreign protocol may send nothing; our own body then reads as an empty object, and the schema names what is missing. */
function emptyBody(): unknown {
  return {}
}

/** Other programs' own servers take a key twice, so their protocols may. */
function parseJson(bytes: Buffer, type: string | undefined, foreign: boolean): unknown {
  if (type !== undefined && !/^application\/([\w.+-]+\+)?json\b/i.test(type)) {
    throw problem('unsupported_media_type', { value: type, expected: 'application/json' })
  }
  return readJson(bytes, { uniqueKeys: !foreign })
}

function encode(status: number, value: unknown): Raw {
  return new Raw(status, { 'content-type': 'application/json; charset=utf-8' }, JSON.stringify(value ?? {}))
}

/** No browser may take a reply for anything but what its type says. */
function send(reply: FastifyReply, raw: Raw): FastifyReply {
  return reply.code(raw.status).header('x-content-type-options', 'nosniff').headers(raw.headers).send(raw.body)
}

function fail(error: unknown, request: FastifyRequest, render: NonNullable<Mounted['fail']>): Raw {
  const known: Problem = asProblem(error)
  if (known.status >= 500)
    request.log.error({ request_id: request.id, code: known.code, err: known.cause ?? known }, known.message)
  else request.log.debug({ request_id: request.id, code: known.code, path: request.url }, known.message)
  return render(known, request.id)
}

async function answerUnknown(
  request: FastifyRequest,
  reply: FastifyReply,
  fallback: ServerOptions['fallback'],
  judge: ReturnType<typeof unrouted>,
): Promise<FastifyReply> {
  const path = request.url.split('?')[0] ?? '/'
  const { error, render, headers, page } = judge(request.method, path)
  const reads = request.method === 'GET' || request.method === 'HEAD'
  const found = page && reads ? await fallback?.(path) : undefined
  if (found !== undefined) return send(reply, found)
  return send(reply.headers(headers), fail(error, request, render))
}

/** What is not HTTP at all gets one plain line and a closed connection. */
function answerMalformed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request'
  const body = JSON.stringify({ error: { code: 'bad_request', message: 'the request is not valid HTTP', details: {} } })
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
}

async function stop(app: FastifyInstance, graceMs: number): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), graceMs)
  // a connection whose last request has just been answered stays open for the next one; nobody will take it
  const sweep = setInterval(() => app.server.closeIdleConnections(), 20)
  await app.close()
  clearTimeout(cut)
  clearInterval(sweep)
}
