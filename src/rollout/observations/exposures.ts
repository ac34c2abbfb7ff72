/** The exposure log: who met which version, from the predictions themselves, so it cannot differ from what was answered. */
import type { Exposure } from '../../contract/rollout.ts'
import { toTime } from '../../contract/fields.ts'
import { problem } from '../../contract/errors.ts'
import { arrivals } from '../../serving/records/queries.ts'
import type { Reader } from '../../store/db.ts'
import { requireRollout } from '../context/context.ts'
import { armOf } from './values.ts'

/**
 * A page of predictions that either side answered since callers met the candidate and until the rollout's end, oldest first. Throws
 * `not_found`, and `invalid_field` for a token of another list.
 */
export async function exposures(
  reader: Reader,
  id: string,
  page: { readonly limit: number; readonly page_token?: string | undefined },
): Promise<{ items: Exposure[]; next_page_token?: string }> {
  const rollout = await requireRollout(reader, id)
  const [at, after] = pointOf(page.page_token)
  if (rollout.canary_at === null) return { items: [] }
  const from = Math.max(rollout.canary_at, at)
  const until = rollout.finished_at ?? Number.MAX_SAFE_INTEGER
  const versions = [rollout.version, rollout.stable_version ?? ''] as const
  const rows = await arrivals(reader, {
    endpoint: rollout.endpoint,
    from,
    until,
    versions,
    after: [at, after],
    limit: page.limit + 1,
  })
  const shown = rows.slice(0, page.limit)
  const last = shown.at(-1)
  const items = shown.flatMap((row): Exposure[] => {
    const { version, role, at: time, route_key: key } = row
    const arm = armOf(rollout, { ver: version, role, at: time, fb: row.fallback === 1 })
    if (arm === undefined) return []
    return [{ prediction_id: row.id, key, arm: arm === 1 ? 'candidate' : 'stable', version, at: toTime(time) }]
  })
  return { items, ...(rows.length > page.limit && last && { next_page_token: `${last.at} ${last.id}` }) }
}

function pointOf(token: string | undefined): [number, string] {
  if (token === undefined) return [0, '']
  const [, at, id] = /^(\d{1,15}) (.+)$/.exec(token) ?? []
  if (at === undefined || id === undefined)
    throw problem('invalid_field', { field: 'page_token', value: token, expected: 'a token of this list' })
  return [Number(at), id]
}
