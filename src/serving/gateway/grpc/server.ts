/** The gateway's gRPC side, on HTTP/2, with TLS or without: the inference service and the health service. */
import { createSecureServer, createServer } from 'node:http2'
import type {
  Http2SecureServer,
  Http2Server,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Problem, problem } from '../../../contract/errors.ts'
import { admit } from '../credentials.ts'
import type { Answer } from '../engine.ts'
import type { Reply } from '../exchange.ts'
import type { GatewayServer, HttpDeps, ListenAt } from '../server.ts'
import { endpointOf } from '../targets.ts'
import { followPair, readPair } from '../tls.ts'
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
  })
  server.on('sessionError', () => undefined)
  server.on('stream', (stream, headers) => serve(deps, stream, headers))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: at.host, port: at.port, reusePort: at.reusePort }, resolve)
  })
  return { port: (server.address() as AddressInfo).port, drain: (graceMs) => drain(server, sessions, graceMs) }
}

function openServer(deps: HttpDeps, { tls }: ListenAt): Http2Server | Http2SecureServer {
  const options = { maxSessionMemory: 64, settings: { maxConcurrentStreams: 1024 } }
  if (tls === undefined) return createServer(options)
  const server = createSecureServer({ ...options, ...readPair(tls) })
  followPair(server, tls, deps.fault)
  return server
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
  call.stream.on('end', () => {
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

/** Hands over messages as they get whole; their bytes count against the memory of all bodies until the call ends. */
function readMessages(call: Call, take: (message: Message) => void): MessageReader {
  const { bodies } = call.deps
  const reader = new MessageReader(bodies.maxBody)
  let held = 0
  const release = (): void => {
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
    } catch (error) {
      call.stream.off('data', read)
      refuse(call, error)
    }
  }
  call.stream.on('data', read)
  call.stream.once('close', release)
  return reader
}

function answerUnary(call: Call, { verb, answer }: UnaryCall, message: Buffer): void {
  const { view, clock } = call.deps
  if (verb !== null) admit(view.table, call.headers.authorization, verb, { project: null, now: clock() })
  respond(call, answer(view, message).finish())
}

async function answerInfer(call: Call, message: Buffer): Promise<void> {
  const reply = await infer(call, message)
  respond(call, reply.body as Buffer)
}

/** Predicts; resolves with the ModelInferResponse once its records are written. */
async function infer({ deps, headers }: Call, message: Buffer): Promise<Reply> {
  const { view, clock, rates, nextId } = deps
  const { model, version } = inferTarget(message)
  const endpoint = endpointOf(view.table, model)
  const now = clock()
  const token = admit(view.table, headers.authorization, 'predict', { project: endpoint.route.project, now })
  rates.take(endpoint.route, token, now)
  const limit = timeoutMs(headers['grpc-timeout'] as string | undefined)
  const { ask, note } = grpcProtocol.read({
    endpoint,
    headers: limit === undefined ? headers : { 'x-slipway-timeout-ms': String(Math.min(limit, 300_000)), ...headers },
    body: message,
    version: version === '' ? undefined : version,
    now,
    nextId,
  })
  const answer: Answer = await deps.engine(endpoint, ask)
  await new Promise<void>((resolve) => deps.afterWrite(resolve))
  return grpcProtocol.write(answer, note)
}

/** Triton's stream: every request gets one answer, in order; a failure is told in its place and the stream goes on. */
function inferStream(call: Call): void {
  const { stream } = call
  let before: Promise<void> = Promise.resolve()
  open(call)
  readMessages(call, (message) => {
    const answer = streamed(call, message)
    before = inOrder(before, answer, stream)
  })
  stream.on('end', () => {
    void before.then(() => stream.end())
  })
}

async function inOrder(before: Promise<void>, answer: Promise<Buffer>, stream: ServerHttp2Stream): Promise<void> {
  await before
  const frame = await answer
  if (!stream.destroyed && !stream.writableEnded) stream.write(frame)
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
    stream.close()
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
