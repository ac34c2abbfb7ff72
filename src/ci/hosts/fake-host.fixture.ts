/** What both fake hosts are made of: an HTTP server with recorded shapes, faults on demand, and a list of what it was asked. */
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { buffer } from 'node:stream/consumers'

export interface Sent {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** The body is sent as it is. */
  readonly text?: boolean
}

export interface Asked {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: Readonly<Record<string, unknown>>
}

/** Undefined: nothing there. */
type Answering = (asked: Asked) => Sent | undefined

export interface FakeHost {
  readonly url: string
  readonly asked: Asked[]
  /** What was asked and answered by the host itself, without the faults that were put there. */
  readonly exchanges: { readonly asked: Asked; readonly sent: Sent }[]
  /** Answers given before the host's own, one each: of calls that the pattern (`METHOD /path`) matches. */
  fail(pattern: RegExp, ...answers: readonly Sent[]): void
  /** Waits before each answer, ms, by its number. */
  delay: (call: number) => number
  close(): void
}

/** The item of this id in a list of the host, where it is there; a DELETE takes it out. */
export function itemOf<T extends { readonly id: number }>(
  items: T[],
  id: string | undefined,
  method: string,
): T | undefined {
  const at = items.findIndex((one) => one.id === Number(id))
  const found = items[at]
  if (method === 'DELETE' && found !== undefined) items.splice(at, 1)
  return found
}

export async function startFake(answer: Answering): Promise<FakeHost> {
  const faults: { pattern: RegExp; answers: Sent[] }[] = []
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.writeHead(599).end(String(error)))
  })
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://fake')
    const text = (await buffer(request)).toString()
    const one: Asked = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: text === '' ? {} : (JSON.parse(text) as Asked['body']),
    }
    const number = asked.push(one)
    const wait = fake.delay(number)
    // by the clock: so that answers come in another order than questions
    if (wait > 0) await pause(wait)
    const fault = faults.find(({ pattern, answers }) => answers.length > 0 && pattern.test(`${one.method} ${one.path}`))
    const own = (): Sent => {
      const sent = answer(one) ?? { status: 404, body: { message: 'Not Found', status: '404' } }
      // as it was then: what the host keeps changes later
      fake.exchanges.push({ asked: one, sent: structuredClone(sent) })
      return sent
    }
    const sent = fault?.answers.shift() ?? own()
    // by the clock: the same
    if (wait > 0) await pause(wait / 2)
    response.writeHead(sent.status, { 'content-type': 'application/json; charset=utf-8', ...sent.headers })
    response.end(
      sent.body === undefined
        ? ''
        : typeof sent.body === 'string' && sent.text === true
          ? sent.body
          : JSON.stringify(sent.body),
    )
  }
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const fake: FakeHost = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    exchanges: [],
    fail(pattern, ...answers) {
      faults.push({ pattern, answers: [...answers] })
    },
    delay: () => 0,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
  return fake
}

export interface Page {
  readonly items: readonly unknown[]
  readonly page: number
  readonly size: number
  readonly pages: number
  /** The header `Link` of the page; '' where it is the only one. */
  readonly link: string
}

/** The page of a list that is asked for; `base` is its address without the query. */
export function pageOf(items: readonly unknown[], { query }: Asked, base: string, usual: number): Page {
  const size = Math.min(100, Number(query.get('per_page') ?? usual))
  const page = Number(query.get('page') ?? 1)
  const pages = Math.max(1, Math.ceil(items.length / size))
  const to = (rel: string, number: number): string[] => {
    const asked = new URLSearchParams(query)
    asked.set('page', String(number))
    asked.set('per_page', String(size))
    return number < 1 || number > pages || number === page ? [] : [`<${base}?${asked.toString()}>; rel="${rel}"`]
  }
  const links = [...to('prev', page - 1), ...to('next', page + 1), ...to('first', 1), ...to('last', pages)]
  return { items: items.slice((page - 1) * size, page * size), page, size, pages, link: links.join(', ') }
}
