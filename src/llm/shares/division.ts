/** How servers divide a window of a budget: what nobody has used yet goes to those that are there, in equal parts. */

/** Age of its last sign of life from which a server is not counted on, ms. */
export const GONE_MS = 60_000

/** A server's part of a window, nanodollars. */
export interface Part {
  readonly server: string
  /** What it may spend. */
  readonly granted: number
  /** What it has spent or reserved. */
  readonly used: number
  /** False = it was not seen lately: what it was granted stays its own, for its gateways may go on without it. */
  readonly isLive: boolean
}

/** What a server should have: what it has used, and its part of the rest. `self` must be among the live ones. A whole number ≥ its `used`. */
export function fairShare(limit: number, parts: readonly Part[], self: string): number {
  const live = parts.filter(({ isLive }) => isLive).toSorted((a, b) => (a.server < b.server ? -1 : 1))
  const at = live.findIndex(({ server }) => server === self)
  const own = live[at]
  if (own === undefined) throw new RangeError(`server ${self} is not among those that are there`)
  const taken = parts.reduce((sum, part) => sum + (part.isLive ? part.used : part.granted), 0)
  const rest = Math.max(0, limit - taken)
  const each = Math.floor(rest / live.length)
  // nothing is left over by the division
  return own.used + each + (at < rest - each * live.length ? 1 : 0)
}

/** The most that a server may be granted while all others keep what they were. A whole number ≥ 0. */
export function mostFor(limit: number, parts: readonly Part[], self: string): number {
  const others = parts.reduce((sum, part) => sum + (part.server === self ? 0 : part.granted), 0)
  return Math.max(0, limit - others)
}
