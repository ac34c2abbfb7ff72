/** The evaluation room: evaluation datasets, scorers and runs of the prompt lab. */
import type { Mounted } from '../http/mount.ts'
import type { Tracking } from '../tracking/context/context.ts'
import { evaluationRoutes } from './routes.ts'

export interface EvaluationRoom {
  readonly routes: readonly Mounted[]
}

/** It works with what tracking works with. */
export function evaluationRoom(tracking: Tracking): EvaluationRoom {
  return { routes: evaluationRoutes(tracking) }
}
