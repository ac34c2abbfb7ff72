/** Typed calls of Slipway's API, made from the contract: `client.call(runsApi.get, {params: {id}})`. Runs in Node and in browsers. */
import type { Reply, Request, Route } from '../contract/route.ts'
import { ForeignAnswer, readAnswer, toldBy } from './answers.ts'
import type { ErrorBody } from './answers.ts'
import { clockWords } from './clock.ts'

/** An error that the server answered: its code, status, message, advice and request id. `unreachable` when there was no answer. */
export class CallError extends Error {
  readonly code: string
  readonly status: number
  readonly help: string
  readonly request_id: string
  readonly details: Readonly<Record<string, unknown>>

  constructor(status: number, body: ErrorBody) {
    super(body.message)
    this.name = 'CallError'
    this.status = status
    this.code = body.code
    this.help = body.help ?? ''
    this.request_id = body.request_id ?? ''
    this.details = body.details ?? {}
  }
}

export interface ClientOptions {
  /** `http://host:port`, or '' in a page of the server itself. */
  readonly url: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Called before each request, which is not sent where it throws. */
  readonly before?: () => Promise<void>
  /** Why no token is sent, and what to do; said where the server asks for one. */
  readonly withheld?: string
  /** Answers are held against the contract: who is there need not be a Slipway server. */
  readonly checked?: boolean
}

export interface Client {
  readonly url: string
  /** Calls a route and returns its parsed JSON. Throws CallError. */
  call<R extends Route>(route: R, request?: Request<R>, signal?: AbortSignal): Promise<Reply<R>>
  /** Calls a route and returns the response itself: streams, events, bytes. Throws CallError for a status of 400 or more. */
  open<R extends Route>(route: R, request?: Request<R>, signal?: AbortSignal): Promise<Response>
}

export function createClient(options: ClientOptions): Client {
  const open: Client['open'] = async (route, request = {}, signal) => {
    const streamed = route.body === 'stream'
    const body =
      request.body === undefined
        ? undefined
        : streamed
          ? (request.body as NonNullable<RequestInit['body']>)
          : JSON.stringify(request.body)
    await options.before?.()
    const response = await fetch(options.url + address(route, request), {
      method: route.method,
      headers: {
        ...(body !== undefined && !streamed && { 'content-type': 'application/json' }),
        ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }),
        ...options.headers,
      },
      ...(body !== undefined && { body }),
      ...(streamed && { duplex: 'half' }),
      ...(signal && { signal }),
    }).catch((error: unknown) => {
      throw unreachable(options.url, error)
    })
    if (response.status >= 400) throw await refused(response, options.withheld)
    if (options.checked === true) await expectServer(response, route, options.url)
    return response
  }
  return {
    url: options.url,
    open,
    async call(route, request, signal) {
      const response = await open(route, request, signal)
      const text = await textOf(response, options.url)
      try {
        return readAnswer(route, text, options.checked === true) as Reply<typeof route>
      } catch (error) {
        if (error instanceof ForeignAnswer) throw foreign(options.url, response.status, error.message)
        throw error
      }
    },
  }
}

/** Each answer of a server has an id; of one that is no JSON there is nothing else to know it by. Throws CallError. */
async function expectServer(response: Response, { method, path, reply }: Route, url: string): Promise<void> {
  if (typeof reply !== 'string' || response.headers.has('x-request-id')) return
  await response.body?.cancel()
  throw foreign(url, response.status, `its answer to ${method} ${path} has no x-request-id`)
}

/** The whole text of an answer. Throws `unreachable` where it breaks off. */
export async function textOf(response: Response, url: string): Promise<string> {
  return response.text().catch((error: unknown) => {
    throw unreachable(url, error)
  })
}

/** What answers there is another program; `what` says by which answer that is seen. */
export function foreign(url: string, status: number, what: string): CallError {
  return new CallError(status, {
    code: 'foreign_server',
    message: `what answers at ${url} is no Slipway server: ${what}`,
    help: 'Is the address right? Name that of a server with --url or SLIPWAY_URL.',
  })
}

/** The path and query of a call. */
export function address(route: Route, request: { params?: unknown; query?: unknown }): string {
  const params = (request.params ?? {}) as Record<string, unknown>
  const path = route.path.replace(/(?<=\/):(\w+)/g, (_, key: string) => encodeURIComponent(String(params[key])))
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries((request.query ?? {}) as Record<string, unknown>)) {
    if (value === undefined || value === null) continue
    for (const one of Array.isArray(value) ? value : [value]) search.append(key, String(one))
  }
  const query = search.toString()
  return query === '' ? path : `${path}?${query}`
}

/** What `fetch` threw, as an error that says whose answer is missing. */
export function unreachable(url: string, error: unknown): Error {
  if (error instanceof Error && error.name === 'AbortError') return error
  const cause =
    error instanceof Error && error.cause instanceof Error ? clockWords(error.cause, Date.now()) : String(error)
  return new CallError(0, {
    code: 'unreachable',
    message: `no answer from ${url}: ${cause}`,
    help: 'Is the server running? slipway serve',
  })
}

/** The error that a response of 400 or more tells, of the server or of a gateway; where it asks for a token, why none was sent. */
export async function refused(response: Response, withheld?: string): Promise<CallError> {
  const body = toldBy(await response.text(), response.statusText || `status ${response.status}`)
  const help = response.status === 401 ? withheld : undefined
  return new CallError(response.status, help === undefined ? body : { ...body, help })
}
