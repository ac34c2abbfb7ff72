/** The hot paths of this checkout beside those of another one: both run all the time and are loaded in short turns, so that the machine's moods meet both. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { servingModels } from '../../test/serving-models.ts'
import type { ServingModels } from '../../test/serving-models.ts'
import { endWithBench } from '../load/children.ts'
import { firstLine, measured, ROOT } from '../load/loaded.ts'
import type { Loaded } from '../load/loaded.ts'
import { familyOf } from '../load/process.ts'
import type { routing } from '../serving/predict.ts'
import type { Options, Row } from '../table.ts'
import { createRun, pointsOf } from '../tracking/log-metric.ts'
import { traceOf } from '../tracking/traces.ts'

/** Seconds of a turn, and pairs of turns more for each second that a load is counted elsewhere. */
const TURN_S = 0.4
const PAIRS_A_SECOND = 5
/** Pairs at least: a turn differs from the next by a tenth. */
const LEAST_PAIRS = 20
/** Below this share of the other's requests a second a path counts as slower: single turns differ by a tenth. */
const SLOWER = 0.95

interface Target {
  readonly url: string
  readonly pid: number
  readonly headers: Readonly<Record<string, string>>
  readonly stop: () => Promise<void>
}

/** A hot path: what serves it, and the load of one turn. */
interface Path {
  readonly name: string
  readonly serve: (tree: string) => Promise<Target>
  readonly load: (target: Target, first: number) => Promise<Parameters<typeof measured>[1]>
}

/** Rows of the paths, each with the median of the ratios of its pairs. Throws without `--tree`. */
export async function against(options: Options): Promise<Row[]> {
  if (options.tree === undefined) throw new Error('name another checkout that has its packages: --tree DIR')
  const models = await servingModels()
  const rows: Row[] = []
  for (const path of pathsOf(models)) rows.push(await compare(path, resolve(options.tree), options))
  return rows
}

function pathsOf(models: ServingModels): Path[] {
  const predict = (endpoint: string, clients: number): Path => predictions(models, endpoint, clients)
  const natives = [1, 16].map((clients) => predict('native', clients))
  return [...[1, 16, 64].map(metrics), ...natives, predict('python', 64), spans(1), spans(10)]
}

function counted(clients: number): string {
  return clients === 1 ? '1 client' : `${clients} clients`
}

function predictions(models: ServingModels, endpoint: string, clients: number): Path {
  const bodies = models.rows.map((row) => {
    const { score: _, ...inputs } = row
    return JSON.stringify({ inputs })
  })
  return {
    name: `${endpoint} predictions, ${counted(clients)}`,
    serve: (tree) => gateway(tree, models),
    load: async () => ({ path: `/v1/endpoints/${endpoint}:predict`, bodies, clients }),
  }
}

function metrics(clients: number): Path {
  return {
    name: `log-metric, ${counted(clients)}`,
    serve: server,
    load: async (target) => {
      const bodies = pointsOf(await createRun(target))
      return { path: '/api/2.0/mlflow/runs/log-metric', headers: target.headers, bodies, clients }
    },
  }
}

function spans(count: number): Path {
  return {
    name: `OTLP, 64 clients, ${count === 1 ? 'a span' : `${count} spans`} a request`,
    serve: server,
    load: async ({ headers }, first) => ({
      path: '/v1/traces',
      headers: { ...headers, 'x-mlflow-experiment-id': '0' },
      type: 'application/x-protobuf',
      bodies: (i) => traceOf(first + i, count),
      clients: 64,
    }),
  }
}

async function compare({ name, serve, load }: Path, tree: string, options: Options): Promise<Row> {
  const pairs = LEAST_PAIRS + options.seconds * PAIRS_A_SECOND
  const [own, other] = await Promise.all([serve(ROOT), serve(tree)])
  const ratios: { readonly perSecond: number; readonly cpuUs: number }[] = []
  const turn = async (target: Target, pair: number): Promise<Loaded> => {
    const at = { port: Number(new URL(target.url).port), pids: familyOf(target.pid) }
    // every turn sends traces of its own
    return measured(at, await load(target, pair * 1_000_000), { ...options, seconds: TURN_S })
  }
  try {
    for (let pair = 0; pair <= pairs; pair++) {
      const both = new Map<Target, Loaded>()
      for (const target of pair % 2 === 0 ? [own, other] : [other, own]) both.set(target, await turn(target, pair))
      const [a, b] = [both.get(own) as Loaded, both.get(other) as Loaded]
      // the first pair warms both up
      if (pair > 0) ratios.push({ perSecond: a.perSecond / b.perSecond, cpuUs: a.cpuUs / b.cpuUs })
    }
  } finally {
    await Promise.all([own.stop(), other.stop()])
  }
  const perSecond = median(ratios.map((one) => one.perSecond))
  const cpuUs = median(ratios.map((one) => one.cpuUs))
  return {
    name,
    measured: `${perSecond.toFixed(2)} × its req/s, ${cpuUs.toFixed(2)} × its CPU`,
    target: `≥ ${SLOWER} × req/s`,
    beside: `median of ${pairs} pairs of turns`,
    ok: perSecond >= SLOWER,
    figures: { perSecond, cpuUs, ratios },
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return ((sorted[sorted.length >> 1] ?? 0) + (sorted[(sorted.length - 1) >> 1] ?? 0)) / 2
}

/** A whole server without gateways, in a folder of its own. */
async function server(tree: string): Promise<Target> {
  const data = mkdtempSync(join(tmpdir(), 'bench-against-'))
  const args = ['serve', '--data', data, '--port', '0', '--gateway-port', '0', '--gateways', '0', '--json']
  const { said, stop } = await start(tree, ['src/cli/main.ts', ...args])
  const { url, pid, token_file } = said as { url: string; pid: number; token_file: string }
  const headers = { Authorization: `Bearer ${readFileSync(token_file, 'utf8').trim()}` }
  const end = async (): Promise<void> => {
    await stop()
    rmSync(data, { recursive: true, force: true })
  }
  return { url, pid, headers, stop: end }
}

/** A gateway alone, with the routing table that its own checkout writes. */
async function gateway(tree: string, models: ServingModels): Promise<Target> {
  const place = (...names: readonly string[]): string => names.find((name) => existsSync(join(tree, name))) ?? ''
  const module = (await import(join(tree, place('bench/serving/predict.ts', 'bench/predict.ts')))) as {
    routing: typeof routing
  }
  const dataDir = await module.routing(models, undefined)
  const given = { dataDir, index: 0, host: '127.0.0.1', port: 0, reusePort: false, allowHosts: [], version: 'bench' }
  const main = place('src/gateway/main.ts', 'src/serving/gateway/main.ts')
  const { said, pid, stop } = await start(tree, [main, JSON.stringify(given)])
  const end = async (): Promise<void> => {
    await stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
  return { url: `http://127.0.0.1:${(said as { port: number }).port}`, pid, headers: {}, stop: end }
}

async function start(
  tree: string,
  [script = '', ...args]: readonly string[],
): Promise<{ said: unknown; pid: number; stop: () => Promise<void> }> {
  const child = spawn(process.execPath, [join(tree, script), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  endWithBench(child)
  const ended = new Promise<void>((done) => child.once('exit', () => done()))
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await ended
  }
  return { said: JSON.parse(await firstLine(child)), pid: child.pid ?? 0, stop }
}
