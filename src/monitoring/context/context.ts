/** What every part of the monitoring room works with, and the rows it keeps. */
import type { Audit } from '../../auth/audit.ts'
import type { Principal } from '../../contract/access.ts'
import type { mergesApi } from '../../contract/changes/merges.ts'
import { DAY_MS, HOUR_MS } from '../../contract/ids.ts'
import { problem } from '../../contract/errors.ts'
import type { Seal } from '../../auth/sealing.ts'
import type { Clock, Ids } from '../../contract/ids.ts'
import { DELAY, MonitorSettings } from '../../contract/monitoring.ts'
import type { Reply } from '../../contract/route.ts'
import type { StorageState } from '../../contract/system.ts'
import type { Unanswered } from '../../serving/fleet/faults.ts'
import type { Lack } from '../../stats/lengths.ts'
import type { Egress } from '../../http/egress.ts'
import type { CredentialCounts } from '../../http/callers/failed-credentials.ts'
import type { Db, Reader, Tx } from '../../store/db.ts'
import type { Places } from '../../pipelines/line/line.ts'
import { endpointRow } from '../../serving/context/rows.ts'

/** What live rows of an endpoint's stable version are compared with. */
export interface Reference {
  readonly version: string
  /** Digest of the reference table's tree; null when the version has none. */
  readonly table: string | null
  /** Digest of the tree with the hold-out's predictions; null when there is none. */
  readonly evaluation: string | null
  /** The model's inputs in the order of the logged rows, and whether each is a number. */
  readonly inputs: readonly { readonly name: string; readonly numeric: boolean }[]
  /** Metrics of the version, `importance.<feature>` and `roc_auc` among them. */
  readonly metrics: Readonly<Record<string, number>>
}

/** Something that happened here and might explain a change of traffic. `at` is wall time, ms. */
export interface HouseEvent {
  readonly at: number
  readonly kind: 'deploy' | 'pipeline_run' | 'rollout'
  readonly text: string
  readonly href: string | null
}

/** What a reaction asks the rest of the house for. */
export interface ReactionRequest {
  readonly endpoint: string
  readonly incident: string
  readonly reason: string
  /** Event time up to which data may be used, ms. */
  readonly until: number
  /** Prediction ids of rows that were marked bad. */
  readonly exclude: readonly string[]
}

/** A run that a saved search found. `started_at` is ms. */
export interface FoundRun {
  readonly id: string
  readonly name: string
  readonly started_at: number
}

export interface FoundRuns {
  /** The search's name. */
  readonly name: string
  /** The newest first. */
  readonly runs: readonly FoundRun[]
}

/** What monitoring needs from the rooms above; the composition root passes it in. */
export interface MonitoringDeps {
  readonly db: Db
  readonly clock: Clock
  readonly ids: Ids
  readonly audit: Audit
  /** Of the stable version of an endpoint; undefined when it has no stable version yet. */
  readonly referenceOf: (endpoint: string) => Promise<Reference | undefined>
  /** The only file of a tree. */
  readonly readTable: (tree: string) => Promise<Uint8Array>
  /**
   * The newest `limit` runs of a project that one of its saved searches finds, by the search's id or name. Throws `not_found`, and
   * `bad_request` for a search of something else.
   */
  readonly findRuns: (project: string, search: string, limit: number) => Promise<FoundRuns>
  /** What is known of the store: what of it is corrupt. */
  readonly stored: () => Promise<StorageState>
  /** Addresses of webhooks that lie in the database unsealed: of endpoints, of versions that ask for one, in project files. */
  readonly openAddresses: () => Promise<Readonly<Record<'endpoints' | 'versions' | 'files', number>>>
  /** Names of a version's inputs in the order of the logged rows. */
  readonly inputNames: (reader: Reader, endpoint: string, version: string) => Promise<readonly string[]>
  /** Events of wall times `from` to `to`, ms, that concern an endpoint. */
  readonly eventLog: (endpoint: string, from: number, to: number) => Promise<readonly HouseEvent[]>
  /** Told of labels that are new, in the transaction that takes them in. */
  readonly onLabels: (t: Tx, rows: readonly KnownLabel[]) => Promise<void>
  /** Writes the monitor settings of an endpoint. */
  readonly saveSettings: (who: Principal, endpoint: string, settings: MonitorSettings) => Promise<void>
  /** Starts a retraining; resolves to the id of its pipeline run. */
  readonly retrain: (request: ReactionRequest) => Promise<string>
  /** Returns an endpoint to its version before; resolves to what is stable now. */
  readonly rollback: (request: ReactionRequest) => Promise<string>
  /** Ends a rollout under way; resolves to what was done. */
  readonly halt: (request: ReactionRequest) => Promise<string>
  /** What the prediction logs of this process's gateways could not write. */
  readonly logLosses: () => Promise<readonly LogLoss[]>
  /** Versions that do not answer on this process's server although an endpoint names them. */
  readonly unanswered: () => Promise<readonly Unanswered[]>
  /** Cores and memory of the server that steps hold, that are free, and that steps in line ask for. */
  readonly places: () => Promise<Places>
  /** Merges that were promoted, of a project; null = of all. */
  readonly mergeTimes: (project: string | null) => Promise<Reply<typeof mergesApi.times>>
  /** Wrong credentials that came to this process. */
  readonly credentials: () => CredentialCounts
  /** Opens the addresses of webhooks, which are kept sealed. */
  readonly seal: Seal
  /** Outgoing HTTP, for webhooks. */
  readonly send: Egress
  /** Address under which people reach the pages, for links in messages. */
  readonly pagesUrl: () => string
  /** A number in [0, 1), for the spread of pauses. */
  readonly random: () => number
  /** Variables in which addresses of webhooks may lie. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Told that an incident was opened or changed. */
  readonly changed: (incident: string) => void
  readonly onError: (error: unknown) => void
  /** Writes one line of the log. */
  readonly log: (text: string) => void
}

