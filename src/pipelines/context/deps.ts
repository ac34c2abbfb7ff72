/** What the pipelines room is given: the store, environments, drivers, and functions of rooms below it. */
import type { z } from 'zod'
import type { Principal, Role } from '../../contract/access.ts'
import type { Reproduction } from '../../contract/runs/reproduction.ts'
import type { DriverName } from '../../contract/values/drivers.ts'
import type { Plan } from '../../contract/rollout/plan.ts'
import type { Envs } from '../../envs/environments.ts'
import type { TreeInfo } from '../../store/blobs/trees.ts'
import type { Tx } from '../../store/db.ts'
import type { Driver } from '../drivers/driver.ts'
import type { Machine } from '../machine/identity.ts'
import type { AliasVersion } from '../spec/pin.ts'
import type { VersionDeps } from '../spec/versions.ts'
import type { AliasedVersion } from '../../registry/aliases/aliased.ts'
import type { NewVersion } from '../../registry/versions/register.ts'

/** How steps appear in tracking. Each attempt logs to a run of its own. */
export interface StepTracking {
  /** The id of the project's experiment of that name, made if it is new. */
  ensureExperiment(project: string, name: string): Promise<string>
  /** Makes the run, or finds it when it was made already. */
  createRun(request: {
    /** 32 hex digits. */
    readonly run_id: string
    readonly project: string
    readonly experiment_id: string
    readonly name: string
    readonly tags: Readonly<Record<string, string>>
    /** Artifacts, by path. */
    readonly files: Readonly<Record<string, Uint8Array>>
  }): Promise<void>
  /** `at` is ms since 1970; the same call twice must leave one point. */
  logMetrics(runId: string, metrics: Readonly<Record<string, number>>, at: number): Promise<void>
  /**
   * When the run, or one inside of it, was last written to by anyone, ms since 1970, no more than `SIGN_MS` too early; undefined when
   * there is no such run.
   */
  lastSign(runId: string): Promise<number | undefined>
  /** Nothing happens when there is no such run: a crash may have come before it was made. */
  finishRun(runId: string, status: 'FINISHED' | 'FAILED' | 'KILLED'): Promise<void>
}

/**
 * A model that a pipeline made. Registering the same tree of the same pipeline run again changes nothing. Its run is that of the step
 * that made it; its metrics are of that step and of all after it, a later step's win; its data are what these read, apart from the model.
 * `evaluation` is the output `predictions` of a step that reads the model, `holdout` the first input of that step besides the model, and
 * `reference` what `monitor.reference` names, else the first input of the model's step.
 */
export interface RegisterRequest extends Omit<NewVersion, 'pipeline_run_id' | 'gates' | 'deployment' | 'description'> {
  readonly pipeline_run_id: string
  readonly gates: readonly unknown[]
  readonly deployment: {
    readonly endpoint: string
    readonly project: string
    readonly plan: Plan
    readonly monitor: Readonly<Record<string, unknown>>
    /** A feature service of the project, SERVICE or SERVICE@VERSION; absent where there is none. */
    readonly features?: string
    /** Whose wish it is: the role by which it is granted, null where that is not known, and the name. */
    readonly role: Role | null
    readonly by: string
    readonly run: string
  } | null
  readonly created_by: string
}

/** A version that is to go to an endpoint. */
export interface DeploymentWish extends Pick<RegisterRequest, 'model'> {
  readonly version: string
  readonly deployment: NonNullable<RegisterRequest['deployment']>
}

export interface Registration {
  readonly version: string
  readonly passed: boolean
  /** In one sentence which gate decided. */
  readonly detail: string
}

/** What declared sources are reached by, as the server's operator allows it. */
export interface SourceAccess {
  /** Absolute folders below which files may be read; none = no files at all. */
  readonly folders: readonly string[]
  /** Folders that are not read although they lie below one of those: what the server keeps for itself. */
  readonly hidden: readonly string[]
  /** Private hosts that may be reached. */
  readonly allow: readonly string[]
  /** The package index, in the form of PEP 691. */
  readonly index: string
}

/** A part of the machine. */
export interface Resources {
  readonly cpus: number
  readonly memory_bytes: number
}

/** A version of a data set, as a run takes it. */
export interface DataVersion {
  readonly version: number
  readonly content: { readonly digest: string; readonly size: number; readonly files: number }
  /** Null where it is no table, or is not profiled yet. */
  readonly rows: number | null
  /** How old the data is, ms. */
  readonly data_at: number
}

/** An output of a run that becomes a version of a data set. */
export interface MadeData {
  readonly project: string
  readonly name: string
  readonly run: string
  readonly step: string
  readonly output: string
  readonly content: DataVersion['content']
  readonly data_at: number
  readonly by: string
}

