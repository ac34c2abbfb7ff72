/** What budgets were charged with, from the calls that were taken in. */
import type { BudgetRoute, BudgetWindow } from '../../gateway/table/llm.ts'
import type { Reader } from '../../store/db.ts'
import { fetchAll, inList, sql } from '../../store/sql/sql.ts'

/** What a budget was charged with. */
export interface Spent {
  /** Beginning of its window, ms; 0 for `total`. */
  readonly since: number
  /** Nanodollars. */
  readonly spent: number
}

/** Beginning of the window that a time lies in, both ms: midnight (UTC) of some day, 0 for `total`. */
export type WindowStart = (window: BudgetWindow, at: number) => number

/** Budgets of one query at most. */
const TOGETHER = 1000

/**
 * What each budget was charged with in its present window, by calls that began in it. The same budget may be asked with another window
 * than before: days are what is kept.
 */
export async function spentOf(
  reader: Reader,
  budgets: readonly Pick<BudgetRoute, 'id' | 'window'>[],
  { now, windowStart }: { readonly now: number; readonly windowStart: WindowStart },
): Promise<Map<string, Spent>> {
  const found = new Map<string, Spent>()
  for (const [window, own] of Map.groupBy(budgets, (budget) => budget.window)) {
    const since = windowStart(window, now)
    for (let at = 0; at < own.length; at += TOGETHER) {
      const ids = own.slice(at, at + TOGETHER).map((budget) => budget.id)
      const rows = await fetchAll<{ budget: string; spent: number }>(
        reader,
        sql`SELECT budget, CAST(SUM(spent) AS BIGINT) AS spent FROM llm_spent
          WHERE budget IN ${inList(ids)} AND day >= ${since} GROUP BY budget`,
      )
      const sums = new Map(rows.map((row) => [row.budget, row.spent]))
      for (const id of ids) found.set(id, { since, spent: sums.get(id) ?? 0 })
    }
  }
  return found
}
