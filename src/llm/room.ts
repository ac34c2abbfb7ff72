/** The llm room: settings of MLflow's gateway. */
import type { Mounted } from '../http/mount.ts'
import type { Llm } from './context/context.ts'
import { llmRoutes } from './routes.ts'

export interface LlmRoom {
  readonly routes: readonly Mounted[]
}

export function llmRoom(deps: Llm): LlmRoom {
  return { routes: llmRoutes(deps) }
}
