/** Faults of loops that try again and again: one line of the log when a fault comes, changes or ends, not one for each try. */

export interface Faults {
  /** Something failed: logged unless it failed alike before. True when it was news. */
  fail(what: string, error: unknown): boolean
  /** It went well: one line where it had failed. True when it had. */
  well(what: string): boolean
}

/** Remembers what fails. `what` names the work in words, as the log shows them. */
export function watchFaults(told: {
  readonly onError: (error: unknown) => void
  readonly log: (text: string) => void
}): Faults {
  const known = new Map<string, string>()
  return {
    fail(what, error) {
      const text = likeness(error)
      if (known.get(what) === text) return false
      known.set(what, text)
      told.onError(new Error(`${what} failed and is tried again: ${textOf(error)}`, { cause: error }))
      return true
    },
    well(what) {
      if (!known.delete(what)) return false
      told.log(`${what} goes well again`)
      return true
    },
  }
}

/** Most of a fault that is told. */
const MOST_TOLD = 500

/**
 * What failed, in words that a table and a line of the log can hold: a message may quote what was read, whose control characters are spaces
 * here, for no table keeps NUL; of a long one the beginning.
 */
export function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const told = text.slice(0, MOST_TOLD).replaceAll(/[\p{Cc}\p{Cs}]+/gu, ' ')
  return text.length > MOST_TOLD ? `${told}…` : told
}

/** Faults that differ in numbers only, such as times and ports, are alike. */
function likeness(error: unknown): string {
  return textOf(error).replaceAll(/\d+/g, '0')
}
