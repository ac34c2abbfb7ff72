/** The offline join on real files, against values that were worked out by hand. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join as path } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { FeaturesSection } from '../../contract/features/section.ts'
import { readSection } from '../definitions/read.ts'
import { join, type JoinRequest, type JoinResult } from './join.ts'

let duck: DuckDBConnection
let instance: DuckDBInstance
let folder: string

beforeEach(async () => {
  folder = mkdtempSync(path(tmpdir(), 'slipway-join-'))
  instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  duck = await instance.connect()
  await duck.run(`SET TimeZone = 'UTC'`)
})
afterEach(() => {
  duck.closeSync()
  instance.closeSync()
  rmSync(folder, { recursive: true, force: true })
})

const SECTION = {
  entities: { driver: { keys: { driver_id: 'int' } }, city: { keys: { city: 'text' } } },
  views: {
    driver_stats: {
      entities: ['driver'],
      source: 'stats',
      event_time: 'at',
      created_time: 'known',
      ttl: '2d',
      features: { trips: 'int', rate: 'float', home: { type: 'text', column: 'home_city' } },
      windows: {
        trips_1d: { of: 'trips', take: 'sum', over: '1d', step: '1h' },
        rows_1d: { take: 'count', over: '1d' },
      },
    },
    weather: { entities: ['city'], source: 'weather', event_time: 'at', features: { temp: 'float' } },
  },
  on_demand: {
    per_km: { inputs: { trips: 'driver_stats:trips', km: 'request:km' }, sql: 'trips / km', type: 'float' },
    is_hot: { inputs: { temp: 'weather:temp' }, sql: 'temp > 25', type: 'bool' },
  },
  services: {
    model: {
      features: [
        'driver_stats',
        'on_demand:per_km',
        { take: 'weather:temp', keys: { city: 'origin' }, names: { temp: 'origin_temp' } },
      ],
    },
  },
}

const STATS = `driver_id,at,known,trips,rate,home_city
1,2024-01-01T10:00:00Z,2024-01-01T10:00:00Z,5,0.5,EWR
1,2024-01-01T10:00:00Z,2024-01-03T00:00:00Z,6,0.6,EWR
1,2024-01-02T09:30:00Z,2024-01-02T09:30:00Z,7,,LGA
2,2024-01-05T00:00:00Z,2024-01-05T00:00:00Z,9,0.9,JFK
3,2024-01-01T00:00:00Z,2024-02-01T00:00:00Z,1,0.1,JFK
`
const WEATHER = `city,at,temp
EWR,2024-01-01T00:00:00+01:00,30.5
`

function requestOf(
  entities: string,
  files: Record<string, string> = { stats: STATS, weather: WEATHER },
  section: object = SECTION,
): JoinRequest {
  const write = (name: string, text: string) => {
    const file = path(folder, `${name}.csv`)
    writeFileSync(file, text)
    return { paths: [file], format: 'csv' as const }
  }
  const { definitions, faults } = readSection(FeaturesSection.parse(section), { sources: Object.keys(files) })
  assert.deepEqual(faults, [])
  const service = definitions.services.get('model') ?? assert.fail()
  const views = Object.fromEntries(
    service.views.map(({ name, view }) => [name, definitions.views.get(view) ?? assert.fail()]),
  )
  const sources = Object.fromEntries(Object.entries(files).map(([name, text]) => [name, write(name, text)]))
  return {
    entities: write('entities', entities),
    time: 'time',
    service,
    views,
    sources,
    include_late_data: false,
    into: path(folder, 'out.parquet'),
  }
}

async function joined(request: JoinRequest): Promise<{ result: JoinResult; rows: unknown[] }> {
  const result = await join(duck, request)
  return { result, rows: (await duck.runAndReadAll(`SELECT * FROM '${request.into}'`)).getRowsJson() }
}

test('where a service gives expired values, so does its join; windows of them are not served either', async () => {
  const services = { model: { features: ['driver_stats'], on_expired: 'value' } }
  const { result, rows } = await joined(
    requestOf('driver_id,time\n1,2024-01-04T12:00:00Z\n', { stats: STATS, weather: WEATHER }, { ...SECTION, services }),
  )
  assert.deepEqual(rows, [['1', '2024-01-04T12:00:00Z', '7', null, 'LGA', null, null]])
  assert.deepEqual(
    result.columns.map(({ name, statuses }) => [name, statuses]),
    ['trips', 'rate', 'home', 'trips_1d', 'rows_1d'].map((name) => [name, { expired: 1 }]),
  )
})

test('each row gets what was known then, in its order, with the reasons counted', async () => {
  const entities = `note,driver_id,origin,time,km
late row unknown,1,EWR,2024-01-01T12:00:00Z,10
late row known but old,1,EWR,2024-01-04T12:00:00Z,0
newest,1,LGA,2024-01-02T09:30:00Z,2
twice,1,LGA,2024-01-02T09:30:00Z,2
future,2,EWR,2024-01-01T00:00:00Z,1
suppressed,3,EWR,2024-01-02T00:00:00Z,1
unknown,9,EWR,2024-01-02T00:00:00Z,1
no key,,EWR,2023-12-31T23:00:00Z,1
`
  const { result, rows } = await joined(requestOf(entities))
  assert.deepEqual(
    rows.map((row) => (row as unknown[]).toSpliced(1, 4)),
    [
      ['late row unknown', '5', 0.5, 'EWR', 5, '1', 0.5, 30.5],
      ['late row known but old', null, null, null, null, null, null, 30.5],
      // the beginning of the window is 2024-01-01T09:00, so that the first row is within it
      ['newest', '7', null, 'LGA', 12, '2', 3.5, null],
      ['twice', '7', null, 'LGA', 12, '2', 3.5, null],
      ['future', null, null, null, null, null, null, 30.5],
      ['suppressed', null, null, null, null, null, null, 30.5],
      ['unknown', null, null, null, null, null, null, 30.5],
      ['no key', null, null, null, null, null, null, 30.5],
    ],
  )
  assert.equal(result.rows, 8)
  const statuses = Object.fromEntries(result.columns.map(({ name, statuses: counted }) => [name, counted]))
  const others = { expired: 1, future_only: 1, late_suppressed: 1, not_found: 2 }
  assert.deepEqual(statuses['trips'], { present: 3, ...others })
  assert.deepEqual(statuses['rate'], { present: 1, null_value: 2, ...others })
  assert.deepEqual(statuses['per_km'], { present: 3, null_value: 5 })
  assert.deepEqual(statuses['origin_temp'], { present: 6, not_found: 2 })
})

test("Feast's default is had on request", async () => {
  const request = requestOf(`driver_id,origin,time,km\n1,EWR,2024-01-01T12:00:00Z,3\n`)
  const { rows } = await joined({ ...request, include_late_data: true })
  assert.deepEqual((rows[0] as unknown[])[4], '6')
})

const refusals: readonly (readonly [string, { entities?: string; stats?: string }, RegExp])[] = [
  [
    'a text for an int',
    { stats: STATS.replace(',7,', ',many,') },
    /column "trips" has many, and a whole number of 64 bits was expected/,
  ],
  ['a fraction for an int', { stats: STATS.replace(',7,', ',7.5,') }, /column "trips" has 7\.5, and a whole number/],
  [
    'an int beyond 64 bits',
    { stats: STATS.replace(',7,', ',9223372036854775808,') },
    /has 9223372036854775808, and a whole number/,
  ],
  [
    'no time',
    { stats: STATS.replace('2024-01-02T09:30:00Z,2024', ',2024') },
    /column "at" is null in a row, and each needs the time/,
  ],
  [
    'a time that is none',
    { stats: STATS.replace('1,2024-01-02T09:30:00Z', '1,yesterday') },
    /column "at" has yesterday, and a time between/,
  ],
  [
    'a column that is gone',
    { stats: STATS.replace('trips', 'journeys') },
    /the source of view "driver_stats" has no column "trips"; it has .*"journeys"/,
  ],
  [
    'entities without the key',
    { entities: 'driver,origin,time,km\n1,E,2024-01-01,1\n' },
    /the table of entities has no column "driver_id"; it has "driver"/,
  ],
  ['entities without the time', { entities: 'driver_id,origin,when,km\n1,E,2024-01-01,1\n' }, /has no column "time"/],
  [
    'entities without a field',
    { entities: 'driver_id,origin,time\n1,E,2024-01-01\n' },
    /has no column "km", which an on-demand feature takes/,
  ],
  [
    'a key of another type',
    { entities: 'driver_id,origin,time,km\nx1,E,2024-01-01,1\n' },
    /column "driver_id" has x1, and a whole number/,
  ],
  [
    'a column that the join gives',
    { entities: 'driver_id,origin,time,km,rate\n1,E,2024-01-01,1,1\n' },
    /has a column "rate" already/,
  ],
  [
    'a column that the join gives, in other letters',
    { entities: 'driver_id,origin,time,km,RATE\n1,E,2024-01-01,1,1\n' },
    /has a column "RATE" already, and the join would give "rate"/,
  ],
  [
    'a time that never comes',
    { entities: 'driver_id,origin,time,km\n1,E,infinity,1\n' },
    /column "time" has infinity, and a time between/,
  ],
]
for (const [name, { entities = 'driver_id,origin,time,km\n1,E,2024-01-01,1\n', stats = STATS }, message] of refusals)
  test(`is refused: ${name}`, async () => {
    await assert.rejects(joined(requestOf(entities, { stats, weather: WEATHER })), message)
  })

test('a query over sources gives rows, and keys beyond 2^53 stay apart', async () => {
  const section = {
    entities: { account: { keys: { id: 'int' } } },
    views: {
      balances: {
        entities: ['account'],
        query: 'SELECT id::BIGINT AS id, "at", sum(amount::DOUBLE) AS balance FROM moves GROUP BY ALL',
        event_time: 'at',
        features: { balance: 'float' },
      },
    },
    services: { model: { features: ['balances'] } },
  }
  const moves =
    'id,at,amount\n9007199254740993,2024-01-01,1.5\n9007199254740993,2024-01-01,2\n9007199254740992,2024-01-01,7\n'
  const entities = 'id,time\n9007199254740992,2024-01-02\n9007199254740993,2024-01-02\n'
  const { rows } = await joined(requestOf(entities, { moves }, section))
  assert.deepEqual(
    rows.map((row) => (row as unknown[])[2]),
    [7, 3.5],
  )
})

test('of more rows than an appender holds at once each has its on-demand feature', async () => {
  const request = requestOf('driver_id,origin,time,km\n')
  const query =
    "SELECT i % 3 AS driver_id, 'EWR' AS origin, TIMESTAMP '2024-01-02 12:00:00' AS time, i + 1 AS km FROM range(204850) AS r(i)"
  const result = await join(duck, { ...request, entities: { query, sources: {} } })
  assert.equal(result.rows, 204_850)
  // driver 1 has 7 trips by then, and the others none
  const all = `SELECT count(*), count(per_km), sum(per_km * km) FROM '${request.into}'`
  assert.deepEqual((await duck.runAndReadAll(all)).getRowsJson(), [['204850', '68283', 477_981]])
})
