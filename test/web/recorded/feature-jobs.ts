/** Recorded joins and materialisations of features, shaped by the contract. */
import type { FeatureJob } from '../../../src/contract/features/jobs.ts'
import { before } from '../fixture-tracking.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

const job = (now: number, id: string, given: Partial<FeatureJob>, hours: number): FeatureJob => ({
  id,
  project: 'default',
  kind: 'materialise',
  name: 'customer_trips',
  version: 3,
  state: 'done',
  reason: '',
  created_at: before(now, hours * HOUR + 4000),
  created_by: 'ada',
  started_at: before(now, hours * HOUR),
  ended_at: before(now, hours * HOUR - 3 * MINUTE),
  sources: [],
  views: [{ name: 'customer_trips', version: 3 }],
  join: null,
  materialised: null,
  ...given,
})

const outcome = (now: number, hours: number, rows: number) => ({
  rows,
  tiles: rows * 12,
  without_key: 12,
  later: 4,
  until: before(now, hours * HOUR),
})

function materialisations(now: number): FeatureJob[] {
  const failed = {
    state: 'failed' as const,
    reason:
      'source tickets has no column "mood_score", which the query of the view names; it has mood_tone. Change the query of customer_support, and apply it',
  }
  return [
    job(
      now,
      'fj_06',
      { state: 'running', started_at: before(now, 40_000), created_at: before(now, 44_000), ended_at: null },
      0,
    ),
    job(now, 'fj_05', { name: 'customer_support', version: 2, ...failed }, 1),
    job(now, 'fj_04', { materialised: outcome(now, 3, 1_204_118) }, 3),
    job(now, 'fj_03', { name: 'customer_support', version: 2, materialised: outcome(now, 9, 310_402) }, 9),
    job(now, 'fj_02', { version: 2, materialised: outcome(now, 30, 1_190_006) }, 30),
    job(now, 'fj_01', { name: 'airport_weather', version: 1, materialised: outcome(now, 2, 412) }, 2),
  ]
}

const ROWS = 48_210

/** Counts of statuses by column; the rest is present. */
function columns(missing: Readonly<Record<string, Readonly<Record<string, number>>>>) {
  return Object.entries(missing).map(([name, statuses]) => ({
    name,
    statuses: {
      present: ROWS - Object.values(statuses).reduce((sum, n) => sum + n, 0),
      ...statuses,
    },
  }))
}

function joins(now: number): FeatureJob[] {
  const join = { kind: 'join' as const, name: 'no_show', version: 2, views: [{ name: 'customer_trips', version: 2 }] }
  return [
    job(
      now,
      'fj_j3',
      {
        ...join,
        state: 'failed',
        reason: 'the table has no column "event_timestamp"; name the column of the moment with "time"',
      },
      2,
    ),
    job(
      now,
      'fj_j2',
      {
        ...join,
        sources: [
          {
            name: 'trips',
            place: 'trips@7',
            digest: `sha256:${'4f2a'.repeat(16)}`,
            rows: 9_120_004,
            read_at: before(now, 26 * HOUR),
          },
        ],
        join: {
          rows: ROWS,
          columns: columns({
            home_airport: { not_found: 312 },
            trips_30d: { not_found: 312 },
            amount_7d: { null_value: 9120, not_found: 312 },
            mood_last: { null_value: 2011, not_found: 30_116, expired: 9044, late_suppressed: 411 },
            tickets_30d: { not_found: 30_116, expired: 9044, late_suppressed: 411 },
            tier: { future_only: 1904, not_found: 7 },
            wind_kt: {},
          }),
          data_set: { name: 'no_show_training', version: 4, digest: `sha256:${'9ad2'.repeat(16)}` },
        },
      },
      26,
    ),
    job(
      now,
      'fj_j1',
      {
        ...join,
        version: 1,
        join: {
          rows: 12_004,
          columns: [{ name: 'home_airport', statuses: { present: 12_001, not_found: 3 } }],
          data_set: { name: 'no_show_training', version: 3, digest: `sha256:${'77ab'.repeat(16)}` },
        },
      },
      300,
    ),
  ]
}

export function jobs(now: number, query: URLSearchParams): FeatureJob[] {
  const [kind, name] = [query.get('kind'), query.get('name')]
  return [...materialisations(now), ...joins(now)].filter(
    (one) => (kind === null || one.kind === kind) && (name === null || one.name === name),
  )
}

/** What a new one is answered. */
export function begun(now: number, name: string): FeatureJob {
  return job(now, 'fj_07', { name, state: 'waiting', started_at: null, ended_at: null }, 0)
}

/** What one is answered that is cancelled. */
export function canceled(now: number, id: string): FeatureJob | undefined {
  const one = [...materialisations(now), ...joins(now)].find((known) => known.id === id)
  return one && { ...one, state: 'canceled', ended_at: before(now, 0) }
}
