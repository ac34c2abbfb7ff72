/** What is known of one model of an endpoint by the calls of this process. */
import { Speed } from './speed.ts'

/** A call that fails is as slow as one that begins after ten seconds, or says a token a second. */
const FAILURE_FIRST_US = 10_000_000
const FAILURE_TOKEN_US = 1_000_000
/** Share of the newest answer in the mean length of answers. */
const NEWEST = 0.1

export class Standing {
  /** Smooth weighted round-robin (as in nginx): what it is owed. */
  owed = 0
  /** In a row. */
  failures = 0
  /** Left alone until then, ms. */
  restsUntil = 0
  /** Calls under way. */
  open = 0
  /** Streams: from the sending to the first bytes of the answer, µs. */
  readonly first = new Speed(FAILURE_FIRST_US)
  /** Whole answers: µs a token. */
  readonly token = new Speed(FAILURE_TOKEN_US)
  /** Mean output of its answers, tokens; null = none has told. */
  output: number | null = null
  /** Predictions of its cache in a row that were wrong. */
  wrong = 0
  /** Calls that were kept from it for that. */
  kept = 0

  speed(stream: boolean): Speed {
    return stream ? this.first : this.token
  }

  /** An answer that ended by itself had so many tokens. */
  said(output: number): void {
    this.output = this.output === null ? output : this.output + (output - this.output) * NEWEST
  }
}
