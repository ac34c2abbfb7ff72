/** The alarm of versions that should answer and do not: their files cannot be laid out on a server, or its gateways cannot load them. */
import { endpointRow } from '../../serving/context/rows.ts'
import type { Unanswered } from '../../serving/fleet/faults.ts'
import type { Tx } from '../../store/db.ts'
import { lockMonitor } from '../context/context.ts'
import type { MonitoringDeps } from '../context/context.ts'
import { currentIncident, newIncident, note } from '../incidents/rows.ts'
import { writeIncident } from '../incidents/writing.ts'
import type { IncidentRow } from '../incidents/rows.ts'

/** Time that a fault lasts before it is told, ms: a restart lays out what it needs within that. */
const GRACE_MS = 30_000
/** What a server said is forgotten when it has not said it again for so long, ms: it is gone. */
const SILENT_MS = 2 * 60_000
/** A fault that goes on is written again after so long, ms. */
const REPEAT_MS = 30_000

/** Since when each fault has been seen by this process, by endpoint and version. */
export type FaultMemory = Map<string, number>

export interface UnansweredDeps extends Pick<MonitoringDeps, 'db' | 'clock' | 'ids' | 'unanswered' | 'changed'> {
  /** Names this process among those on the same database. */
  readonly server: string
}

/** What one server says of an endpoint. */
interface Said {
  /** When it said so last, ms. */
  readonly at: number
  readonly versions: readonly Pick<Unanswered, 'version' | 'reason'>[]
}

/** Opens one incident for each endpoint of which a version does not answer, follows it, and resolves it when every server answers again. */
export async function checkUnanswered(deps: UnansweredDeps, memory: FaultMemory): Promise<void> {
  const lasting = remember(await deps.unanswered(), memory, deps.clock())
  const open = await deps.db.all<{ endpoint: string }>(
    "SELECT DISTINCT endpoint FROM incidents WHERE kind = 'unanswered' AND state <> 'resolved'",
  )
  const endpoints = new Set([...lasting, ...open].map(({ endpoint }) => endpoint))
  for (const endpoint of endpoints) {
    const versions = lasting.filter((one) => one.endpoint === endpoint)
    const changed = await deps.db.tx((t) => tell(deps, t, endpoint, versions))
    if (changed !== undefined) deps.changed(changed)
  }
}

/** Keeps since when each fault is there; returns those that have lasted. */
function remember(faults: readonly Unanswered[], memory: FaultMemory, now: number): Unanswered[] {
  const keys = new Set(faults.map(keyOf))
  for (const key of memory.keys()) if (!keys.has(key)) memory.delete(key)
  for (const key of keys) if (!memory.has(key)) memory.set(key, now)
  return faults.filter((one) => now - (memory.get(keyOf(one)) ?? now) >= GRACE_MS)
}

function keyOf({ endpoint, version }: Unanswered): string {
  return `${endpoint}\n${version}`
}

/** The id of the incident when it changed. */
async function tell(
  deps: UnansweredDeps,
  t: Tx,
  endpoint: string,
  versions: readonly Unanswered[],
): Promise<string | undefined> {
  const now = deps.clock()
  if ((await endpointRow(t, endpoint)) === undefined) return undefined
  await lockMonitor(t, endpoint)
  const known = await currentIncident(t, endpoint, 'unanswered', now)
  const open = known?.state === 'resolved' ? undefined : known
  const before = open === undefined ? {} : saidIn(open)
  const all = living({ ...before, [deps.server]: { at: now, versions: versions.map(pick) } }, now)
  const title = titleOf(all)
  if (title === null) return open === undefined ? undefined : resolve(t, open, now)
  if (open?.title === title && saidLately(before[deps.server], now)) return undefined
  const row =
    open ?? newIncident({ id: deps.ids('inc'), endpoint, kind: 'unanswered', severity: 'high', opened_at: now })
  const news = open?.title !== title
  if (news) note(row.detail, { at: now, event: now, kind: open === undefined ? 'opened' : 'changed', text: title })
  row.detail.causes = [{ rank: 1, kind: 'unanswered', title, score: 1, features: [], evidence: { servers: all } }]
  await writeIncident(t, { ...row, title, last_event: now })
  return news ? row.id : undefined
}

function saidLately(said: Said | undefined, now: number): boolean {
  return said !== undefined && now - said.at < REPEAT_MS
}

function pick({ version, reason }: Unanswered): Pick<Unanswered, 'version' | 'reason'> {
  return { version, reason }
}

function saidIn(incident: IncidentRow): Record<string, Said> {
  return (incident.detail.causes[0]?.evidence['servers'] ?? {}) as Record<string, Said>
}

/** Of what servers said, that which still counts. */
function living(said: Record<string, Said>, now: number): Record<string, Said> {
  return Object.fromEntries(
    Object.entries(said).filter(([, { at, versions }]) => versions.length > 0 && now - at < SILENT_MS),
  )
}

/** One sentence; null when every version answers. */
function titleOf(said: Record<string, Said>): string | null {
  const faults = Map.groupBy(
    Object.values(said).flatMap(({ versions }) => versions),
    ({ version }) => version,
  )
  if (faults.size === 0) return null
  return [...faults].map(([version, of]) => `version ${version} does not answer: ${reasonsOf(of)}`).join('; ')
}

/** The reasons of a version, each once: servers may fail for different ones. */
function reasonsOf(faults: readonly Pick<Unanswered, 'reason'>[]): string {
  return [...new Set(faults.map(({ reason }) => reason))].toSorted().join('; on another server: ')
}

async function resolve(t: Tx, row: IncidentRow, now: number): Promise<string> {
  note(row.detail, { at: now, event: now, kind: 'resolved', text: 'every version answers again' })
  await writeIncident(t, { ...row, state: 'resolved', resolved_at: now, resolved_event: now })
  return row.id
}
