/** Budgets of language models: limits in nanodollars of a key, a user, a team, a project or a tag in a window of the calendar. */
import { projectNamed, sees, visible } from '../../auth/visibility.ts'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { BudgetChange, LlmBudget, NewBudget } from '../../contract/llm/budgets.ts'
import { dollarsText } from '../../contract/llm/dollars.ts'
import type { BudgetRoute, BudgetScope, BudgetWindow } from '../../gateway/table/llm.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { insertRow, updateRows } from '../../store/sql/rows.ts'
import { all, fetchAll, raw, sql } from '../../store/sql/sql.ts'
import { hexId } from '../../tracking/context/ids.ts'
import type { Llm, Spent } from '../context/context.ts'
import { requireKey } from './keys.ts'

/** A row of `llm_budgets`; `alert_at` is a JSON list of parts of the limit. */
export interface BudgetRow {
  readonly id: string
  readonly project: string
  readonly scope: BudgetScope
  readonly of: string
  readonly window: BudgetWindow
  readonly limit_nano: number
  readonly hard: number
  readonly alert_at: string
  readonly created_at: number
  readonly created_by: string
}

/** Makes a budget. `not_found` for a key or a project that the caller does not see, `invalid_field` for what it is to hold. */
export async function createBudget(room: Llm, who: Principal, given: NewBudget): Promise<LlmBudget> {
  const project = projectNamed(who, given.project)
  return room.db.tx(async (t) => {
    const of = await subjectOf(t, who, given, project)
    const row: BudgetRow = {
      id: `b-${hexId(room)}`,
      project,
      scope: given.scope,
      of,
      window: given.window,
      limit_nano: given.limit,
      hard: Number(given.hard),
      alert_at: alertsText(given.alert_at),
      created_at: room.clock(),
      created_by: who.name,
    }
    const { of: subject, window, ...rest } = row
    await insertRow(t, 'llm_budgets', { ...rest, '"of"': subject, '"window"': window })
    await record(t, room, who, { row, action: 'create' })
    return showBudget(row, undefined)
  })
}

/** The budgets of the projects that the caller sees, or of one of them, oldest first, each with what was spent of it. */
export async function listBudgets(room: Llm, who: Principal, project?: string): Promise<LlmBudget[]> {
  const of = project === undefined ? raw('1 = 1') : sql`project = ${project}`
  const rows = await fetchAll<BudgetRow>(
    room.db,
    sql`SELECT * FROM llm_budgets WHERE ${all([visible(who, 'project'), of])} ORDER BY created_at, id`,
  )
  const spent = await spentOf(room, rows)
  return rows.map((row) => showBudget(row, spent.get(row.id)))
}

/** Changes what is given of a budget. `not_found` for one that the caller does not see. */
export async function changeBudget(room: Llm, who: Principal, id: string, change: BudgetChange): Promise<LlmBudget> {
  const row = await room.db.tx(async (t) => {
    const old = await requireBudget(t, who, id)
    const columns = {
      ...(change.limit !== undefined && { limit_nano: change.limit }),
      ...(change.hard !== undefined && { hard: Number(change.hard) }),
      ...(change.alert_at !== undefined && { alert_at: alertsText(change.alert_at) }),
    }
    if (Object.keys(columns).length === 0) return old
    await updateRows(t, 'llm_budgets', columns, sql`id = ${id}`)
    const changed = { ...old, ...columns }
    await record(t, room, who, { row: changed, action: 'change' })
    return changed
  })
  return showBudget(row, (await spentOf(room, [row])).get(id))
}

/** Removes a budget; what was spent stays in the ledger. `not_found` for one that the caller does not see. */
export async function removeBudget(room: Llm, who: Principal, id: string): Promise<void> {
  await room.db.tx(async (t) => {
    const row = await requireBudget(t, who, id)
    await t.run('DELETE FROM llm_budgets WHERE id = ?', [id])
    await record(t, room, who, { row, action: 'remove' })
  })
}

/** All budgets as gateways get them, by their ids. */
export async function budgetRoutes(room: Pick<Llm, 'db' | 'spentOf' | 'clock'>): Promise<BudgetRoute[]> {
  const rows = await room.db.all<BudgetRow>('SELECT * FROM llm_budgets ORDER BY id')
  const spent = await spentOf(room, rows)
  return rows.map((row) => ({ ...plain(row), spent: 0, since: 0, ...spent.get(row.id) }))
}

async function spentOf(
  { spentOf: port, clock }: Pick<Llm, 'spentOf' | 'clock'>,
  rows: readonly BudgetRow[],
): Promise<ReadonlyMap<string, Spent>> {
  return port === undefined || rows.length === 0 ? new Map() : port(rows.map(plain), clock())
}

function plain(row: BudgetRow): Omit<BudgetRoute, 'spent' | 'since'> {
  const { id, project, scope, of, window, limit_nano, hard } = row
  return { id, project, scope, of, window, limit: limit_nano, hard: hard !== 0 }
}

/** What a budget is of. */
async function subjectOf(t: Tx, who: Principal, { scope, of }: NewBudget, project: string): Promise<string> {
  if (scope === 'project') {
    if (of === undefined || of === project) return project
    throw problem('invalid_field', { field: 'of', value: of, expected: `nothing, or the project itself: ${project}` })
  }
  if (of === undefined) {
    const expected = scope === 'key' ? 'the id of a virtual key' : `the name of a ${scope}`
    throw problem('invalid_field', { field: 'of', value: 'nothing', expected })
  }
  if (scope === 'key' && (await requireKey(t, who, of)).project !== project)
    throw problem('not_found', { what: `virtual key of project ${project}`, id: of })
  return of
}

async function requireBudget(reader: Reader, who: Principal, id: string): Promise<BudgetRow> {
  const row = await reader.get<BudgetRow>('SELECT * FROM llm_budgets WHERE id = ?', [id])
  if (row === undefined || !sees(who, row.project)) throw problem('not_found', { what: 'budget', id })
  return row
}

function record(
  t: Tx,
  room: Llm,
  who: Principal,
  { row, action }: { readonly row: BudgetRow; readonly action: string },
): Promise<void> {
  const { id, scope, of, window, hard } = row
  const detail = { action, scope, of, window, limit: dollarsText(row.limit_nano), hard: hard !== 0 }
  return room.record(t, who, { verb: 'manage', resource: 'cost', id, detail })
}

function alertsText(given: readonly number[]): string {
  return JSON.stringify([...new Set(given)].sort((a, b) => a - b))
}

function showBudget(row: BudgetRow, spent: Spent | undefined): LlmBudget {
  const { id, project, scope, of, window, created_by } = row
  return {
    id,
    project,
    scope,
    of,
    window,
    limit: dollarsText(row.limit_nano),
    hard: row.hard !== 0,
    alert_at: JSON.parse(row.alert_at) as number[],
    spent: spent === undefined ? null : dollarsText(spent.spent),
    since: spent === undefined || spent.since === 0 ? null : toTime(spent.since),
    created_at: toTime(row.created_at),
    created_by,
  }
}
