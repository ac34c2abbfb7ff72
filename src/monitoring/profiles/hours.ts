/** Profiles of live rows by event hour, counted in the transaction that ingests the rows: each row exactly once. */
import { HOUR_MS } from '../../contract/ids.ts'
import { add, emptyProfile, merge, profileFromJson, profileToJson, rows } from '../../stats/profile.ts'
import type { Profile, ProfileJson } from '../../stats/profile.ts'
import { LONGEST, reachOf } from '../../stats/lengths.ts'
import type { ProfileSpec } from '../../stats/profile-spec.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { joinOrphans } from '../labels/labels.ts'
import { REACH, takeArrivals } from './arrivals.ts'
import { readReference } from './reference.ts'
import { lockMonitor } from '../context/context.ts'
import type { MonitoringDeps, MonitorRow } from '../context/context.ts'
import { touchDays } from '../labels/scored.ts'
import { answersAfter } from '../../serving/records/queries.ts'

/** The name under which the score is a feature of its own. */
export const SCORE = 'score'

/** A prediction as it was ingested; `x` is the row in the order of the version's inputs. Times are ms. */
export interface IngestedPrediction {
  readonly ep: string
  readonly id: string
  readonly ver: string
  readonly et: number
  readonly at: number
  readonly st: number
  readonly x: readonly unknown[]
  readonly s: number | null
}

/** Event hours that are rebuilt when the reference changes: what the longest window is compared with in hours that may be judged again, and a little more. */
const KEPT_HOURS = reachOf(LONGEST) + REACH + 24
/** Rows read at once while hours are rebuilt, and read at all. */
const PAGE = 5000
const MOST_ROWS = 400_000

/** The hook for serving: counts rows and joins labels that were there before them. */
export function onPredictions(deps: MonitoringDeps) {
  return async (t: Tx, seen: readonly IngestedPrediction[]): Promise<void> => {
    for (const [endpoint, mine] of Map.groupBy(seen, (row) => row.ep)) {
      const monitor = await lockMonitor(t, endpoint)
      await joinOrphans(
        t,
        endpoint,
        mine.map((row) => row.id),
      )
      await countRows(deps, t, monitor, mine)
    }
  }
}

async function countRows(
  deps: MonitoringDeps,
  t: Tx,
  monitor: MonitorRow,
  mine: readonly IngestedPrediction[],
): Promise<void> {
  const { endpoint } = monitor
  const spec = monitor.reference === null ? undefined : (await readReference(t, monitor.reference))?.spec
  const seq = monitor.seq + 1
  const answered = mine.filter((row) => row.st < 400)
  for (const [hour, part] of Map.groupBy(answered, (row) => Math.floor(row.et / HOUR_MS))) {
    const delta = spec === undefined ? undefined : await profileOf(deps, t, { endpoint, spec, rows: part })
    const first = part.reduce((least, row) => Math.min(least, row.at), Infinity)
    await addHourRow(t, { endpoint, hour, n: part.length, first, seq, delta })
  }
  await touchDays(
    t,
    endpoint,
    seq,
    mine.map((row) => row.et),
  )
  await takeArrivals(t, monitor, mine, { answered, now: deps.clock(), seq })
}

interface RowsOf {
  readonly endpoint: string
  readonly spec: ProfileSpec
  readonly rows: readonly Pick<IngestedPrediction, 'ver' | 'x' | 's'>[]
}

/** The profile of some rows, whatever versions answered them. */
async function profileOf(deps: MonitoringDeps, reader: Reader, of: RowsOf): Promise<Profile> {
  const profile = emptyProfile(of.spec)
  for (const [version, mine] of Map.groupBy(of.rows, (row) => row.ver)) {
    const names = await deps.inputNames(reader, of.endpoint, version)
    const places = of.spec.features.map(({ name }) => (name === SCORE ? -1 : names.indexOf(name)))
    for (const { x, s } of mine) {
      add(
        profile,
        of.spec.features.map((_, i) =>
          places[i] === -1 && of.spec.features[i]?.name === SCORE ? s : x[places[i] as number],
        ),
      )
    }
  }
  return profile
}

