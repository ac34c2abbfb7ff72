/** One call as a handler sees it: parsed by its route's contract; the other properties are made on first use. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { parse as parseQuery } from 'node:querystring'
import type { ZodType } from 'zod'
import type { Principal } from '../contract/access.ts'
import { problem } from '../contract/errors.ts'
import { NUMERALS } from '../contract/values/numerals.ts'
import { fromZod } from './failure.ts'
import { Coming } from './json-shape.ts'
import type { Shape } from './json-shape.ts'
import { readJson } from './json.ts'
import type { Call, Mounted } from './mount.ts'
import { bytesAtHand, chunksOf, readBytes } from './callers/request-body.ts'
import type { Patience } from './callers/request-body.ts'
import { encodingOf, refuseEncoding, unpack } from './callers/unpack.ts'

/** Largest JSON body of a route that names no limit, bytes. */
const BODY_LIMIT = 1024 * 1024

export interface Received {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The parts of the path that the route names, decoded. */
  readonly params: Readonly<Record<string, string | undefined>>
  readonly requestId: string
  readonly head: boolean
  readonly who: Principal
  /** Aborted when the server begins to stop. */
  readonly closing: AbortSignal
  /** How slowly a streamed body may come. */
  readonly patience: Patience
}

/**
 * Reads and checks a call; a promise of it where its body is still to come or long to read. Throws `invalid_field`, `malformed_body`,
 * `payload_too_large`, `unsupported_media_type` or `unsupported_encoding`.
 */
export function parseCall(received: Received, { route }: Mounted): Call | Promise<Call> {
  const { request } = received
  const params = check(route.params, received.params, 'path')
  const query =
    route.query === undefined ? undefined : check(route.query, parseQuery(queryOf(request.url ?? '')), 'query')
  const encoding = request.headers['content-encoding']
  if (route.body === 'stream' && route.unpacks !== true) refuseEncoding(encoding)
  const body =
    route.body === 'stream' ? chunksOf(request, received.patience) : readBody(request, route, encodingOf(encoding))
  const made = (whole: unknown): Call =>
    new ReceivedCall(received, { params, query, body: whole }, route.reply === 'events')
  return body instanceof Promise ? body.then(made) : made(body)
}

interface Parsed {
  readonly params: unknown
  readonly query: unknown
  readonly body: unknown
}

class ReceivedCall implements Call {
  readonly params: never
  readonly query: never
  readonly body: never
  readonly who: Principal
  readonly request_id: string
  readonly #received: Received
  readonly #endless: boolean

  constructor(received: Received, parsed: Parsed, endless: boolean) {
    this.params = parsed.params as never
    this.query = parsed.query as never
    this.body = parsed.body as never
    this.who = received.who
    this.request_id = received.requestId
    this.#received = received
    this.#endless = endless
  }

  get headers(): Call['headers'] {
    return this.#received.request.headers
  }

  get ip(): string {
    return this.#received.request.socket.remoteAddress ?? ''
  }

  get head(): boolean {
    return this.#received.head
  }

  get origin(): string {
    const { headers } = this.#received.request
    const scheme = headers['x-forwarded-proto'] === 'https' ? 'https' : 'http'
    return `${scheme}://${headers.host ?? 'localhost'}`
  }

  /** A stream of events never ends by itself, so it ends when the server stops. */
  get signal(): AbortSignal {
    const gone = new AbortController()
    this.#received.response.once('close', () => gone.abort())
    return this.#endless ? AbortSignal.any([gone.signal, this.#received.closing]) : gone.signal
  }

  get search(): URLSearchParams {
    return new URLSearchParams(queryOf(this.#received.request.url ?? ''))
  }
}

function queryOf(url: string): string {
  const mark = url.indexOf('?')
  return mark < 0 ? '' : url.slice(mark + 1)
}

function check(schema: ZodType | undefined, value: unknown, where: string): unknown {
  if (schema === undefined) return value
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw fromZod(parsed.error, where, value)
  return parsed.data
}

/** A promise where it is not there at once. */
function readBody(request: IncomingMessage, route: Mounted['route'], encoding: string | undefined): unknown {
  if (route.body === undefined) return undefined
  const { limit = BODY_LIMIT } = route
  const atHand = encoding === undefined ? bytesAtHand(request, limit) : undefined
  if (atHand === undefined) return comingBody(request, route, encoding)
  const value = valueOf(atHand, request, route)
  return value instanceof Promise ? value.then((whole) => checkBody(route, whole)) : checkBody(route, value)
}

async function comingBody(
  request: IncomingMessage,
  route: Mounted['route'],
  encoding: string | undefined,
): Promise<unknown> {
  const coming = new Coming()
  // what is no JSON is refused for its type, whatever brackets it has
  const look = isJson(request.headers['content-type']) && encoding === undefined ? coming.look : undefined
  const { limit = BODY_LIMIT } = route
  const sent = await readBytes(request, { limit, look })
  const bytes = encoding === undefined || sent.length === 0 ? sent : await unpack(sent, encoding, limit)
  return checkBody(route, await valueOf(bytes, request, route, coming.shape))
}

/** An empty body is read as an empty object: foreign protocols allow it, and for our own routes the schema names what is missing. */
function valueOf(bytes: Buffer, { headers }: IncomingMessage, route: Mounted['route'], shape?: Shape): unknown {
  return bytes.length === 0 ? {} : parseJson(bytes, headers['content-type'], { route, shape })
}

function checkBody(route: Mounted['route'], value: unknown): unknown {
  return typeof route.body === 'string' ? value : check(route.body, value, 'body')
}

interface Come {
  readonly route: Mounted['route']
  readonly shape: Shape | undefined
}

/** A repeated key is allowed in foreign protocols, because the servers they come from allow it. */
function parseJson(bytes: Buffer, type: string | undefined, { route, shape }: Come): unknown {
  if (!isJson(type)) throw problem('unsupported_media_type', { value: type ?? '', expected: 'application/json' })
  const { body, numerals = false } = route
  const exact = numerals ? NUMERALS : undefined
  return readJson(bytes, { uniqueKeys: typeof body !== 'string', exact, shape })
}

/** Whether a body of this type is read as JSON; one without a type is. */
function isJson(type: string | undefined): boolean {
  return type === undefined || type === 'application/json' || JSON_TYPE.test(type)
}

const JSON_TYPE = /^application\/([\w.+-]+\+)?json\b/i
