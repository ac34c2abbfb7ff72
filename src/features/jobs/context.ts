/** What joins and materialisations work with. */
import type { Audit } from '../../auth/audit.ts'
import type { Clock, Ids } from '../../contract/ids.ts'
import type { SourceReads } from '../../pipelines/data/pin.ts'
import type { Blobs } from '../../store/blobs/blobs.ts'
import type { TreeInfo } from '../../store/blobs/trees.ts'
import type { Db, Tx } from '../../store/db.ts'
import type { Online } from '../online/open.ts'

/** A result that becomes a version of a data set. */
export interface JoinedData {
  readonly project: string
  readonly name: string
  readonly content: TreeInfo
  /** The job that made it, and the service. */
  readonly job: string
  readonly service: string
  readonly version: number
  /** ms. */
  readonly data_at: number
  readonly by: string
}

/** A table file that lies on this machine, with its name in its tree. */
export interface LocalTable {
  readonly path: string
  readonly name: string
  readonly format: 'csv' | 'parquet'
}

/** A tree of tables. */
export interface TableTree {
  readonly digest: string
  /** What all its files are declared to be; null where their names and first bytes tell. */
  readonly table: LocalTable['format'] | null
}

/** Tables of a room below. */
export interface FeatureTables {
  /** A version of a data set, by its number or `latest`; undefined where there is none. */
  find(
    project: string,
    name: string,
    version: string,
  ): Promise<{ readonly version: number; readonly digest: string } | undefined>
  /** Whether a data set of the project has a version of this content. */
  holds(project: string, digest: string): Promise<boolean>
  /**
   * Calls `use` with the tables of a tree, all of one format. Throws `unprocessable` where it has none, or some of two kinds; `not_found` and
   * `corrupt_blob` where a file is gone or damaged.
   */
  use<T>(tree: TableTree, use: (files: readonly LocalTable[]) => Promise<T>): Promise<T>
  /** Adds a version, or finds the one that has this content, in the transaction; returns its number. */
  add(t: Tx, made: JoinedData): Promise<number>
}

export interface JobsContext {
  readonly db: Db
  readonly blobs: Blobs
  readonly clock: Clock
  readonly ids: Ids
  readonly audit: Audit
  /** The online store and scratch folders lie below it. */
  readonly dataDir: string
  /** The online store of this machine. */
  readonly online: Online
  /** Ports of other rooms, asked when they are needed: how declared sources are read, and tables. */
  readonly below: () => {
    readonly pipelines: { readonly sources: SourceReads }
    readonly data: { readonly tables: FeatureTables }
  }
  /** Told of every change, for live views. */
  readonly changed: (name: string) => void
  readonly onError: (error: unknown) => void
}
