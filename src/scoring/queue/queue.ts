/** Calls that wait for a scorer: bounded in rows and bytes, urgent ones earlier, nobody starved. */
import type { Problem } from '../../contract/errors.ts'
import type { Scored } from '../rows/scores.ts'
import type { Value } from '../rows/rows.ts'

/** One caller's rows. */
export interface Call {
  readonly rows: readonly Value[][]
  readonly bytes: number
  readonly params: Readonly<Record<string, unknown>> | null
  /** Calls are merged only when these are equal. */
  readonly paramsKey: string
  readonly deadline: number
  /** By this the queue is ordered: time of arrival, ms, earlier or later by what the priority is worth. */
  readonly due: number
  readonly resolve: (scored: Scored[]) => void
  readonly reject: (error: Problem) => void
  /** Scorers that died with this call in their batch. */
  deaths: number
  settled: boolean
  timer: NodeJS.Timeout | undefined
}

/** How much earlier or later than its arrival a call counts, ms. A low call is overtaken for two seconds at most. */
export const ADVANCE = { high: -1000, normal: 0, low: 1000 } as const

export class CallQueue {
  readonly #calls: Call[] = []
  rows = 0
  bytes = 0

  /** Calls that wait. */
  get size(): number {
    return this.#calls.length
  }

  push(call: Call): void {
    let at = this.#calls.length
    while (at > 0 && (this.#calls[at - 1] as Call).due > call.due) at--
    this.#calls.splice(at, 0, call)
    this.#count(call, 1)
  }

  /** Puts a call before all others. */
  unshift(call: Call): void {
    this.#calls.unshift(call)
    this.#count(call, 1)
  }

  /** All that waits, up to `most` rows, as far as it may be merged with the first call. A call that saw a scorer die goes alone. */
  take(most: number): Call[] {
    const batch: Call[] = []
    let rows = 0
    while (this.#calls.length > 0) {
      const call = this.#calls[0] as Call
      const [first] = batch
      const fits =
        first === undefined ||
        (call.paramsKey === first.paramsKey && first.deaths + call.deaths === 0 && rows + call.rows.length <= most)
      if (!fits) break
      this.#calls.shift()
      this.#count(call, -1)
      if (call.settled) continue
      batch.push(call)
      rows += call.rows.length
    }
    return batch
  }

  /** Empties the queue. */
  drain(): Call[] {
    const calls = this.#calls.splice(0)
    this.rows = 0
    this.bytes = 0
    return calls
  }

  #count(call: Call, sign: 1 | -1): void {
    this.rows += sign * call.rows.length
    this.bytes += sign * call.bytes
  }
}
