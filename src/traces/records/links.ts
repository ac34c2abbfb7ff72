/** Which runs and prompts a trace belongs to. */
import type { Principal } from '../../contract/access.ts'
import type { Tx } from '../../store/db.ts'
import { sees } from '../../auth/visibility.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { projectOfRun, requireRun } from '../../tracking/runs/runs.ts'
import { fetchAll, inList, insertRows, sql } from '../../store/sql/sql.ts'
import { invalid } from '../../mlflow/wire.ts'
import { requireTrace } from '../context/rows.ts'

/** Traces linked by one call at most. */
const MOST = 100

export interface PromptRef {
  readonly name: string
  readonly version: string
}

const HEAD = 'INSERT INTO trace_links (trace_id, kind, target)'
const KEEP = 'ON CONFLICT DO NOTHING'

/**
 * Links traces to a run; those of a project that is not seen are passed over. A trace may still be on its way, for clients send
 * in the background. At most 100.
 */
export async function linkTraces(
  room: Tracking,
  who: Principal,
  traceIds: readonly string[],
  runId: string,
): Promise<void> {
  if (traceIds.length > MOST) {
    throw invalid(
      `Cannot link more than ${MOST} traces to a run in a single request. Provided ${traceIds.length} traces.`,
    )
  }
  await room.db.tx(async (t) => {
    await requireRun(t, who, runId)
    const found = await fetchAll<{ trace_id: string; project: string }>(
      t,
      sql`SELECT trace_id, project FROM traces WHERE trace_id IN ${inList(traceIds)}`,
    )
    const hidden = new Set(found.filter((row) => !sees(who, row.project)).map((row) => row.trace_id))
    const rows = [...new Set(traceIds)].filter((id) => !hidden.has(id)).map((id) => [id, 'run', runId])
    await insertRows(t, HEAD, rows, KEEP)
  })
}

/** Links new traces to the run that their exporter named, where there is such a run: spans are not refused for it. */
export async function linkRun(t: Tx, who: Principal, traceIds: readonly string[], runId: string): Promise<void> {
  const project = await projectOfRun(t, runId)
  if (project === undefined || !sees(who, project)) return
  await insertRows(
    t,
    HEAD,
    traceIds.map((id) => [id, 'run', runId]),
    KEEP,
  )
}

/** Links versions of prompts to a trace. RESOURCE_DOES_NOT_EXIST for a trace that is not seen. */
export async function linkPrompts(
  room: Tracking,
  who: Principal,
  traceId: string,
  prompts: readonly PromptRef[],
): Promise<void> {
  await room.db.tx(async (t) => {
    await requireTrace(t, who, traceId)
    const targets = new Set(prompts.map((prompt) => `${prompt.name}/${prompt.version}`))
    await insertRows(
      t,
      HEAD,
      [...targets].map((target) => [traceId, 'prompt', target]),
      KEEP,
    )
  })
}
