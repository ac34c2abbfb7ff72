/** Removes what the monitors of deleted endpoints keep, except what incidents tell of, and references that nobody uses. */
import { HOUR_MS } from '../contract/ids.ts'
import type { Db, Tx } from '../store/db.ts'
import { lockMonitor } from './context/context.ts'
import { endpointNamesSql, endpointRow } from '../serving/context/rows.ts'
import { deleteRows } from '../store/sql/rows.ts'
import { fetchAll, inList, sql } from '../store/sql/sql.ts'

/** Hours removed in one transaction, and in one run; what is left goes in the next run. */
const AT_ONCE = 500
const MOST_HOURS = 100_000

/** Hours of windows that are shown before an incident began. */
const BEFORE = 7 * 24

/** A reference that is younger may just be taken up, ms. */
const FRESH_MS = 24 * HOUR_MS

export interface Pruned {
  readonly hours: number
  readonly references: number
}

/**
 * Of an endpoint that is there no more its profiles, windows, marks, attributions, raised limits and the state of its watch go; its incidents stay, with the windows and the
 * counts of rows that they tell of, and so does the log with its labels. How far it was judged stays too, for an endpoint of that name
 * may come again. May be run at any time, and again.
 */
export async function pruneMonitors(db: Db, now: number): Promise<Pruned> {
  const gone = await fetchAll<{ endpoint: string }>(
    db,
    sql`SELECT endpoint FROM monitors WHERE endpoint NOT IN (${endpointNamesSql(null)}) ORDER BY endpoint`,
  )
  let hours = 0
  for (const { endpoint } of gone) {
    let found = AT_ONCE
    while (found === AT_ONCE && hours < MOST_HOURS) {
      found = await db.tx((t) => pruneSome(t, endpoint))
      hours += found
    }
  }
  // an endpoint that never had a row has a state too; one of that name that comes again begins anew
  await db.tx((t) => deleteRows(t, 'monitor_watch', sql`endpoint NOT IN (${endpointNamesSql(null)})`))
  const references = await db.tx((t) =>
    t.run(
      'DELETE FROM monitor_references WHERE created_at < ? AND id NOT IN (SELECT reference FROM monitors WHERE reference IS NOT NULL)',
      [now - FRESH_MS],
    ),
  )
  return { hours, references }
}

/** Hours that incidents tell of, `from` … `to` inclusive. */
interface Told {
  readonly from: number
  readonly to: number
}

/** One part of what an endpoint kept; the hours removed. Nothing where an endpoint of that name is there again. */
async function pruneSome(t: Tx, endpoint: string): Promise<number> {
  await lockMonitor(t, endpoint)
  if ((await endpointRow(t, endpoint)) !== undefined) return 0
  for (const table of ['monitor_raises', 'monitor_arrivals', 'monitor_marks'] as const)
    await deleteRows(t, table, sql`endpoint = ${endpoint}`)
  await t.run(
    "UPDATE monitors SET reference = NULL, state = '{}', redo_hour = NULL WHERE endpoint = ? AND reference IS NOT NULL",
    [endpoint],
  )
  const told = await toldHours(t, endpoint)
  // how many rows came since an incident began is a part of it
  const first = told.reduce((least, { from }) => Math.min(least, from), Number.MAX_SAFE_INTEGER)
  const parts = [
    await remove(t, 'monitor_hours', endpoint, { sql: 'hour < ?', params: [first] }),
    await remove(t, 'monitor_attributions', endpoint, { sql: '1 = 1', params: [] }),
    await remove(t, 'monitor_windows', endpoint, {
      sql: told.map(() => 'NOT (hour >= ? AND hour <= ?)').join(' AND ') || '1 = 1',
      params: told.flatMap(({ from, to }) => [from - BEFORE, to]),
    }),
    await t.run(
      `UPDATE monitor_hours SET profile = NULL WHERE endpoint = ? AND hour IN
         (SELECT hour FROM monitor_hours WHERE endpoint = ? AND profile IS NOT NULL ORDER BY hour LIMIT ${AT_ONCE})`,
      [endpoint, endpoint],
    ),
  ]
  return Math.max(...parts)
}

async function toldHours(t: Tx, endpoint: string): Promise<Told[]> {
  const rows = await t.all<{ began_event: number; last_event: number }>(
    'SELECT began_event, last_event FROM incidents WHERE endpoint = ? ORDER BY began_event',
    [endpoint],
  )
  const told: { from: number; to: number }[] = []
  for (const row of rows) {
    const [from, to] = [Math.floor(row.began_event / HOUR_MS), Math.ceil(row.last_event / HOUR_MS)]
    const last = told.at(-1)
    // joined, so that the question does not grow with the incidents
    if (last !== undefined && from - BEFORE <= last.to) last.to = Math.max(last.to, to)
    else told.push({ from, to })
  }
  return told
}

/** Removes the rows of some hours that `where` names; the hours removed, at most AT_ONCE. */
async function remove(
  t: Tx,
  table: 'monitor_hours' | 'monitor_windows' | 'monitor_attributions',
  endpoint: string,
  where: { readonly sql: string; readonly params: readonly number[] },
): Promise<number> {
  const hours = await t.all<{ hour: number }>(
    `SELECT DISTINCT hour FROM ${table} WHERE endpoint = ? AND ${where.sql} ORDER BY hour LIMIT ${AT_ONCE}`,
    [endpoint, ...where.params],
  )
  if (hours.length === 0) return 0
  await deleteRows(t, table, sql`endpoint = ${endpoint} AND hour IN ${inList(hours.map(({ hour }) => hour))}`)
  return hours.length
}
