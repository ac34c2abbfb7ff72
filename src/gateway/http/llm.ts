/** What the HTTP side asks of the part that calls language models. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Problem } from '../../contract/errors.ts'
import type { Reply } from '../protocols/exchange.ts'
import type { TokenRoute } from '../table/table.ts'

/** A call whose body has come. */
export interface LlmCall {
  readonly body: Buffer
  readonly token: TokenRoute | undefined
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** A path at which language models are called. */
export interface LlmTarget {
  /** Answers a call; what cannot be read of it is thrown as a `Problem`. */
  answer(call: LlmCall): void
  /** How a refusal is worded there. */
  fail(error: Problem): Reply
}

export interface LlmPort {
  /** What a path calls; undefined for one that calls no language model. Throws `bad_request` for wrong percent-encoding. */
  target(path: string): LlmTarget | undefined
  /** Names that a caller may put into `model`; without a token those of all projects. */
  names(token: TokenRoute | undefined): readonly string[]
}
