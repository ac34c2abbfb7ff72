/** What calls of language models come to: whole counts and sums, percentiles of the newest calls, and both over time. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import { DAY_MS, HOUR_MS } from '../../contract/ids.ts'
import type { LlmBy, LlmOverview } from '../../contract/llm-calls.ts'
import type { GuardRecord } from '../../gateway/llm/records/record.ts'
import { visible } from '../../auth/visibility.ts'
import type { Db, Sql } from '../../store/db.ts'
import { all, raw, searchAll, sql } from '../../store/sql/sql.ts'
import { figuresOf, MEASURES, SUMS, timesBy } from './figures.ts'
import type { SumRow } from './figures.ts'

/** Calls that percentiles are taken from at most: the newest of the range. */
const MOST_MEASURED = 100_000
/** Groups that are listed, and points of the series, at most. */
const MOST_GROUPS = 100
const MOST_POINTS = 200
/** Nanodollars of a dollar. */
const NANO = 1e9
/** Different findings of guardrails that are read at most: the most frequent ones. */
const MOST_FINDINGS = 2000

const MINUTE_MS = 60_000
/** Steps of the series, ms; beyond them whole days. */
const STEPS = [
  1000,
  5000,
  10_000,
  30_000,
  ...[1, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR_MS),
]

const KEYS: Readonly<Record<LlmBy, string>> = {
  // projects may have equal names of endpoints; no name of a project has a slash
  endpoint: "project || '/' || endpoint",
  model: 'model',
  key: 'key_token',
  team: 'team',
  user: 'user_name',
}

/** Which calls are asked for, and what they are grouped by. */
export interface OverviewWish {
  readonly by: LlmBy
  /** RFC 3339; default: a day before `until`. */
  readonly since?: string | undefined
  /** RFC 3339; default: now. */
  readonly until?: string | undefined
}

/**
 * The overview, of the principal's projects, at a time (ms). Throws `invalid_field` where `until` is not after `since`. `most`: calls that
 * percentiles are taken from.
 */
export async function overviewOf(
  db: Db,
  who: Principal,
  wish: OverviewWish,
  { now, most = MOST_MEASURED }: { readonly now: number; readonly most?: number },
): Promise<LlmOverview> {
  const until = wish.until === undefined ? now : Date.parse(wish.until)
  const since = wish.since === undefined ? until - DAY_MS : Date.parse(wish.since)
  if (until <= since)
    throw problem('invalid_field', {
      field: 'query.until',
      value: wish.until,
      expected: `a time after ${toTime(since)}`,
    })
  const step = stepOf(until - since)
  const where = all([visible(who, 'project'), sql`started >= ${since}`, sql`started < ${until}`])
  const [key, slot] = [raw(KEYS[wish.by]), raw(`started / ${step}`)]
  const byKey = await sumsBy(db, key, where)
  const bySlot = await sumsBy(db, slot, where)
  const measured = await db.searchColumns(
    sql`SELECT ${key} AS key, ${slot} AS slot, ${raw(MEASURES)} FROM llm_calls WHERE ${where}
      ORDER BY started DESC, id DESC LIMIT ${most}`,
  )
  const total = figuresOf(byKey, timesBy(measured).get(undefined))
  return {
    since: toTime(since),
    until: toTime(until),
    by: wish.by,
    total,
    cache: await cacheOf(db, where),
    ...(await findingsOf(db, where)),
    ...groupsOf(wish.by, byKey, timesBy(measured, 'key')),
    step_ms: step,
    series: seriesOf({ since, until, step }, bySlot, timesBy(measured, 'slot')),
    measured: measured.count,
    cut: total.requests > measured.count,
  }
}

function sumsBy(db: Db, key: Sql, where: Sql): Promise<SumRow[]> {
  return searchAll<SumRow>(
    db,
    sql`SELECT ${key} AS key, outcome, ${raw(SUMS)} FROM llm_calls WHERE ${where} GROUP BY ${key}, outcome`,
  )
}