/** A join of a table with features, whose room lies below. */
/** A table that was read: the digest of its tree, and what its files are declared to be. */
export interface JoinTable {
  readonly digest: string
  readonly table: 'csv' | 'parquet' | null
}

export interface FeatureJoin {
  readonly project: string
  readonly service: string
  /** Absent: the newest. */
  readonly version?: number | undefined
  /** The table of entities: the rows of a query over tables, by their names; without one those of the only table. */
  readonly entities: { readonly query: string | null; readonly tables: Readonly<Record<string, JoinTable>> }
  /** Its column of the moment that each row asks for. */
  readonly time: string
  readonly include_late_data: boolean
}

export interface FeatureJoins {
  /**
   * Keeps the joined table by its content. `described` names the service and the views with their versions, how many values of which
   * columns were missing and why, and every source that was read with the beginning of its digest. Throws a Problem for what there is not or does not fit, or takes longer than `longest_ms`.
   */
  join(
    asked: FeatureJoin,
    longest_ms: number,
  ): Promise<{ readonly tree: TreeInfo; readonly rows: number; readonly described: string }>
}

/** The data sets of projects, which lie in a room below. */
export interface DataSets {
  /** Undefined where there is none. `version` is a number or `latest`. */
  find(project: string, name: string, version: string): Promise<DataVersion | undefined>
  /** Its versions since a time, ms: what names each, and what is said of it. Undefined where there is no such set. */
  since(of: {
    readonly project: string
    readonly name: string
    readonly since: number
  }): Promise<{ readonly cause: string; readonly what: string }[] | undefined>
  /** Adds a version, or leaves the one that has this content, in the transaction. */
  add(t: Tx, made: MadeData): Promise<void>
}

export interface PipelinesDeps extends VersionDeps {
  /** Asked when it is needed; absent = there are none. */
  readonly features?: () => FeatureJoins
  readonly dataSets?: () => DataSets
  /** How declared sources are reached; absent = public addresses alone. */
  readonly sources?: SourceAccess
  /** Memory of steps that name none, bytes; absent = as much as there is. */
  readonly stepMemory?: number | undefined
  /** What tells steps that their machine is taken away, see python/slipway/step/notices.py; absent = nothing does. */
  readonly notice?: string | undefined
  /** In [0, 1); spreads retries. */
  readonly random: () => number
  readonly envs: Envs
  readonly driver: Driver
  /** Where attempts may run; absent = on this machine alone. */
  readonly places?: readonly DriverName[]
  readonly tracking: StepTracking
  /** Address that a step's mlflow client uses, and a credential of the attempt. */
  readonly stepAccess: (
    project: string,
    attempt: string,
    on: DriverName,
  ) => Promise<{ readonly uri: string; readonly token: string | null }>
  /** Takes the credentials of an attempt away, in the transaction that ends it; what is returned is to be called once that is committed. */
  readonly endAccess: (t: Tx, attempt: string) => Promise<() => void>
  /** The value of a project's secret; undefined when there is none. */
  readonly secret: (project: string, name: string) => Promise<string | undefined>
  readonly registerModel: (request: RegisterRequest) => Promise<Registration>
  /**
   * Has a registered version ask for its endpoint, in the transaction; false where it has asked before. Throws `not_found`, and
   * `conflict` where its gates refuse it or a newer version has asked.
   */
  readonly askDeployment: (t: Tx, wish: DeploymentWish) => Promise<boolean>
  /** Told the grade of a proof, for the model versions of the run that it proves. */
  readonly proved?: (runId: string, grade: string) => Promise<void>
  /** Signs how the proof that is this run came out, in the transaction that keeps it; what a server without a key does is nothing. */
  readonly attest?: (t: Tx, runId: string, proof: z.output<typeof Reproduction>) => Promise<void>
  /** What params that name a model by alias are pinned by; without it they stay as they are. */
  readonly aliasVersion?: AliasVersion
  /** The versions that an alias names, by model; without it there are none. */
  readonly aliasedVersions?: (
    who: Principal,
    of: { readonly alias: string; readonly after: string; readonly limit: number },
  ) => Promise<AliasedVersion[]>
  /** Told of every change of a run, for live views. */
  readonly changed?: (runId: string) => void
  /** Told of faults that no caller waits for. */
  readonly onError: (error: unknown) => void
  /** That on which attempts of the local driver run; absent = there is no other. */
  readonly machine?: Machine | undefined
  /** What all attempts that run on this machine at the same time may take. */
  readonly capacity: Resources
}
