/** What every part of the tracking room works with. */
import type { AuditRecord } from '../../auth/audit.ts'
import type { Principal } from '../../contract/access.ts'
import type { Clock } from '../../contract/ids.ts'
import type { Blobs } from '../../store/blobs/blobs.ts'
import type { Db, Reader, Tx } from '../../store/db.ts'

/** The first argument of the room's functions: its database, blobs, clock, random bytes, audit, and its ports to rooms below. */
export interface Tracking {
  readonly db: Db
  readonly blobs: Blobs
  readonly clock: Clock
  /** Random bytes, from which ids and run names are made. */
  readonly random: (bytes: number) => Uint8Array
  readonly record: AuditRecord
  /** Where another project's test suite wants artifacts; set by test hooks alone. */
  readonly suite?: { place: SuitePlace | undefined }
  /** Port: what other rooms keep of a project; without it a workspace holds what this room keeps alone. */
  readonly projectParts?: () => readonly ProjectPart[]
  /** Port: remove for good what other rooms keep of an experiment, before the experiment itself goes. */
  readonly purges?: () => readonly Purge[]
  /** Port: the project of a trace, whose files lie among the artifacts; without it there are no traces. */
  readonly traceProject?: (reader: Reader, traceId: string) => Promise<string | undefined>
  /** Port: the runs from which versions of a registered model were made; without it `model = …` finds none. */
  readonly versionRuns?: VersionRuns
}

/** Removes what another room keeps of an experiment, in transactions of its own. */
export type Purge = (who: Principal, experiment: string) => Promise<void>

/** Where a suite wants artifacts. */
export interface SuitePlace {
  /** `file:` URI below which new experiments keep their artifacts, written by their clients. */
  readonly root: string | undefined
  /** Folder in which proxied artifacts are kept a second time as plain files. */
  readonly destination: string | undefined
  /** What a relative location is resolved against. */
  readonly cwd: string | undefined
}

/** What another room keeps of a project, for when the project is deleted as a workspace. */
export interface ProjectPart {
  /** Names what there is, for example `registered models`; undefined = nothing. */
  holds(reader: Reader, project: string): Promise<string | undefined>
  /** Projects that are there because this part keeps something of them: all, or at most the one that is named. */
  projects?(reader: Reader, named?: string): Promise<string[]>
  /** Removes all of it, in transactions of its own. A project whose part cannot be removed is not deleted with what it holds. */
  remove?(who: Principal, project: string): Promise<void>
  /** What cannot be given to another project, which has one of that name, for example `scorers: 'a'`. */
  conflicts?(t: Tx, project: string, to: string): Promise<string[]>
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
