/** What brings the program of a node to a machine: the part of a remote driver that differs from cluster to cluster. */

import type { Failure } from '../../../contract/pipelines.ts'

/** A program to be started somewhere, once per attempt. */
export interface NodeJob {
  readonly attempt: string
  /** What it is an attempt of, for people who look at the cluster. */
  readonly of: { readonly project: string; readonly run: string; readonly step: string }
  /** Variables of its environment; SLIPWAY_NODE_TOKEN is a token, so they belong into no argument and no log. */
  readonly variables: Readonly<Record<string, string>>
  /** Python 3.9 or newer with its standard library is all that it needs. */
  readonly command: readonly string[]
  readonly cpus: number
  /** Bytes; null where the step names none. */
  readonly memory_bytes: number | null
  readonly gpus: number
  /** An image that the step names, for a cluster that runs images. */
  readonly image: string | null
  /** Version of Python for which its environment is locked; null where it names an interpreter of the machine. */
  readonly python_version: string | null
  /** How long the step may run; null where nothing limits it. Fetching files and making its environment come on top. */
  readonly timeout_ms: number | null
  /** Between the request to end and the kill. */
  readonly grace_ms: number
  /** It may run on a machine that can be taken away: a wish that the cluster is given as a label. */
  readonly spot?: boolean
  /** Whether it may have been sent before: a cluster that takes a name twice is asked for it first. */
  readonly again?: boolean
}

/**
 * What a cluster says of a program. `unknown`: it could not be asked. Its word counts only where the program itself is silent, for a
 * cluster says "failed" of what runs on, and forgets what it runs.
 */
export interface LaunchState {
  readonly state: 'pending' | 'running' | 'over' | 'unknown'
  /** In words, where the cluster has any: what a job waits for, why it is over. */
  readonly detail?: string
  /** Whose fault it is that the job is over, where the cluster knows. */
  readonly failure?: Failure
  /** Of one that waits: it was started before, so that whatever had taken it up has ended. */
  readonly again?: true
}

/** Whether a cluster answers and takes our jobs. */
export interface ClusterHealth {
  readonly ok: boolean
  readonly detail: string
  /** As the cluster names it, where it does. */
  readonly version?: string | undefined
}

export interface Launcher {
  /** The name by which steps ask for it. */
  readonly name: string
  /** It says cheaply what any number of jobs wait for, so that it is asked of those that nobody has taken up. */
  readonly tellsWaits?: boolean
  /**
   * Starts the job, or finds it where it was started already. Throws `upstream_failed` where the cluster refuses it, and `unavailable`
   * where it may take it later: then it is sent again.
   */
  launch(job: NodeJob): Promise<void>
  /** Never throws. */
  state(attempt: string): Promise<LaunchState>
  /** Asks for the end of the job; nothing happens where there is none. Throws where the cluster cannot be asked. */
  stop(attempt: string): Promise<void>
  /** Attempts of this server of which the cluster holds jobs that are not over, for one that can list them. Throws where it cannot be asked. */
  held?(): Promise<string[]>
  /** Never throws. */
  health?(): Promise<ClusterHealth>
}
