/** The gateway's figures as Prometheus text. */
import { credentialFamilies, familiesText } from '../http/prometheus-text.ts'
import type { CredentialCounts } from '../http/callers/failed-credentials.ts'
import type { Family, Sample } from '../http/prometheus-text.ts'
import type { LiveEndpoint, LiveTable, LiveVariant } from './traffic/live.ts'
import type { PredictionLog } from './records/log.ts'
import type { ShadowQueue } from './engine/shadow.ts'

export interface Measured {
  readonly table: LiveTable
  /** False for a caller who sees a part of the endpoints: what the process counts for all of them is left out. */
  readonly whole: boolean
  readonly log: PredictionLog
  readonly shadow: ShadowQueue
  readonly credentials: CredentialCounts
  /** Of language models. */
  readonly llm: readonly Family[]
  readonly now: number
}

/** Prometheus text format 0.0.4 of everything this gateway counts. */
export function metricsText(measured: Measured): string {
  const variants = [...measured.table.endpoints.values()].flatMap((endpoint) =>
    [endpoint.stable, endpoint.canary, ...endpoint.shadows]
      .filter((variant): variant is LiveVariant => variant !== undefined)
      .map((variant) => ({ variant, labels: labelsOf(endpoint, variant) })),
  )
  const families = [
    ...variantFamilies(variants, measured.now),
    ...(measured.whole ? [...measured.llm, ...processFamilies(measured)] : []),
  ]
  return familiesText(families.filter(({ samples }) => samples.length > 0))
}

interface Labelled {
  readonly variant: LiveVariant
  readonly labels: Readonly<Record<string, string>>
}

function variantFamilies(variants: readonly Labelled[], now: number): Family[] {
  const counter = (name: string, help: string, value: (variant: LiveVariant) => number): Family => ({
    name,
    type: 'counter',
    help,
    samples: variants.map(({ variant, labels }) => ({ labels, value: value(variant) })),
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
        .map(({ variant, labels }) => ({ labels, value: variant.breaker.reason === null ? 0 : 1 })),
    },
    {
      name: 'slipway_model_latency_seconds',
      type: 'summary',
      help: 'Time in the model over the last minute.',
      samples: variants.flatMap((one) => latencySamples(one, now)),
    },
  ]
}

function latencySamples({ variant, labels }: Labelled, now: number): Sample[] {
  const quantiles = variant.stats
    .quantiles(now, [0.5, 0.95, 0.99])
    .map(({ q, ms }) => ({ labels: { ...labels, quantile: String(q) }, value: ms === null ? Number.NaN : ms / 1000 }))
  return [
    ...quantiles,
    { labels, value: variant.stats.busyUs / 1e6, suffix: '_sum' },
    { labels, value: variant.stats.requests, suffix: '_count' },
  ]
}

function one(type: Family['type'], name: string, help: string, value: number): Family {
  return { name, type, help, samples: [{ value }] }
}

function processFamilies({ table, log, shadow, credentials }: Measured): Family[] {
  const { user, system } = process.cpuUsage()
  return [
    one('gauge', 'slipway_gateway_epoch', 'Epoch of the routing table.', table.epoch),
    one(
      'counter',
      'slipway_log_records_total',
      'Predictions, row by row, and other records that were appended to the prediction log.',
      log.records,
    ),
    one(
      'counter',
      'slipway_log_lost_total',
      'Predictions, row by row, and other records that could not be written.',
      log.lost,
    ),
    one('counter', 'slipway_shadow_rows_total', 'Rows scored by shadow versions.', shadow.scored),
    one('counter', 'slipway_shadow_dropped_total', 'Shadow rows dropped under load.', shadow.dropped),
    one('gauge', 'slipway_shadow_waiting_rows', 'Shadow rows that wait or run.', shadow.rows),
    ...credentialFamilies(credentials),
    one('counter', 'process_cpu_seconds_total', 'CPU time of the gateway.', (user + system) / 1e6),
    one('gauge', 'process_resident_memory_bytes', 'Resident memory of the gateway.', process.memoryUsage.rss()),
  ]
}

function labelsOf(endpoint: LiveEndpoint, variant: LiveVariant): Labelled['labels'] {
  const { role, version } = variant.route
  return { endpoint: endpoint.route.name, role, version }
}
