/** The llm room: settings of MLflow's gateway. */
import type { Mounted } from '../http/mount.ts'
import type { ProjectPart } from '../tracking/context/context.ts'
import type { Llm } from './context/context.ts'
import { llmPart, resetLlm } from './removal.ts'
import { llmRoutes } from './routes.ts'

export interface LlmRoom {
  readonly routes: readonly Mounted[]
  /** Port: what a project has of settings. */
  readonly projectPart: ProjectPart
  /** Empties the room for a test suite. */
  reset(): Promise<void>
}

export function llmRoom(deps: Llm): LlmRoom {
  return { routes: llmRoutes(deps), projectPart: llmPart(deps.db), reset: () => resetLlm(deps.db) }
}
