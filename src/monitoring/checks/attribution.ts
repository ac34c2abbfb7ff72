/** The check of attributions: what the inputs added to the scores of the last day, against the first days of the stable version. */
import { HOUR_MS } from '../../contract/ids.ts'
import { toTime } from '../../contract/fields.ts'
import type { AttributionCheck, MonitorSettings } from '../../contract/monitoring.ts'
import { contributionSums } from '../../serving/records/attributions.ts'
import { readLimits } from '../../serving/context/limits.ts'
import { DAYS_OF_MONTH } from '../../stats/calibrate.ts'
import { hash32 } from '../../stats/hash.ts'
import { movedShares, rankGain } from '../../stats/moved-shares.ts'
import { prng } from '../../stats/prng.ts'
import type { Reader } from '../../store/db.ts'
import { ATTRIBUTION } from './checks.ts'
import type { AttributionLook, Looked } from './looks.ts'
import { alertsPerMonth } from './limits.ts'
import type { MonitoringDeps } from '../context/context.ts'

/** What the check is about, where others name a feature. */
const ALL_INPUTS = 'all inputs'

/** Hours that are judged together, hours between two looks, and hours from the version's first explained row that they are compared with. */
const WINDOW_HOURS = 24
const LOOK_HOURS = 6
const BASELINE_HOURS = 7 * 24
/** Explained rows, and event hours with some, below which nothing is said: hours are what is resampled. */
const MIN_ROWS = 200
const MIN_HOURS = 8
/** Rows of an hour that count, the newest. */
const MOST_ROWS = 500
/** What this check may take of the false alerts that are allowed. */
const SHARE_OF_ALERTS = 0.1
/** Inputs that are told. */
const TOLD = 20

/**
 * Keeps the sums of an hour that closed, and four times a day of event time compares the last day with the baseline. Returns the newest
 * look; null where no row of a stable version was ever explained.
 */
export async function judgeAttribution(deps: MonitoringDeps, asked: Looked): Promise<AttributionLook | null> {
  await keepSums(deps, asked)
  return asked.hour % LOOK_HOURS === LOOK_HOURS - 1 ? look(deps.db, asked) : asked.before
}

/** Keeps what inputs added in an hour, of a version; nothing where there is none. */
export async function keepSums(
  { db }: Pick<MonitoringDeps, 'db'>,
  {
    endpoint,
    version,
    hour,
  }: { readonly endpoint: string; readonly version: string | undefined; readonly hour: number },
): Promise<void> {
  if (version === undefined) return
  const { explain_share: share } = await readLimits(db, endpoint)
  if (share == null || share === 0) return
  const window = { from: hour * HOUR_MS, until: (hour + 1) * HOUR_MS }
  const { rows, absolute } = await contributionSums(db, { endpoint, version, window }, MOST_ROWS)
  if (rows === 0) return
  await db.tx((t) =>
    t.run(
      `INSERT INTO monitor_attributions (endpoint, version, hour, rows, sums) VALUES (?,?,?,?,?)
       ON CONFLICT (endpoint, version, hour) DO UPDATE SET rows = excluded.rows, sums = excluded.sums`,
      [endpoint, version, hour, rows, JSON.stringify([...absolute])],
    ),
  )
}

interface KeptHour {
  readonly hour: number
  readonly rows: number
  readonly sums: ReadonlyMap<string, number>
}

