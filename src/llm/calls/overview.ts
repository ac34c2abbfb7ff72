/** What calls of language models come to: whole counts and sums, percentiles of the newest calls, and both over time. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import { DAY_MS, HOUR_MS } from '../../contract/ids.ts'
import type { LlmBy, LlmOverview } from '../../contract/llm-calls.ts'
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
  endpoint: 'endpoint',
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
    total,
    ...groupsOf(byKey, timesBy(measured, 'key')),
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

function groupsOf(
  rows: readonly SumRow[],
  times: ReturnType<typeof timesBy>,
): Pick<LlmOverview, 'groups' | 'more_groups'> {
  const groups = [...Map.groupBy(rows, (row) => row.key)]
    .map(([key, own]) => ({ key: key === null ? null : String(key), ...figuresOf(own, times.get(key)) }))
    .sort((one, other) => other.requests - one.requests || ((one.key ?? '') < (other.key ?? '') ? -1 : 1))
  return { groups: groups.slice(0, MOST_GROUPS), more_groups: Math.max(0, groups.length - MOST_GROUPS) }
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