/** What one prediction log could not write so far. */
export interface LogLoss {
  /** Names the log for good. */
  readonly writer: string
  readonly lost: number
  /** Why the last record was lost. */
  readonly error: string | null
  /** Requests so far by endpoint. */
  readonly requests: ReadonlyMap<string, number>
}

/** A label as it counts: a number (true and false are 1 and 0). */
export interface KnownLabel {
  readonly endpoint: string
  readonly prediction_id: string
  readonly label: number
}

/** How far an endpoint's traffic was taken in and judged. Hours are whole hours since 1970, event time; `_at` is wall time, ms. */
export interface MonitorRow {
  readonly endpoint: string
  readonly seq: number
  /** The reference that the stored profiles are shaped by. */
  readonly reference: string | null
  /** The newest hour that event time has reached: rows ahead of the clock, or a few beyond a long gap, do not carry it. */
  readonly newest_hour: number | null
  readonly newest_event: number | null
  /** When a row came last whose hour was not judged yet. */
  readonly newest_at: number | null
  /** First hour that is not looked at yet. */
  readonly evaluated_hour: number | null
  /** First hour after the last one that was judged: looked-at hours may have too few rows, or no limits. */
  readonly judged_hour: number | null
  /** First judged hour for which rows came late: it is to be judged again, and those after it. */
  readonly redo_hour: number | null
  /** Hours before it are not judged again: another reference judged them, or nobody. */
  readonly judged_from: number | null
  /** Rows so far that came for hours already judged, too late for that, and with times ahead of the clock. */
  readonly late_rows: number
  readonly too_late_rows: number
  readonly ahead_rows: number
  readonly orphans: number
  readonly last_run_at: number | null
  /** JSON of RunState. */
  readonly state: string
}

export interface EndpointFacts {
  readonly name: string
  readonly project: string
  readonly model: string
  readonly monitor: string
}

/** The endpoint, if the caller's project may see it. Throws `not_found`. */
export async function requireEndpoint(reader: Reader, name: string, who?: Principal): Promise<EndpointFacts> {
  const row = await endpointRow(reader, name)
  if (row === undefined || (who !== undefined && who.project !== null && who.project !== row.project))
    throw problem('not_found', { what: 'endpoint', id: name })
  return row
}

/** Settings with their defaults; what is not a setting of monitors counts as absent. */
export function settingsOf(endpoint: EndpointFacts): MonitorSettings {
  const parsed = MonitorSettings.safeParse(JSON.parse(endpoint.monitor))
  return parsed.success ? parsed.data : MonitorSettings.parse({})
}

const NEW = {
  reference: null,
  newest_hour: null,
  newest_event: null,
  newest_at: null,
  evaluated_hour: null,
  judged_hour: null,
  redo_hour: null,
  judged_from: null,
  late_rows: 0,
  too_late_rows: 0,
  ahead_rows: 0,
}

export async function monitorOf(reader: Reader, endpoint: string): Promise<MonitorRow> {
  const row = await reader.get<MonitorRow>('SELECT * FROM monitors WHERE endpoint = ?', [endpoint])
  return row ?? { endpoint, seq: 0, ...NEW, orphans: 0, last_run_at: null, state: '{}' }
}

/** What the newest hour lacked to be judged; null where it lacked nothing. */
export function lackOf({ state }: MonitorRow): Lack | null {
  return (JSON.parse(state) as { lacks?: Lack | null }).lacks ?? null
}

/** Locks an endpoint's monitor and makes its row where there is none. */
export async function lockMonitor(t: Tx, endpoint: string): Promise<MonitorRow> {
  await t.lock(`monitor ${endpoint}`)
  await t.run("INSERT INTO monitors (endpoint, seq, orphans, state) VALUES (?, 0, 0, '{}') ON CONFLICT DO NOTHING", [
    endpoint,
  ])
  return monitorOf(t, endpoint)
}

/** Event time and wall time may differ by this much in live traffic; what is replayed from the past has a clock of its own. */
export const LIVE_MS = 6 * HOUR_MS

/** Now, in the event time of an endpoint: the wall clock where its traffic is live, else its newest row. ms. */
export function eventNow({ newest_event, newest_at }: MonitorRow, now: number): number {
  if (newest_event === null || newest_at === null) return now
  return Math.abs(newest_at - newest_event) > LIVE_MS ? newest_event : now
}

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: HOUR_MS, d: DAY_MS, w: 7 * DAY_MS }

/** How long after its event a label is due, ms. */
export function labelDelay({ labels }: MonitorSettings): number {
  const [, count = '2', unit = 'd'] = DELAY.exec(labels.delay) ?? []
  return Number(count) * (UNITS[unit] ?? DAY_MS)
}
