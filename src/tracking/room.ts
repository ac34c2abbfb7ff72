/** What every part of the tracking room works with. */
import type { AuditRecord } from '../auth/audit.ts'
import type { Principal } from '../contract/access.ts'
import type { Clock } from '../contract/ids.ts'
import type { Blobs } from '../store/blobs/blobs.ts'
import type { Db, Reader, Tx } from '../store/db.ts'
import type { Sql } from '../store/sql/sql.ts'
import { raw, sql } from '../store/sql/sql.ts'
import type { SuitePlace } from './artifacts/suite-place.ts'

export interface TrackingDeps {
  readonly db: Db
  readonly blobs: Blobs
  readonly clock: Clock
  /** Random bytes, from which ids and run names are made. */
  readonly random: (bytes: number) => Uint8Array
  readonly record: AuditRecord
  /** Makes a text unreadable in the database, bound to what it is for; without it no secret of the gateway is kept. */
  readonly seal?: (text: string, of: string) => string
  /** Where another project's test suite wants artifacts; set by test hooks alone. */
  readonly suite?: { place: SuitePlace | undefined }
  /** What other rooms keep of a project; without it a workspace holds what this room keeps alone. */
  readonly projectParts?: readonly ProjectPart[]
  /** Remove for good what other rooms keep of an experiment, in transactions of their own, before the experiment itself goes. */
  readonly purges?: readonly ((room: Tracking, who: Principal, experiment: string) => Promise<void>)[]
  /** The runs from which versions of a registered model were made; without it `model = …` finds none. */
  readonly versionRuns?: VersionRuns
}

/** What another room keeps of a project, for when the project is deleted as a workspace. */
export interface ProjectPart {
  /** Names what there is, for example `registered models`; undefined = nothing. */
  holds(reader: Reader, project: string): Promise<string | undefined>
  /** Removes all of it, in transactions of its own. A project whose part cannot be removed is not deleted with what it holds. */
  remove?(who: Principal, project: string): Promise<void>
  /** Gives all of it to another project. */
  give?(t: Tx, project: string, to: string): Promise<void>
}

/** A registered model, one of its versions, or the version that an alias names. */
export interface VersionName {
  readonly model: string
  readonly version?: number
  readonly alias?: string
}

/** Ids of the runs of versions that the principal sees; none for a model that is not there. */
export type VersionRuns = (who: Principal, name: VersionName) => Promise<string[]>

/** The tracking room: its database, clock, chance and audit. Its functions take it as their first argument. */
export type Tracking = TrackingDeps

/** Makes the room. The tables are made by the store's migrations. */
export function trackingRoom(deps: TrackingDeps): Tracking {
  return deps
}

/** 32 hex digits of chance, the form of MLflow's ids. */
export function hexId(room: Tracking): string {
  return Buffer.from(room.random(16)).toString('hex')
}

/** The project into which a principal's new things go. */
export function homeProject(who: Principal): string {
  return who.project ?? 'default'
}

/** True when a principal may see the things of a project. */
export function sees(who: Principal, project: string): boolean {
  return who.project === null || who.project === project
}

/** The condition that a row's project is one the principal sees. */
export function visible(who: Principal, column: string): Sql {
  return who.project === null ? raw('1 = 1') : sql`${raw(column)} = ${who.project}`
}
