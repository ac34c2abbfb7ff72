/** Budgets of language models: whose they are, how far they are spent, and how long they last at the present pace. */
import { DAY_MS } from '../../../src/contract/ids.ts'
import type { LlmBudget } from './queries.ts'

type Scoped = Pick<LlmBudget, 'scope' | 'of'>

/** Whose budget it is: `key support-bot`. `names` are those of keys, by id. */
export function budgetName({ scope, of }: Scoped, names: ReadonlyMap<string, string>): string {
  return `${scope} ${scope === 'key' ? (names.get(of) ?? of) : of}`
}

/** Of a budget that has a state: its parts of the limit, 0..1 and beyond where it is passed. */
export interface Burn {
  readonly state: 'unknown' | 'passed' | 'alert' | 'runs_out' | 'in_time'
  /** Part of the limit; null = not known. */
  readonly spent: number | null
  /** Part of the window that has gone by; null = it has no end, or is not known. */
  readonly elapsed: number | null
  /** The end of the window, ms; null as above. */
  readonly ends: number | null
  /** When the limit is reached at the pace so far, since the budget holds in the window, ms; null = not before its end, or not known. */
  readonly runsOut: number | null
}

/** Before so much of its time in a window has gone by, the pace of a budget says nothing. */
const EARLY = 0.05

/** How a budget stands at `now` (ms). A limit of 0 is passed from the beginning. */
export function burnOf(
  budget: Pick<LlmBudget, 'limit' | 'spent' | 'window' | 'since' | 'alert_at' | 'created_at'>,
  now: number,
): Burn {
  const [begins, ends] = windowOf(budget)
  const elapsed = begins === null || ends === null ? null : Math.min(1, Math.max(0, (now - begins) / (ends - begins)))
  if (budget.spent === null) return { state: 'unknown', spent: null, elapsed, ends, runsOut: null }
  const limit = Number(budget.limit)
  const spent = limit === 0 ? 1 : Number(budget.spent) / limit
  // what was spent before a budget was made is not charged to it
  const from = begins === null ? null : Math.max(begins, Date.parse(budget.created_at))
  const runsOut = from === null || ends === null ? null : paceEnd({ spent, from, ends, now })
  return { state: stateOf(spent, runsOut, budget.alert_at), spent, elapsed, ends, runsOut }
}

function stateOf(spent: number, runsOut: number | null, alerts: readonly number[]): Burn['state'] {
  if (spent >= 1) return 'passed'
  if (runsOut !== null) return 'runs_out'
  return alerts.some((at) => spent >= at) ? 'alert' : 'in_time'
}

interface Pace {
  readonly spent: number
  /** Since when the budget holds in its window, ms. */
  readonly from: number
  readonly ends: number
  readonly now: number
}

function paceEnd({ spent, from, ends, now }: Pace): number | null {
  const elapsed = (now - from) / (ends - from)
  if (spent >= 1 || spent <= elapsed || elapsed < EARLY) return null
  return from + (now - from) / spent
}

/** The ends of the present window, ms; nulls for one of all time, or where its beginning is not known. */
function windowOf({ window, since }: Pick<LlmBudget, 'window' | 'since'>): readonly [number | null, number | null] {
  if (since === null || window === 'total') return [null, null]
  const begins = Date.parse(since)
  if (window !== 'month') return [begins, begins + (window === 'day' ? 1 : 7) * DAY_MS]
  const at = new Date(begins)
  return [begins, Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1)]
}
