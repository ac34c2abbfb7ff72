/** What a room gives to the server: a route with its handler. */
import type { Readable } from 'node:stream'
import type { Principal } from '../contract/access.ts'
import type { Problem } from '../contract/errors.ts'
import type { Input, Reply, Route } from '../contract/route.ts'

/** One call, parsed and allowed. */
export interface Call<R extends Route = Route> extends Input<R> {
  readonly who: Principal
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly request_id: string
  readonly ip: string
  /** Asked by HEAD: whoever asks wants to know of the answer, not to act. */
  readonly head: boolean
  /** The host that the caller used, for links in replies: `http://host:port`, or `https:` where a proxy says `X-Forwarded-Proto: https`. */
  readonly origin: string
  /** Aborted when the caller goes away. */
  readonly signal: AbortSignal
  /** The URL's query as it came, for foreign protocols with repeated keys. */
  readonly search: URLSearchParams
}

/** A reply that is not the route's JSON: bytes, text, a stream, another status or headers. */
export class Raw {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readable | Buffer | string
  /** Called with each chunk of the stream once the connection has taken it; the chunk may then be reused. */
  readonly sent: ((chunk: Uint8Array) => void) | undefined

  constructor(status: number, headers: Readonly<Record<string, string>>, body: Raw['body'], sent?: Raw['sent']) {
    this.status = status
    this.headers = headers
    this.body = body
    this.sent = sent
  }
}

export interface Mounted {
  readonly route: Route
  readonly handle: (call: Call) => unknown
  /** How this protocol writes an error; default: Slipway's own shape. */
  readonly fail?: (error: Problem, request_id: string) => Raw
}

/** Joins a route and its handler; the handler's types come from the route. */
export function mount<R extends Route>(
  route: R,
  handle: (call: Call<R>) => Promise<Reply<R> | Raw> | Reply<R> | Raw,
  fail?: Mounted['fail'],
): Mounted {
  return { route, handle, ...(fail && { fail }) }
}
