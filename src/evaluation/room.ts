/** The evaluation room: evaluation datasets, scorers and runs of the prompt lab. */
import type { Mounted } from '../http/mount.ts'
import type { MovedTable } from '../store/moved/table.ts'
import { evaluationTables } from './moved/tables.ts'
import type { ProjectPart, Purge, Tracking } from '../tracking/context/context.ts'
import { evaluationPart, purgeExperiment, resetEvaluation } from './removal.ts'
import { evaluationRoutes } from './routes.ts'

export interface EvaluationRoom {
  readonly routes: readonly Mounted[]
  /** Port: deletes what is kept of an experiment that goes for good. */
  readonly purge: Purge
  /** Port: what a project has of datasets. */
  readonly projectPart: ProjectPart
  /** Port: the tables that move between servers. */
  readonly movedTables: readonly MovedTable[]
  /** Empties the room for a test suite. */
  reset(): Promise<void>
}

/** It works with what tracking works with. */
export function evaluationRoom(tracking: Tracking): EvaluationRoom {
  return {
    routes: evaluationRoutes(tracking),
    purge: (_who, experiment) => purgeExperiment(tracking.db, experiment),
    projectPart: evaluationPart(tracking.db),
    movedTables: evaluationTables(),
    reset: () => resetEvaluation(tracking.db),
  }
}
