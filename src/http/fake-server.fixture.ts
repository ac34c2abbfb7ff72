/** HTTP servers for tests, on a free port of this machine: what others run, answered by a function. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export interface Listening {
  /** Without a slash at its end. */
  readonly url: string
  /** `127.0.0.1:PORT` */
  readonly host: string
  /** Ends it, and whoever is connected. */
  close(): Promise<void>
}

/** A server that answers by `handle`. */
export async function listen(handle: RequestListener): Promise<Listening> {
  const server = createServer(handle).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `http://${host}`,
    host,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A request with its whole body. */
export interface Asked {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Status 0 breaks the connection in place of an answer. */
export interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A server that answers each request once it has come whole. A fault of `answer` is a 599, which no test expects. */
export function startFakeServer(answer: (asked: Asked) => Answer | Promise<Answer>): Promise<Listening> {
  return listen((request, response) => {
    const reply = async (): Promise<void> => {
      const { method = '', url: path = '', headers } = request
      const told = await answer({ method, path, headers, body: await text(request) })
      if (told.status === 0) request.socket.destroy()
      else response.writeHead(told.status ?? 200, told.headers).end(told.body)
    }
    reply().catch((error: unknown) => response.writeHead(599).end(String(error)))
  })
}
