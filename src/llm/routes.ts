/** Routes about language models: the settings of MLflow's gateway. */
import type { Mounted } from '../http/mount.ts'
import { rpcRoutes } from '../mlflow/rpc.ts'
import type { Tracking } from '../tracking/room.ts'
import { gatewayCalls } from './settings/calls.ts'

export function llmRoutes(room: Tracking): Mounted[] {
  return rpcRoutes(gatewayCalls(room))
}
