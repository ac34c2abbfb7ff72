/** Pools of the server. Their places are taken by attempts that have not ended, as rows say, and free by the write that ends one. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { Pool } from '../../contract/pipelines/pools.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { fetchAll, sql } from '../../store/sql/sql.ts'
import type { PipelinesDeps } from '../context/deps.ts'

/** The lock of transactions in which a run begins to name pools, or a pool goes. */
const POOLS = 'pipelines.pools'

/** Holders that a pool tells, and runs that a refusal names. */
const TOLD = 20

export interface PoolRow {
  readonly name: string
  readonly places: number
  readonly per_project: number | null
  readonly note: string
  readonly changed_at: number
  readonly changed_by: string
}

/** How full a pool is. */
export interface PoolRoom extends Pick<PoolRow, 'name' | 'places' | 'per_project'> {
  readonly held: number
  /** Places by project. */
  readonly by: ReadonlyMap<string, number>
}

const HOLDS = `a.pool IS NOT NULL AND a.state IN ('submitting', 'running') AND r.state IN ('waiting', 'preparing', 'running')`

/** All pools with what is taken of them. */
export async function poolRooms(reader: Reader): Promise<Map<string, PoolRoom>> {
  const rows = await reader.all<PoolRow & { project: string | null; held: number }>(
    `SELECT p.name, p.places, p.per_project, h.project, coalesce(h.held, 0) AS held
     FROM pipeline_pools p LEFT JOIN (
       SELECT a.pool, r.project, count(*) AS held FROM pipeline_attempts a JOIN pipeline_runs r ON r.id = a.run_id
       WHERE ${HOLDS} GROUP BY a.pool, r.project) h ON h.pool = p.name`,
  )
  const rooms = new Map<string, PoolRoom>()
  for (const { name, places, per_project, project, held } of rows) {
    const { by = new Map<string, number>(), held: before = 0 } = rooms.get(name) ?? {}
    const all = project === null ? by : new Map([...by, [project, held]])
    rooms.set(name, { name, places, per_project, held: before + held, by: all })
  }
  return rooms
}

/** Why a pool has no place for a project: it is not there, is full, or that project has as many as it may; undefined where it has one. */
export function whyFull(room: PoolRoom | undefined, project: string): 'gone' | 'full' | 'quota' | undefined {
  if (room === undefined) return 'gone'
  if (room.held >= room.places) return 'full'
  return room.per_project !== null && (room.by.get(project) ?? 0) >= room.per_project ? 'quota' : undefined
}

/** In the transaction that takes places: is there one in the pool? */
export async function hasPoolPlace(t: Reader, pool: string | null, project: string): Promise<boolean> {
  return pool === null || whyFull((await poolRooms(t)).get(pool), project) === undefined
}

/** Throws `invalid_field` for steps that name a pool that is not there, the first of them. */
export async function refuseUnknownPools(
  reader: Reader,
  steps: readonly { readonly name: string; readonly pool?: string }[],
): Promise<void> {
  const named = steps.filter(({ pool }) => pool !== undefined)
  if (named.length === 0) return
  const rows = await reader.all<{ name: string }>('SELECT name FROM pipeline_pools ORDER BY name')
  const known = rows.map(({ name }) => name)
  const odd = named.find(({ pool = '' }) => !known.includes(pool))
  if (odd === undefined) return
  const there =
    known.length === 0 ? 'a pool; the server has none' : `one of the pools ${known.slice(0, TOLD).join(', ')}`
  throw problem('invalid_field', {
    field: `pipeline.steps.${odd.name}.pool`,
    value: odd.pool,
    expected: `${there}; an admin makes one with slipway pools set ${odd.pool} PLACES`,
  })
}

/** In the transaction that makes a run: no pool goes that its steps name. Throws as `refuseUnknownPools` for one that went since. */
export async function holdPools(t: Tx, steps: Parameters<typeof refuseUnknownPools>[1]): Promise<void> {
  if (steps.every(({ pool }) => pool === undefined)) return
  await t.lock(POOLS)
  await refuseUnknownPools(t, steps)
}

/** The pools, with holders of the projects that the caller sees. */
export async function listPools(reader: Reader, who: Pick<Principal, 'project'>): Promise<Pool[]> {
  const rows = await reader.all<PoolRow>('SELECT * FROM pipeline_pools ORDER BY name')
  return Promise.all(rows.map((row) => viewPool(reader, who, row)))
}

