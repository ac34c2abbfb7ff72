/** The bounds that an endpoint has of its own: read, replaced as a whole, and built into the routing table. */
import type { z } from 'zod'
import type { Principal } from '../../contract/access.ts'
import type { Limits } from '../../contract/serving.ts'
import type { Reader } from '../../store/db.ts'
import type { ServingContext } from './context.ts'
import { requireEndpoint } from './rows.ts'
import { raiseEpoch } from './epoch.ts'

export type EndpointLimits = z.output<typeof Limits>

/** The bounds of an endpoint; `{}` where none were set. */
export async function readLimits(reader: Reader, endpoint: string): Promise<EndpointLimits> {
  const row = await reader.get<{ limits: string }>('SELECT limits FROM endpoint_limits WHERE endpoint = ?', [endpoint])
  return row === undefined ? {} : (JSON.parse(row.limits) as EndpointLimits)
}

/** Replaces the bounds of an endpoint and raises the epoch. Throws `not_found`. */
export async function writeLimits(
  deps: Omit<ServingContext, 'ids'>,
  who: Principal,
  endpoint: string,
  limits: EndpointLimits,
): Promise<void> {
  await deps.db.tx(async (t) => {
    await t.lock('serving')
    await requireEndpoint(t, endpoint)
    const now = deps.clock()
    await t.run(
      `INSERT INTO endpoint_limits (endpoint, limits, updated_at) VALUES (?,?,?)
       ON CONFLICT (endpoint) DO UPDATE SET limits = excluded.limits, updated_at = excluded.updated_at`,
      [endpoint, JSON.stringify(limits), now],
    )
    await raiseEpoch(t)
    const detail = { action: 'limits', limits }
    await deps.audit.record(t, who, { verb: 'write', resource: 'endpoints', id: endpoint, detail })
  })
}
