/** Tells of budgets that have reached a part of their limit, once for each part, window and limit. */
import type { LlmCallRecord } from '../../gateway/llm/records/record.ts'
import type { Tx } from '../../store/db.ts'
import { fetchAll, inList, sql } from '../../store/sql/sql.ts'
import type { BudgetRow } from '../keys/budgets.ts'
import { spentOf } from './spent.ts'
import type { WindowStart } from './spent.ts'

/** Port: writes what webhooks are told, in the transaction that it is given. */
export type TellBudget = (
  t: Tx,
  alert: { readonly project: string; readonly data: Readonly<Record<string, unknown>> },
) => Promise<void>

export interface AlertDeps {
  /** ms since 1970. */
  readonly now: number
  readonly windowStart: WindowStart
  readonly tell: TellBudget
}

/** Budgets of one query at most. */
const TOGETHER = 1000
const MILLIONTHS = 1_000_000

/**
 * Tells of each budget that these calls were charged to the highest of its parts that is reached and was not told yet. Calls of a window that is over
 * tell of nothing.
 */
export async function tellBudgets(t: Tx, deps: AlertDeps, calls: readonly LlmCallRecord[]): Promise<void> {
  const ids = [...new Set(calls.flatMap(({ cost, budgets }) => ((cost ?? 0) > 0 ? budgets : [])))].sort()
  for (let at = 0; at < ids.length; at += TOGETHER) {
    const rows = await fetchAll<BudgetRow>(
      t,
      sql`SELECT * FROM llm_budgets WHERE alert_at <> '[]' AND id IN ${inList(ids.slice(at, at + TOGETHER))} ORDER BY id`,
    )
    const spent = await spentOf(t, rows, deps)
    for (const row of rows) {
      const { since, spent: sum } = spent.get(row.id) ?? { since: 0, spent: 0 }
      const reached = (JSON.parse(row.alert_at) as number[]).filter((part) => sum >= part * row.limit_nano)
      const fresh = await noteParts(t, row, reached, { since, at: deps.now })
      if (fresh.length === 0) continue
      const data = dataOf(row, { since, spent: sum, part: Math.max(...fresh) })
      await deps.tell(t, { project: row.project, data })
    }
  }
}

/** The parts that were not told before. */
async function noteParts(
  t: Tx,
  { id, project, limit_nano }: BudgetRow,
  parts: readonly number[],
  { since, at }: { readonly since: number; readonly at: number },
): Promise<number[]> {
  const fresh: number[] = []
  for (const part of parts) {
    const changed = await t.run(
      `INSERT INTO llm_alerts (budget, since, limit_nano, part, project, at) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (budget, since, limit_nano, part) DO NOTHING`,
      [id, since, limit_nano, Math.round(part * MILLIONTHS), project, at],
    )
    if (changed > 0) fresh.push(part)
  }
  return fresh
}

const DURATIONS = { day: 'DAYS', week: 'WEEKS', month: 'MONTHS', total: null } as const
/** MLflow's words for what it has; keys, teams and tags are ours. */
const SCOPES = { project: 'WORKSPACE', user: 'USER', key: 'KEY', team: 'TEAM', tag: 'TAG' } as const
const NANO = 1e9

/** What a webhook is told: the fields of MLflow's `budget_policy.exceeded`, and which part of the limit it is. */
function dataOf(
  { id, project, scope, of, window, limit_nano, hard }: BudgetRow,
  { since, spent, part }: { readonly since: number; readonly spent: number; readonly part: number },
): Readonly<Record<string, unknown>> {
  return {
    budget_policy_id: id,
    budget_unit: 'USD',
    budget_amount: limit_nano / NANO,
    current_spend: spent / NANO,
    duration_unit: DURATIONS[window],
    duration_value: window === 'total' ? null : 1,
    target_scope: SCOPES[scope],
    target_value: scope === 'project' ? null : of,
    workspace: project,
    window_start: since,
    part,
    hard: hard !== 0,
  }
}
