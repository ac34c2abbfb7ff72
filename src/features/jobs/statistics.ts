/** Statistics of views as their materialisations keep them: those of the newest of each version, for they are read by people. */
import type { MaterialiseOutcome } from '../../contract/features/jobs.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { fetchAll, sql } from '../../store/sql/sql.ts'
import type { MadeStatistics } from '../offline/statistics.ts'
import type { JobRow } from './rows.ts'

type Of = Pick<JobRow, 'project' | 'name' | 'version'>

type WithStatistics = MaterialiseOutcome & { readonly statistics?: MadeStatistics }

export interface KeptStatistics extends MadeStatistics {
  readonly job: string
  readonly until: string
  /** ms. */
  readonly at: number
}

const rowsOf = (reader: Reader, { project, name, version }: Of) =>
  fetchAll<Pick<JobRow, 'id' | 'outcome' | 'ended_at'>>(
    reader,
    sql`SELECT id, outcome, ended_at FROM feature_jobs
      WHERE project = ${project} AND kind = 'materialise' AND name = ${name} AND version = ${version} AND state = 'done'
      AND outcome LIKE '%"statistics":{%' ORDER BY ended_at DESC, id DESC`,
  )

/** Of the newest materialisation of a version; undefined where none has left any, or that was long ago. */
export async function statisticsOf(reader: Reader, of: Of): Promise<KeptStatistics | undefined> {
  const [row] = await rowsOf(reader, of)
  if (row?.outcome == null) return undefined
  const { statistics, until } = JSON.parse(row.outcome) as WithStatistics
  return statistics && { ...statistics, job: row.id, until, at: row.ended_at ?? 0 }
}

/** Before a newer materialisation keeps its own: lists of jobs stay small. */
export async function dropStatistics(t: Tx, of: Of): Promise<void> {
  for (const { id, outcome } of await rowsOf(t, of)) {
    const { statistics: _dropped, ...rest } = JSON.parse(outcome ?? '{}') as WithStatistics
    await t.run('UPDATE feature_jobs SET outcome = ? WHERE id = ?', [JSON.stringify(rest), id])
  }
}
