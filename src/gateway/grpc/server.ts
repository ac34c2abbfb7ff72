/** The gateway's gRPC side, on HTTP/2, with TLS or without: the inference service and the health service. */
import { constants, createSecureServer, createServer } from 'node:http2'
import type {
  Http2SecureServer,
  Http2Server,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Problem, problem } from '../../contract/errors.ts'
import { admit, seenBy } from '../traffic/credentials.ts'
import type { Caller } from '../traffic/credentials.ts'
import type { Answer } from '../engine/ask.ts'
import type { Reply } from '../protocols/exchange.ts'
import { PATIENCE } from '../http/server.ts'
import type { GatewayServer, HttpDeps, ListenAt, Patience } from '../http/server.ts'
import { narrowed, servedEndpoint } from '../http/targets.ts'
import { followPair, readPair } from '../http/tls.ts'
import type { UnaryCall } from './calls.ts'
import { CALLS, MODEL_INFER, MODEL_STREAM_INFER } from './calls.ts'
import { GRPC_TYPE, grpcProtocol, inferTarget } from './infer.ts'
import type { Message } from './messages.ts'
import { framed, MessageReader, messageText, statusOf, timeoutMs, unpacked } from './messages.ts'
import { ProtoWriter } from './wire.ts'

/** Listens; resolves with the port. */
export async function listenGrpc(deps: HttpDeps, at: ListenAt): Promise<GatewayServer> {
  const server = openServer(deps, at)
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
    session.on('error', () => undefined)
    session.setTimeout(IDLE_MS, () => session.close())
  })
  server.on('sessionError', () => undefined)
  server.on('stream', (stream, headers) => serve(deps, stream, headers))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: at.host, port: at.port, reusePort: at.reusePort }, resolve)
  })
  return { port: (server.address() as AddressInfo).port, drain: (graceMs) => drain(server, sessions, graceMs) }
}

/** A connection on which nothing comes or goes for so long is closed; its caller opens another with its next call. */
const IDLE_MS = 300_000

function openServer(deps: HttpDeps, { tls }: ListenAt): Http2Server | Http2SecureServer {
  const options = { maxSessionMemory: 64, settings: { maxConcurrentStreams: 1024 } }
  if (tls === undefined) return createServer(options)
  const { headersMs } = patienceOf(deps)
  const server = createSecureServer({ ...options, ...readPair(tls), handshakeTimeout: headersMs })
  followPair(server, tls, deps.fault)
  return server
}

function patienceOf({ patience }: HttpDeps): Patience {
  return patience ?? PATIENCE
}

/** Every session is told to go; what runs ends first. */
async function drain(
  server: Http2Server | Http2SecureServer,
  sessions: Set<ServerHttp2Session>,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  for (const session of sessions) session.close()
  const cut = setTimeout(() => sessions.forEach((session) => session.destroy()), graceMs)
  await closed
  clearTimeout(cut)
}

/** One call of one client. */
interface Call {
  readonly deps: HttpDeps
  readonly stream: ServerHttp2Stream
  readonly headers: IncomingHttpHeaders
  readonly path: string
}

function serve(deps: HttpDeps, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  stream.on('error', () => undefined)
  const call = { deps, stream, headers, path: headers[':path'] ?? '' }
  // an answer of which the caller takes nothing is dropped: its window may stay shut for ever
  stream.setTimeout(patienceOf(deps).requestMs, () => {
    if (stream.writableLength > 0) stream.close(constants.NGHTTP2_CANCEL)
  })
  try {
    if (headers[':method'] !== 'POST' || !String(headers['content-type']).startsWith(GRPC_TYPE)) {
      stream.respond({ ':status': 415 }, { endStream: true })
      return
    }
    if (deps.view.table.source.open)
      deps.checkHost('POST', { ...headers, host: headers[':authority'] ?? headers.host ?? '' })
    const unary = CALLS.get(call.path)
    if (unary !== undefined) receive(call, (message) => answerUnary(call, unary, message))
    else if (call.path === MODEL_INFER) receive(call, (message) => answerInfer(call, message))
    else if (call.path === MODEL_STREAM_INFER) inferStream(call)
    else
      throw problem('method_not_allowed', {
        method: 'gRPC',
        path: call.path,
        allowed: 'the calls of GRPCInferenceService',
      })
  } catch (error) {
    refuse(call, error)
  }
}

