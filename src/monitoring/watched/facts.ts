/** Reads the facts of an endpoint's monitor, and the state that follows from them. */
import { ifRefused } from '../../contract/absence/absent.ts'
import { toTime } from '../../contract/fields.ts'
import type { Watched } from '../../contract/endpoint-view.ts'
import { LONGEST } from '../../stats/lengths.ts'
import type { Reader } from '../../store/db.ts'
import { endpointNames } from '../../serving/context/rows.ts'
import { learnedLengths } from '../checks/limits.ts'
import { lackOf, monitorOf, requireEndpoint, settingsOf } from '../context/context.ts'
import type { MonitoringDeps, MonitorRow, Reference } from '../context/context.ts'
import { recentArrivals } from '../profiles/arrivals.ts'
import { readReference, referenceId } from '../profiles/reference.ts'
import { verdictOf } from './state.ts'
import type { Verdict, WatchFacts } from './state.ts'

type Deps = Pick<MonitoringDeps, 'db' | 'clock' | 'referenceOf'>

/** What is kept of the watch itself. Times are ms. */
export interface WatchRow {
  readonly reason: string | null
  readonly since: number | null
  readonly unwatched_since: number | null
  readonly looked_at: number | null
  readonly fault: string | null
  readonly unfit: string | null
  readonly unfit_code: string | null
  readonly unfit_reference: string | null
}

/** Undefined before the first look. */
export function watchRow(reader: Reader, endpoint: string): Promise<WatchRow | undefined> {
  return reader.get<WatchRow>('SELECT * FROM monitor_watch WHERE endpoint = ?', [endpoint])
}

/** How a reference is refused for its times; a refusal for another column may list event_time among those that are there. */
const NO_TIME = /no column "event_time"|needs rows with event_time/

async function factsOf(deps: Deps, endpoint: string, row: WatchRow | undefined): Promise<WatchFacts> {
  const { db } = deps
  const settings = settingsOf(await requireEndpoint(db, endpoint))
  const monitor = await monitorOf(db, endpoint)
  // a version that was removed from the registry answers on, and has nothing to compare with
  const reference = await ifRefused(deps.referenceOf(endpoint), 'not_found')
  const id = reference === undefined ? undefined : referenceId(reference)
  return {
    enabled: settings.enabled,
    now: deps.clock(),
    looked_at: row?.looked_at ?? null,
    fault: row?.fault ?? null,
    version: reference?.version,
    table: id !== undefined,
    unfit: unfitOf(row, id),
    learned: id !== undefined && monitor.reference === id,
    limits: await limitsOf(db, reference, monitor),
    losing: await losingOf(db, endpoint),
    arrivals: await recentArrivals(db, endpoint, deps.clock()),
    rows: await rowsBefore(db, monitor),
    newest_hour: monitor.newest_hour,
    evaluated_hour: monitor.evaluated_hour,
    judged_hour: monitor.judged_hour,
    lacks: lackOf(monitor),
  }
}

function unfitOf(row: WatchRow | undefined, id: string | undefined): WatchFacts['unfit'] {
  if (row === undefined || row.unfit === null || id === undefined || row.unfit_reference !== id) return null
  if (row.unfit_code === null) return { text: row.unfit, by: 'fault' }
  return { text: row.unfit, by: NO_TIME.test(row.unfit) ? 'times' : 'table' }
}

async function limitsOf(db: Reader, reference: Reference | undefined, monitor: MonitorRow): Promise<number[]> {
  if (reference === undefined || monitor.reference === null) return []
  const learned = await readReference(db, monitor.reference)
  return learned === undefined ? [] : learnedLengths(learned)
}

/** What the open incident of lost records says. */
async function losingOf(db: Reader, endpoint: string): Promise<string | null> {
  const open = await db.get<{ title: string }>(
    "SELECT title FROM incidents WHERE endpoint = ? AND kind = 'serving' AND state <> 'resolved' LIMIT 1",
    [endpoint],
  )
  return open?.title ?? null
}

async function rowsBefore(db: Reader, { endpoint, evaluated_hour }: MonitorRow): Promise<number> {
  const until = evaluated_hour ?? 0
  const row = await db.get<{ n: number | null }>(
    'SELECT CAST(sum(rows) AS BIGINT) AS n FROM monitor_hours WHERE endpoint = ? AND hour >= ? AND hour < ?',
    [endpoint, until - LONGEST, until],
  )
  return row?.n ?? 0
}

/** The state of an endpoint now, with what was kept of it. Throws `not_found`. */
export async function watchNow(
  deps: Deps,
  endpoint: string,
): Promise<{ readonly verdict: Verdict; readonly row: WatchRow | undefined }> {
  const row = await watchRow(deps.db, endpoint)
  return { verdict: verdictOf(await factsOf(deps, endpoint, row)), row }
}

/** The state of an endpoint as everybody sees it. */
export async function viewWatched(deps: Deps, endpoint: string): Promise<Watched> {
  const { verdict, row } = await watchNow(deps, endpoint)
  // the time of the reader would be another at each call
  const known = verdict.reason !== null && row?.reason === verdict.reason ? row.since : null
  return { ...verdict, since: known === null ? null : toTime(known) }
}

/** The states of a project's endpoints by name; null = of all. */
export async function allWatched(
  deps: Deps,
  project: string | null,
): Promise<{ endpoint: string; watched: Watched }[]> {
  const names = await endpointNames(deps.db, project)
  const found: { endpoint: string; watched: Watched }[] = []
  for (const endpoint of names) {
    // one that was just deleted is none
    const watched = await ifRefused(viewWatched(deps, endpoint), 'not_found')
    if (watched !== undefined) found.push({ endpoint, watched })
  }
  return found
}
