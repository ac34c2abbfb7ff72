/** What every part of the rollout room works with, and the rows it keeps. */
import type { Audit } from '../../auth/audit.ts'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { Clock, Ids } from '../../contract/ids.ts'
import type { Plan } from '../../contract/rollout/plan.ts'
import type { Cause } from '../../serving/endpoints/deployments.ts'
import type { WantedDeployment } from '../../registry/versions/deployments.ts'
import type { Db, Reader, Tx } from '../../store/db.ts'
import { freshEvidence } from '../evidence/evidence.ts'
import type { Counts, Evidence } from '../evidence/evidence.ts'
import type { BreakerRule } from '../evidence/spending.ts'

/** A variant as the endpoint is asked to have it. */
export interface Wanted {
  readonly role: 'stable' | 'canary' | 'shadow'
  readonly version: string
  /** Ten-thousandths; only a canary's counts. */
  readonly weight: number
  /** When the gateway takes a canary back by itself; its default when absent. */
  readonly breaker?: BreakerRule
}

/** An endpoint as the controller sees it. */
export interface Target {
  readonly name: string
  readonly model: string
  readonly stable: string | null
  readonly variants: readonly Wanted[]
}

/** A version that asks for an endpoint (registry). */
export type Asked = Omit<WantedDeployment, 'kept'>

/** The rollout of an asked version, and what of its wish was not granted, in words. */
export interface Taken {
  readonly rollout: string
  readonly kept: readonly string[]
}

/** The monitor settings of an endpoint, and whether they are others than were asked for. */
export interface Settled {
  readonly monitor: Readonly<Record<string, unknown>>
  readonly kept: boolean
}

/** A version that is to answer on an endpoint. */
export interface Candidate {
  readonly endpoint: string
  readonly model: string
  readonly version: string
}

export interface Entering extends Candidate {
  /** What it is to become there, in words: `canary`. */
  readonly as: string
}

/** How a promotion is done: why, and what is done in its transaction. */
export interface Promotion {
  readonly reason: string
  readonly also: (t: Tx) => Promise<boolean>
}

/** What the controller needs from the rooms above; the composition root passes it in. */
export interface RolloutDeps {
  readonly db: Db
  readonly clock: Clock
  readonly ids: Ids
  readonly audit: Audit
  readonly target: (reader: Reader, endpoint: string) => Promise<Target | undefined>
  /** Makes the endpoint if it is not there, and sets its monitor; one that is there keeps its own unless it may be changed. */
  readonly ensureEndpoint: (wish: Asked, mayChange: boolean) => Promise<Settled>
  /** Lays out and loads a version for an endpoint; throws with the reason when it cannot be served. */
  readonly prepare: (endpoint: string, version: string) => Promise<void>
  /** Writes the variants in the caller's transaction; `cause` is kept where another version answers from then on. */
  readonly setVariants: (t: Tx, endpoint: string, variants: readonly Wanted[], cause: Cause) => Promise<void>
  /** The epoch of the routing table as it is written now. */
  readonly epoch: (reader: Reader) => Promise<number>
  /** Pushes what was written to the gateways; resolves once they answer by it. */
  readonly publish: () => Promise<void>
  /** Does `work` in a transaction in which the registry lets the candidate in. Throws `gate_refused` when its gates do not hold. */
  readonly enter: <T>(who: Principal, candidate: Entering, work: (t: Tx) => Promise<T>) => Promise<T>
  /** Moves the alias production in one transaction with `how.also`, unless that answers false; resolves to its answer. Throws `gate_refused` when the registry's gates do not hold. */
  readonly promote: (who: Principal, candidate: Candidate, how: Promotion) => Promise<boolean>
  /** Moves the alias production back to a version that it has named before, if it still names `from`. */
  readonly demote: (t: Tx, back: Demotion) => Promise<void>
  readonly asked: () => Promise<readonly Asked[]>
  /** True while an asked version has not been taken up. */
  readonly isAsked: (reader: Reader, asked: Asked) => Promise<boolean>
  /** Marks an asked version as taken up, in the transaction that makes its rollout, with what of its wish was not granted. */
  readonly mark: (t: Tx, asked: Asked, taken: Taken) => Promise<void>
  /** Names of a version's inputs in the order of the logged rows. */
  readonly inputNames: (reader: Reader, endpoint: string, version: string) => Promise<readonly string[]>
  /** True when the version is the endpoint's canary since that time (ms). */
  readonly isCanary: (reader: Reader, endpoint: string, version: string, since: number) => Promise<boolean>
  /** Labels that are known already, by prediction id (0 or 1, or a number). */
  readonly labelsOf: (reader: Reader, endpoint: string, ids: readonly string[]) => Promise<ReadonlyMap<string, number>>
  /** Told that a rollout changed. */
  readonly changed: (id: string) => void
  readonly onError: (error: unknown) => void
}