async function cacheOf(db: Db, where: Sql): Promise<LlmOverview['cache']> {
  const rows = await searchAll<{ cache: 'hit' | 'miss'; calls: number; saved: number }>(
    db,
    sql`SELECT cache, COUNT(*) AS calls, CAST(SUM(saved) AS BIGINT) AS saved FROM llm_calls
      WHERE ${where} AND cache IS NOT NULL GROUP BY cache`,
  )
  const [hits, misses] = ['hit', 'miss'].map((one) => rows.find(({ cache }) => cache === one))
  return { hits: hits?.calls ?? 0, misses: misses?.calls ?? 0, saved_usd: (hits?.saved ?? 0) / NANO }
}

type Findings = Pick<LlmOverview, 'guards' | 'guardrails' | 'guards_cut'>

/** Equal findings are one row: a guardrail finds few different things, though it may find them in many calls. */
async function findingsOf(db: Db, where: Sql): Promise<Findings> {
  const rows = await searchAll<{ guards: string; calls: number }>(
    db,
    sql`SELECT guards, COUNT(*) AS calls FROM llm_calls WHERE ${where} AND guards IS NOT NULL
      GROUP BY guards ORDER BY calls DESC, guards LIMIT ${MOST_FINDINGS + 1}`,
  )
  const guards = { block: 0, redact: 0, flag: 0, failed: 0 }
  const byName = new Map<string, LlmOverview['guardrails'][number]>()
  for (const { guards: text, calls } of rows.slice(0, MOST_FINDINGS)) {
    const found = JSON.parse(text) as readonly GuardRecord[]
    // a call is counted once, though it was looked at twice: as request and as answer
    for (const action of new Set(found.map((one) => one.action))) guards[action] += calls
    const named = new Map(found.map(({ name, action }) => [JSON.stringify([name, action]), { name, action }]))
    for (const [key, one] of named) byName.set(key, { ...one, calls: (byName.get(key)?.calls ?? 0) + calls })
  }
  const guardrails = [...byName].toSorted(([a, one], [b, other]) => other.calls - one.calls || (a < b ? -1 : 1))
  return { guards, guardrails: guardrails.map(([, one]) => one), guards_cut: rows.length > MOST_FINDINGS }
}

function groupsOf(
  by: LlmBy,
  rows: readonly SumRow[],
  times: ReturnType<typeof timesBy>,
): Pick<LlmOverview, 'groups' | 'more_groups'> {
  const groups = [...Map.groupBy(rows, (row) => row.key)]
    .map(([key, own]) => ({ ...nameOf(by, key), ...figuresOf(own, times.get(key)) }))
    .sort((one, other) => other.requests - one.requests || (sortKey(one) < sortKey(other) ? -1 : 1))
  return { groups: groups.slice(0, MOST_GROUPS), more_groups: Math.max(0, groups.length - MOST_GROUPS) }
}

type GroupName = Pick<LlmOverview['groups'][number], 'key' | 'project'>

function nameOf(by: LlmBy, key: string | number | null): GroupName {
  if (key === null) return { key, project: null }
  const [, project = '', endpoint = ''] = by === 'endpoint' ? (/^([^/]*)\/(.*)$/s.exec(String(key)) ?? []) : []
  return by === 'endpoint' ? { key: endpoint, project } : { key: String(key), project: null }
}

function sortKey({ key, project }: GroupName): string {
  return `${key ?? ''}/${project ?? ''}`
}

/** The least step that gives few enough points, wherever the range begins. */
function stepOf(length: number): number {
  const least = length / (MOST_POINTS - 1)
  return STEPS.find((step) => step >= least) ?? Math.ceil(least / DAY_MS) * DAY_MS
}

function seriesOf(
  { since, until, step }: { readonly since: number; readonly until: number; readonly step: number },
  rows: readonly SumRow[],
  times: ReturnType<typeof timesBy>,
): LlmOverview['series'] {
  const bySlot = Map.groupBy(rows, (row) => row.key)
  const points: LlmOverview['series'] = []
  for (let slot = Math.floor(since / step); slot * step < until; slot++)
    points.push({ at: toTime(slot * step), ...figuresOf(bySlot.get(slot) ?? [], times.get(slot)) })
  return points
}
