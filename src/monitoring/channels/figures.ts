/** Figures of endpoints for outside monitors: drift of features, coverage of labels. */
import { DAY_MS } from '../../contract/ids.ts'
import type { Db } from '../../store/db.ts'
import type { StoredCheck } from '../checks/checks.ts'
import type { MonitorRow } from '../context/context.ts'
import { answeredSinceSql } from '../../serving/records/queries.ts'
import { searchAll, sql } from '../../store/sql/sql.ts'

export interface FigureSample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** By endpoint and feature the largest value / limit of the newest window. */
export async function findingsSeries(db: Db, monitors: readonly MonitorRow[]): Promise<FigureSample[]> {
  const samples: FigureSample[] = []
  for (const { endpoint } of monitors) {
    const row = await db.get<{ results: string }>(
      'SELECT results FROM monitor_windows WHERE endpoint = ? ORDER BY hour DESC LIMIT 1',
      [endpoint],
    )
    const largest = new Map<string, number>()
    for (const [feature, , value, limit] of JSON.parse(row?.results ?? '[]') as StoredCheck[])
      largest.set(feature, Math.max(largest.get(feature) ?? 0, value / limit))
    for (const [feature, value] of largest) samples.push({ labels: { endpoint, feature }, value })
  }
  return samples
}

/** By endpoint the share of labelled predictions of the last week of event time. */
export async function labelCoverage(db: Db, monitors: readonly MonitorRow[]): Promise<FigureSample[]> {
  const samples: FigureSample[] = []
  for (const { endpoint, newest_event } of monitors) {
    if (newest_event === null) continue
    const [row] = await searchAll<{ n: number; labelled: number }>(
      db,
      sql`SELECT count(*) AS n, count(l.prediction_id) AS labelled FROM (${answeredSinceSql(endpoint, newest_event - 7 * DAY_MS)}) p
        LEFT JOIN labels l ON l.endpoint = p.endpoint AND l.prediction_id = p.id`,
    )
    if (row !== undefined && row.n > 0) samples.push({ labels: { endpoint }, value: row.labelled / row.n })
  }
  return samples
}
