/** What searches are made with: the pipelines whose runs are their trials, and the metrics that those log. */
import type { Direction } from '../../contract/pipelines/studies.ts'
import type { Context } from '../context/context.ts'

/** A point of a metric, as a run has logged it; `value` may be NaN or infinite. */
export interface MetricPoint {
  readonly step: number
  readonly value: number
}

export interface SearchDeps {
  readonly context: Context
  /** Looks at a pipeline run now. */
  readonly wakeRun: (run: string) => void
  /** The history of a metric of a tracking run, steps rising, one point a step; empty where there is none. */
  readonly history: (trackingRun: string, metric: string) => Promise<readonly MetricPoint[]>
  /** Whether the token of this id was revoked; false of whatever is no token. */
  readonly isRevoked: (id: string) => Promise<boolean>
  /** Told of every change of a study, for live views. */
  readonly changed?: ((study: string) => void) | undefined
}

/** What is small where the objective is good. */
export function lossOf(direction: Direction, value: number): number {
  return direction === 'maximize' ? -value : value
}
