/** The llm room: providers, endpoints, keys, budgets and prices of language models, what gateways get of them, and the calls that gateways have answered. */
import type { Tokens } from '../auth/tokens.ts'
import type { LlmRoute } from '../gateway/table/llm.ts'
import { windowStart } from '../gateway/llm/money/windows.ts'
import type { Mounted } from '../http/mount.ts'
import type { AskGateway } from '../serving/fleet/own-call.ts'
import type { IfSound } from '../store/if-sound.ts'
import type { ProjectPart } from '../tracking/context/context.ts'
import type { TellBudget } from './calls/alerts.ts'
import { callsPart } from './calls/calls.ts'
import type { Llm } from './context/context.ts'
import { Expiry } from './expiry/expiry.ts'
import type { CallAges } from './expiry/expiry.ts'
import { healthRoute } from './health/health.ts'
import { playgroundPart } from './playground/playground.ts'
import { llmPart, resetLlm } from './removal.ts'
import { llmRoute } from './route/route.ts'
import { llmRoutes } from './routes.ts'
import { Shares } from './shares/shares.ts'
import { stateRoute } from './state/state.ts'
import type { StateDeps } from './state/state.ts'

/** What the room stands on, and its ports. */
export interface LlmDeps extends Omit<Llm, 'spentOf' | 'tokens'> {
  readonly tokens: Tokens
  readonly dataDir: string
  readonly ifSound: IfSound
  /** Port: tells webhooks of budgets. */
  readonly tell?: TellBudget
  /** Told the names of endpoints whose calls were taken in. */
  readonly changed: (endpoint: string) => void
  /** Port: how the server asks its own gateway. */
  readonly askGateway: AskGateway
  readonly published: StateDeps['published']
  readonly onError: (error: unknown) => void
  /** How long calls are kept; default for ever. */
  readonly callAges?: CallAges
}

export interface LlmRoom {
  readonly routes: readonly Mounted[]
  /** Port: what gateways need to answer calls of language models. */
  route(): Promise<LlmRoute>
  /** Follows the log of calls, and removes those that are too old. */
  start(): void
  /** Takes in what gateways have logged until they ended, and stops. */
  stop(): Promise<void>
  /** Port: what a project has of settings and calls. */
  readonly projectPart: ProjectPart
  /** Empties the room for a test suite. */
  reset(): Promise<void>
}

export function llmRoom(deps: LlmDeps): LlmRoom {
  const { dataDir, onError, callAges = {} } = deps
  const calls = callsPart({
    room: deps,
    dataDir,
    windowStart,
    tell: deps.tell,
    onError,
    onCalls: (fresh) => new Set(fresh.map(({ endpoint }) => endpoint)).forEach(deps.changed),
  })
  const expiry = new Expiry({ db: deps.db, clock: deps.clock, ages: callAges, onError })
  // on a database of one server its budgets are its own
  const shares = deps.db.kind === 'postgres' ? new Shares(deps) : undefined
  const room: Llm = {
    ...deps,
    spentOf: (budgets, now) => calls.spentOf(deps.db, budgets, now),
    async settled() {
      await shares?.divide()
      await deps.settled?.()
    },
  }
  const playground = playgroundPart({ ...deps, room, drain: () => calls.drain() })
  const state = stateRoute({
    ...deps,
    shares: () => shares?.state,
    expiry: () => expiry.state,
    log: () => calls.logState(),
  })
  return {
    routes: [...llmRoutes(room), ...calls.routes, healthRoute(room), state, ...playground.routes],
    async route() {
      await shares?.first()
      const route = await llmRoute(room)
      const shared = shares !== undefined
      const budgets = route.budgets.map((one) => (shared && one.hard ? { ...one, shared } : one))
      return { ...route, budgets, keys: [...route.keys, ...playground.keys()] }
    },
    start() {
      calls.start()
      expiry.start()
      shares?.start()
    },
    async stop() {
      await shares?.stop()
      await expiry.stop()
      await calls.stop()
      // they stay in the log, for whoever can write them
      await deps.ifSound('to take the newest calls of language models over from the log', () => calls.drain())
    },
    projectPart: llmPart(deps.db, deps.tokens),
    reset: () => resetLlm(deps.db),
  }
}
