/** A server that speaks like MLflow: each path answers what a test says, and what was asked is kept. */
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly body: Readonly<Record<string, unknown>>
  readonly authorization: string | undefined
}

/** JSON, or what writes the reply itself. */
type Answer = object | ((asked: Asked, reply: ServerResponse) => void)

export interface SpokenServer {
  readonly url: string
  readonly asked: readonly Asked[]
  /** Answers by path, below `/prefix` too; without one, the calls of every release find nothing and all others are not there. */
  answers: Readonly<Record<string, Answer>>
  close(): void
}

/** What every release of MLflow answers: that there is nothing. */
const NOTHING = Object.fromEntries(
  ['experiments/search', 'runs/search', 'artifacts/list', 'registered-models/search'].map((call) => [
    `/api/2.0/mlflow/${call}`,
    {},
  ]),
)

export async function startSpoken(): Promise<SpokenServer> {
  const asked: Asked[] = []
  const respond = async (request: IncomingMessage, reply: ServerResponse): Promise<void> => {
    const body = await text(request)
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://host')
    const one: Asked = {
      method: request.method ?? '',
      path: pathname,
      query: Object.fromEntries(searchParams),
      body: body === '' ? {} : (JSON.parse(body) as Asked['body']),
      authorization: request.headers.authorization,
    }
    asked.push(one)
    const answer = { ...NOTHING, ...spoken.answers }[pathname.replace(/^\/prefix/, '')]
    if (typeof answer === 'function') (answer as (asked: Asked, reply: ServerResponse) => void)(one, reply)
    else if (answer === undefined) reply.writeHead(404).end('{}')
    else reply.end(JSON.stringify(answer))
  }
  const server = createServer((request, reply) => void respond(request, reply))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const spoken: SpokenServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    answers: {},
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
  return spoken
}
