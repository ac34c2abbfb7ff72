/** How long a read may take that a caller waits for. */
import { problem } from '../../contract/errors.ts'

/** Longest read for a caller, ms. */
export const LONGEST_MS = 15_000

/** Most rows that one read may give; what gives more is to be asked for in pages. */
export const MOST_ROWS = 1_000_000

/** The refusal of a read that gives more. */
export function tooManyRows(limit: number = MOST_ROWS): Error {
  return problem('too_costly', { what: 'a read', limit: `${limit} rows` })
}

/** The refusal of a read that took longer. Nothing of what it found is given. */
export function tooLong(limitMs: number): Error {
  return problem('too_costly', { what: 'a read', limit: `${limitMs / 1000} s` })
}
