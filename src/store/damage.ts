/** What this process knows of a damaged database: from then on nothing is written on it until a start, and reads go on. */
import { problem } from '../contract/errors.ts'
import { isDamaged } from './failures.ts'

export interface Damage {
  /** What was found; undefined while nothing was. */
  readonly found: () => string | undefined
  /** What is to be done about it. */
  readonly remedy: () => string
  /** What a write is refused with; undefined while writes are taken. */
  readonly refusal: () => Error | undefined
  readonly tell: (what: string, remedy?: string) => void
  /** Another remedy, for more is known of what was found. */
  readonly mend: (remedy: string) => void
  /** Takes note of an engine's error that says that the file is damaged: a suspicion only, for a disk that does not answer is told alike. */
  readonly saw: (error: unknown) => void
  /** Calls `look` at suspicions, once in ten seconds at most. */
  readonly onSuspicion: (look: () => void) => void
  /** Calls `then` with what is told, and with each further remedy. */
  readonly onTold: (then: (text: string) => void) => void
}

/** A suspicion that was just looked at is not looked at again, ms. */
const LOOKED_MS = 10_000

/** What helps where nothing else is known. */
export const RESTORE = 'restore the newest backup: slipway restore'

/** `steady` is a monotonic clock, ms. */
export function knownDamage(steady: () => number = () => performance.now()): Damage {
  let told: string | undefined
  let remedy = RESTORE
  let looked = -Infinity
  let look: (() => void) | undefined
  let listen: ((text: string) => void) | undefined
  const mend = (text: string): void => {
    remedy = text
    listen?.(`the database is damaged: ${told}; ${text}`)
  }
  return {
    found: () => told,
    remedy: () => remedy,
    refusal: () => (told === undefined ? undefined : problem('storage_corrupt', { detail: told })),
    tell(what, text = RESTORE) {
      if (told !== undefined) return
      told = what
      mend(text)
    },
    mend,
    saw(error) {
      if (told !== undefined || !isDamaged(error) || steady() - looked < LOOKED_MS) return
      looked = steady()
      look?.()
    },
    onSuspicion: (then) => void (look = then),
    onTold: (then) => void (listen = then),
  }
}
