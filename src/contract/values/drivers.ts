/** Where attempts of a step may run. */

import { z } from 'zod'

export const DRIVERS = ['local', 'ray', 'kubernetes', 'slurm', 'external'] as const
/** On the machine of the server, as jobs of a cluster, or in tasks of a foreign scheduler that come and take them. */
export type DriverName = (typeof DRIVERS)[number]

/** Where a project file may say that a step runs: which tasks come for it is not the project's to know. */
export const STEP_DRIVERS = ['local', 'ray', 'kubernetes', 'slurm'] as const

/** Where every step of a run runs, whatever the project file says. */
export const On = z.enum(DRIVERS)

/** Where Jobs of a project go. */
export interface KubernetesPlace {
  readonly namespace?: string
  readonly serviceAccount?: string
  /** A local queue of Kueue: its Jobs begin suspended. */
  readonly queue?: string
}

/** A Kubernetes cluster on which steps may run. */
export interface KubernetesSettings extends KubernetesPlace {
  /** A kubeconfig file, or `in-cluster` for the service account of the pod in which the server runs. */
  readonly kubeconfig: string
  /** Its context; default the current one. */
  readonly context?: string
  /** Of steps that name no image, with `{python}` for the version of their lock. */
  readonly image?: string
  /** What differs for single projects. */
  readonly projects?: Readonly<Record<string, KubernetesPlace>>
}

/** A Slurm cluster on which steps may run: how it is asked, and what is asked of it for each step. */
export interface SlurmSettings {
  /** Of slurmrestd. */
  readonly url: string
  /** To whom the token belongs. */
  readonly user: string
  /** A JSON Web Token, or a file with one that is read anew each time. */
  readonly token?: string | undefined
  readonly tokenFile?: string | undefined
  readonly partition?: string | undefined
  readonly account?: string | undefined
  readonly qos?: string | undefined
  /** Features that a node must have, as `--constraint` of sbatch. */
  readonly constraint?: string | undefined
  /** Of a step that has no timeout, minutes; else the partition's own. */
  readonly timeLimitMinutes?: number | undefined
  /** Folders of its nodes: where jobs start, and what is kept between attempts. */
  readonly workFolder?: string | undefined
  readonly cacheFolder?: string | undefined
  /** `PATH` of jobs. */
  readonly path?: string | undefined
}