async function look(db: Reader, asked: Looked): Promise<AttributionLook | null> {
  const { endpoint, version, hour } = asked
  const before = asked.before?.version === version ? asked.before : null
  const start = hour + 1 - WINDOW_HOURS
  const first = await db.get<{ hour: number | null }>(
    'SELECT min(hour) AS hour FROM monitor_attributions WHERE endpoint = ? AND version = ?',
    [endpoint, version],
  )
  if (first?.hour == null && asked.before === null) return null
  const from = first?.hour ?? hour
  const grown = Math.min(from + BASELINE_HOURS, start)
  const { until, closed } = before?.closed === true ? before : { until: grown, closed: false }
  const baseline = await keptHours(db, asked, { from, until })
  const now = await keptHours(db, asked, { from: start, until: hour + 1 })
  const found = { version, hour, until, closed, rows: rowsOf(now), baseline_rows: rowsOf(baseline) }
  const enough = [baseline, now].every((hours) => hours.length >= MIN_HOURS && rowsOf(hours) >= MIN_ROWS)
  if (!enough) return { ...found, state: 'not_enough_data', distance: null, limit: null, ndcg: null, inputs: [] }
  const raised = await db.get<{ threshold: number }>(
    'SELECT threshold FROM monitor_raises WHERE endpoint = ? AND measure = ?',
    [endpoint, ATTRIBUTION],
  )
  const compared = compare(baseline, now, { ...asked, raised: raised?.threshold ?? 0 })
  return { ...found, ...compared, closed: closed || compared.state === 'alert' }
}

async function keptHours(
  db: Reader,
  { endpoint, version }: Looked,
  { from, until }: { readonly from: number; readonly until: number },
): Promise<KeptHour[]> {
  const rows = await db.all<{ hour: number; rows: number; sums: string }>(
    'SELECT hour, rows, sums FROM monitor_attributions WHERE endpoint = ? AND version = ? AND hour >= ? AND hour < ? ORDER BY hour',
    [endpoint, version, from, until],
  )
  return rows.map((row) => ({ ...row, sums: new Map(JSON.parse(row.sums) as [string, number][]) }))
}

function rowsOf(hours: readonly KeptHour[]): number {
  return hours.reduce((sum, { rows }) => sum + rows, 0)
}

/** The chance that one look alarms for nothing: the looks of a month share what the check may take. */
function levelOf({ false_alerts }: MonitorSettings): number {
  const looks = (DAYS_OF_MONTH * 24) / LOOK_HOURS
  return Math.min(0.05, (SHARE_OF_ALERTS * alertsPerMonth(false_alerts)) / looks)
}

function compare(
  baseline: readonly KeptHour[],
  now: readonly KeptHour[],
  { endpoint, hour, settings, raised }: Looked & { readonly raised: number },
): Pick<AttributionLook, 'state' | 'distance' | 'limit' | 'ndcg' | 'inputs'> {
  const names = [...new Set([...baseline, ...now].flatMap(({ sums }) => [...sums.keys()]))].sort()
  const blocks = (hours: readonly KeptHour[]) => hours.map(({ sums }) => names.map((name) => sums.get(name) ?? 0))
  // an hour that is judged again is judged alike
  const random = prng(hash32(`${endpoint} ${hour}`))
  const moved = movedShares(blocks(baseline), blocks(now), { level: levelOf(settings), random })
  const limit = Math.max(settings.attribution.floor, moved.limit, raised)
  const gain = rankGain(moved.now, moved.before)
  return {
    state: moved.distance > limit ? 'alert' : 'ok',
    distance: moved.distance,
    limit,
    ndcg: Number.isFinite(gain) ? gain : null,
    inputs: names
      .map((name, i) => ({ name, share: moved.now[i] ?? 0, baseline_share: moved.before[i] ?? 0 }))
      .sort((a, b) => moveOf(b) - moveOf(a))
      .slice(0, TOLD),
  }
}

/** How far an input's share moved, 0 to 1. */
export function moveOf({ share, baseline_share }: AttributionCheck['inputs'][number]): number {
  return Math.abs(share - baseline_share)
}

/** A look as the API shows it. */
export function viewAttribution(look: AttributionLook, settings: MonitorSettings): AttributionCheck {
  const { version, hour, state, distance, limit, rows, baseline_rows, ndcg, inputs } = look
  return {
    version,
    check: {
      feature: ALL_INPUTS,
      check: ATTRIBUTION,
      window_end: toTime((hour + 1) * HOUR_MS),
      value: distance,
      limit,
      n: rows,
      n_min: MIN_ROWS,
      state,
      pages: settings.attribution.pages,
      baseline: `the first days of version ${version} with explained rows`,
    },
    baseline_rows,
    ndcg,
    inputs,
  }
}
