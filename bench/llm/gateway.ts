/** Our gateway process as it is measured: a key with a limit, a hard budget, and its calls kept for traces. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GATEWAY_FLAGS } from '../../src/gateway/flags.ts'
import { writeTable } from '../../src/gateway/gateway.fixture.ts'
import { routeOf, tableOf, TOKEN } from '../../src/gateway/llm/gateway.fixture.ts'
import type { BudgetRoute, LlmRoute } from '../../src/gateway/table/llm.ts'
import { endWithBench } from '../load/children.ts'
import { firstLine, ROOT } from '../load/loaded.ts'
import type { Target } from '../load/loaded.ts'
import { COMPILED } from '../program/serve.ts'

export const PATH = '/v1/chat/completions'
export const HEADERS = { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` }

/** A million dollars, in nanodollars: it is reserved and settled, and never stops a call. */
const AMPLE = 1e15

/** What gateways are told: one endpoint for each model of the upstream, a hard budget of the project, a key of `t1`. */
export function routeTo(origin: string, limit = AMPLE): LlmRoute {
  const of = (model: string, max_output: number): [{ model: string; url: string; max_output: number }] => [
    { model, url: `${origin}/v1`, max_output },
  ]
  const models = { fake: of('fake', 64), slow: of('slow', 64), hang: of('hang', 64), race: of('race', 1000) }
  const key = { token: 't1', models: null, rpm: 1e9, tpm: null, concurrency: null, user: null, team: null }
  const budget: BudgetRoute = {
    id: 'b',
    project: 'p',
    scope: 'project',
    of: 'p',
    window: 'total',
    limit,
    hard: true,
    spent: 0,
    since: 0,
  }
  const route = routeOf(models, {
    keys: [{ ...key, tags: [], content: true }],
    budgets: [budget],
    endpoint: { experiment: 'bench' },
  })
  // nothing is sealed, so that no key of a server is needed
  return { ...route, providers: route.providers.map((one) => ({ ...one, sealed: null })) }
}

/** A data folder with that route. */
export function dataFolder(route: LlmRoute): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'bench-llm-'))
  writeTable(dataDir, tableOf(route))
  return dataDir
}

export function removeFolder(dataDir: string): void {
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
}

export interface Gateway extends Target {
  /** Ends it: with SIGKILL nothing is settled. */
  stop(signal?: 'SIGKILL'): Promise<void>
}

/** Starts one of several gateways of a data folder. */
export async function startGateway(dataDir: string, index = 0, gateways = 1): Promise<Gateway> {
  const given = { dataDir, index, host: '127.0.0.1', port: 0, reusePort: false, allowHosts: [], version: 'bench' }
  const script = join(ROOT, 'src/gateway/main.ts')
  const child = spawn(process.execPath, [...GATEWAY_FLAGS, script, JSON.stringify({ ...given, gateways })], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // as a server has it, for the processes that it starts
    env: { ...process.env, NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? COMPILED },
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  endWithBench(child)
  const { port } = JSON.parse(await firstLine(child)) as { port: number }
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    child.kill(signal)
    await ended
  }
  return { port, pids: [child.pid ?? 0], stop }
}
