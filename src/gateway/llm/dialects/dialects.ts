/** Contract of translations between dialects; who calls it chooses the pair, and tells the client what was lost. */
import type { Dialect } from '../../table/llm.ts'

export type Json = Readonly<Record<string, unknown>>

/** A body in another dialect. */
export interface Translated {
  readonly body: Json
  /** Fields of the original that were dropped or approximated, as JSON paths, sorted, each once. */
  readonly lost: readonly string[]
}

/** One event of a stream: server-sent, or of AWS's event stream with its type as `event`. */
export interface StreamEvent {
  readonly event: string | null
  readonly data: string
}

/** Turns the events of an upstream's stream into those of the client's dialect. */
export interface StreamTranslator {
  /** Events that one of the upstream becomes; none, one or several. Throws `Problem` `upstream_failed` for an event that cannot be read. */
  push(event: StreamEvent): readonly StreamEvent[]
  /** Events that end the stream, once the upstream's has ended whole. Throws `upstream_failed` where it had not. */
  end(): readonly StreamEvent[]
}

/** What the answer is written for. */
export interface Asked {
  /** Name that the client called. */
  readonly model: string
  /** The client's request. */
  readonly body: Json
  /** Id for an answer whose upstream gives none. */
  readonly id: string
  /** Seconds since 1970, for dialects that tell when. */
  readonly created: number
}

export interface Pair {
  /** Dialect of the client. */
  readonly client: Dialect
  /** Dialect of the upstream. */
  readonly upstream: Dialect
}
