/** What one prediction costs: the gateway with routing, profile and prediction log beside the floor of node:http, in the same run. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readInputs } from '../src/serving/inputs.ts'
import type { BackendRoute, EndpointRoute, RoutingTable } from '../src/serving/table.ts'
import { BREAKER } from '../src/serving/table.ts'
import { makeSpec } from '../src/stats/profile-spec.ts'
import { servingModels } from '../test/serving-models.ts'
import type { ServingModels } from '../test/serving-models.ts'
import { runLoad } from './load.ts'

/** One line of the result. CPU is user and system time of the measured process (without scorers) per request, µs. */
interface Line {
  readonly what: string
  readonly clients: number
  readonly requests_per_s: number
  readonly cpu_us: number
  readonly p50_ms: number
  readonly p99_ms: number
  readonly refused: number
}

const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 5)
const TICK_US = 10_000

const models = await servingModels()
const bodies = models.rows.map((row) => {
  const { score: _, ...inputs } = row
  return JSON.stringify({ inputs })
})
const lines: Line[] = []
lines.push(await measure('floor: node:http, JSON.parse', [join(import.meta.dirname, 'floor.ts')], '/', 16))
const dataDir = await routing(models)
try {
  const given = { dataDir, index: 0, host: '127.0.0.1', port: 0, reusePort: false, allowHosts: [], version: 'bench' }
  const gateway = [join(import.meta.dirname, '../src/serving/gateway/main.ts'), JSON.stringify(given)]
  for (const clients of [1, 16]) {
    lines.push(await measure('native, with log', gateway, '/v1/endpoints/plain:predict', clients))
    lines.push(await measure('native, with log and profile', gateway, '/v1/endpoints/native:predict', clients))
  }
  lines.push(await measure('Python scorer, batched', gateway, '/v1/endpoints/python:predict', 64))
} finally {
  rmSync(dataDir, { recursive: true, force: true })
}
process.stdout.write(`${process.argv.includes('--json') ? JSON.stringify(lines) : table(lines)}\n`)

async function measure(what: string, argv: readonly string[], path: string, clients: number): Promise<Line> {
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const port = await portOf(child)
    const ticks = { begin: 0, end: 0 }
    const warmUp = path.includes('python') ? 20 : 2
    const mark = (when: 'begin' | 'end'): void => {
      ticks[when] = cpuTicks(child.pid ?? 0)
    }
    const result = await runLoad({ port, path, bodies, clients, seconds: SECONDS, warmUp, mark })
    return {
      what,
      clients,
      requests_per_s: Math.round(result.perSecond),
      cpu_us: Math.round(((ticks.end - ticks.begin) * TICK_US) / result.requests),
      p50_ms: round(result.p50),
      p99_ms: round(result.p99),
      refused: result.refused,
    }
  } finally {
    child.kill('SIGTERM')
    await new Promise((resolve) => child.once('exit', resolve))
  }
}

async function portOf(child: ChildProcess): Promise<number> {
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    return (JSON.parse(chunk.toString('utf8')) as { port: number }).port
  }
  throw new Error('the server ended before it was ready')
}

/** User and system time of a process in clock ticks (Linux). */
function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/** A data folder whose routing table has the same model three times: native, native with a profile, and in Python. */
async function routing(from: ServingModels): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-predict-'))
  const { inputs, tensor } = await readInputs(from.dir('hgb'), null)
  const names = [...inputs.map((input) => input.name), 'score'] as (keyof (typeof from.rows)[number])[]
  const spec = makeSpec(names.map((name) => ({ name, values: from.rows.map((row) => row[name]) })))
  const native: BackendRoute = { kind: 'native', dir: from.files('hgb').native?.dir ?? '' }
  const python: BackendRoute = {
    kind: 'python',
    dir: from.dir('hgb'),
    python: from.python,
    tensor,
    workers: 1,
    memory_mb: 2048,
  }
  const endpoint = (name: string, backend: BackendRoute, profile: unknown): EndpointRoute => ({
    name,
    project: 'bench',
    model: 'hgb',
    salt: 's',
    threshold: null,
    breaker: BREAKER,
    profile,
    variants: [{ role: 'stable', version: '1', weight: 0, since: 1, inputs, backend }],
    standby: [],
  })
  const endpoints = [
    endpoint('plain', native, null),
    endpoint('native', native, spec),
    endpoint('python', python, null),
  ]
  const whole: RoutingTable = { format: 'slipway.routing/1', epoch: 1, open: true, endpoints, tokens: [] }
  mkdirSync(join(folder, 'run'))
  writeFileSync(join(folder, 'run/routing.json'), JSON.stringify(whole))
  return folder
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}

function table(rows: readonly Line[]): string {
  const head = ['what', 'clients', 'req/s', 'CPU µs', 'p50 ms', 'p99 ms', 'refused']
  const cells = rows.map((row) => Object.values(row).map(String))
  const widths = head.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)))
  const line = (row: readonly string[]): string => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')
  return [line(head), ...cells.map(line)].join('\n')
}
