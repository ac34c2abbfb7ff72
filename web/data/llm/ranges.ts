/** Ranges of time on the pages of language models. */
import { DAY_MS, HOUR_MS } from '../../../src/contract/ids.ts'
import type { LlmRange } from '../address.ts'

/** In words, after “last”. */
export const RANGE_WORDS: Readonly<Record<LlmRange, string>> = {
  '1h': 'hour',
  '24h': '24 hours',
  '7d': '7 days',
  '30d': '30 days',
}

const LENGTHS: Readonly<Record<LlmRange, number>> = {
  '1h': HOUR_MS,
  '24h': DAY_MS,
  '7d': 7 * DAY_MS,
  '30d': 30 * DAY_MS,
}

/** The beginning of a range that ends `now` (ms), an ISO time. */
export function rangeSince(range: LlmRange, now: number): string {
  return new Date(now - LENGTHS[range]).toISOString()
}
