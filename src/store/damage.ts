/** What this process knows of a damaged database: from then on nothing is written on it until a start, and reads go on. */
import { problem } from '../contract/errors.ts'
import { isDamaged } from './failures.ts'

export interface Damage {
  /** What was found; undefined while nothing was. */
  readonly found: () => string | undefined
  /** What a write is refused with; undefined while writes are taken. */
  readonly refusal: () => Error | undefined
  readonly tell: (what: string) => void
  /** Takes note of an engine's error that says that the file is damaged: a suspicion only, for a disk that does not answer is told alike. */
  readonly saw: (error: unknown) => void
  /** Calls `look` at suspicions, once in ten seconds at most. */
  readonly onSuspicion: (look: () => void) => void
}

/** A suspicion that was just looked at is not looked at again, ms. */
const LOOKED_MS = 10_000

/** `steady` is a monotonic clock, ms. */
export function knownDamage(steady: () => number = () => performance.now()): Damage {
  let told: string | undefined
  let looked = -Infinity
  let look: (() => void) | undefined
  return {
    found: () => told,
    refusal: () => (told === undefined ? undefined : problem('storage_corrupt', { detail: told })),
    tell: (what) => void (told ??= what),
    saw(error) {
      if (told !== undefined || !isDamaged(error) || steady() - looked < LOOKED_MS) return
      looked = steady()
      look?.()
    },
    onSuspicion: (then) => void (look = then),
  }
}
