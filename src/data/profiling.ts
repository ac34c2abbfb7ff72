/** The job that profiles a version: the server goes on answering meanwhile, and one that is killed begins anew. */
import { Problem, problem } from '../contract/errors.ts'
import { enqueue, type Job } from '../jobs/queue.ts'
import { onThread, ThreadEnded } from '../jobs/thread.ts'
import type { Handler } from '../jobs/worker.ts'
import type { Tx } from '../store/db.ts'
import type { DataContext } from './context.ts'
import { withTables } from './files.ts'
import type { ProfiledApart } from './profile/thread.ts'
import type { Profiled } from './profile/profile.ts'

export const PROFILE_JOB = 'data.profile'

/** What other people's bytes may take: 5 million rows of ten columns take about a minute. */
const BOUNDS = { ms: 60 * 60_000, heap: 1024 }
/** Tables that are read at the same time: each takes a core. */
const LANE = 'data.profile'

interface Payload {
  readonly project: string
  readonly name: string
  readonly version: number
  readonly digest: string
}

export function enqueueProfile(t: Tx, payload: Payload): Promise<string> {
  return enqueue(t, { kind: PROFILE_JOB, lane: LANE, payload })
}

export function profileJob(context: DataContext): Handler {
  return async (job, running) => {
    const payload = job.payload as Payload
    const { profiled, refused = '' } = await profiledOrGivenUp(context, payload.digest, job)
    await running.finish((t) => keep(t, payload, profiled, refused))
    context.changed(payload.name)
  }
}

/** What fails for a reason of ours is tried again; the last time it is told on the version. */
async function profiledOrGivenUp(context: DataContext, digest: string, job: Job): Promise<ProfiledApart> {
  try {
    return await profileApart(context, digest)
  } catch (error) {
    if (job.attempts < job.max_attempts) throw error
    context.onError(error)
    return { refused: 'it could not be profiled by a fault of the server, which its log tells' }
  }
}

async function keep(t: Tx, of: Payload, profiled: Profiled | undefined, refused: string): Promise<void> {
  const columns = profiled === undefined ? null : JSON.stringify(profiled.columns)
  const basis = profiled === undefined ? null : JSON.stringify(profiled.basis)
  const [state, reason] = profiled === undefined ? ['unprofiled', refused] : ['ready', leftOut(profiled)]
  await t.run(
    `UPDATE data_set_versions SET state = ?, reason = ?, table_rows = ?, columns = ?, basis = ?
     WHERE project = ? AND name = ? AND version = ? AND digest = ?`,
    [state, reason, profiled?.rows ?? null, columns, basis, of.project, of.name, of.version, of.digest],
  )
}

/** Profiles the tables of a tree on a thread of its own; `refused` says why there is no profile. Throws `not_found` for one that is gone. */
export async function profileApart(
  context: Pick<DataContext, 'blobs' | 'dataDir'>,
  digest: string,
): Promise<ProfiledApart> {
  const file = new URL('./profile/thread.ts', import.meta.url)
  try {
    return await withTables(context, digest, (task) =>
      onThread<ProfiledApart>({ file, task, what: 'profiles a table', bounds: BOUNDS }),
    )
  } catch (error) {
    if (error instanceof ThreadEnded) return { refused: `it could not be profiled: ${error.message}` }
    if (error instanceof Problem && error.code === 'unprocessable') return { refused: error.message }
    throw error
  }
}

function leftOut({ faults }: Profiled): string {
  return faults === 0 ? '' : `${faults} rows have more or fewer cells than the head; they were filled up or cut`
}

/** Throws `conflict` for a version that is not profiled, with what to do. */
export function refuseUnprofiled({
  name,
  version,
  state,
  reason,
}: {
  readonly name: string
  readonly version: number
  readonly state: string
  readonly reason: string
}): void {
  if (state === 'ready') return
  const why = state === 'profiling' ? 'is being profiled; ask again in a moment' : `is no table: ${reason}`
  throw problem('conflict', { detail: `${name}@${version} ${why}` })
}
