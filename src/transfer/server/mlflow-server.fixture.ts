/** A server that speaks like MLflow: each path answers what a test says, and what was asked is kept. */
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
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
  /** Answers by path, under each prefix; the search of experiments, by which MLflow is known, finds none unless it is named. */
  answers: Readonly<Record<string, Answer>>
  close(): void
}

const NO_EXPERIMENTS = { '/api/2.0/mlflow/experiments/search': {} }

export async function startSpoken(): Promise<SpokenServer> {
  const asked: Asked[] = []
  const server = createServer((request, reply) => {
    void text(request).then((body) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://host')
      const one: Asked = {
        method: request.method ?? '',
        path: pathname,
        query: Object.fromEntries(searchParams),
        body: body === '' ? {} : (JSON.parse(body) as Asked['body']),
        authorization: request.headers.authorization,
      }
      asked.push(one)
      const answer = { ...NO_EXPERIMENTS, ...spoken.answers }[pathname.replace(/^\/prefix/, '')]
      if (typeof answer === 'function') (answer as (asked: Asked, reply: ServerResponse) => void)(one, reply)
      else if (answer === undefined) reply.writeHead(404).end('{}')
      else reply.end(JSON.stringify(answer))
    })
  })
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
