/** A year of real flights through feature views: what is served at a moment is what a join as of that moment gives. */
import { giveClockBack, moveClock } from '../flights/moved-clock.ts'
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { featureJobsApi, type JoinOutcome } from '../../src/contract/features/jobs.ts'
import { onlineApi } from '../../src/contract/features/online.ts'
import { done } from '../../src/features/jobs/jobs.fixture.ts'
import { EXACT, plain, RATES, startFlights, type FlightsFeatures } from '../flights/features.ts'
import { duckRows } from '../flights/package-index.ts'

// covers: examples/flights/slipway.yaml
const VIEWS = ['carrier_outcomes', 'origin_outcomes', 'dest_outcomes', 'tail_arrivals', 'origin_weather', 'register']
const COLUMNS = [...EXACT, ...Object.keys(RATES)]
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const FIRST = Date.UTC(2013, 0, 8, 12)
/** A moment each 6.75 days from 8 January to Christmas. */
const MOMENTS = 53

let flights: FlightsFeatures

before(async () => {
  // the server has the time of the year that is replayed; only this file moves it
  moveClock(FIRST)
  flights = await startFlights()
})
after(async () => {
  await flights.stop()
  giveClockBack()
})

type Asked = Readonly<Record<'tailnum' | 'carrier' | 'origin' | 'dest', string | null>>

/** Every aircraft, airport and airline of the year, and one of each that there is not. Beyond the airports only aircraft differ. */
async function everyEntity(): Promise<Asked[]> {
  const of = async (column: string): Promise<string[]> => {
    const rows = await duckRows(
      `SELECT DISTINCT ${column} FROM read_csv('${flights.raw}', all_varchar = true) ORDER BY 1`,
    )
    return [...rows.map(([value]) => String(value)), 'NONE']
  }
  const [tails, carriers, origins, dests] = [
    await of('tailnum'),
    await of('carrier'),
    await of('origin'),
    await of('dest'),
  ]
  return tails.map((tailnum, i) => ({
    tailnum,
    carrier: i < dests.length ? (carriers[i % carriers.length] ?? null) : null,
    origin: i < dests.length ? (origins[i % origins.length] ?? null) : null,
    dest: dests[i] ?? null,
  }))
}

/** Each third is the very end of a time to live, each third the very moment at which an outcome becomes known, the others lie anywhere. */
async function moments(): Promise<number[]> {
  const rows = await duckRows(`SELECT DISTINCT CAST(label_time AS BIGINT) FROM read_csv('${flights.table}') ORDER BY 1`)
  const known = rows.map(([at]) => Number(at))
  return Array.from({ length: MOMENTS }, (_, i) => {
    const about = FIRST + i * 6.75 * DAY + i * 61 * MINUTE
    if (i % 3 === 2) return about + 12_345
    const shift = i % 3 === 0 ? 3 * DAY : 0
    return (known.find((at) => at + shift >= about) ?? 0) + shift
  })
}

const ABSENT: ReadonlySet<string> = new Set(['not_found', 'future_only', 'expired'])

interface Served {
  readonly at: number
  readonly values: readonly (readonly unknown[])[]
}

async function serveAt(at: number, entities: readonly Asked[], statuses: Map<string, number>): Promise<Served> {
  moveClock(at)
  for (const name of statuses.size === 0 ? VIEWS : VIEWS.slice(0, -1)) {
    const params = { name }
    await done(flights.client, await flights.client.call(featureJobsApi.materialiseFeatures, { params, body: {} }))
  }
  const values: unknown[][] = []
  for (let from = 0; from < entities.length; from += 1000) {
    const body = { service: 'flight', entities: entities.slice(from, from + 1000) }
    const { rows } = await flights.client.call(onlineApi.readFeatures, { body })
    for (const { features, missing } of rows) {
      values.push(COLUMNS.map((name) => plain(features[name])))
      for (const name of COLUMNS) {
        const status = missing[name] ?? 'present'
        const key = `${name} ${ABSENT.has(status) ? 'absent' : status}`
        statuses.set(key, (statuses.get(key) ?? 0) + 1)
      }
    }
  }
  return { at, values }
}

/** Why a served value may differ from a joined one. */
function classOf(name: string, served: unknown, value: unknown): string {
  if (served === null || value === null)
    return name === 'tail_last_delay' || !(name in RATES) ? 'ttl or order' : 'missing'
  if (Math.abs(Number(served) - Number(value)) < 1e-9) return 'precision'
  return name in RATES ? 'window edge' : 'another row'
}

test('at 53 moments of the year what is served is what a join as of that moment gives', async (t) => {
  const entities = await everyEntity()
  const statuses = new Map<string, number>()
  const all: Served[] = []
  for (const at of await moments()) all.push(await serveAt(at, entities, statuses))
  const rows = all.flatMap(({ at }) => entities.map((one) => ({ asked_at: new Date(at).toISOString(), ...one })))
  const json = join(flights.folder, 'asked.json')
  const path = join(flights.folder, 'asked.parquet')
  writeFileSync(json, rows.map((row) => JSON.stringify(row)).join('\n'))
  await duckRows(
    `COPY (SELECT * FROM read_json('${json}', format = 'newline_delimited', columns = {asked_at: 'TIMESTAMP', tailnum: 'VARCHAR', carrier: 'VARCHAR', origin: 'VARCHAR', dest: 'VARCHAR'})) TO '${path}' (FORMAT parquet)`,
  )
  const { outcome, result } = await flights.joined(path)
  const then = await duckRows(`SELECT ${COLUMNS.join(', ')} FROM read_parquet('${result}')`)
  const served = all.flatMap(({ values }) => values)
  assert.equal(then.length, served.length)
  const differing = new Map<string, number>()
  let equal = 0
  for (const [i, row] of served.entries())
    for (const [k, name] of COLUMNS.entries()) {
      const value = plain(then[i]?.[k])
      if (Object.is(row[k], value)) equal += 1
      else {
        const key = `${name}: ${classOf(name, row[k], value)}`
        differing.set(key, (differing.get(key) ?? 0) + 1)
        if ((differing.get(key) ?? 0) <= 3)
          t.diagnostic(`${key}: ${JSON.stringify(rows[i])} served ${String(row[k])}, joined ${String(value)}`)
      }
    }
  const count = served.length * COLUMNS.length
  t.diagnostic(
    `${count} values at ${all.length} moments, ${equal} equal; ${JSON.stringify(Object.fromEntries(differing))}`,
  )
  assert.ok(equal / count >= 0.9999, `${equal} of ${count}`)
  assert.deepEqual(Object.fromEntries(statuses), foldedStatuses(outcome))
})

/**
 * How many values of a join are of which status, as the online store can tell them: it never heard of rows of the future, and forgets those
 * that are older than twice their time to live, which a join still tells from rows that never were.
 */
function foldedStatuses({ columns }: JoinOutcome): Record<string, number> {
  const folded = new Map<string, number>()
  for (const { name, statuses } of columns)
    for (const [status, count] of Object.entries(statuses)) {
      const key = `${name} ${ABSENT.has(status) ? 'absent' : status}`
      folded.set(key, (folded.get(key) ?? 0) + count)
    }
  return Object.fromEntries(folded)
}
