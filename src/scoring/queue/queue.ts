/** Calls that wait for a scorer: bounded in rows and bytes, callers in turn, urgent ones of a turn earlier, nobody starved. */
import type { Problem } from '../../contract/errors.ts'
import type { Scored } from '../rows/scores.ts'
import type { Value } from '../rows/rows.ts'

/** One caller's rows. */
export interface Call {
  readonly rows: readonly Value[][]
  /** All rows of the request, where these are a piece of them. */
  readonly whole?: readonly Value[][]
  readonly bytes: number
  /** Who asks: callers have their turns. */
  readonly caller: string
  readonly params: Readonly<Record<string, unknown>> | null
  /** Calls are merged only when these are equal. */
  readonly paramsKey: string
  readonly deadline: number
  /** By this the calls of a turn are ordered: time of arrival, ms, earlier or later by what the priority is worth. */
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

/** Rows of a caller in one turn; within a turn the earliest call goes first, whoever made it. */
const TURN = 64

/** Callers that are remembered while nothing of theirs waits. */
const REMEMBERED = 1000

/** What waits, as far as it is bounded. */
export interface Held {
  readonly rows: number
  readonly bytes: number
}

const NOTHING: Held = { rows: 0, bytes: 0 }

/** What waits of one caller, the earliest first, and how many rows it has had. */
interface Line {
  readonly caller: string
  readonly calls: Call[]
  rows: number
  bytes: number
  had: number
}

export class CallQueue {
  readonly #lines = new Map<string, Line>()
  /** Rows that callers have had of whom nothing waits, where they are ahead of the others. */
  readonly #ahead = new Map<string, number>()
  /** What is to come of calls that go in pieces. */
  readonly #later = new Map<string, Held>()
  readonly #toCome = { rows: 0, bytes: 0 }
  /** Calls before all others. */
  readonly #first: Line = { caller: '', calls: [], rows: 0, bytes: 0, had: 0 }
  /** Rows that the caller of the last call had had before it: one who comes anew begins here. */
  #had = 0
  size = 0
  rows = 0
  bytes = 0

  push(call: Call): void {
    const line = this.#lineOf(call.caller)
    const { calls } = line
    let at = calls.length
    while (at > 0 && (calls[at - 1] as Call).due > call.due) at--
    calls.splice(at, 0, call)
    this.#count(line, call, 1)
  }

  #lineOf(caller: string): Line {
    const line = this.#lines.get(caller)
    if (line !== undefined) return line
    const had = Math.max(this.#had, this.#ahead.get(caller) ?? 0)
    const made = { caller, calls: [], rows: 0, bytes: 0, had }
    this.#ahead.delete(caller)
    this.#lines.set(caller, made)
    return made
  }

  /** Puts a call before all others. */
  unshift(call: Call): void {
    this.#first.calls.unshift(call)
    this.#count(this.#first, call, 1)
  }

  /**
   * What goes next, up to `most` rows, as far as it may be merged with the first call: of the callers the one that has had fewest rows, in
   * turns of `TURN`. A call that saw a scorer die goes alone.
   */
  take(most: number): Call[] {
    const batch: Call[] = []
    let rows = 0
    for (let line = this.#next(); line !== undefined; line = this.#next()) {
      const call = line.calls[0] as Call
      const [first] = batch
      const fits =
        first === undefined ||
        (call.paramsKey === first.paramsKey && first.deaths + call.deaths === 0 && rows + call.rows.length <= most)
      if (!fits) break
      if (!call.settled) {
        batch.push(call)
        rows += call.rows.length
        if (line !== this.#first) this.#had = Math.max(this.#had, line.had)
        line.had += call.rows.length
      }
      this.#shift(line)
    }
    return batch
  }

  /** The line whose turn it is. */
  #next(): Line | undefined {
    if (this.#first.calls.length > 0) return this.#first
    let found: Line | undefined
    for (const line of this.#lines.values()) if (found === undefined || goesBefore(line, found)) found = line
    return found
  }

  /** Takes the first call out of a line. */
  #shift(line: Line): void {
    this.#count(line, line.calls.shift() as Call, -1)
    if (line.calls.length > 0 || line === this.#first) return
    this.#lines.delete(line.caller)
    if (line.had > this.#had) this.#ahead.set(line.caller, line.had)
    if (this.#ahead.size > REMEMBERED)
      for (const [caller, had] of this.#ahead) if (had <= this.#had) this.#ahead.delete(caller)
  }

  /** Notes what more of a call in pieces is to come, or with negative numbers that it came: it counts as what its caller has waiting. */
  later(caller: string, { rows, bytes }: Held): void {
    const known = this.#later.get(caller) ?? NOTHING
    const now = { rows: known.rows + rows, bytes: known.bytes + bytes }
    if (now.rows > 0 || now.bytes > 0) this.#later.set(caller, now)
    else this.#later.delete(caller)
    this.#toCome.rows += rows
    this.#toCome.bytes += bytes
  }

  /** What waits of a caller. */
  of(caller: string): Held {
    const line = this.#lines.get(caller) ?? NOTHING
    const more = this.#later.get(caller) ?? NOTHING
    return { rows: line.rows + more.rows, bytes: line.bytes + more.bytes }
  }

  /** Rows that go before a new call of so many rows, as far as can be told now. */
  ahead(caller: string, rows: number): number {
    const own = this.of(caller).rows
    let ahead = this.#first.rows + own
    for (const other of this.#callers()) if (other !== caller) ahead += Math.min(this.of(other).rows, own + rows + TURN)
    return ahead
  }

  /** True when there is no room for a new call within what may wait, and its caller would have more than an equal part of that. */
  isFull(call: Held & { readonly caller: string }, most: Held): boolean {
    const over = (['rows', 'bytes'] as const).filter(
      (what) => this[what] + this.#toCome[what] + call[what] > most[what],
    )
    if (over.length === 0) return false
    const callers = this.#callers().add(call.caller).size
    const own = this.of(call.caller)
    return over.some((what) => own[what] + call[what] > most[what] / callers)
  }

  #callers(): Set<string> {
    return new Set([...this.#lines.keys(), ...this.#later.keys()])
  }

  /** Empties the queue. */
  drain(): Call[] {
    const lines = [this.#first, ...this.#lines.values()]
    return lines.flatMap((line) => {
      const calls = [...line.calls]
      for (const _ of calls) this.#shift(line)
      return calls
    })
  }

  #count(line: Line, call: Call, sign: 1 | -1): void {
    this.size += sign
    for (const held of [this, line]) {
      held.rows += sign * call.rows.length
      held.bytes += sign * call.bytes
    }
  }
}

function goesBefore(one: Line, other: Line): boolean {
  const turns = Math.floor(one.had / TURN) - Math.floor(other.had / TURN)
  return turns < 0 || (turns === 0 && (one.calls[0] as Call).due < (other.calls[0] as Call).due)
}