interface HourRow {
  readonly endpoint: string
  readonly hour: number
  readonly n: number
  readonly first: number
  readonly seq: number
  readonly delta: Profile | undefined
}

async function addHourRow(t: Tx, { endpoint, hour, n, first, seq, delta }: HourRow): Promise<void> {
  const known = await t.get<{ profile: string | null }>(
    'SELECT profile FROM monitor_hours WHERE endpoint = ? AND hour = ?',
    [endpoint, hour],
  )
  if (delta !== undefined && known?.profile != null)
    merge(delta, profileFromJson(delta.spec, JSON.parse(known.profile) as ProfileJson))
  const profile = delta === undefined ? null : JSON.stringify(profileToJson(delta))
  await t.run(
    `INSERT INTO monitor_hours (endpoint, hour, rows, first_at, seq, profile) VALUES (?,?,?,?,?,?)
     ON CONFLICT (endpoint, hour) DO UPDATE SET rows = monitor_hours.rows + excluded.rows, seq = excluded.seq, profile = excluded.profile`,
    [endpoint, hour, n, first, seq, profile],
  )
}

/**
 * Takes up another reference: profiles of the last month are counted anew from the logged rows, in the shape of the new reference.
 * Runs in one transaction, so that no row is counted twice or left out.
 */
export async function adoptReference(deps: MonitoringDeps, endpoint: string, id: string): Promise<void> {
  await deps.db.tx(async (t) => {
    const monitor = await lockMonitor(t, endpoint)
    if (monitor.reference === id) return
    const spec = (await readReference(t, id))?.spec
    if (spec === undefined) return
    await t.run('UPDATE monitor_hours SET profile = NULL WHERE endpoint = ?', [endpoint])
    const seq = monitor.seq + 1
    const since = ((monitor.newest_hour ?? 0) - KEPT_HOURS) * HOUR_MS
    const profiles = await recount(deps, t, { endpoint, spec, from: since })
    for (const [hour, profile] of profiles) {
      await t.run('UPDATE monitor_hours SET profile = ?, seq = ? WHERE endpoint = ? AND hour = ?', [
        JSON.stringify(profileToJson(profile)),
        seq,
        endpoint,
        hour,
      ])
    }
    // what another reference judged is not judged again by this one
    const from = monitor.reference === null ? monitor.judged_from : monitor.evaluated_hour
    await t.run('UPDATE monitors SET reference = ?, seq = ?, judged_from = ?, redo_hour = NULL WHERE endpoint = ?', [
      id,
      seq,
      from,
      endpoint,
    ])
  })
}

async function recount(
  deps: MonitoringDeps,
  t: Tx,
  { endpoint, spec, from }: { endpoint: string; spec: ProfileSpec; from: number },
): Promise<Map<number, Profile>> {
  const profiles = new Map<number, Profile>()
  let [time, id] = [from, '']
  for (let read = 0; read < MOST_ROWS; read += PAGE) {
    const page = await answersAfter(t, { endpoint, time, id, limit: PAGE })
    for (const [hour, part] of Map.groupBy(page, (row) => Math.floor(row.event_time / HOUR_MS))) {
      const mine = part.map((row) => ({ ver: row.version, x: JSON.parse(row.inputs) as unknown[], s: row.score }))
      const delta = await profileOf(deps, t, { endpoint, spec, rows: mine })
      const known = profiles.get(hour)
      if (known === undefined) profiles.set(hour, delta)
      else merge(known, delta)
    }
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) break
    ;[time, id] = [last.event_time, last.id]
  }
  for (const [hour, profile] of profiles) if (rows(profile) === 0) profiles.delete(hour)
  return profiles
}