export interface Demotion {
  readonly model: string
  readonly from: string
  readonly to: string
  readonly reason: string
}

/** `watching`: promoted, and still compared on labels that come late. `kept`: a comparison ended and stable stays. */
export type RolloutState =
  | 'starting'
  | 'shadow'
  | 'canary'
  | 'paused'
  | 'promoted'
  | 'watching'
  | 'rolled_back'
  | 'kept'
  | 'aborted'

export interface RolloutRow {
  readonly id: string
  readonly endpoint: string
  readonly model: string
  readonly version: string
  readonly stable_version: string | null
  readonly state: RolloutState
  readonly step: number
  readonly plan: string
  readonly slices: string
  readonly reason: string
  readonly created_at: number
  readonly created_by: string
  readonly finished_at: number | null
  readonly first_event: number | null
  readonly last_event: number | null
  readonly seq: number
  readonly evidence: string
  readonly curve: string
  readonly step_from: string
  readonly breaker: string | null
  /** JSON of Approval[]. */
  readonly approvals: string
  /** Challengers that are compared at once have the same one. */
  readonly group_id: string | null
  /** When the candidate answered callers first, by the clock, ms. */
  readonly canary_at: number | null
  /** The epoch of the routing table by which callers met the candidate first. */
  readonly split_epoch: number | null
  /** When the present step began, by the clock, ms. */
  readonly step_at: number | null
}

export function planOf(row: Pick<RolloutRow, 'plan'>): Plan {
  return JSON.parse(row.plan) as Plan
}

export function evidenceOf(row: RolloutRow): Evidence {
  // a rollout may be under way since a version of this program that knew less, and did not number its rules
  return { ...freshEvidence(), rules: 1, ...(JSON.parse(row.evidence) as Partial<Evidence>) }
}

export function stepFrom(row: RolloutRow): Counts {
  return JSON.parse(row.step_from) as Counts
}

export async function requireRollout(reader: Reader, id: string): Promise<RolloutRow> {
  const row = await reader.get<RolloutRow>('SELECT * FROM rollouts WHERE id = ?', [id])
  if (row === undefined) throw problem('not_found', { what: 'rollout', id })
  return row
}

/** Rollouts that gather evidence now; a paused one does so too, so that what comes meanwhile counts when it goes on. */
export function observing(reader: Reader): Promise<RolloutRow[]> {
  return reader.all<RolloutRow>(
    "SELECT * FROM rollouts WHERE state IN ('shadow', 'canary', 'paused', 'watching') ORDER BY created_at, id",
  )
}

/** The slices that monitor settings name. */
export function slicesIn({ slices }: { readonly slices?: unknown }): string[] {
  return Array.isArray(slices) ? slices.filter((one): one is string => typeof one === 'string') : []
}

/** Rollouts of an endpoint that ended, or began and are under way, between two times (ms). */
export function rolloutsBetween(
  reader: Reader,
  asked: { readonly endpoint: string; readonly from: number; readonly to: number },
): Promise<{ id: string; version: string; state: string; at: number }[]> {
  return reader.all(
    'SELECT id, version, state, COALESCE(finished_at, created_at) AS at FROM rollouts WHERE endpoint = ? AND COALESCE(finished_at, created_at) BETWEEN ? AND ?',
    [asked.endpoint, asked.from, asked.to],
  )
}
