/** What serving knows of a version's lineage: the endpoints that have it among their variants. */
import { versionNode } from '../../registry/versions/lineage.ts'
import type { LineageSource } from '../../registry/versions/lineage.ts'
import type { Reader } from '../../store/db.ts'
import type { VariantRow } from '../context/rows.ts'

/** Makes the source: an edge for each variant, labelled with its role. */
export function endpointLineage(reader: Reader): LineageSource {
  return async (version) => {
    const variants = await reader.all<Pick<VariantRow, 'endpoint' | 'role'>>(
      `SELECT v.endpoint, v.role FROM endpoint_variants v JOIN endpoints e ON e.name = v.endpoint
       WHERE e.model = ? AND v.version = ? ORDER BY v.endpoint, v.role`,
      [version.model, String(version.version)],
    )
    return {
      nodes: variants.map(({ endpoint }) => ({
        id: `endpoint:${endpoint}`,
        kind: 'endpoint' as const,
        label: endpoint,
        href: `/endpoints/${encodeURIComponent(endpoint)}`,
      })),
      edges: variants.map(({ endpoint, role }) => ({
        from: versionNode(version),
        to: `endpoint:${endpoint}`,
        label: role,
      })),
    }
  }
}
