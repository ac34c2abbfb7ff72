/** Live figures of endpoints: what all gateways count, added up. */
import type { ServingSample } from '../../cost/meters.ts'
import type { Reader } from '../../store/db.ts'
import { mergeSketch, quantile, sketch, sketchFromJson } from '../../stats/sketch.ts'
import { gatewayStats } from '../fleet/admin-client.ts'
import type { GatewayStats, GatewayVariant } from '../fleet/admin-client.ts'
import type { GatewayFile } from '../../gateway/run-files.ts'

/** Figures of a variant over the last minute; latencies are ms inside the gateway, null without requests. */
export interface VariantFigures {
  readonly window_s: number
  readonly requests: number
  readonly rows: number
  readonly errors: number
  readonly requests_per_s: number
  readonly p50_ms: number | null
  readonly p95_ms: number | null
  readonly p99_ms: number | null
}

/** Age at which figures are read again, ms. */
const FRESH_MS = 500

/** Reads the figures of every gateway, at most twice a second, however many ask. */
export function gatewayFigures(gateways: () => readonly GatewayFile[]): () => Promise<readonly GatewayStats[]> {
  let last: { at: number; read: Promise<GatewayStats[]> } | undefined
  return () => {
    const now = performance.now()
    if (last === undefined || now - last.at > FRESH_MS) last = { at: now, read: readGateways(gateways()) }
    return last.read
  }
}

/** Asks every gateway; those that do not answer are left out. */
async function readGateways(gateways: readonly GatewayFile[]): Promise<GatewayStats[]> {
  const found = await Promise.all(gateways.map((gateway) => gatewayStats(gateway).catch(() => undefined)))
  return found.filter((stats) => stats !== undefined)
}

/** The figures of one variant; undefined when no gateway has it. */
export function figuresOf(
  gateways: readonly GatewayStats[],
  variant: { readonly endpoint: string; readonly role: string; readonly version: string },
): VariantFigures | undefined {
  const found = gateways.flatMap((gateway) => gateway.variants.filter((one) => isSame(one, variant)))
  if (found.length === 0) return undefined
  const recent = found.map((one) => one.stats.recent)
  const total = (pick: (one: (typeof recent)[number]) => number): number =>
    recent.reduce((sum, one) => sum + pick(one), 0)
  const latency = sketch()
  for (const one of recent) mergeSketch(latency, sketchFromJson(one.latency_ms))
  const window_s = Math.max(...recent.map((one) => one.window_ms)) / 1000
  const requests = total((one) => one.requests)
  const at = (q: number): number | null => (latency.n === 0 ? null : round(quantile(latency, q)))
  return {
    window_s: round(window_s),
    requests,
    rows: total((one) => one.rows),
    errors: total((one) => one.errors),
    requests_per_s: round(requests / window_s),
    p50_ms: at(0.5),
    p95_ms: at(0.95),
    p99_ms: at(0.99),
  }
}

function isSame(
  one: GatewayVariant,
  variant: { readonly endpoint: string; readonly role: string; readonly version: string },
): boolean {
  return one.endpoint === variant.endpoint && one.role === variant.role && one.version === variant.version
}

/** Three decimals: microseconds. */
function round(value: number): number {
  return Math.round(value * 1000) / 1000
}

/** What one gateway's log could not write, and the requests that the gateway answered by endpoint; both since its start. */
export interface GatewayLogLoss {
  /** Names the log for good. */
  readonly writer: string
  readonly lost: number
  /** Why the last record was lost. */
  readonly error: string | null
  readonly requests: ReadonlyMap<string, number>
}

export function logLossesOf(gateways: readonly GatewayStats[]): GatewayLogLoss[] {
  return gateways.map(({ log, variants }) => {
    const requests = new Map<string, number>()
    for (const { endpoint, stats } of variants) requests.set(endpoint, (requests.get(endpoint) ?? 0) + stats.requests)
    return { writer: log.writer, lost: log.lost, error: log.error, requests }
  })
}

/** Cumulative use of each gateway process by variant, for the meters. */
export async function servingUsage(
  db: Reader,
  figures: () => Promise<readonly GatewayStats[]>,
): Promise<ServingSample[]> {
  const rows = await db.all<{ name: string; project: string }>('SELECT name, project FROM endpoints')
  return usageOf(await figures(), new Map(rows.map((row) => [row.name, row.project])))
}

/** Cumulative figures since each gateway's start, by variant, for the meters; `projects` by endpoint. */
export function usageOf(gateways: readonly GatewayStats[], projects: ReadonlyMap<string, string>): ServingSample[] {
  return gateways.flatMap((gateway) =>
    gateway.variants.map((variant) => ({
      project: projects.get(variant.endpoint) ?? 'default',
      endpoint: variant.endpoint,
      version: variant.version,
      pid: gateway.pid,
      // a shadow is worked for and answers nobody
      predictions: variant.role === 'shadow' ? 0 : variant.stats.rows,
      requests: variant.stats.requests,
      gateway_cpu_seconds: (gateway.cpu_us.user + gateway.cpu_us.system) / 1e6,
      scorer_cpu_seconds: scorers(variant).reduce((sum, one) => sum + (one.cpu_seconds_now ?? 0), 0),
      gateway_bytes: gateway.rss,
      scorer_bytes: scorers(variant).reduce((sum, one) => sum + (one.resident_mb ?? 0) * 1_048_576, 0),
    })),
  )
}

interface ScorerFacts {
  readonly cpu_seconds_now?: number | null
  readonly resident_mb?: number | null
}

function scorers(variant: GatewayVariant): readonly ScorerFacts[] {
  const found = variant.backend['scorers']
  return Array.isArray(found) ? (found as ScorerFacts[]) : []
}
