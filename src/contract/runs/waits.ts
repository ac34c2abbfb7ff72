/** When a wait for a place is told as too long; apart from schemas, so that pages have it without one. */

/** A step that has waited longer is named by Home and by `slipway doctor`, ms. */
export const LONG_WAIT_MS = 30 * 60_000
