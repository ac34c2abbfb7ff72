/** When all models of an alias are made again: one schedule of the server. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { ReproductionSchedule } from '../../contract/pipelines/reproductions.ts'
import { nextFire } from '../../jobs/cron.ts'
import { readSchedule, removeSchedule, setSchedule } from '../../jobs/schedule.ts'
import type { Reader } from '../../store/db.ts'
import type { PipelinesDeps } from '../context/deps.ts'

/** Kind of the job that is one due time, and name of the schedule. */
export const REPRODUCTIONS = 'pipelines.reproductions'

type Deps = Pick<PipelinesDeps, 'db' | 'clock' | 'record'>

/** Null where there is none. */
export async function scheduleOfReproductions(reader: Reader): Promise<ReproductionSchedule | null> {
  const known = await readSchedule(reader, REPRODUCTIONS)
  if (known === undefined) return null
  const { cron, timezone, payload, next_fire: next, last_fire: last } = known
  return {
    cron,
    timezone,
    alias: String(payload['alias']),
    next_at: next === null ? null : toTime(next),
    last_at: last === null ? null : toTime(last),
  }
}

/** Throws `invalid_field` for what is no cron, never comes, or is no time zone. */
export async function scheduleReproductions(
  { db, clock, record }: Deps,
  who: Principal,
  { cron, timezone, alias }: { readonly cron: string; readonly timezone: string; readonly alias: string },
): Promise<ReproductionSchedule | null> {
  if (nextFire(cron, timezone, clock()) === undefined)
    throw problem('invalid_field', { field: 'cron', value: cron, expected: 'a time that comes; this one never does' })
  await db.tx(async (t) => {
    const before = await scheduleOfReproductions(t)
    // a round that is due while one goes on is left out: it would prove the same again
    const times = { cron, timezone, missed: 'last', overlap: 'skip' } as const
    await setSchedule(t, { name: REPRODUCTIONS, kind: REPRODUCTIONS, payload: { alias }, ...times }, clock())
    const detail = { schedule: { cron, timezone, alias }, before }
    await record(t, who, { verb: 'write', resource: 'pipelines', id: 'reproductions', detail })
  })
  return scheduleOfReproductions(db)
}

/** Throws `not_found` where there is none. */
export async function unscheduleReproductions({ db, record }: Deps, who: Principal): Promise<void> {
  await db.tx(async (t) => {
    const before = await scheduleOfReproductions(t)
    if (!(await removeSchedule(t, REPRODUCTIONS))) throw problem('not_found', { what: 'schedule', id: 'reproductions' })
    await record(t, who, {
      verb: 'write',
      resource: 'pipelines',
      id: 'reproductions',
      detail: { schedule: null, before },
    })
  })
}
