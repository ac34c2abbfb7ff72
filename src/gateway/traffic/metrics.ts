/** The gateway's figures as Prometheus text. */
import type { LiveEndpoint, LiveTable, LiveVariant } from '../live.ts'
import type { PredictionLog } from '../log.ts'
import type { ShadowQueue } from './shadow.ts'

export interface Measured {
  readonly table: LiveTable
  readonly log: PredictionLog
  readonly shadow: ShadowQueue
  readonly now: number
}

interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'summary'
  readonly help: string
  readonly samples: readonly string[]
}

/** Prometheus text format 0.0.4 of everything this gateway counts. */
export function metricsText(measured: Measured): string {
  const variants = [...measured.table.endpoints.values()].flatMap((endpoint) =>
    [endpoint.stable, endpoint.canary, ...endpoint.shadows]
      .filter((variant): variant is LiveVariant => variant !== undefined)
      .map((variant) => ({ variant, labels: labelsOf(endpoint, variant) })),
  )
  const of = (name: string, value: (variant: LiveVariant) => number): string[] =>
    variants.map(({ variant, labels }) => `${name}{${labels}} ${value(variant)}`)
  return [...variantMetrics(of, variants, measured.now), ...processMetrics(measured)].map(render).join('')
}

type Of = (name: string, value: (variant: LiveVariant) => number) => string[]

function variantMetrics(of: Of, variants: { variant: LiveVariant; labels: string }[], now: number): Metric[] {
  const counter = (name: string, help: string, value: (variant: LiveVariant) => number): Metric => ({
    name,
    type: 'counter',
    help,
    samples: of(name, value),
  })
  return [
    counter('slipway_requests_total', 'Requests by variant.', (v) => v.stats.requests),
    counter('slipway_predictions_total', 'Rows predicted by variant.', (v) => v.stats.rows),
    counter('slipway_request_errors_total', 'Requests that the variant failed.', (v) => v.stats.errors),
    counter('slipway_fallbacks_total', 'Requests answered in place of a failing canary.', (v) => v.stats.fallbacks),
    counter('slipway_model_seconds_total', 'Time spent in the model.', (v) => v.stats.busyUs / 1e6),
    {
      name: 'slipway_canary_tripped',
      type: 'gauge',
      help: '1 when the breaker took the canary to weight 0.',
      samples: variants
        .filter(({ variant }) => variant.route.role === 'canary')
        .map(({ variant, labels }) => `slipway_canary_tripped{${labels}} ${variant.breaker.reason === null ? 0 : 1}`),
    },
    {
      name: 'slipway_model_latency_seconds',
      type: 'summary',
      help: 'Time in the model over the last minute.',
      samples: variants.flatMap(({ variant, labels }) => latencySamples(variant, labels, now)),
    },
  ]
}

function latencySamples(variant: LiveVariant, labels: string, now: number): string[] {
  const quantiles = variant.stats
    .quantiles(now, [0.5, 0.95, 0.99])
    .map(({ q, ms }) => `slipway_model_latency_seconds{${labels},quantile="${q}"} ${ms === null ? 'NaN' : ms / 1000}`)
  return [
    ...quantiles,
    `slipway_model_latency_seconds_sum{${labels}} ${variant.stats.busyUs / 1e6}`,
    `slipway_model_latency_seconds_count{${labels}} ${variant.stats.requests}`,
  ]
}

function processMetrics({ table, log, shadow }: Measured): Metric[] {
  const { user, system } = process.cpuUsage()
  const one = (type: Metric['type'], name: string, help: string, value: number): Metric => ({
    name,
    type,
    help,
    samples: [`${name} ${value}`],
  })
  return [
    one('gauge', 'slipway_gateway_epoch', 'Epoch of the routing table.', table.epoch),
    one('counter', 'slipway_log_records_total', 'Records appended to the prediction log.', log.records),
    one('counter', 'slipway_log_lost_total', 'Records that could not be written.', log.lost),
    one('counter', 'slipway_shadow_rows_total', 'Rows scored by shadow versions.', shadow.scored),
    one('counter', 'slipway_shadow_dropped_total', 'Shadow rows dropped under load.', shadow.dropped),
    one('gauge', 'slipway_shadow_waiting_rows', 'Shadow rows that wait or run.', shadow.rows),
    one('counter', 'process_cpu_seconds_total', 'CPU time of the gateway.', (user + system) / 1e6),
    one('gauge', 'process_resident_memory_bytes', 'Resident memory of the gateway.', process.memoryUsage.rss()),
  ]
}

function labelsOf(endpoint: LiveEndpoint, variant: LiveVariant): string {
  const { role, version } = variant.route
  return `endpoint="${escape(endpoint.route.name)}",role="${role}",version="${escape(version)}"`
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function render({ name, type, help, samples }: Metric): string {
  if (samples.length === 0) return ''
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.join('\n')}\n`
}
