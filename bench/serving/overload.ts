/** Twice as much as a Python version can answer: what is still answered, how soon the rest is refused, and what memory it takes. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readInputs } from '../../src/scoring/model/inputs.ts'
import { BREAKER } from '../../src/gateway/table/table.ts'
import type { EndpointRoute, RoutingTable } from '../../src/gateway/table/table.ts'
import { servingModels } from '../../test/serving-models.ts'
import type { ServingModels } from '../../test/serving-models.ts'
import { measured, ROOT, said, started } from '../load/loaded.ts'
import type { Loaded, Target } from '../load/loaded.ts'
import { memoryOf } from '../load/process.ts'
import { megabytes, ms, thousands } from '../table.ts'
import type { Options, Row } from '../table.ts'

const CLIENTS = 64
const PATH = '/v1/endpoints/python:predict'
const GOODPUT = 0.9
const REFUSED_MS = 10
/** What the gateway may grow by between the two loads. */
const GROWTH = 64 * 1024 * 1024

/** The peak of a closed loop whose callers just fill the queue, and the same with twice as many callers. */
export async function overload(options: Options): Promise<Row[]> {
  const models = await servingModels()
  const bodies = models.rows.map((row) => {
    const { score: _, ...inputs } = row
    return JSON.stringify({ inputs })
  })
  const dataDir = await routing(models)
  const given = { dataDir, index: 0, host: '127.0.0.1', port: 0, reusePort: false, allowHosts: [], version: 'bench' }
  try {
    const gateway = await started(join(ROOT, 'src/gateway/main.ts'), JSON.stringify(given))
    try {
      return await both(gateway, bodies, options)
    } finally {
      await gateway.stop()
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function both(gateway: Target, bodies: readonly string[], options: Options): Promise<Row[]> {
  const peak = await measured(gateway, { path: PATH, bodies, clients: CLIENTS }, options)
  const before = memoryOf(gateway.pids).rss
  // Who is refused comes again after the time that an answer takes: so twice the callers ask for twice what can be answered.
  const load = { path: PATH, bodies, clients: 2 * CLIENTS, pauseMs: peak.p50 }
  const over = await measured(gateway, load, options)
  const grown = memoryOf(gateway.pids).rss - before
  return [
    {
      name: `Python scorer, ${CLIENTS} clients: the peak`,
      measured: said(peak),
      target: '',
      beside: '',
      ok: null,
      figures: { ...peak },
    },
    overloaded(peak, over, grown),
  ]
}

function overloaded(peak: Loaded, over: Loaded, grown: number): Row {
  const goodput = over.perSecond - over.refusedPerSecond
  const share = goodput / peak.perSecond
  const reached = share >= GOODPUT && over.refusedPerSecond > 0 && over.refusedP99 <= REFUSED_MS && grown <= GROWTH
  return {
    name: `Python scorer, ${2 * CLIENTS} clients: twice as many`,
    measured: `${thousands(goodput)} req/s answered, ${(100 * share).toFixed(0)} % of the peak; ${thousands(over.refusedPerSecond)}/s refused, p99 ${ms(over.refusedP99)}; the gateway grew by ${megabytes(grown)}`,
    target: '≥ 90 % of the peak, refused within 10 ms (p99), memory bounded',
    beside: '',
    ok: reached,
    figures: { ...over, goodput, share, grown },
  }
}

/** A data folder with one endpoint, whose queue holds what the callers of the peak send at once and no more. */
async function routing(from: ServingModels): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'bench-overload-'))
  const { inputs, tensor } = await readInputs(from.dir('hgb'), null)
  const endpoint: EndpointRoute = {
    name: 'python',
    project: 'bench',
    model: 'hgb',
    salt: 's',
    threshold: null,
    breaker: BREAKER,
    limits: { queue_rows: CLIENTS },
    standby: [],
    variants: [
      {
        role: 'stable',
        version: '1',
        weight: 0,
        since: 1,
        inputs,
        backend: { kind: 'python', dir: from.dir('hgb'), python: from.python, tensor, workers: 1, memory_mb: 2048 },
      },
    ],
  }
  const table: RoutingTable = { format: 'slipway.routing/1', epoch: 1, open: true, endpoints: [endpoint], tokens: [] }
  mkdirSync(join(dataDir, 'run'))
  writeFileSync(join(dataDir, 'run/routing.json'), JSON.stringify(table))
  return dataDir
}
