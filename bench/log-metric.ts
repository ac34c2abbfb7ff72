/** What one durable `log-metric` costs over HTTP, beside the unmodified `mlflow server` where that is asked for. */
import { startTestServer } from '../test/server.ts'
import { runLoad } from './load.ts'
import type { Measured } from './load.ts'
import { startMlflow } from './mlflow.ts'
import { cpuMsOf, familyOf } from './process.ts'
import { ms, thousands } from './table.ts'
import type { Options, Row } from './table.ts'

const CLIENTS = [1, 16, 64] as const

/** A server that takes MLflow's calls. */
interface Tracker {
  readonly url: string
  readonly pid: number
  readonly headers: Readonly<Record<string, string>>
}

type Result = Measured & { readonly cpuUs: number }

/** Rows for 1, 16 and 64 clients. */
export async function logMetric(options: Options): Promise<Row[]> {
  const own = await ours(options)
  const peer = options.peers ? await theirs(options) : undefined
  return CLIENTS.map((clients, i) => {
    const [mine, other] = [own[i] as Result, peer?.[i]]
    const ratio = other === undefined ? undefined : mine.perSecond / other.perSecond
    return {
      name: `log-metric, durable, ${clients} clients`,
      measured: `${said(mine)}${mine.refused > 0 ? `, ${mine.refused} REFUSED` : ''}`,
      target: clients === 64 ? '≤ 100 µs CPU; ≥ 30 × MLflow' : '',
      beside: other === undefined ? '' : `MLflow ${said(other)}: ${ratio?.toFixed(0)} ×`,
      ok: clients === 64 ? mine.cpuUs <= 100 && (ratio === undefined || ratio >= 30) && mine.refused === 0 : null,
      figures: { clients, ...mine, ...(other !== undefined && { peer: other }) },
    }
  })
}

function said(result: Result): string {
  return `${Math.round(result.cpuUs)} µs CPU, ${thousands(result.perSecond)} req/s, p50 ${ms(result.p50)}, p99 ${ms(result.p99)}`
}

async function ours(options: Options): Promise<Result[]> {
  const server = await startTestServer()
  try {
    const headers = { Authorization: `Bearer ${server.token}` }
    return await loads({ url: server.url, pid: server.pid, headers }, options)
  } finally {
    await server.stop()
  }
}

async function theirs(options: Options): Promise<Result[]> {
  const server = await startMlflow()
  try {
    return await loads({ url: server.url, pid: server.pid, headers: {} }, options)
  } finally {
    await server.stop()
  }
}

async function loads(tracker: Tracker, options: Options): Promise<Result[]> {
  const results: Result[] = []
  for (const clients of CLIENTS) results.push(await load(tracker, clients, options))
  return results
}

/** A run per load; every point is new, four metrics in turn. */
async function load(tracker: Tracker, clients: number, options: Options): Promise<Result> {
  const run_id = await createRun(tracker)
  const cpu = { begin: 0, end: 0 }
  const family = familyOf(tracker.pid)
  const measured = await runLoad({
    port: Number(new URL(tracker.url).port),
    path: '/api/2.0/mlflow/runs/log-metric',
    headers: tracker.headers,
    bodies: (i) =>
      JSON.stringify({ run_id, key: `m${i % 4}`, value: i / 7, timestamp: 1_700_000_000_000 + i, step: i }),
    clients,
    seconds: options.seconds,
    warmUp: options.seconds / 3,
    mark: (when) => (cpu[when] = cpuMsOf(family)),
  })
  return { ...measured, cpuUs: ((cpu.end - cpu.begin) * 1000) / measured.requests }
}

async function createRun({ url, headers }: Tracker): Promise<string> {
  const response = await fetch(`${url}/api/2.0/mlflow/runs/create`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ experiment_id: '0', start_time: Date.now() }),
  })
  if (!response.ok) throw new Error(`runs/create answered ${response.status}: ${await response.text()}`)
  return ((await response.json()) as { run: { info: { run_id: string } } }).run.info.run_id
}
