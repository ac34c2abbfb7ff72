/** Feast's `/materialize` and `/materialize-incremental`, which answer when it is done. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { FeaturesContext } from '../context/context.ts'
import { newest, type Named } from '../definitions/catalogue.ts'
import { startMaterialise } from '../jobs/start.ts'
import { findJob, type JobRow } from '../jobs/rows.ts'
import type { FeastMaterialise } from './materialise.ts'

/** Between two looks at jobs that somebody waits for. */
const LOOK_MS = 100

export interface Materialising {
  readonly project: string
  readonly asked: FeastMaterialise
  /** False answers when all have begun. */
  readonly waits: boolean
}

/**
 * Materialises what is asked for. Throws `not_found`, `unprocessable` for a view without a source and where one failed, with its reason, and
 * `conflict` where one goes on already.
 */
export async function materialiseAll(
  context: FeaturesContext,
  who: Principal,
  { project, asked, waits }: Materialising,
): Promise<readonly string[]> {
  const names = asked.views ?? (await viewsWithSource(context, project))
  // a client whose clock is ahead means now
  const until = asked.until === undefined ? undefined : Math.min(Date.parse(asked.until), context.clock())
  const time = until === undefined ? undefined : toTime(until)
  const jobs: JobRow[] = []
  for (const name of names)
    jobs.push(await startMaterialise(context, who, { project, name, version: asked.version, until: time }))
  if (!waits) return names
  const ended = await Promise.all(jobs.map(({ id }) => endOf(context, id)))
  const failed = ended.filter(({ state }) => state !== 'done')
  if (failed.length > 0) {
    const told = failed.map(({ name, state, reason }) => `view "${name}" ${state}${reason === '' ? '' : `: ${reason}`}`)
    throw problem('unprocessable', { detail: told.join('; ') })
  }
  return names
}

async function viewsWithSource({ db }: FeaturesContext, project: string): Promise<string[]> {
  const all = await newest(db, project)
  const views = all.filter((one): one is Named<'view'> => one.latest.kind === 'view')
  return views.filter(({ latest }) => latest.definition.origin !== null).map(({ latest }) => latest.name)
}

async function endOf({ db }: FeaturesContext, id: string): Promise<JobRow> {
  for (;;) {
    const row = await findJob(db, id)
    if (row === undefined) throw problem('not_found', { what: 'feature job', id })
    if (row.ended_at !== null) return row
    await pause(LOOK_MS)
  }
}
