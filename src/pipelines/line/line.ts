/** The line of steps that wait for a place, as rows say it: by priority and age, of all runs that go on. */
import { Problem } from '../../contract/errors.ts'
import type { DriverName } from '../../contract/values/drivers.ts'
import type { Sql } from '../../store/db.ts'
import { all, fetchAll, inList, raw, sql } from '../../store/sql/sql.ts'
import { stepOf, type Context } from '../context/context.ts'
import type { Resources } from '../context/deps.ts'
import { readUnit } from '../context/units.ts'
import { poolRooms } from '../pools/pools.ts'
import { isUnreadable } from '../spec/versions.ts'
import { WAITS_FOR_EQUAL } from './equal.ts'
import { demandOf, placed, takenPlaces } from './places.ts'
import { less, POINT_MS, type InLine, type Room } from './judge.ts'

/** A step that has waited longer holds back those that came later, ms. */
const PATIENCE_MS = 60_000
/** One that does not come though nothing has run for so long is kept by something else, and holds nobody back, ms. */
const STALL_MS = 5000
/** Waiting steps that are looked at; those further behind are beside the decision. */
const LOOKED_AT = 500

export interface Waiting extends InLine {
  readonly priority: number
  /** Since when it waits, ms. */
  readonly since: number
}

interface Row extends Omit<Waiting, 'demand' | 'isPatient'> {
  readonly version_id: string
  /** JSON. */
  readonly options: string
  /** Null before its first attempt. */
  readonly started_at: number | null
}

/** A backfill is to take what others leave, and of days of work each step grows old: it stands behind all else, whatever it has waited. */
const BEHIND = 'CASE WHEN r.backfill_id IS NOT NULL AND r.priority < 0 THEN 1 ELSE 0 END'

/** What is free of the machine and of the pools. */
export async function roomNow({ deps: { db, capacity, machine } }: Context): Promise<Room> {
  return { free: less(capacity, await takenPlaces(db, machine)), pools: await poolRooms(db) }
}

/**
 * Steps in their order: a point of priority is worth ten minutes of waiting, so whoever waits is passed by none that comes long enough after
 * it; steps of backfills below priority 0 are behind all others. With a room those are left out whose pool has no place there: they could fill what is looked at, and take nothing.
 */
export async function readLine(context: Context, room?: Room, most = LOOKED_AT): Promise<Waiting[]> {
  const { db, clock } = context.deps
  const now = clock()
  const closed = [...(room?.pools.values() ?? [])].filter((pool) => pool.held >= pool.places).map(({ name }) => name)
  const rows = await fetchAll<Row>(
    db,
    sql`SELECT s.run_id, s.name, s.project, s.pool, s.started_at, r.priority, r.version_id, r.options,
        coalesce(s.retry_at, s.ready_at) AS since
      FROM pipeline_runs r JOIN pipeline_steps s ON s.run_id = r.id
      WHERE ${all([
        waits(now),
        ...(closed.length === 0 ? [] : [sql`(s.pool IS NULL OR s.pool NOT IN ${inList(closed)})`]),
      ])}
      ORDER BY ${raw(BEHIND)}, coalesce(s.retry_at, s.ready_at) - r.priority * ${POINT_MS}, s.run_id, s.position LIMIT ${most}`,
  )
  const isStill = await isIdle(context)
  const line = await Promise.all(
    rows.map(async ({ version_id, options, started_at, ...row }): Promise<Waiting | undefined> => {
      const demand = await demandIn(context, { ...row, version_id, options, started_at })
      return demand === undefined ? undefined : { ...row, demand, isPatient: !isStill && now - row.since > PATIENCE_MS }
    }),
  )
  return line.filter((one) => one !== undefined)
}

/** How many steps wait, of one project or with null of all. */
export async function countWaiting({ deps: { db, clock } }: Context, project: string | null): Promise<number> {
  const [row] = await fetchAll<{ n: number }>(
    db,
    sql`SELECT count(*) AS n FROM pipeline_runs r JOIN pipeline_steps s ON s.run_id = r.id
      WHERE ${waits(clock())} AND (r.project = ${project ?? ''} OR ${project === null ? 1 : 0} = 1)`,
  )
  return row?.n ?? 0
}

/** As a condition on a step `s` of a run `r`: it waits for a place. */
function waits(now: number): Sql {
  return all([
    sql`r.state = 'running' AND r.desired_state = 'run' AND s.state = 'ready'`,
    sql`(s.retry_at IS NULL OR s.retry_at <= ${now})`,
    raw(`NOT ${WAITS_FOR_EQUAL}`),
  ])
}

/** What a waiting step takes; undefined where the project file cannot be read: that is its own run's fault, and holds no other back. */
async function demandIn(
  context: Context,
  { version_id, run_id, name, options, started_at }: Omit<Row, 'priority' | 'since' | 'project' | 'pool'>,
): Promise<Resources | undefined> {
  try {
    const step = placed(JSON.parse(options) as { on?: DriverName }, stepOf(await context.spec(version_id), name))
    const unit = started_at === null ? undefined : await readUnit(context.deps.db, run_id, name)
    return demandOf(context.deps, step, unit?.attempts ?? [])
  } catch (error) {
    if (error instanceof Problem && !isUnreadable(error)) throw error
    return undefined
  }
}

async function isIdle({ deps: { db, clock } }: Context): Promise<boolean> {
  const active = await db.get("SELECT id FROM pipeline_attempts WHERE state IN ('submitting', 'running') LIMIT 1")
  if (active !== undefined) return false
  const last = await db.get<{ at: number | null }>('SELECT max(finished_at) AS at FROM pipeline_attempts')
  return clock() - (last?.at ?? 0) > STALL_MS
}

/** What steps hold, what is free, and what those that wait for a place ask for. */
export interface Places {
  readonly held: Resources
  readonly free: Resources
  readonly asked: Resources
}

/** The places of the whole server as they are now. */
export async function placesNow(context: Context): Promise<Places> {
  const { db, capacity, machine } = context.deps
  const held = await takenPlaces(db, machine)
  const line = await readLine(context)
  const sum = (of: keyof Resources): number => line.reduce((total, one) => total + one.demand[of], 0)
  const free = less(capacity, held)
  return {
    held,
    free: { cpus: Math.max(0, free.cpus), memory_bytes: Math.max(0, free.memory_bytes) },
    asked: { cpus: sum('cpus'), memory_bytes: sum('memory_bytes') },
  }
}
