/** Callers of HTTP/2 over TLS: sessions of `node:http2`, and sockets that write frames of their own. */
import { connect, constants } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import { connect as connectTls } from 'node:tls'

export interface Ended {
  readonly status: number
  readonly body: Buffer
  /** `grpc-status` of the headers or of the trailers. */
  readonly grpc: string | undefined
  /** Why the stream was broken off; NO_ERROR where it was not. */
  readonly code: number
}

export interface Callers {
  session(settings?: object): ClientHttp2Session
  /** Writes these frames as often as they are taken, reading nothing, until the connection is closed; resolves to the bytes written. */
  flood(frames: Buffer, most: number): Promise<number>
  close(): void
}

/** Callers of the TLS port at `address` (host:port). */
export function callersOf(address: string, cert: string): Callers {
  const open: { destroy(): void }[] = []
  return {
    session(settings = {}) {
      const made = connect(`https://${address}`, { ca: cert, settings, maxSendHeaderBlockLength: 1_000_000 })
      made.on('error', () => undefined)
      open.push(made)
      return made
    },
    flood(frames, most) {
      const [host = '', port] = address.split(':')
      const socket = connectTls({ host, port: Number(port), ca: cert, ALPNProtocols: ['h2'] })
      open.push(socket)
      return new Promise((resolve) => {
        let written = 0
        const push = (): void => {
          while (!socket.destroyed && written < most) {
            written += frames.length
            if (!socket.write(frames)) return
          }
        }
        socket.on('error', () => undefined)
        socket.on('close', () => resolve(written))
        socket.on('drain', push)
        socket.on('secureConnect', () => {
          socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0)]))
          push()
        })
      })
    },
    close: () => open.forEach((one) => one.destroy()),
  }
}

/** A frame of HTTP/2. */
export function frame(type: number, flags: number, stream: number, payload = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Begins a request whose errors are told by `ended`. */
export function begin(session: ClientHttp2Session, headers: OutgoingHttpHeaders): ClientHttp2Stream {
  const stream = session.request(headers)
  stream.on('error', () => undefined)
  return stream
}

export function ended(stream: ClientHttp2Stream): Promise<Ended> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let [status, grpc] = [0, undefined as string | undefined]
    const take = (head: Record<string, unknown>): void => {
      status = Number(head[':status'] ?? status)
      const said = head['grpc-status']
      if (typeof said === 'string') grpc = said
    }
    stream.on('response', take)
    stream.on('trailers', take)
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('close', () =>
      resolve({ status, grpc, body: Buffer.concat(chunks), code: stream.rstCode ?? constants.NGHTTP2_NO_ERROR }),
    )
  })
}
