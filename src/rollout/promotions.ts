/** Promotions that came by themselves: of versions that asked for their endpoint, not of rollouts that a person started. */
import { SYSTEM } from '../auth/tokens.ts'
import type { Reader } from '../store/db.ts'
import { fetchAll, inList, sql } from '../store/sql/sql.ts'

/** A rollout that promoted its version; times in ms. */
export interface Promoted {
  readonly rollout: string
  readonly endpoint: string
  readonly model: string
  readonly version: string
  readonly began_at: number
  /** When the rollout of the same version before it on the endpoint began; null where there was none. */
  readonly before_at: number | null
  readonly promoted_at: number
}

/** The promotions of some models by rollouts that began since a time, ms; also those that a watch has taken back since. */
export async function promotionsOf(reader: Reader, models: readonly string[], since: number): Promise<Promoted[]> {
  if (models.length === 0) return []
  return fetchAll<Promoted>(
    reader,
    sql`SELECT r.id AS rollout, r.endpoint, r.model, r.version, r.created_at AS began_at, MIN(v.at) AS promoted_at,
          (SELECT MAX(p.created_at) FROM rollouts p WHERE p.endpoint = r.endpoint AND p.model = r.model
             AND p.version = r.version AND p.created_at < r.created_at) AS before_at
        FROM rollouts r JOIN rollout_verdicts v ON v.rollout_id = r.id AND v.decision = 'promote'
        WHERE r.created_by = ${SYSTEM.name} AND r.created_at >= ${since} AND r.model IN ${inList(models)}
        GROUP BY r.id, r.endpoint, r.model, r.version, r.created_at ORDER BY r.created_at, r.id`,
  )
}
