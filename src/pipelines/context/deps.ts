/** What the pipelines room is given: the store, environments, drivers, and functions of rooms below it. */
import type { Role } from '../../contract/access.ts'
import type { Plan } from '../../contract/rollout-plan.ts'
import type { Envs } from '../../envs/environments.ts'
import type { Tx } from '../../store/db.ts'
import type { Driver } from '../drivers/driver.ts'
import type { AliasVersion } from '../spec/pin.ts'
import type { VersionDeps } from '../spec/versions.ts'

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

/** A model that a pipeline made. Registering the same tree of the same pipeline run again changes nothing. */
export interface RegisterRequest {
  readonly project: string
  readonly model: string
  /** Digest of the model's files. */
  readonly tree: string
  /** The tracking run of the step that made it. */
  readonly run_id: string | null
  readonly pipeline_run_id: string
  /** Metrics of the model's step and of all steps after it; a later step's win. */
  readonly metrics: Readonly<Record<string, number>>
  /** Digests of what the model's step and the steps that judge it read, apart from the model. */
  readonly data: readonly string[]
  readonly environment: string | null
  /** Tree of the output `predictions` of a step that reads the model. */
  readonly evaluation: string | null
  /** Tree of the first input, besides the model, of the step that left `evaluation`: the rows that were judged. */
  readonly holdout: string | null
  /** Tree that `monitor.reference` names, else of the first input of the model's step. */
  readonly reference: string | null
  readonly gates: readonly unknown[]
  readonly deployment: {
    readonly endpoint: string
    readonly project: string
    readonly plan: Plan
    readonly monitor: Readonly<Record<string, unknown>>
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

/** A part of the machine. */
export interface Resources {
  readonly cpus: number
  readonly memory_bytes: number
}

export interface PipelinesDeps extends VersionDeps {
  /** Memory of steps that name none, bytes; absent = as much as there is. */
  readonly stepMemory?: number | undefined
  /** In [0, 1); spreads retries. */
  readonly random: () => number
  readonly envs: Envs
  readonly driver: Driver
  readonly tracking: StepTracking
  /** Address that a step's mlflow client uses, and a credential of the attempt. */
  readonly stepAccess: (
    project: string,
    attempt: string,
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
  /** What params that name a model by alias are pinned by; without it they stay as they are. */
  readonly aliasVersion?: AliasVersion
  /** Told of every change of a run, for live views. */
  readonly changed?: (runId: string) => void
  /** Told of faults that no caller waits for. */
  readonly onError: (error: unknown) => void
  /** What all attempts that run at the same time may take. */
  readonly capacity: Resources
}
