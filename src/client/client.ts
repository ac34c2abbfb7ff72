/** Typed calls of Slipway's API, made from the contract: `client.call(runsApi.get, {params: {id}})`. Runs in Node and in browsers. */
import { parseNumerals } from '../contract/values/numerals.ts'
import type { Reply, Request, Route } from '../contract/route.ts'

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

interface ErrorBody {
  readonly code: string
  readonly message: string
  readonly help?: string
  readonly request_id?: string
  readonly details?: Readonly<Record<string, unknown>>
}

export interface ClientOptions {
  /** `http://host:port`, or '' in a page of the server itself. */
  readonly url: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
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
    if (response.status >= 400) throw await refused(response)
    return response
  }
  return {
    url: options.url,
    open,
    async call(route, request, signal) {
      const response = await open(route, request, signal)
      return (route.numerals === true ? parseNumerals(await response.text()) : await response.json()) as Reply<
        typeof route
      >
    },
  }
}

/** The path and query of a call. */
export function address(route: Route, request: { params?: unknown; query?: unknown }): string {
  const params = (request.params ?? {}) as Record<string, unknown>
  const path = route.path.replace(/:(\w+)/g, (_, key: string) => encodeURIComponent(String(params[key])))
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
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
  return new CallError(0, {
    code: 'unreachable',
    message: `no answer from ${url}: ${cause}`,
    help: 'Is the server running? slipway serve',
  })
}

/** The error that a response of 400 or more tells, of the server or of a gateway. */
export async function refused(response: Response): Promise<CallError> {
  const text = await response.text()
  try {
    const parsed = JSON.parse(text) as { error?: ErrorBody }
    if (parsed.error !== undefined) return new CallError(response.status, parsed.error)
  } catch {
    // not JSON: the text itself is all there is to say
  }
  return new CallError(response.status, { code: 'unknown', message: text.slice(0, 500) || response.statusText })
}
