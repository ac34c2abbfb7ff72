/** Incidents that were opened since a time, for the triggers of pipelines. */
import { endpointRow } from '../../serving/context/rows.ts'
import type { Reader } from '../../store/db.ts'
import { fetchAll, inList, sql } from '../../store/sql/sql.ts'

/** Incidents that are asked for; `since` in ms. */
export interface WantedIncidents {
  readonly project: string
  readonly endpoint: string
  readonly kinds: readonly string[]
  readonly since: number
}

/** Incidents of some kinds, oldest first: what names each, and what is said of it; undefined where the project has no such endpoint. */
export async function incidentsSince(
  reader: Reader,
  { project, endpoint, kinds, since }: WantedIncidents,
): Promise<{ cause: string; what: string }[] | undefined> {
  if ((await endpointRow(reader, endpoint))?.project !== project) return undefined
  const rows = await fetchAll<{ id: string; title: string }>(
    reader,
    sql`SELECT id, title FROM incidents
      WHERE endpoint = ${endpoint} AND kind IN ${inList(kinds)} AND opened_at > ${since} ORDER BY opened_at, id LIMIT 1000`,
  )
  return rows.map(({ id, title }) => ({ cause: id, what: `incident ${id} of endpoint ${endpoint}: ${title}` }))
}