interface Holder {
  readonly project: string
  readonly run: string
  readonly step: string
  readonly at: number
}

/** Who holds places of a pool, those that have them longest first; `project` null = of all projects. */
export function poolHolders(reader: Reader, pool: string, project: string | null, limit = TOLD): Promise<Holder[]> {
  return reader.all<Holder>(
    `SELECT r.project, a.run_id AS run, a.step, a.queued_at AS at
     FROM pipeline_attempts a JOIN pipeline_runs r ON r.id = a.run_id
     WHERE a.pool = ? AND ${HOLDS} AND (r.project = ? OR ? = 1) ORDER BY a.queued_at, a.id LIMIT ?`,
    [pool, project ?? '', project === null ? 1 : 0, limit],
  )
}

async function viewPool(reader: Reader, { project }: Pick<Principal, 'project'>, row: PoolRow): Promise<Pool> {
  const { name, places, per_project, note, changed_at, changed_by } = row
  const holders = await poolHolders(reader, name, project)
  const waiting = await reader.get<{ n: number }>(
    `SELECT count(*) AS n FROM pipeline_steps s JOIN pipeline_runs r ON r.id = s.run_id
     WHERE s.pool = ? AND s.state = 'ready' AND r.state = 'running' AND r.desired_state = 'run'`,
    [name],
  )
  return {
    name,
    places,
    per_project,
    note,
    changed_at: toTime(changed_at),
    changed_by,
    held: (await poolRooms(reader)).get(name)?.held ?? 0,
    waiting: waiting?.n ?? 0,
    holders: holders.map(({ at, ...one }) => ({ ...one, since: toTime(at) })),
  }
}

/** Makes a pool or changes it. Of one that is made smaller nothing is ended: no step begins in it until fewer run than it has places. */
export async function setPool(
  { db, clock, record }: Pick<PipelinesDeps, 'db' | 'clock' | 'record'>,
  who: Principal,
  wanted: Pick<PoolRow, 'name' | 'places' | 'per_project' | 'note'>,
): Promise<Pool> {
  const { name, places, per_project, note } = wanted
  const row: PoolRow = { name, places, per_project, note, changed_at: clock(), changed_by: who.name }
  await db.tx(async (t) => {
    await t.run(
      `INSERT INTO pipeline_pools (name, places, per_project, note, changed_at, changed_by) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET places = excluded.places, per_project = excluded.per_project, note = excluded.note,
         changed_at = excluded.changed_at, changed_by = excluded.changed_by`,
      [name, places, per_project, note, row.changed_at, row.changed_by],
    )
    await record(t, who, {
      verb: 'write',
      resource: 'pipelines',
      id: name,
      detail: { pool: name, places, per_project },
    })
  })
  return viewPool(db, who, row)
}

/** Removes a pool and returns what it was. Throws `conflict` while a run that has not ended has a step that names it and has not ended. */
export async function removePool(
  { db, record }: Pick<PipelinesDeps, 'db' | 'record'>,
  who: Principal,
  name: string,
): Promise<Pool> {
  const row = await db.get<PoolRow>('SELECT * FROM pipeline_pools WHERE name = ?', [name])
  if (row === undefined) throw problem('not_found', { what: 'pool', id: name })
  const view = await viewPool(db, who, row)
  await db.tx(async (t) => {
    await t.lock(POOLS)
    const runs = await runsNaming(t, name)
    if (runs.length > 0) {
      const detail = `pool "${name}" is named by steps of ${runs.join(', ')}; wait for their end, cancel them, or set its places to 0, so that none begins`
      throw problem('conflict', { detail })
    }
    await t.run('DELETE FROM pipeline_pools WHERE name = ?', [name])
    await record(t, who, { verb: 'write', resource: 'pipelines', id: name, detail: { pool: name, removed: true } })
  })
  return view
}

async function runsNaming(t: Tx, pool: string): Promise<string[]> {
  const rows = await fetchAll<{ id: string }>(
    t,
    sql`SELECT DISTINCT r.id FROM pipeline_runs r JOIN pipeline_steps s ON s.run_id = r.id
      WHERE s.pool = ${pool} AND s.state IN ('waiting', 'ready', 'running') AND r.state IN ('waiting', 'preparing', 'running')
      ORDER BY r.id LIMIT ${TOLD}`,
  )
  return rows.map(({ id }) => `run ${id}`)
}
