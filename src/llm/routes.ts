/** Routes about language models: the settings of MLflow's gateway. */
import type { Mounted } from '../http/mount.ts'
import { rpcRoutes } from '../mlflow/rpc.ts'
import type { Llm } from './context/context.ts'
import { gatewayCalls } from './settings/calls.ts'

export function llmRoutes(room: Llm): Mounted[] {
  return rpcRoutes(gatewayCalls(room))
}
