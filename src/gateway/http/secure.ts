/** HTTP/2 and HTTP/1.1 on one TLS port, handed over as the requests and responses of `node:http`. */
import { Server as HttpServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { constants, createSecureServer } from 'node:http2'
import type { Http2SecureServer, Http2ServerRequest, Http2ServerResponse, ServerHttp2Session } from 'node:http2'
import { followPair, readPair, trackSockets } from './tls.ts'
import type { TlsFiles } from './tls.ts'

/** What a server must do to leave without losing a request. */
export interface Listening<S> {
  readonly server: S
  /** Tells callers who can be told that no further request is taken here. */
  readonly goAway: () => void
  readonly closeIdle: () => void
  readonly closeAll: () => void
}

/** Times of the server, ms, by the names that `node:http` gives them. */
export interface ServerTimes {
  readonly keepAliveTimeout: number
  readonly requestTimeout: number
  readonly headersTimeout: number
  readonly connectionsCheckingInterval: number
}

/** Makes the server. Throws when certificate and key are no pair. */
export function secureServer(
  files: TlsFiles,
  times: ServerTimes,
  fault: (error: unknown) => void,
): Listening<Http2SecureServer> {
  const server = createSecureServer({
    ...readPair(files),
    ...times,
    allowHTTP1: true,
    handshakeTimeout: times.headersTimeout,
    maxSessionMemory: 64,
    settings: { maxConcurrentStreams: 1024 },
  })
  followPair(server, files, fault)
  const sockets = trackSockets(server)
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
    session.on('error', () => undefined)
    session.setTimeout(times.keepAliveTimeout, () => session.close())
  })
  server.on('sessionError', () => undefined)
  server.on('request', (request, response) => {
    if (request.httpVersionMajor === 2) adapt(request, response, times.requestTimeout)
  })
  return {
    server,
    goAway: () => sessions.forEach((session) => session.close()),
    // the server of HTTP/2 keeps connections of HTTP/1.1 in the same list as the server of HTTP/1.1
    closeIdle: () => HttpServer.prototype.closeIdleConnections.call(server as unknown as HttpServer),
    closeAll: () => sockets.forEach((socket) => socket.destroy()),
  }
}

/**
 * Gives the request a Host as HTTP/1.1 has it, and the limit of time that HTTP/1.1 requests have. An answer of which the caller takes
 * nothing for that long is dropped: its window may stay shut for ever.
 */
function adapt(request: Http2ServerRequest, response: Http2ServerResponse, limitMs: number): void {
  request.headers.host ??= request.headers[':authority'] ?? ''
  const late = setTimeout(() => response.stream.close(constants.NGHTTP2_CANCEL), limitMs)
  const over = (): void => clearTimeout(late)
  response.stream.setTimeout(limitMs, () => {
    if (response.headersSent) response.stream.close(constants.NGHTTP2_CANCEL)
  })
  request.once('end', over)
  request.once('close', over)
}

/** Answers an HTTP/2 caller that is still sending: the stream ends behind the reply, and the connection goes on. */
export function endStream(request: IncomingMessage, response: ServerResponse): void {
  request.resume()
  ;(response as unknown as Http2ServerResponse).stream.close(constants.NGHTTP2_NO_ERROR)
}
