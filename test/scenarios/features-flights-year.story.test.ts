/** All flights of a year joined with the feature views of the example, against the example's own Python and windows that are counted anew. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { EXACT, plain, RATES, startFlights, type FlightsFeatures } from '../flights/features.ts'
import { duckRows } from '../flights/package-index.ts'

// covers: examples/flights/slipway.yaml
const FLIGHTS = 336_776
const NAMES = Object.keys(RATES) as (keyof typeof RATES)[]
let flights: FlightsFeatures

before(async () => {
  flights = await startFlights()
})
after(() => flights.stop())

/** A flight of the example's table in its order, with the rates that Python and the join gave it. */
interface Flight {
  readonly asked: number
  readonly known: number
  readonly late: number
  readonly key: Readonly<Record<'carrier' | 'origin' | 'dest', string>>
  readonly python: readonly number[]
  readonly joined: readonly unknown[]
}

const SHRUNK = (late: number, count: number): number => {
  const rate = (late + 5) / (count + 20)
  // half goes away from zero, as the expression of the file has it
  return Math.round(rate * 10_000) / 10_000
}

/** The rate of each flight by its words: outcomes that became known from the window's beginning, a multiple of its step, up to the moment. */
function counted(all: readonly Flight[], { key, over, step }: (typeof RATES)[keyof typeof RATES]): number[] {
  const groups = Map.groupBy(all, (flight) => flight.key[key])
  const sorted = new Map(
    [...groups].map(([name, some]) => {
      const known = some.toSorted((a, b) => a.known - b.known)
      const sums = [0]
      for (const { late } of known) sums.push((sums.at(-1) ?? 0) + late)
      return [name, { times: Float64Array.from(known, (flight) => flight.known), sums }]
    }),
  )
  return all.map(({ asked, key: names }) => {
    const { times, sums } = sorted.get(names[key]) ?? { times: new Float64Array(), sums: [0] }
    const from = firstAt(times, Math.floor((asked - over) / step) * step)
    const to = firstAt(times, asked + 1)
    return SHRUNK((sums[to] ?? 0) - (sums[from] ?? 0), to - from)
  })
}

/** How many times lie before a moment. */
function firstAt(times: Float64Array, at: number): number {
  let [low, high] = [0, times.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((times[middle] ?? 0) < at) low = middle + 1
    else high = middle
  }
  return low
}

test('336,776 flights get what the Python of the example computes, and rates over the documented windows', async (t) => {
  const { raw, table, folder, joined } = flights
  const asked = join(folder, 'year.parquet')
  // the moment is worked out here from the schedule, and not taken from the table that is compared with
  await duckRows(`COPY (
    SELECT strftime(make_date(CAST(year AS INT), CAST(month AS INT), CAST(day AS INT)), '%Y-%m-%d') || '-' || carrier || '-' || flight || '-' || origin AS id,
      CAST(time_hour AS TIMESTAMP) + to_minutes(CAST(minute AS INT)) - INTERVAL 2 HOUR AS asked_at,
      carrier, origin, dest, nullif(tailnum, 'NA') AS tailnum
    FROM read_csv('${raw}', all_varchar = true)
  ) TO '${asked}' (FORMAT parquet)`)
  const { outcome, result } = await joined(asked)
  assert.equal(outcome.rows, FLIGHTS)
  const both = `read_csv('${table}') AS p JOIN read_parquet('${result}') AS j ON j.id = p.id AND epoch_ms(j.asked_at) = p.event_time`
  // pandas 2.3 reads some texts of numbers to another last digit than the nearest number has, unless told otherwise
  const apart = EXACT.map(
    (name) =>
      `count(*) FILTER (WHERE p.${name} IS DISTINCT FROM j.${name} AND abs(p.${name} - j.${name}) < 1e-12 * p.${name})`,
  )
  const differing = EXACT.map((name) => `count(*) FILTER (WHERE p.${name} IS DISTINCT FROM j.${name})`)
  const present = EXACT.map((name) => `count(p.${name})`)
  const [[rows, ...counts] = []] = await duckRows(
    `SELECT count(*), ${[...differing, ...apart, ...present].join(', ')} FROM ${both}`,
  )
  assert.equal(rows, BigInt(FLIGHTS), 'each flight is met once')
  const of = (kind: number, i: number): number => Number(counts[kind * EXACT.length + i])
  t.diagnostic(
    EXACT.map(
      (name, i) => `${name}: ${of(2, i)} present, ${of(0, i)} differ, ${of(1, i)} of them in the last digit`,
    ).join('; '),
  )
  for (const [i, name] of EXACT.entries()) {
    assert.equal(of(0, i), of(1, i), name)
    if (!name.startsWith('wind_')) assert.equal(of(0, i), 0, name)
  }

  const columns = ['event_time', 'label_time', 'y', 'carrier', 'origin', 'dest'].map((name) => `p.${name}`)
  const rates = ['p', 'j'].flatMap((from) => NAMES.map((name) => `${from}.${name}`))
  const all = (await duckRows(`SELECT ${[...columns, ...rates].join(', ')} FROM ${both}`)).map(
    ([at, known, late, carrier, origin, dest, ...some]): Flight => ({
      asked: Number(at),
      known: Number(known),
      late: Number(late),
      key: { carrier: String(carrier), origin: String(origin), dest: String(dest) },
      python: some.slice(0, NAMES.length).map(Number),
      joined: some.slice(NAMES.length).map(plain),
    }),
  )
  for (const [k, name] of NAMES.entries()) {
    const expected = counted(all, RATES[name])
    const wrong = all.filter((flight, i) => flight.joined[k] !== expected[i])
    const distances = all.map(({ python, joined: got }) => Math.abs(Number(got[k]) - (python[k] ?? 0)))
    const equal = distances.filter((one) => one < 1e-9).length
    const most = distances.reduce((a, b) => Math.max(a, b), 0)
    const mean = distances.reduce((a, b) => a + b, 0) / distances.length
    t.diagnostic(
      `${name}: ${wrong.length} differ from the count; of Python's ${equal} equal, apart by ${mean.toFixed(5)} on average and ${most.toFixed(4)} at most`,
    )
    assert.deepEqual(wrong.slice(0, 3), [], name)
    assert.ok(mean < 0.005 && most < 0.2, `${name} is another quantity than Python's`)
  }
})
