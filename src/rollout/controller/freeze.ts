/** Freezes: times in which no step begins and nothing is promoted, by the plan's calendar or by hand. A rollback always may. */
import type { Principal } from '../../contract/access.ts'
import { HOUR_MS } from '../../contract/ids.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { Freeze, Frozen } from '../../contract/rollout.ts'
import type { Plan } from '../../contract/rollout/plan.ts'
import { nextFire } from '../../jobs/cron.ts'
import type { Reader } from '../../store/db.ts'
import type { RolloutDeps, RolloutRow } from '../context/context.ts'
import { planOf } from '../context/context.ts'
import { endpointNamesSql, endpointRow } from '../../serving/context/rows.ts'
import { fetchAll, sql } from '../../store/sql/sql.ts'

interface FreezeRow {
  readonly endpoint: string
  readonly reason: string
  readonly until: number | null
  readonly created_at: number
  readonly created_by: string
}

/** The window of a plan's calendar that is on at `now` (ms), with its end; null when none is. */
function windowAt(windows: Plan['freeze'], now: number): { readonly reason: string; readonly until: number } | null {
  for (const { cron, timezone, hours, reason } of windows ?? []) {
    const begun = nextFire(cron, timezone, now - hours * HOUR_MS)
    if (begun !== undefined && begun <= now) return { reason, until: begun + hours * HOUR_MS }
  }
  return null
}

function said(reason: string, until: number | null): string {
  const end = until === null ? 'until it is lifted' : `until ${toTime(until)}`
  return `frozen ${end}${reason === '' ? '' : `: ${reason}`}`
}

/** The same for a rollout: its plan's calendar, and a freeze by hand of its endpoint. */
export async function frozen(reader: Reader, row: RolloutRow, now: number): Promise<string | null> {
  const byHand = await freezeOf(reader, row.endpoint, now)
  if (byHand !== null) return saidByHand(byHand)
  const window = windowAt(planOf(row).freeze, now)
  return window && said(window.reason, window.until)
}

/** The same for an endpoint, whoever would go forward: a freeze by hand, and the calendar of its newest rollout's plan. */
export async function frozenEndpoint(reader: Reader, endpoint: string, now: number): Promise<string | null> {
  const row = await reader.get<RolloutRow>(
    'SELECT * FROM rollouts WHERE endpoint = ? ORDER BY created_at DESC, id DESC LIMIT 1',
    [endpoint],
  )
  if (row !== undefined) return frozen(reader, row, now)
  const byHand = await freezeOf(reader, endpoint, now)
  return byHand === null ? null : saidByHand(byHand)
}

function saidByHand({ reason, created_by, until }: FreezeRow): string {
  return said(`${reason} (${created_by})`, until)
}

async function freezeOf(reader: Reader, endpoint: string, now: number): Promise<FreezeRow | null> {
  const row = await reader.get<FreezeRow>('SELECT * FROM rollout_freezes WHERE endpoint = ?', [endpoint])
  return row === undefined || (row.until !== null && row.until <= now) ? null : row
}

/** The freeze by hand of an endpoint as the API shows it; null when there is none. */
export async function shownFreeze(reader: Reader, endpoint: string, now: number): Promise<Freeze | null> {
  const row = await freezeOf(reader, endpoint, now)
  if (row === null) return null
  const { reason, until, created_at, created_by } = row
  return { reason, until: until === null ? null : toTime(until), at: toTime(created_at), by: created_by }
}

interface Newest {
  readonly name: string
  readonly plan: string | null
  readonly reason: string | null
  readonly until: number | null
  readonly created_by: string | null
}

/** The endpoints that the caller sees and on which nothing may go forward now, by name. */
export async function listFrozen(reader: Reader, who: Principal, now: number): Promise<Frozen[]> {
  const rows = await fetchAll<Newest>(
    reader,
    sql`SELECT e.name, r.plan, f.reason, f.until, f.created_by FROM (${endpointNamesSql(who.project)}) e
       LEFT JOIN rollouts r ON r.id = (SELECT MAX(id) FROM rollouts WHERE endpoint = e.name)
       LEFT JOIN rollout_freezes f ON f.endpoint = e.name AND (f.until IS NULL OR f.until > ${now})
      ORDER BY e.name`,
  )
  return rows.flatMap(({ name, plan, reason, until, created_by: by }): Frozen[] => {
    if (reason !== null) return [{ endpoint: name, reason, until: until === null ? null : toTime(until), by }]
    const window = plan === null ? null : windowAt(planOf({ plan }).freeze, now)
    return window === null ? [] : [{ endpoint: name, reason: window.reason, until: toTime(window.until), by: null }]
  })
}

/** Freezes an endpoint by hand, or changes its freeze. Throws `not_found`, and `invalid_field` for an end that is past. */
export async function freeze(
  deps: RolloutDeps,
  who: Principal,
  wish: { readonly endpoint: string; readonly reason: string; readonly until: number | null },
): Promise<void> {
  const now = deps.clock()
  const { endpoint, reason, until } = wish
  if (until !== null && until <= now)
    throw problem('invalid_field', { field: 'until', value: toTime(until), expected: 'a time to come' })
  await deps.db.tx(async (t) => {
    if ((await deps.target(t, endpoint)) === undefined) throw problem('not_found', { what: 'endpoint', id: endpoint })
    await t.run(
      `INSERT INTO rollout_freezes (endpoint, reason, until, created_at, created_by) VALUES (?,?,?,?,?)
       ON CONFLICT (endpoint) DO UPDATE SET reason = excluded.reason, until = excluded.until,
         created_at = excluded.created_at, created_by = excluded.created_by`,
      [endpoint, reason, until, now, who.name],
    )
    const detail = { action: 'freeze', reason, until: until === null ? null : toTime(until) }
    await deps.audit.record(t, who, { verb: 'deploy', resource: 'endpoints', id: endpoint, detail })
  })
}

/** Lifts a freeze by hand; nothing happens when there is none. Throws `not_found` where there is no such endpoint either. */
export async function thaw(deps: RolloutDeps, who: Principal, endpoint: string): Promise<void> {
  await deps.db.tx(async (t) => {
    const gone = await t.run('DELETE FROM rollout_freezes WHERE endpoint = ?', [endpoint])
    if (gone === 0) {
      if ((await endpointRow(t, endpoint)) !== undefined) return
      throw problem('not_found', { what: 'endpoint', id: endpoint })
    }
    await deps.audit.record(t, who, { verb: 'deploy', resource: 'endpoints', id: endpoint, detail: { action: 'thaw' } })
  })
}
