/** What monitoring knows of a version's lineage: the incidents that began while it answered. */
import { versionNode } from '../registry/versions/lineage.ts'
import type { LineageSource } from '../registry/versions/lineage.ts'
import type { Reader } from '../store/db.ts'

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
    const incidents = await reader.all<Found>(
      `SELECT i.id, i.endpoint, i.title, i.kind FROM incidents i JOIN endpoints e ON e.name = i.endpoint
       WHERE e.model = ? AND i.dismissed = 0 AND EXISTS (
         SELECT 1 FROM predictions p WHERE p.endpoint = i.endpoint AND p.event_time >= i.began_event
           AND p.event_time < i.last_event AND p.version = ?)
       ORDER BY i.opened_event DESC LIMIT ?`,
      [model, String(version), MOST],
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
