/** Recorded statistics of feature views, and a look-up at a moment, shaped by the contract. */
import type { lookUpApi } from '../../../src/contract/features/look-up.ts'
import type { FeatureStatistics, ViewStatistics } from '../../../src/contract/features/statistics.ts'
import type { Reply } from '../../../src/contract/route.ts'
import { before } from '../fixture-tracking.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

const NONE = { numbers: null, not_finite: 0, true_share: null, frequent: null, first: null, last: null }

const OF_VIEWS: Readonly<Record<string, Pick<ViewStatistics, 'live' | 'expired' | 'features'>>> = {
  customer_trips: {
    live: 1_204_118,
    expired: 0,
    features: [
      {
        ...NONE,
        name: 'home_airport',
        type: 'text',
        nulls: 6021,
        distinct: 412,
        frequent: [
          { value: 'EWR', is_cut: false, rows: 402_110 },
          { value: 'JFK', is_cut: false, rows: 388_920 },
          { value: 'LGA', is_cut: false, rows: 120_004 },
          { value: 'an airport whose name is longer than a table should ever be mad', is_cut: true, rows: 602 },
        ],
      },
    ],
  },
  airport_weather: {
    live: 398,
    expired: 14,
    features: [
      {
        ...NONE,
        name: 'wind_kt',
        type: 'float',
        nulls: 12,
        distinct: 61,
        numbers: { min: 0, max: 48.5, mean: 9.871, std: 6.204, quartiles: [5.1, 8.75, 13.2] },
        not_finite: 2,
      },
      {
        ...NONE,
        name: 'visibility_m',
        type: 'int',
        nulls: 0,
        distinct: 24,
        numbers: { min: 150, max: 10_000, mean: 9312, std: 1608, quartiles: [9_900, 10_000, 10_000] },
      },
    ],
  },
}

/** One of each type that the recorded views lack. */
export const OTHER_TYPES: readonly FeatureStatistics[] = [
  { ...NONE, name: 'is_staff', type: 'bool', nulls: 1, distinct: 2, true_share: 0.25 },
  {
    ...NONE,
    name: 'since',
    type: 'time',
    nulls: 0,
    distinct: 4,
    first: '2020-01-01T00:00:00Z',
    last: '2021-01-01T12:30:00Z',
  },
  { ...NONE, name: 'note', type: 'text', nulls: 0, distinct: 180_000 },
  { ...NONE, name: 'gone', type: 'float', nulls: 5, distinct: 0 },
  { ...NONE, name: 'odd', type: 'float', nulls: 0, distinct: 1, not_finite: 5 },
]

export function statistics(now: number, view: string): ViewStatistics | null {
  const found = OF_VIEWS[view]
  return found === undefined
    ? null
    : { job: 'fj_04', until: before(now, 3 * HOUR), at: before(now, 3 * HOUR - 90_000), ...found }
}

const read = (now: number, name: string, place: string, rows: number) => ({
  name,
  place,
  digest: `sha256:${'4'.repeat(64)}`,
  rows,
  read_at: before(now, 20_000),
  unchanged: name !== 'moods',
})

/** The customer of the recorded read at 10:00 of 3 May 2024: the mood was there, a ticket not known yet, and pushed rows have no history. */
export function lookedUp(now: number): Reply<typeof lookUpApi.lookUpFeatures> {
  const moment = Date.parse('2024-05-03T10:00:00Z')
  const ago = (ms: number): string => new Date(moment - ms).toISOString()
  const view = (name: string, version: number, more: object) => ({
    name,
    view: name,
    version,
    history: true,
    pushed: false,
    sources: [],
    ...more,
  })
  return {
    service: { name: 'no_show', version: 2 },
    views: [
      view('customer_trips', 2, { sources: [read(now, 'trips', 'trips@latest', 4_812_004)] }),
      view('customer_support', 2, {
        pushed: true,
        sources: [
          read(now, 'tickets', 'select ticket_id, customer_id, kind, opened_at from care.tickets', 310_402),
          read(now, 'moods', 's3://care-data/moods/', 298_001),
        ],
      }),
      view('customer_loyalty', 1, { history: false, pushed: true }),
      view('origin_weather', 1, {
        view: 'airport_weather',
        sources: [read(now, 'metar', 'https://weather.example.org/metar/latest.csv', 412)],
      }),
    ],
    rows: [
      {
        at: new Date(moment).toISOString(),
        features: {
          home_airport: 'EWR',
          trips_30d: 3,
          amount_7d: 310.5,
          mood_last: 0.71,
          tickets_30d: 1,
          tier: null,
          miles: null,
          wind_kt: null,
          fare_share: 0.6908212560386473,
        },
        missing: { tier: 'no_history', miles: 'no_history', wind_kt: 'late_suppressed' },
        events: {
          customer_trips: { at: ago(3 * DAY), known_at: ago(3 * DAY), age_ms: 3 * DAY },
          customer_support: { at: ago(2 * DAY), known_at: ago(2 * DAY - 9 * HOUR), age_ms: 2 * DAY },
        },
        next: {
          customer_trips: { at: ago(-4 * DAY), known_at: ago(-4 * DAY - HOUR) },
          origin_weather: { at: ago(HOUR), known_at: ago(-2 * HOUR) },
        },
      },
    ],
  }
}
