/** The llm room: providers, endpoints, keys, budgets and prices of language models, what gateways get of them, and the calls that gateways have answered. */
import type { LlmRoute } from '../gateway/table/llm.ts'
import { windowStart } from '../gateway/llm/money/windows.ts'
import type { Mounted } from '../http/mount.ts'
import type { IfSound } from '../store/if-sound.ts'
import type { ProjectPart } from '../tracking/context/context.ts'
import { callsPart } from './calls/calls.ts'
import type { Llm } from './context/context.ts'
import { llmPart, resetLlm } from './removal.ts'
import { llmRoute } from './route/route.ts'
import { llmRoutes } from './routes.ts'

/** What the room stands on, and its ports. */
export interface LlmDeps extends Omit<Llm, 'spentOf'> {
  readonly dataDir: string
  readonly ifSound: IfSound
  /** Told the names of endpoints whose calls were taken in. */
  readonly changed: (endpoint: string) => void
  readonly onError: (error: unknown) => void
}

export interface LlmRoom {
  readonly routes: readonly Mounted[]
  /** Port: what gateways need to answer calls of language models. */
  route(): Promise<LlmRoute>
  /** Follows the log of calls. */
  start(): void
  /** Takes in what gateways have logged until they ended, and stops. */
  stop(): Promise<void>
  /** Port: what a project has of settings and calls. */
  readonly projectPart: ProjectPart
  /** Empties the room for a test suite. */
  reset(): Promise<void>
}

export function llmRoom(deps: LlmDeps): LlmRoom {
  const { dataDir, onError } = deps
  const calls = callsPart({
    room: deps,
    dataDir,
    windowStart,
    onError,
    onCalls: (fresh) => new Set(fresh.map(({ endpoint }) => endpoint)).forEach(deps.changed),
  })
  const room: Llm = { ...deps, spentOf: (budgets, now) => calls.spentOf(deps.db, budgets, now) }
  return {
    routes: [...llmRoutes(room), ...calls.routes],
    route: () => llmRoute(room),
    start: () => calls.start(),
    async stop() {
      await calls.stop()
      // they stay in the log, for whoever can write them
      await deps.ifSound('to take the newest calls of language models over from the log', () => calls.drain())
    },
    projectPart: llmPart(deps.db, deps.tokens),
    reset: () => resetLlm(deps.db),
  }
}
