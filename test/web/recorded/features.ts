/** Recorded replies of features: definitions, their versions and the online store, shaped by the contract. */
import type { featuresApi } from '../../../src/contract/features/catalogue.ts'
import type { FeatureRow, ReadView } from '../../../src/contract/features/online.ts'
import type { onlineApi } from '../../../src/contract/features/online.ts'
import type { Reply } from '../../../src/contract/route.ts'
import { before } from '../fixture-tracking.ts'
import { statistics } from './feature-past.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

type All = Reply<typeof featuresApi.listFeatures>
type View = All['views'][number]
type Service = All['services'][number]
type Feature = View['features'][number]

const column = (name: string, type: Feature['type'], from = name): Feature => ({
  name,
  type,
  column: from,
  window: null,
})

const QUERY = `-- tickets with the mood that the text was given
select t.customer_id, t.opened_at, t.reached_us_at, m.score as mood_last
from tickets t
left join moods m using (ticket_id)
where t.kind <> 'spam' and m.score between 0 and 1`

const made = (now: number, version: number, days: number) => ({
  version,
  changed_at: before(now, days * DAY),
  changed_by: 'ada',
})

function trips(now: number, version: number): View {
  return {
    name: 'customer_trips',
    entities: ['customer'],
    keys: [{ name: 'customer_id', type: 'int' }],
    sources: [{ name: 'trips', kind: 'data_set', place: 'trips@latest' }],
    query: null,
    push: false,
    event_time: 'ended_at',
    created_time: version === 1 ? null : 'known_at',
    ttl_ms: version === 1 ? 90 * DAY : 400 * DAY,
    features: [
      column('home_airport', 'text', 'airport'),
      {
        name: 'trips_30d',
        type: 'int',
        column: null,
        window: { take: 'count', over_ms: 30 * DAY, step_ms: DAY, q: null },
      },
      {
        name: 'amount_7d',
        type: 'float',
        column: 'amount',
        window: { take: 'sum', over_ms: 7 * DAY, step_ms: HOUR, q: null },
      },
      ...(version < 3
        ? []
        : [
            {
              name: 'fare_p95_90d',
              type: 'float' as const,
              column: 'fare',
              window: { take: 'quantile' as const, over_ms: 90 * DAY, step_ms: DAY, q: 0.95 },
            },
          ]),
    ],
    description: 'what a customer flew, and what it cost',
    owner: 'growth',
    tags: { domain: 'travel', pii: '' },
    ...made(now, version, 40 - version * 10),
  }
}

function support(now: number): View {
  return {
    name: 'customer_support',
    entities: ['customer'],
    keys: [{ name: 'customer_id', type: 'int' }],
    sources: [
      {
        name: 'tickets',
        kind: 'sql',
        place: 'select ticket_id, customer_id, kind, opened_at, reached_us_at from care.tickets',
      },
      { name: 'moods', kind: 's3', place: 's3://care-data/moods/' },
    ],
    query: QUERY,
    push: true,
    event_time: 'opened_at',
    created_time: 'reached_us_at',
    ttl_ms: 7 * DAY,
    features: [
      column('mood_last', 'float'),
      {
        name: 'tickets_30d',
        type: 'int',
        column: null,
        window: { take: 'count', over_ms: 30 * DAY, step_ms: DAY, q: null },
      },
    ],
    description: 'tickets and their mood; a ticket reaches us hours after it was opened',
    owner: 'care',
    tags: {},
    ...made(now, 2, 12),
  }
}

function pushed(now: number): View {
  return {
    name: 'customer_loyalty',
    entities: ['customer'],
    keys: [{ name: 'customer_id', type: 'int' }],
    sources: [],
    query: null,
    push: true,
    event_time: 'at',
    created_time: null,
    ttl_ms: null,
    features: [column('tier', 'text'), column('miles', 'int'), column('is_staff', 'bool')],
    description: '',
    owner: '',
    tags: {},
    ...made(now, 1, 30),
  }
}

function weather(now: number): View {
  return {
    name: 'airport_weather',
    entities: ['airport'],
    keys: [{ name: 'airport', type: 'text' }],
    sources: [{ name: 'metar', kind: 'http', place: 'https://weather.example.org/metar/latest.csv' }],
    query: null,
    push: false,
    event_time: 'observed_at',
    created_time: null,
    ttl_ms: 6 * HOUR,
    features: [column('wind_kt', 'float'), column('visibility_m', 'int')],
    description: 'what the tower reports',
    owner: 'ops',
    tags: { domain: 'weather' },
    ...made(now, 1, 60),
  }
}

function noShow(now: number, version: number): Service {
  return {
    name: 'no_show',
    views: [
      { name: 'customer_trips', view: 'customer_trips', version: 2, keys: ['customer_id'] },
      { name: 'customer_support', view: 'customer_support', version: 2, keys: ['customer_id'] },
      { name: 'customer_loyalty', view: 'customer_loyalty', version: 1, keys: ['customer_id'] },
      { name: 'origin_weather', view: 'airport_weather', version: 1, keys: ['origin'] },
    ],
    columns: [
      { name: 'home_airport', type: 'text', of: 'customer_trips:home_airport' },
      { name: 'trips_30d', type: 'int', of: 'customer_trips:trips_30d' },
      { name: 'amount_7d', type: 'float', of: 'customer_trips:amount_7d' },
      { name: 'mood_last', type: 'float', of: 'customer_support:mood_last' },
      { name: 'tickets_30d', type: 'int', of: 'customer_support:tickets_30d' },
      { name: 'tier', type: 'text', of: 'customer_loyalty:tier' },
      { name: 'miles', type: 'int', of: 'customer_loyalty:miles' },
      { name: 'wind_kt', type: 'float', of: 'origin_weather:wind_kt' },
      ...(version < 2 ? [] : [{ name: 'fare_share', type: 'float' as const, of: 'on_demand:fare_share' }]),
    ],
    fields: version < 2 ? [] : [{ name: 'fare', type: 'float' }],
    on_expired: 'null',
    description: 'what the model of customers who do not come reads',
    owner: 'growth',
    tags: { model: 'no-show' },
    ...made(now, version, 12 - version * 4),
  }
}

