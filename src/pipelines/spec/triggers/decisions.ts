/** Who has decided what of a project runs by itself: its schedule and its triggers, which reach people. */
import { allows } from '../../../contract/access.ts'
import type { Principal, Role } from '../../../contract/access.ts'
import type { Reader, Tx } from '../../../store/db.ts'

/** A row of either is the newest decision about a project. */
type Decisions = 'pipeline_schedules' | 'pipeline_trigger_decisions'

/** Whether the decisions of a role hold against those who may not: a maintainer, an admin. */
export function decides(role: Role): boolean {
  return allows(role, { verb: 'approve', resource: 'pipelines' })
}

/** Whether somebody has decided whose decision holds against those who may not; `has`: whether the project has what it is about. */
export async function isDecided(reader: Reader, table: Decisions, project: string, has: boolean): Promise<boolean> {
  const row = await reader.get<{ role: Role }>(`SELECT role FROM ${table} WHERE project = ?`, [project])
  return row === undefined ? has : decides(row.role)
}

/** Notes who has decided, and as what. */
export async function noteDecision(
  t: Tx,
  table: Decisions,
  who: Principal,
  { project, now }: { readonly project: string; readonly now: number },
): Promise<void> {
  await t.run(
    `INSERT INTO ${table} (project, role, decided_by, decided_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (project) DO UPDATE SET role = excluded.role, decided_by = excluded.decided_by, decided_at = excluded.decided_at`,
    [project, who.role, who.name, now],
  )
}
