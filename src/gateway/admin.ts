/** The gateway's admin socket: control pushes routing tables and reads figures; it asks for a secret that only readers of the data folder know. */
import { timingSafeEqual } from 'node:crypto'
import { chmodSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { asTable } from './table/table.ts'
import type { RoutingTable } from './table/table.ts'
import type { LoadFailure } from './loader.ts'

export interface AdminDeps {
  /** Loads and swaps; tells what could not be loaded and is left out. */
  readonly push: (table: RoutingTable) => Promise<PushReply>
  /** Loads without swapping, so that a later push of the same models is instant. */
  readonly warm: (table: RoutingTable) => Promise<PushReply>
  readonly stats: () => unknown
  readonly drain: () => void
  /** Writes open profiles and resolves when the log is written. */
  readonly flush: () => Promise<void>
}

/** The answer to a pushed table: the epoch that answers now, and what did not load. */
export interface PushReply {
  readonly epoch: number
  readonly failed: readonly LoadFailure[]
}

/** Listens on a unix socket for calls with the secret: PUT /table, PUT /warm, GET /stats, POST /flush, POST /drain. */
export async function listenAdmin(path: string, secret: string, deps: AdminDeps): Promise<Server> {
  rmSync(path, { force: true })
  const wanted = Buffer.from(`Bearer ${secret}`)
  const server = createServer((request, response) => {
    const given = Buffer.from(request.headers.authorization ?? '')
    // a confined process of this user may be able to connect, but not to read the file with the secret
    if (given.length === wanted.length && timingSafeEqual(given, wanted)) void serve(deps, request, response)
    else send(response, 401, { error: 'the secret of the gateway is missing' })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  chmodSync(path, 0o600)
  return server
}

async function serve(deps: AdminDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const answer = await act(deps, `${request.method} ${request.url}`, request)
    send(response, answer === undefined ? 404 : 200, answer ?? { error: 'no such path' })
  } catch (error) {
    send(response, 400, { error: (error as Error).message })
  }
}

async function act(deps: AdminDeps, what: string, request: IncomingMessage): Promise<unknown> {
  switch (what) {
    case 'PUT /table':
      return deps.push(asTable(JSON.parse(await text(request))))
    case 'PUT /warm':
      return deps.warm(asTable(JSON.parse(await text(request))))
    case 'GET /stats':
      return deps.stats()
    case 'POST /flush':
      await deps.flush()
      return { ok: true }
    case 'POST /drain':
      deps.drain()
      return { ok: true }
    default:
      return undefined
  }
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const sent = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) })
  response.end(sent)
}