export function all(now: number): All {
  return {
    entities: [
      {
        name: 'airport',
        keys: [{ name: 'airport', type: 'text' }],
        description: 'by its IATA code',
        owner: 'ops',
        tags: {},
        ...made(now, 1, 60),
      },
      {
        name: 'customer',
        keys: [{ name: 'customer_id', type: 'int' }],
        description: '',
        owner: '',
        tags: {},
        ...made(now, 1, 40),
      },
    ],
    views: [weather(now), pushed(now), support(now), trips(now, 3)],
    on_demand: [
      {
        name: 'fare_share',
        type: 'float',
        sql: 'case when amount > 0 then fare / amount else null end',
        inputs: [
          { name: 'fare', type: 'float', of: 'request:fare' },
          { name: 'amount', type: 'float', of: 'customer_trips:amount_7d' },
        ],
        description: 'how much of a week this fare is',
        owner: 'growth',
        tags: {},
        ...made(now, 1, 20),
      },
    ],
    services: [
      noShow(now, 2),
      {
        ...noShow(now, 1),
        name: 'upsell',
        views: [{ name: 'customer_trips', view: 'customer_trips', version: 3, keys: ['customer_id'] }],
        columns: [{ name: 'fare_p95_90d', type: 'float', of: 'customer_trips:fare_p95_90d' }],
        description: '',
        owner: '',
        tags: {},
        on_expired: 'refuse',
      },
    ],
  }
}

const numbered = (now: number, newest: number) =>
  Array.from({ length: newest }, (_, i) => ({
    version: newest - i,
    created_at: before(now, (10 + i * 10) * DAY),
    created_by: i === 0 ? 'ada' : 'grace',
  }))

export function view(
  now: number,
  name: string,
  version: string | null,
): Reply<typeof featuresApi.getFeatureView> | undefined {
  const { views, services } = all(now)
  const newest = views.find((one) => one.name === name)
  const number = version === null ? newest?.version : Number(version)
  if (newest === undefined || number === undefined || number > newest.version) return undefined
  return {
    ...(name === 'customer_trips' ? trips(now, number) : { ...newest, version: number }),
    versions: numbered(now, newest.version),
    services: services.flatMap((service) =>
      service.views
        .filter((taken) => taken.view === name)
        .map((taken) => ({ name: service.name, version: service.version, view_version: taken.version })),
    ),
    statistics: statistics(now, name),
  }
}

export function service(
  now: number,
  name: string,
  version: string | null,
): Reply<typeof featuresApi.getFeatureService> | undefined {
  const newest = all(now).services.find((one) => one.name === name)
  if (newest === undefined || Number(version ?? 1) > newest.version) return undefined
  return {
    ...(name === 'no_show' && version !== null ? noShow(now, Number(version)) : newest),
    versions: numbered(now, newest.version),
  }
}

export function differences(kind: string): Reply<typeof featuresApi.compareFeatures>['items'] {
  if (kind !== 'views')
    return [
      {
        path: 'columns.fare_share',
        before: null,
        after: { name: 'fare_share', type: 'float', of: { on_demand: 'fare_share' } },
      },
    ]
  return [
    { path: 'ttl_ms', before: 90 * DAY, after: 400 * DAY },
    { path: 'created_time', before: null, after: 'known_at' },
    { path: 'origin.query', before: QUERY.replace(' and m.score between 0 and 1', ''), after: QUERY },
  ]
}

const READ: readonly Omit<ReadView, 'horizon'>[] = [
  { name: 'customer_trips', view: 'customer_trips', version: 2, stored: true },
  { name: 'customer_support', view: 'customer_support', version: 2, stored: true },
  { name: 'customer_loyalty', view: 'customer_loyalty', version: 1, stored: false },
  { name: 'origin_weather', view: 'airport_weather', version: 1, stored: true },
]

/** One customer: a row that is fresh, one that has expired, a view of which nothing was stored, an airport without a row. */
export function readRow(now: number): FeatureRow {
  return {
    features: {
      home_airport: 'EWR',
      trips_30d: 4,
      amount_7d: null,
      mood_last: null,
      tickets_30d: null,
      tier: null,
      miles: null,
      wind_kt: null,
      fare_share: null,
    },
    missing: {
      amount_7d: 'null_value',
      mood_last: 'expired',
      tickets_30d: 'expired',
      tier: 'not_found',
      miles: 'not_found',
      wind_kt: 'not_found',
      fare_share: 'null_value',
    },
    events: {
      customer_trips: { at: before(now, 12 * 60_000), age_ms: 12 * 60_000 },
      customer_support: { at: before(now, 9 * DAY), age_ms: 9 * DAY },
    },
  }
}

export function read(now: number): Reply<typeof onlineApi.readFeatures> {
  return {
    service: { name: 'no_show', version: 2 },
    views: READ.map((one) => ({
      ...one,
      horizon: one.stored ? before(now, one.view === 'customer_support' ? 9 * HOUR : 42 * 60_000) : null,
    })),
    rows: [readRow(now)],
  }
}
