/** The priority of runs, and who may raise it. */
import { allows, may, type Principal, type Role } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { PipelinesDeps } from '../context/deps.ts'
import type { RunRow } from '../context/rows.ts'

/** Above 0 a run passes those of everybody else: that is for who puts things into production. */
export function mayRaise(role: Role | null): boolean {
  return role !== null && allows(role, may('approve', 'pipelines'))
}

/** What a run begins with: what it names, else what its project file does as far as the role may raise it. Throws `forbidden`. */
export function priorityOf(asked: number | undefined, declared: number | undefined, role: Role | null): number {
  if (asked !== undefined) {
    refuseRaise(asked, role)
    return asked
  }
  return mayRaise(role) ? (declared ?? 0) : Math.min(0, declared ?? 0)
}

/** Throws `forbidden` for a priority above 0 of a role that may not raise it. */
export function refuseRaise(asked: number, role: Role | null): void {
  if (asked <= 0 || mayRaise(role)) return
  const resource = `the priority of runs above 0, which is for maintainers and admins; got ${asked}`
  throw problem('forbidden', { role: role ?? 'of nobody', verb: 'raise', resource })
}

/** Moves a run in the line. Throws `forbidden`, also where it was raised by somebody who may and the caller may not; `conflict` for one that has ended. */
export async function setPriority(
  { db, record }: Pick<PipelinesDeps, 'db' | 'record'>,
  who: Principal,
  { id, priority: before }: Pick<RunRow, 'id' | 'priority'>,
  priority: number,
): Promise<void> {
  refuseRaise(priority, who.role)
  refuseRaise(before, who.role)
  await db.tx(async (t) => {
    const changed = await t.run(
      "UPDATE pipeline_runs SET priority = ? WHERE id = ? AND state IN ('waiting', 'preparing', 'running')",
      [priority, id],
    )
    if (changed === 0)
      throw problem('conflict', { detail: `run ${id} has ended; only one that waits or runs is in the line` })
    await record(t, who, { verb: 'write', resource: 'pipelines', id, detail: { priority, before } })
  })
}

/** What a run says of a priority that its project file asks for and it does not have; undefined where it has it. */
export function notRaised(asked: number | undefined, declared: number | undefined, has: number): string | undefined {
  if (asked !== undefined || declared === undefined || declared <= has) return undefined
  return `priority ${declared} of the project file: above 0 it is for runs that a maintainer or an admin starts`
}
