/** The schedule of a project: what its newest version says where its sender may decide it, kept with the schedules of jobs. */
import { isDeepStrictEqual } from 'node:util'
import type { Principal } from '../../contract/access.ts'
import type { Clock } from '../../contract/ids.ts'
import { readSchedule, removeSchedule, setSchedule } from '../../jobs/schedule.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { decides, isDecided, noteDecision } from './triggers/decisions.ts'
import type { PipelineSpec } from './spec.ts'

const DECISIONS = 'pipeline_schedules'

/** Kind of the job that is one due time. */
export const SCHEDULED_RUN = 'pipelines.run'

/** Writes the audit trail inside the transaction of the change. */
export type RecordPipelines = (
  t: Tx,
  who: Principal,
  entry: { verb: 'write'; resource: 'pipelines'; id: string; detail: Record<string, unknown> },
) => Promise<void>

type Times = NonNullable<PipelineSpec['schedule']>

/**
 * Makes the project's schedule what a version says, in the transaction that takes the version in. What somebody has decided who may, the
 * absence of a schedule included, no one changes who may not: the sentences that say so are the result, empty where all was taken over.
 */
export async function takeSchedule(
  t: Tx,
  { record, clock }: { readonly record: RecordPipelines; readonly clock: Clock },
  who: Principal,
  spec: Pick<PipelineSpec, 'project' | 'schedule'>,
): Promise<string[]> {
  const { project } = spec
  const name = nameOf(project)
  await t.lock(`schedule ${name}`)
  const [from, to] = [await scheduleOf(t, project), spec.schedule ?? null]
  const isSame = isDeepStrictEqual(from, to)
  const mayDecide = decides(who.role)
  const audited = (detail: Record<string, unknown>): Promise<void> =>
    record(t, who, { verb: 'write', resource: 'pipelines', id: project, detail })
  if (!isSame && !mayDecide && (await isDecided(t, DECISIONS, project, from !== null))) {
    const kept = `the schedule of the project stayed: ${who.name}, as ${who.role}, may not change it`
    await audited({ schedule: from, not_taken_over: { schedule: to } })
    return [kept]
  }
  const now = clock()
  if (to === null) await removeSchedule(t, name)
  else await setSchedule(t, { name, kind: SCHEDULED_RUN, payload: { project }, ...to }, now)
  // who may decide and sends what is so already agrees to it
  if (!isSame || (mayDecide && to !== null)) await noteDecision(t, DECISIONS, who, { project, now })
  if (!isSame) await audited({ schedule: to, before: from })
  return []
}

function nameOf(project: string): string {
  return `pipeline:${project}`
}

/** Null where there is none, or it is stopped. */
async function scheduleOf(reader: Reader, project: string): Promise<Times | null> {
  const known = await readSchedule(reader, nameOf(project))
  if (known?.enabled !== true) return null
  const { cron, timezone, missed, overlap } = known
  return { cron, timezone, missed, overlap }
}
