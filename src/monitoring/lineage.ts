/** What monitoring knows of a version's lineage: the incidents that began while it answered. */
import { versionNode } from '../registry/versions/lineage.ts'
import type { LineageSource } from '../registry/versions/lineage.ts'
import type { Reader } from '../store/db.ts'
import { endpointsOfModelSql } from '../serving/context/rows.ts'
import { answeredBySql } from '../serving/records/queries.ts'
import { fetchAll, sql } from '../store/sql/sql.ts'

interface Found {
  readonly id: string
  readonly endpoint: string
  readonly title: string
  readonly kind: string
}

/** Incidents that are told of a version, newest first. */
const MOST = 50

/** Makes the source: a node for each incident in whose time the version answered, joined to its endpoint where that is shown. */
export function incidentLineage(reader: Reader): LineageSource {
  return async ({ model, version }) => {
    const incidents = await fetchAll<Found>(
      reader,
      sql`SELECT i.id, i.endpoint, i.title, i.kind FROM incidents i
       WHERE i.endpoint IN (${endpointsOfModelSql(model)}) AND i.dismissed = 0 AND EXISTS (
         ${answeredBySql(String(version), { endpoint: 'i.endpoint', from: 'i.began_event', until: 'i.last_event' })})
       ORDER BY i.opened_event DESC LIMIT ${MOST}`,
    )
    return {
      nodes: incidents.map(({ id, title }) => ({
        id: `incident:${id}`,
        kind: 'incident' as const,
        label: title,
        href: `/incidents/${id}`,
      })),
      edges: incidents.map(({ id, kind }) => ({
        from: versionNode({ model, version }),
        to: `incident:${id}`,
        label: `${kind} while it answered`,
      })),
    }
  }
}