/** Reads the one message of a unary call. */
function receive(call: Call, answer: (message: Buffer) => Promise<void> | void): void {
  const messages: Message[] = []
  const reader = readMessages(call, (message) => messages.push(message))
  const late = refuseLate(call)
  call.stream.once('close', () => clearTimeout(late))
  call.stream.on('end', () => {
    clearTimeout(late)
    const [message] = messages
    const run = async (): Promise<void> => {
      if (messages.length !== 1 || message === undefined || reader.left > 0)
        throw problem('malformed_body', { expected: 'gRPC', detail: `${messages.length} whole messages, not one` })
      await answer(await unpacked(message, encodingOf(call), call.deps.bodies.maxBody))
    }
    run().catch((error: unknown) => refuse(call, error))
  })
}

function encodingOf({ headers }: Call): string | undefined {
  const encoding = headers['grpc-encoding']
  return Array.isArray(encoding) ? encoding[0] : encoding
}

/** Ends the call in so long, unless the timer is cleared: what it asks must have come by then. */
function refuseLate(call: Call): NodeJS.Timeout {
  const limit = patienceOf(call.deps).requestMs
  const late = setTimeout(() => {
    // what is not read because its answers are not taken yet is not late
    if (call.stream.isPaused()) {
      late.refresh()
      return
    }
    refuse(call, problem('deadline_exceeded', { what: 'the request', limit }))
    call.stream.close(constants.NGHTTP2_NO_ERROR)
  }, limit)
  return late
}

/** Hands over messages as they get whole; their bytes count against the memory of all bodies until the call ends. */
function readMessages(call: Call, take: (message: Message) => void): MessageReader {
  const { bodies } = call.deps
  const reader = new MessageReader(bodies.maxBody)
  let held = 0
  let late: NodeJS.Timeout | undefined
  const release = (): void => {
    clearTimeout(late)
    late = undefined
    bodies.held -= held
    held = 0
  }
  const read = (chunk: Buffer): void => {
    held += chunk.length
    bodies.held += chunk.length
    try {
      if (bodies.held > bodies.maxHeld) throw problem('too_many_requests', { what: 'the memory for bodies' })
      for (const message of reader.push(chunk)) take(message)
      if (reader.left === 0) release()
      else late ??= refuseLate(call)
    } catch (error) {
      call.stream.off('data', read)
      refuse(call, error)
    }
  }
  call.stream.on('data', read)
  call.stream.once('close', release)
  return reader
}

function answerUnary(call: Call, unary: UnaryCall, message: Buffer): void {
  const { view, clock } = call.deps
  const verb = typeof unary.verb === 'function' ? unary.verb(message) : unary.verb
  const caller = callerOf(call, clock())
  if (verb !== null) admit(view.table, caller, verb)
  respond(call, unary.answer(verb === null ? view : narrowed(view, seenBy(view.table, caller)), message).finish())
}

function callerOf({ deps, stream, headers }: Call, now: number): Caller {
  const address = stream.session?.socket.remoteAddress
  return { authorization: headers.authorization, now, from: { address, failed: deps.failed } }
}

async function answerInfer(call: Call, message: Buffer): Promise<void> {
  const reply = await infer(call, message)
  respond(call, reply.body as Buffer)
}

