/** How the rounds of a loop go: when one last went well, and since when they fail. What nobody waits for would fail in silence otherwise. */
import type { Clock } from '../contract/ids.ts'

/** A fault that lasts; times in ms since 1970. */
export interface LastingFault {
  /** The first round that failed since one went well. */
  readonly since: number
  /** The last one that failed. */
  readonly at: number
  /** What the last one failed with. */
  readonly words: string
}

/** Times in ms since 1970. */
export interface RoundState {
  /** From when on rounds are to be expected. */
  readonly begun: number
  /** The last round that went well; null = none yet. */
  readonly done: number | null
  /** Null = the last round went well, or none has ended yet. */
  readonly fault: LastingFault | null
}

export class Rounds {
  readonly #clock: Clock
  readonly #begun: number
  #done: number | null = null
  #fault: LastingFault | null = null

  /** Rounds begin now. */
  constructor(clock: Clock) {
    this.#clock = clock
    this.#begun = clock()
  }

  get state(): RoundState {
    return { begun: this.#begun, done: this.#done, fault: this.#fault }
  }

  /** A round went well: what failed before is over. */
  went(): void {
    this.#done = this.#clock()
    this.#fault = null
  }

  failed(error: unknown): void {
    const at = this.#clock()
    this.#fault = { since: this.#fault?.since ?? at, at, words: wordsOf(error) }
  }
}

/** What an error says; one of several connections that all failed has no message of its own. */
function wordsOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map((one) => wordsOf(one)).join('; ')
  return error instanceof Error && error.message !== '' ? error.message : String(error)
}
