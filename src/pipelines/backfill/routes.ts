/** Routes of backfills: parse, check whose project it is, call, reply. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { backfillsApi } from '../../contract/pipelines/backfills.ts'
import { mount, type Mounted } from '../../http/mount.ts'
import { pageOf, parseToken } from '../context/pages.ts'
import { wantedVersion } from '../context/wanted.ts'
import type { Backfills } from './backfills.ts'
import { countPartitions, listBackfills, readPartitions, requireBackfill } from './rows.ts'
import { cancelBackfill, createBackfill, retryBackfill } from './start.ts'
import { viewBackfill, viewCounted, viewPartitions, type BackfillView } from './view.ts'

export function backfillRoutes(backfills: Backfills): Mounted[] {
  const { deps } = backfills
  const { db } = deps.context.deps
  const changed = async (who: Principal, id: string): Promise<BackfillView> => {
    backfills.wake()
    return viewBackfill(deps, await requireBackfill(db, who, id))
  }
  return [
    mount(backfillsApi.createBackfill, async ({ body, who }) => {
      const { pipeline_version: _, project: __, from = null, to = null, rate_per_minute = null, ...given } = body
      const version = await wantedVersion(db, who, body)
      return changed(who, await createBackfill(deps, who, version, { from, to, rate_per_minute, ...given }))
    }),
    mount(backfillsApi.listBackfills, async ({ query, who }) => {
      const rows = await listBackfills(db, {
        project: who.project ?? query.project,
        before: parseToken(query.page_token),
        limit: query.limit + 1,
      })
      const counts = await countPartitions(
        db,
        rows.map(({ id }) => id),
      )
      const items = await Promise.all(
        rows.map(async (row) => ({
          id: row.id,
          created_at: row.created_at,
          view: await viewCounted(deps, row, counts),
        })),
      )
      return pageOf(items, query.limit, ({ view }) => view)
    }),
    mount(backfillsApi.getBackfill, async ({ params, who }) =>
      viewBackfill(deps, await requireBackfill(db, who, params.id)),
    ),
    mount(backfillsApi.listBackfillPartitions, async ({ params, query, who }) => {
      const backfill = await requireBackfill(db, who, params.id)
      const { state, limit, page_token } = query
      const rows = await readPartitions(db, backfill.id, { state, from: numberOf(page_token), limit: limit + 1 })
      const next = rows.length > limit ? rows[limit] : undefined
      return {
        items: await viewPartitions(deps, backfill, rows.slice(0, limit)),
        ...(next !== undefined && { next_page_token: String(next.number) }),
      }
    }),
    mount(backfillsApi.cancelBackfill, async ({ params, who }) => {
      await requireBackfill(db, who, params.id)
      await cancelBackfill(deps, who, params.id)
      return changed(who, params.id)
    }),
    mount(backfillsApi.retryBackfill, async ({ params, who }) => {
      await retryBackfill(deps, who, await requireBackfill(db, who, params.id))
      return changed(who, params.id)
    }),
  ]
}

/** The number from which a page goes on. Throws `invalid_field`. */
function numberOf(token: string | undefined): number {
  if (token === undefined) return 0
  if (!/^\d{1,9}$/.test(token))
    throw problem('invalid_field', { field: 'query.page_token', value: token, expected: 'a token of a page' })
  return Number(token)
}
