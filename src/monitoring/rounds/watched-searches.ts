/** Saved searches of runs that an endpoint's monitor watches: one that finds more runs than it may opens an incident that names them. */
import { Problem } from '../../contract/errors.ts'
import type { WatchedSearch } from '../../contract/monitoring.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { incidentsOfKind, newIncident, note } from '../incidents/rows.ts'
import { writeIncident } from '../incidents/writing.ts'
import type { IncidentRow } from '../incidents/rows.ts'
import { lockMonitor, settingsOf } from '../context/context.ts'
import type { EndpointFacts, FoundRun, FoundRuns, MonitoringDeps } from '../context/context.ts'

/** Runs that are kept beyond the number that is allowed, so that one more is known as new. */
const BEYOND = 100

/** Runs that a title or a look names. */
const NAMED = 5

/** What an incident keeps of its search. */
interface SearchEvidence {
  /** Id or name, as the settings say it. */
  readonly search: string
  readonly more_than: number
  /** Found at the last look, newest first, and told. */
  readonly runs: readonly FoundRun[]
  readonly href: string | null
}

/** What a look found; `missing` says why the search could not be run. */
interface Look {
  readonly watch: WatchedSearch
  readonly found: FoundRuns | undefined
  readonly missing: string | undefined
}

/** Throws `not_found`, or `bad_request` for a search that is not one of runs. */
export async function requireSearches(
  deps: MonitoringDeps,
  project: string,
  searches: readonly WatchedSearch[],
): Promise<void> {
  for (const { search } of searches) await deps.findRuns(project, search, 1)
}

/**
 * Looks at the searches of an endpoint. An incident is opened when a search finds more runs than it may, or cannot be run; runs that
 * come to it are added; it is resolved when no more than allowed are left, or nobody watches the search any more. One
 * that a person resolved stays so until a run is found that it did not name.
 */
export async function checkSearches(deps: MonitoringDeps, endpoint: EndpointFacts): Promise<void> {
  const { searches } = settingsOf(endpoint)
  const looks: Look[] = []
  for (const watch of searches) looks.push(await look(deps, endpoint, watch))
  const known = await incidentsOfKind(deps.db, endpoint.name, 'search')
  if (looks.length === 0 && known.every(({ state }) => state === 'resolved')) return
  const changed = await deps.db.tx(async (t) => {
    await lockMonitor(t, endpoint.name)
    const told: string[] = []
    for (const one of looks) told.push(...(await apply(deps, t, endpoint, one)))
    return [...told, ...(await resolveUnwatched(deps, t, endpoint.name, searches))]
  })
  changed.forEach(deps.changed)
}

async function look(deps: MonitoringDeps, { project }: EndpointFacts, watch: WatchedSearch): Promise<Look> {
  try {
    const found = await deps.findRuns(project, watch.search, watch.more_than + BEYOND)
    return { watch, found, missing: undefined }
  } catch (error) {
    if (!(error instanceof Problem) || error.status >= 500) throw error
    return { watch, found: undefined, missing: error.message }
  }
}

/** The ids of incidents that changed. */
async function apply(deps: MonitoringDeps, t: Tx, endpoint: EndpointFacts, seen: Look): Promise<string[]> {
  const { watch, found } = seen
  const known = await newestOf(t, endpoint.name, watch.search)
  if (found === undefined || found.runs.length > watch.more_than) return raise(deps, t, seen, { endpoint, known })
  if (known === undefined || known.state === 'resolved') return []
  const text = `${counted(found.runs.length)} left, no more than allowed`
  return resolve(deps, t, known, { runs: found.runs, text })
}

