/** Calendar windows of budgets, in UTC. */
import type { BudgetWindow } from '../../table/llm.ts'

const DAY_MS = 86_400_000
/** The first of January 1970 was a Thursday, three days after a Monday. */
const DAYS_SINCE_MONDAY = 3

/** When the window that holds `now` began, ms since 1970; 0 for `total`. */
export function windowStart(window: BudgetWindow, now: number): number {
  if (window === 'total') return 0
  const days = Math.floor(now / DAY_MS)
  if (window === 'day') return days * DAY_MS
  if (window === 'week') return (days - modulo(days + DAYS_SINCE_MONDAY, 7)) * DAY_MS
  const at = new Date(now)
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1)
}

/** When the window that holds `now` ends, which is when the next one begins, ms since 1970; Infinity for `total`. */
export function windowEnd(window: BudgetWindow, now: number): number {
  if (window === 'total') return Infinity
  const start = windowStart(window, now)
  if (window === 'day') return start + DAY_MS
  if (window === 'week') return start + 7 * DAY_MS
  const at = new Date(start)
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1)
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by
}
