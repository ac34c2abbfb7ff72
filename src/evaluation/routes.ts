/** Routes of evaluation: MLflow's calls about evaluation datasets, scorers and prompt runs. */
import type { Mounted } from '../http/mount.ts'
import { rpcRoutes } from '../mlflow/rpc.ts'
import type { Tracking } from '../tracking/context/context.ts'
import { datasetCalls } from './datasets/calls.ts'
import { promptlabCalls } from './promptlab.ts'
import { scorerCalls } from './scorers/calls.ts'

export function evaluationRoutes(room: Tracking): Mounted[] {
  return rpcRoutes([...promptlabCalls(room), ...datasetCalls(room), ...scorerCalls(room)])
}