/** Opens an incident, or adds to the one that is open. */
async function raise(
  deps: MonitoringDeps,
  t: Tx,
  seen: Look,
  { endpoint, known }: { endpoint: EndpointFacts; known: IncidentRow | undefined },
): Promise<string[]> {
  const before = known === undefined ? [] : evidenceOf(known).runs
  const runs = seen.found?.runs ?? before
  const fresh = runs.filter((run) => !before.some(({ id }) => id === run.id))
  const title = titleOf(seen)
  // what a person has closed, or what is told already, needs no second word
  const isTold = fresh.length === 0 && (seen.found !== undefined || known?.title === title)
  if (known !== undefined && isTold) return []
  const isNew = known === undefined || known.state === 'resolved'
  const row = isNew
    ? newIncident({
        id: deps.ids('inc'),
        endpoint: endpoint.name,
        kind: 'search',
        severity: 'medium',
        opened_at: deps.clock(),
      })
    : known
  tell(deps, row, { title, fresh, isNew })
  row.detail.causes = [causeOf(seen.watch, title, { runs, fresh })]
  await writeIncident(t, { ...row, title, last_event: deps.clock() })
  return [row.id]
}

function causeOf(
  watch: WatchedSearch,
  title: string,
  { runs, fresh }: { runs: readonly FoundRun[]; fresh: readonly FoundRun[] },
): IncidentRow['detail']['causes'][number] {
  const evidence = { ...watch, runs, href: fresh[0] === undefined ? null : `/runs/${fresh[0].id}` }
  return { rank: 1, kind: 'runs_found', title, score: 1, features: [], evidence }
}

/** Notes the opening and each of the first few runs, with the address of its page. */
function tell(
  deps: MonitoringDeps,
  row: IncidentRow,
  what: { title: string; fresh: readonly FoundRun[]; isNew: boolean },
): void {
  const at = deps.clock()
  if (what.isNew) note(row.detail, { at, event: at, kind: 'opened', text: what.title })
  for (const run of what.fresh.slice(0, NAMED)) {
    note(row.detail, { at, event: run.started_at, kind: 'run', text: `run ${run.name}`, href: `/runs/${run.id}` })
  }
  const more = what.fresh.length - NAMED
  if (more > 0) note(row.detail, { at, event: null, kind: 'run', text: `and ${more} more` })
}

async function resolve(
  deps: MonitoringDeps,
  t: Tx,
  row: IncidentRow,
  end: { runs: readonly FoundRun[]; text: string },
): Promise<string[]> {
  const now = deps.clock()
  note(row.detail, { at: now, event: now, kind: 'resolved', text: end.text })
  row.detail.causes = row.detail.causes.map((cause) => ({ ...cause, evidence: { ...cause.evidence, runs: end.runs } }))
  await writeIncident(t, { ...row, state: 'resolved', resolved_at: now, resolved_event: now })
  return [row.id]
}

async function resolveUnwatched(
  deps: MonitoringDeps,
  t: Tx,
  endpoint: string,
  watched: readonly WatchedSearch[],
): Promise<string[]> {
  const names = new Set(watched.map((watch) => watch.search))
  const changed: string[] = []
  for (const row of await incidentsOfKind(t, endpoint, 'search')) {
    if (row.state === 'resolved' || names.has(evidenceOf(row).search)) continue
    changed.push(...(await resolve(deps, t, row, { runs: [], text: 'the search is not watched any more' })))
  }
  return changed
}

async function newestOf(reader: Reader, endpoint: string, search: string): Promise<IncidentRow | undefined> {
  return (await incidentsOfKind(reader, endpoint, 'search')).find((row) => evidenceOf(row).search === search)
}

function evidenceOf({ detail }: IncidentRow): SearchEvidence {
  const found = detail.causes[0]?.evidence ?? {}
  return { search: '', more_than: 0, runs: [], href: null, ...(found as Partial<SearchEvidence>) }
}

function titleOf({ watch, found, missing }: Look): string {
  if (found === undefined) return `the watched search "${watch.search}" cannot be run: ${missing ?? ''}`
  const { runs, name } = found
  const most = runs.length >= watch.more_than + BEYOND ? 'at least ' : ''
  const names = runs.slice(0, NAMED).map((run) => run.name)
  const rest = runs.length - names.length
  const limit = watch.more_than === 0 ? '' : `, more than ${watch.more_than},`
  return `${most}${counted(runs.length)}${limit} found by "${name}": ${names.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}

function counted(n: number): string {
  return n === 1 ? '1 run' : `${n} runs`
}
