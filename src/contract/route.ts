/** What a route is: the one description from which come parsing, the typed client, OpenAPI, the docs and the access check. */
import type { z } from 'zod'
import type { Access } from './access.ts'
import type { ErrorCode } from './errors.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/**
 * `body` and `reply` are zod schemas, or 'stream' (bytes), or 'json' (any JSON, checked by the room: foreign protocols),
 * or for replies 'events' (server-sent events) and 'text'. `access` is compulsory: a route that does not say who may call it
 * does not compile. `limit` is the largest body in bytes (default 1 MiB; streams have none unless it is given).
 */
export interface Route {
  readonly method: Method
  readonly path: string
  readonly summary: string
  readonly access: Access
  readonly params?: z.ZodType
  readonly query?: z.ZodType
  readonly body?: z.ZodType | 'stream' | 'json'
  readonly reply: z.ZodType | 'stream' | 'json' | 'events' | 'text'
  readonly errors?: readonly ErrorCode[]
  readonly limit?: number
  /** Success status (default 200). */
  readonly status?: number
  /** Numbers of its bodies are `Numeral`s where a double would change them; without it all are doubles. */
  readonly numerals?: boolean
  /** A stream whose handler unpacks what its header Content-Encoding names; other streams with such a header are refused. */
  readonly unpacks?: boolean
  /** The protocol whose error shape the route answers with (default slipway). */
  readonly dialect?: 'slipway' | 'mlflow' | 'oip'
  /**
   * The reply holds a secret that is told this once, so that it is kept nowhere: the name of what is made, and the field of the reply whose
   * `id` it has. A repetition is told these.
   */
  readonly secret?: { readonly made: string; readonly field: string }
}

/**
 * True when a route supports `Idempotency-Key`: every POST of Slipway's own that changes something and takes JSON. Uploads are
 * named by their content, a stream of events could not be kept, and the other methods may be repeated anyway.
 */
export function takesKey({ method, access, body, reply, dialect = 'slipway' }: Route): boolean {
  return (
    method === 'POST' &&
    dialect === 'slipway' &&
    access !== 'public' &&
    access.verb !== 'read' &&
    typeof body !== 'string' &&
    reply !== 'events'
  )
}

/** Declares a route; keeps the literal types for `Input` and `Reply`. */
export function route<const R extends Route>(description: R): R {
  return description
}

type Parsed<S> = S extends z.ZodType ? z.output<S> : unknown
type Sent<S> = S extends z.ZodType ? z.input<S> : unknown

/** What a handler gets for a route, parsed. */
export interface Input<R extends Route> {
  readonly params: Parsed<R['params']>
  readonly query: Parsed<R['query']>
  readonly body: R['body'] extends 'stream' ? AsyncIterable<Uint8Array> : Parsed<R['body']>
}

/** What a caller gives for a route, before parsing. */
export interface Request<R extends Route> {
  readonly params?: Sent<R['params']>
  readonly query?: Sent<R['query']>
  readonly body?: R['body'] extends z.ZodType ? z.input<R['body']> : unknown
}

/** What a route answers with. */
export type Reply<R extends Route> = R['reply'] extends z.ZodType ? z.output<R['reply']> : unknown
