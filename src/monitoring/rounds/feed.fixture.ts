/** A feed of made weather and flights, eight weeks of it for training and live days after them, and the monitor that judges what is sent. */
import assert from 'node:assert/strict'
import { until } from '../../../test/until.ts'
import { HOUR_MS } from '../../contract/ids.ts'
import type { PredictionRecord } from '../../gateway/records/records.ts'
import { writeRecords } from '../../serving/records/rows.ts'
import { prng } from '../../stats/prng.ts'
import type { Db } from '../../store/db.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { incidentRows, viewIncident } from '../incidents/rows.ts'
import type { IncidentRow, IncidentView } from '../incidents/rows.ts'
import { onPredictions } from '../profiles/hours.ts'
import { testDeps } from '../room.fixture.ts'
import type { MonitoringDeps } from '../context/context.ts'
import { advance } from './evaluate.ts'
import type { Memory } from './evaluate.ts'

export const NAMES = ['temp', 'dewp', 'distance', 'sched_hour', 'carrier'] as const
const CARRIERS = ['AA', 'B6', 'DL', 'EV', 'UA', 'WN']
/** Midnight of the first training day. */
export const START = Date.UTC(2026, 2, 1)
const TRAINING_DAYS = 56
/** First live hour, counted from `START`. */
export const FIRST = TRAINING_DAYS * 24

export type Row = (number | string)[]
/** What a fault makes of a row. */
export type Change = (row: Row) => Row

const frontsOf = prng(7)
const fronts = Array.from({ length: 80 }, () => 6 * frontsOf.normal())

/** 36 rows of an hour from 5 to 22 o'clock: season, day and night, fronts that last days, one value an hour and airport. The same at each call. */
function rowsOf(hour: number): Row[] {
  const day = hour / 24
  if (hour % 24 < 5 || hour % 24 > 22) return []
  const random = prng(1000 + hour)
  const front = (fronts[Math.floor(day)] ?? 0) * (1 - (day % 1)) + (fronts[Math.floor(day) + 1] ?? 0) * (day % 1)
  const air = 60 + 10 * Math.sin(day / 40) + 8 * Math.sin(((hour - 9) / 24) * 2 * Math.PI) + front
  const local = [0, 1.8, -1.1].map((offset) => Math.round((air + offset + random.normal()) * 10) / 10)
  return Array.from({ length: 36 }, () => {
    const [carrier, place] = [random.below(6), random.below(3)]
    const temp = local[place] ?? 60
    const dewp = Math.round((temp - 14) * 10) / 10
    const late = random.below(2)
    return [temp, dewp, 200 + 100 * random.below(20), (hour + late) % 24, CARRIERS[carrier] ?? 'AA']
  })
}

function trainingTable(): string {
  const lines = [`event_time,${NAMES.join(',')}`]
  for (let hour = 0; hour < FIRST; hour++)
    rowsOf(hour).forEach((row, i) => lines.push(`${START + hour * HOUR_MS + i * 60_000},${row.join(',')}`))
  return lines.join('\n')
}

const at = (row: Row, name: (typeof NAMES)[number]): number => Number(row[NAMES.indexOf(name)])
const put = (row: Row, name: (typeof NAMES)[number], value: number): Row => row.with(NAMES.indexOf(name), value)

/** Faults of feeds. */
export const kilometres: Change = (row) => put(row, 'distance', 1.609 * at(row, 'distance'))
export const celsius: Change = (row) =>
  put(put(row, 'temp', (at(row, 'temp') - 32) / 1.8), 'dewp', (at(row, 'dewp') - 32) / 1.8)
export const utc: Change = (row) => put(row, 'sched_hour', (at(row, 'sched_hour') + 5) % 24)

/** A monitor of one endpoint, as one process has it: another one of the same database goes on where it stopped. */
export interface Watched {
  readonly deps: MonitoringDeps
  /** Sends the hours `from` … `to` (exclusive) and lets the monitor judge what is closed. `sizes` are those of what the inputs add. */
  live(from: number, to: number, change?: Change, sizes?: readonly number[]): Promise<void>
  /** Incidents that no person dismissed, the newest first. */
  incidents(): Promise<IncidentRow[]>
  /** The only incident, as the API shows it. */
  only(): Promise<IncidentView>
}

export interface Wish {
  readonly endpoint?: string
  /** Metrics of the version, `importance.<feature>` among them. */
  readonly metrics: Readonly<Record<string, number>>
  readonly more?: Partial<MonitoringDeps>
}

const signal = new AbortController().signal

/** Opens the monitor of an endpoint, which is made where there is none, and waits until its reference is learned. */
export async function watch(db: Db, { endpoint = 'e', metrics, more = {} }: Wish): Promise<Watched> {
  const table = Buffer.from(trainingTable())
  const deps = testDeps(db, Date.now, {
    referenceOf: async () => ({
      version: '1',
      table: 'table',
      evaluation: null,
      inputs: NAMES.map((name) => ({ name, numeric: name !== 'carrier' })),
      metrics,
    }),
    readTable: async () => table,
    inputNames: async () => NAMES,
    ...more,
  })
  const known = await db.get<{ name: string }>('SELECT name FROM endpoints WHERE name = ?', [endpoint])
  if (known === undefined) await addEndpoint(db, endpoint, { same_unit: [['temp', 'dewp']] })
  const memory: Memory = { live: undefined, learning: undefined }
  await advance(deps, endpoint, memory, signal)
  await until('the reference to be learned', () => memory.learning === undefined)
  const hook = onPredictions(deps)
  const incidents = async (): Promise<IncidentRow[]> =>
    (await incidentRows(db, { endpoint })).filter((row) => row.dismissed === 0)
  return {
    deps,
    async live(from, to, change = (row) => row, sizes) {
      for (let hour = from; hour < to; hour++) {
        const records = recordsOf(endpoint, hour, { change, sizes })
        await db.tx(async (t) => void (await writeRecords(t, records, { onPredictions: hook })))
        while (await advance(deps, endpoint, memory, signal));
      }
    },
    incidents,
    async only() {
      const [row, ...others] = await incidents()
      assert.ok(row !== undefined && others.length === 0, `${others.length + 1} incidents`)
      return viewIncident(db, row)
    },
  }
}

function recordsOf(
  endpoint: string,
  hour: number,
  { change, sizes }: { readonly change: Change; readonly sizes: readonly number[] | undefined },
): PredictionRecord[] {
  const random = prng(5000 + hour)
  return rowsOf(hour).map((row, i): PredictionRecord => ({
    t: 'p',
    id: `${hour}-${i}`,
    ep: endpoint,
    role: 'stable',
    ver: '1',
    ep_epoch: 1,
    et: START + hour * HOUR_MS + i * 60_000,
    at: START + hour * HOUR_MS,
    us: 40,
    st: 200,
    key: null,
    x: change(row),
    s: 0.3,
    p: 0,
    ...(sizes !== undefined && { ex: { base: 0, contributions: sizes.map((size) => size * random.normal()) } }),
  }))
}
