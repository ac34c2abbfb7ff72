/** Waiting in tests, for what is to become true and for what must not: the one place that looks at the clock. */
import { performance } from 'node:perf_hooks'
import { setImmediate, setTimeout as delay } from 'node:timers/promises'

/** Multiplies the patience of all tests; the second part of the check, with real engines, has five times as much. */
export const PATIENCE = 'SLIPWAY_TEST_PATIENCE'

/** Longer than anything takes on a busy machine: only what never comes is waited for in vain. */
const PATIENCE_MS = 120_000

/** Longest pause between two looks, ms; the first come in the next turns of the event loop. */
const LONGEST_PAUSE_MS = 50

/** What does not hold yet. */
type Not = false | null | undefined | 0 | ''

/**
 * Asks `holds` again and again, and gives its first answer that is neither false, null, undefined, 0 nor ''. What it throws goes up at once.
 * Rejects where the patience ends, with what was waited for: a text, or a function that tells more then.
 */
export async function until<T>(
  what: string | (() => string | Promise<string>),
  holds: () => T | Promise<T>,
  patienceMs: number = PATIENCE_MS * factor(),
): Promise<Exclude<T, Not>> {
  const end = performance.now() + patienceMs
  for (let pause = 0; ; pause = Math.min(pause * 2 || 1, LONGEST_PAUSE_MS)) {
    const answer = await holds()
    if (isThere(answer)) return answer
    if (performance.now() > end) throw new Error(`waited in vain for ${typeof what === 'string' ? what : await what()}`)
    await (pause === 0 ? setImmediate() : delay(pause))
  }
}

/**
 * Looks before and after each of so many turns that `holds` does not. A turn is one of the event loop, or what `turn` does: a round of what is
 * under test, a call that is answered after it. It proves nothing of what another process does in its own time.
 */
export async function never(
  what: string,
  holds: () => unknown,
  turns: number,
  turn: () => Promise<unknown> = setImmediate,
): Promise<void> {
  for (let at = 0; ; at++) {
    const answer = await holds()
    if (isThere(answer)) throw new Error(`${what}, after ${at} turns: ${JSON.stringify(answer)}`)
    if (at === turns) return
    await turn()
  }
}

function isThere<T>(answer: T): answer is Exclude<T, Not> {
  return Boolean(answer)
}

function factor(): number {
  const text = process.env[PATIENCE] ?? '1'
  const value = Number(text)
  if (!(value > 0)) throw new Error(`${PATIENCE} is ${JSON.stringify(text)}; expected a number above 0`)
  return value
}
