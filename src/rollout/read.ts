/** Reads rollouts as the API shows them. */
import type { z } from 'zod'
import type { Principal } from '../contract/access.ts'
import { problem } from '../contract/errors.ts'
import { toTime } from '../contract/fields.ts'
import type { Rollout } from '../contract/rollout.ts'
import { stepsOf } from '../contract/rollout/steps.ts'
import { turnOfLoop } from '../http/callers/turns.ts'
import type { Reader } from '../store/db.ts'
import type { Series } from './evidence/curve.ts'
import { rivalsOf } from './controller/challengers.ts'
import { stepName } from './gates/decide.ts'
import type { Approval } from './gates/decide.ts'
import { frozen } from './controller/freeze.ts'
import { gateStates } from './gates/gates.ts'
import { tellMetrics } from './evidence/metrics.ts'
import { evidenceOf, planOf, requireRollout } from './context/context.ts'
import type { RolloutRow } from './context/context.ts'
import { judge, verdictsOf } from './controller/verdicts.ts'
import { endpointNamesSql, endpointRow } from '../serving/context/rows.ts'
import { all, fetchAll, raw, sql } from '../store/sql/sql.ts'

type Shown = z.output<typeof Rollout>

/** `now`, ms, is what freezes are judged by; without it none is shown. */
export async function getRollout(reader: Reader, id: string, now?: number): Promise<Shown> {
  return shown(reader, await requireRollout(reader, id), now)
}

/** Throws `not_found` where the caller is of one project and the endpoint is not that project's. */
export async function refuseForeignEndpoint(reader: Reader, who: Principal, endpoint: string): Promise<void> {
  if (!(await isVisible(reader, who, endpoint))) throw problem('not_found', { what: 'endpoint', id: endpoint })
}

/** Throws `not_found` where there is no such rollout, or it belongs to an endpoint that the caller does not see. */
export async function refuseForeignRollout(reader: Reader, who: Principal, id: string): Promise<void> {
  const { endpoint } = await requireRollout(reader, id)
  if (!(await isVisible(reader, who, endpoint))) throw problem('not_found', { what: 'rollout', id })
}

async function isVisible(reader: Reader, who: Principal, endpoint: string): Promise<boolean> {
  if (who.project === null) return true
  return (await endpointRow(reader, endpoint))?.project === who.project
}

/** Columns of a rollout in a list: of its curve, which may have hundreds of kilobytes, none is shown there. */
const LISTED = `id, endpoint, model, version, stable_version, state, step, plan, slices, reason, created_at, created_by, finished_at,
  first_event, last_event, seq, evidence, '[]' AS curve, step_from, breaker, approvals, group_id, canary_at, split_epoch, step_at`

/** Rollouts that the caller sees, newest first. */
export async function listRollouts(
  reader: Reader,
  who: Principal,
  query: {
    limit: number
    page_token?: string | undefined
    endpoint?: string | undefined
    under_way?: 'true' | undefined
    now?: number
  },
): Promise<{ items: Shown[]; next_page_token?: string }> {
  const conditions = [
    ...(query.endpoint === undefined ? [] : [sql`endpoint = ${query.endpoint}`]),
    ...(query.under_way === undefined ? [] : [sql`finished_at IS NULL`]),
    ...(query.page_token === undefined ? [] : [sql`id < ${query.page_token}`]),
    ...(who.project === null ? [] : [sql`endpoint IN (${endpointNamesSql(who.project)})`]),
  ]
  const rows = await fetchAll<RolloutRow>(
    reader,
    sql`SELECT ${raw(LISTED)} FROM rollouts WHERE ${all(conditions)} ORDER BY id DESC LIMIT ${query.limit + 1}`,
  )
  const page = rows.slice(0, query.limit)
  const items: Shown[] = []
  for (const row of page) {
    items.push(await shown(reader, row, query.now))
    // all of them at once would hold the loop: each has its evidence and verdicts judged and parsed
    await turnOfLoop()
  }
  const last = page.at(-1)
  return { items, ...(rows.length > query.limit && last && { next_page_token: last.id }) }
}

async function shown(reader: Reader, row: RolloutRow, now?: number): Promise<Shown> {
  const plan = planOf(row)
  const evidence = evidenceOf(row)
  return {
    id: row.id,
    endpoint: row.endpoint,
    model: row.model,
    version: row.version,
    stable_version: row.stable_version,
    state: row.state,
    step: row.state === 'promoted' ? 'promoted' : stepName(plan, row.step),
    weight: weightOf(row),
    plan,
    created_at: toTime(row.created_at),
    created_by: row.created_by,
    finished_at: row.finished_at === null ? null : toTime(row.finished_at),
    reason: row.reason,
    gates: tellMetrics(gateStates(evidence, plan), plan),
    failed_requests: evidence.counts.failed,
    verdicts: await verdictsOf(reader, row.id),
    approvals: (JSON.parse(row.approvals) as Approval[]).map((one) => ({ ...one, at: toTime(one.at) })),
    challengers: await challengersOf(reader, row),
    ...(await standingStill(reader, row, now)),
  }
}

/** What keeps a rollout under way from going forward, besides its evidence. */
async function standingStill(
  reader: Reader,
  row: RolloutRow,
  now: number | undefined,
): Promise<Pick<Shown, 'awaits' | 'frozen'>> {
  const first = row.state === 'starting' && planOf(row).shadow.requests === 0 && row.stable_version !== null
  if (!first && row.state !== 'shadow' && row.state !== 'canary') return { awaits: null, frozen: null }
  const { awaits } = judge(row, { rivals: await rivalsOf(reader, row) })
  return { awaits: awaits ?? null, frozen: now === undefined ? null : await frozen(reader, row, now) }
}

async function challengersOf(reader: Reader, row: RolloutRow): Promise<string[]> {
  if (row.group_id === null) return []
  const rows = await reader.all<{ version: string }>(
    'SELECT version FROM rollouts WHERE group_id = ? AND id <> ? ORDER BY created_at, id',
    [row.group_id, row.id],
  )
  return rows.map((one) => one.version)
}

/** Ten-thousandths of the requests that the candidate answers. */
function weightOf(row: RolloutRow): number {
  if (row.state === 'promoted' || row.state === 'watching') return 10_000
  if (row.finished_at !== null || row.breaker !== null) return 0
  return stepsOf(planOf(row))[row.step - 1] ?? 0
}

/** The evidence of each gate as it grew. */
export async function curveOf(reader: Reader, id: string): Promise<{ series: Series[] }> {
  return { series: JSON.parse((await requireRollout(reader, id)).curve) as Series[] }
}
