/** Cancels joins and materialisations. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { JobsContext } from './context.ts'
import { endJob, findJob, type JobRow } from './rows.ts'
import type { RunningJobs } from './running.ts'
import { idOf } from './start.ts'

/** Cancels a job, wherever it is; what answers stays as it is. Throws `conflict` for one that has ended. */
export async function cancelJob(
  { db, clock, audit, changed }: JobsContext,
  running: RunningJobs,
  { who, row: { id, project, kind } }: { readonly who: Principal; readonly row: JobRow },
): Promise<JobRow> {
  return db.tx(async (t) => {
    const isEnded = await endJob(t, id, { state: 'canceled' }, clock())
    const row = await findJob(t, id)
    if (row === undefined) throw problem('not_found', { what: 'feature job', id })
    if (!isEnded) throw problem('conflict', { detail: `job ${id} is ${row.state} already` })
    const entry = { verb: 'write', resource: 'artifacts', id: idOf(project, id), detail: { canceled: kind } } as const
    await audit.record(t, who, entry)
    t.afterCommit(() => {
      running.cancel(id)
      changed(id)
    })
    return row
  })
}
