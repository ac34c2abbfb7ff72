/** Which servers hold what of hard budgets, and of which budgets a server holds nothing, and why. */
import type { Principal } from '../../contract/access.ts'
import type { LlmState } from '../../contract/llm/state.ts'
import { visible } from '../../auth/visibility.ts'
import { fetchAll, sql } from '../../store/sql/sql.ts'
import type { Llm } from '../context/context.ts'
import { GONE_MS } from './division.ts'
import { listServers } from './servers.ts'
import type { Shares } from './shares.ts'

type Division = LlmState['division']
type Without = Division['without'][number]

/** Budgets that are listed at most. */
const MOST_LISTED = 20

interface BudgetRow {
  readonly id: string
  readonly project: string
  readonly limit_nano: number
}

interface Holding {
  readonly budget: string
  readonly server: string
  readonly granted: number
  readonly used: number
  /** 1 = it was seen lately. */
  readonly live: number
}

/** How hard budgets are divided at a time (ms), in what a caller may see; `shares` is undefined on a database of one server. */
export async function divisionState(
  db: Llm['db'],
  shares: Shares['state'] | undefined,
  who: Principal,
  now: number,
): Promise<Pick<Division, 'off' | 'server' | 'servers' | 'without' | 'more_without'>> {
  const none = { server: null, servers: [], without: [], more_without: 0 }
  if (shares === undefined) return { off: 'one_server', ...none }
  const any = await db.get('SELECT 1 AS one FROM llm_budgets WHERE hard <> 0 LIMIT 1')
  const servers = who.project === null ? await listServers({ db, clock: () => now }) : []
  const server = shares.self ?? null
  if (any === undefined) return { ...none, off: 'no_hard_budget', server, servers }
  const without = await withoutShare(db, shares.self, who, now)
  const more_without = Math.max(0, without.length - MOST_LISTED)
  return { off: null, server, servers, without: without.slice(0, MOST_LISTED), more_without }
}

/** Budgets of which something is left, and nothing of it at a server. */
async function withoutShare(
  db: Llm['db'],
  self: string | undefined,
  who: Principal,
  now: number,
): Promise<readonly Without[]> {
  const budgets = await fetchAll<BudgetRow>(
    db,
    sql`SELECT id, project, limit_nano FROM llm_budgets WHERE hard <> 0 AND ${visible(who, 'project')} ORDER BY id`,
  )
  const holdings = await fetchAll<Holding>(
    db,
    sql`SELECT budget, server, granted, used,
        (SELECT COUNT(*) FROM llm_servers WHERE id = llm_shares.server AND seen_at > ${now - GONE_MS}) AS live
      FROM llm_shares WHERE since <= ${now} AND (until IS NULL OR until > ${now}) AND ${visible(who, 'project')}`,
  )
  const byBudget = Map.groupBy(holdings, ({ budget }) => budget)
  return budgets.flatMap(({ id, project, limit_nano }): Without[] => {
    const why = whyNothing(limit_nano, byBudget.get(id) ?? [], self)
    return why === undefined ? [] : [{ budget: id, project, why }]
  })
}

/** Undefined where the server may spend something, or nobody may, for all is spent. */
function whyNothing(limit: number, holdings: readonly Holding[], self: string | undefined): Without['why'] | undefined {
  const own = holdings.find(({ server }) => server === self)
  if (own !== undefined && own.granted > own.used) return undefined
  if (holdings.reduce((sum, { used }) => sum + used, 0) >= limit) return undefined
  const left = holdings.filter(({ granted, used }) => granted > used)
  if (left.length === 0) return 'not_yet'
  return left.some(({ live }) => live > 0) ? 'others' : 'gone'
}