/** Predicts; resolves with the ModelInferResponse once its records are written. */
async function infer(call: Call, message: Buffer): Promise<Reply> {
  const { deps, headers } = call
  const { view, clock, rates, nextId } = deps
  const { model, version } = inferTarget(message)
  const now = clock()
  const caller = callerOf(call, now)
  const endpoint = servedEndpoint(seenBy(view.table, caller), model)
  const token = admit(view.table, caller, 'predict')
  rates.take(endpoint.route, token, now)
  const limit = timeoutMs(headers['grpc-timeout'] as string | undefined)
  const { ask, note } = grpcProtocol.read({
    endpoint,
    headers: limit === undefined ? headers : { 'x-slipway-timeout-ms': String(Math.min(limit, 300_000)), ...headers },
    caller: token?.id ?? '',
    body: message,
    version: version === '' ? undefined : version,
    now,
    nextId,
  })
  const answer: Answer = await deps.engine(endpoint, ask)
  await new Promise<void>((resolve) => deps.afterWrite(resolve))
  return grpcProtocol.write(answer, note)
}

/** Answers of one stream that are worked on or wait to be taken; beyond them no further request is read. */
const MOST_WAITING = 256

/** Triton's stream: every request gets one answer, in order; a failure is told in its place and the stream goes on. */
function inferStream(call: Call): void {
  const { stream } = call
  let before: Promise<void> = Promise.resolve()
  let waiting = 0
  const tell = async (earlier: Promise<void>, answer: Promise<Buffer>): Promise<void> => {
    await inOrder(earlier, answer, stream)
    if (waiting-- === MOST_WAITING) stream.resume()
  }
  open(call)
  readMessages(call, (message) => {
    if (++waiting === MOST_WAITING) stream.pause()
    before = tell(before, streamed(call, message))
  })
  stream.on('end', () => {
    void before.then(() => stream.end())
  })
}

async function inOrder(before: Promise<void>, answer: Promise<Buffer>, stream: ServerHttp2Stream): Promise<void> {
  await before
  const frame = await answer
  if (stream.destroyed || stream.writableEnded || stream.write(frame)) return
  await new Promise<void>((resolve) => {
    const go = (): void => {
      stream.off('drain', go).off('close', go)
      resolve()
    }
    stream.on('drain', go).on('close', go)
  })
}

async function streamed(call: Call, message: Message): Promise<Buffer> {
  try {
    const { body } = await infer(call, await unpacked(message, encodingOf(call), call.deps.bodies.maxBody))
    return framed(new ProtoWriter().bytes(2, body as Buffer).finish())
  } catch (error) {
    return framed(new ProtoWriter().string(1, known(call, error).message).finish())
  }
}

function respond(call: Call, message: Buffer): void {
  if (call.stream.destroyed || call.stream.headersSent) return
  open(call)
  call.stream.end(framed(message))
}

/** Sends the headers, and the status 0 behind all messages. */
function open({ stream }: Call): void {
  stream.respond(
    { ':status': 200, 'content-type': GRPC_TYPE, 'grpc-accept-encoding': 'identity,gzip,deflate' },
    { waitForTrailers: true },
  )
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
}

function known(call: Call, error: unknown): Problem {
  const found = error instanceof Problem ? error : problem('internal', {}, error)
  if (found.code === 'internal') call.deps.fault(found.cause ?? found)
  return found
}

/** Ends a call with a status; nothing but headers is sent. */
function refuse(call: Call, error: unknown): void {
  const { stream } = call
  const found = known(call, error)
  if (stream.destroyed) return
  if (stream.headersSent) {
    // what was answered goes out first, if it is taken
    stream.close()
    setTimeout(() => stream.destroy(), patienceOf(call.deps).requestMs).unref()
    return
  }
  const retry = found.data['retry_after']
  const headers = {
    ':status': 200,
    'content-type': GRPC_TYPE,
    'grpc-status': String(statusOf(found)),
    'grpc-message': messageText(found.message),
    ...(typeof retry === 'number' && { 'grpc-retry-pushback-ms': String(Math.ceil(retry * 1000)) }),
  }
  stream.respond(headers, { endStream: true })
  stream.resume()
}
