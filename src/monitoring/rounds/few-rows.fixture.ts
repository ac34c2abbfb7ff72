/** An endpoint of one numeric input whose reference is learned already: few rows an hour, judged in windows of a day. */
import assert from 'node:assert/strict'
import { HOUR_MS } from '../../contract/ids.ts'
import type { PredictionRecord } from '../../gateway/records/records.ts'
import { writeRecords } from '../../serving/records/rows.ts'
import type { ProfileSpec } from '../../stats/profile-spec.ts'
import { add, emptyProfile, profileToJson } from '../../stats/profile.ts'
import type { Db } from '../../store/db.ts'
import { lockMonitor } from '../context/context.ts'
import type { MonitoringDeps, Reference } from '../context/context.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import type { Learned } from '../profiles/learn.ts'
import { onPredictions } from '../profiles/hours.ts'
import { referenceId } from '../profiles/reference.ts'
import { testDeps } from '../room.fixture.ts'
import { advance } from './evaluate.ts'
import type { Memory } from './evaluate.ts'

/** The first live hour; 35 days of the reference are before it. */
export const FIRST = 24 * 20_000
/** Rows of an hour: too few for a window of six hours, enough for a day. */
export const ROWS = 12

const spec: ProfileSpec = {
  features: [{ kind: 'numeric', name: 'x', edges: [0, 40, 50, 60, 100], low: -1e6, high: 1e6, centre: 50, scale: 10 }],
  conditionals: [],
}
/** Means of 49, 50 and 51 from day to day. */
export const usual = (hour: number): number => 49 + (Math.floor(hour / 24) % 3)

/** A reference with 35 days before the first live hour, of which limits were learned for windows of these lengths. */
function learned(lengths: readonly number[]): Learned {
  const past = (length: number) => ({
    days: lengths.includes(length) ? Array.from({ length: 30 }, (_, day) => day) : [],
    features: {},
  })
  const hours = Array.from({ length: 35 * 24 }, (_, i) => FIRST - 35 * 24 + i)
  return {
    spec,
    pasts: { 6: past(6), 24: past(24), 168: past(168) },
    muted: [],
    hours: hours.map((hour) => {
      const profile = emptyProfile(spec)
      for (let i = 0; i < ROWS; i++) add(profile, [usual(hour) + (i % 2 === 0 ? 1 : -1)])
      return [hour, profileToJson(profile)]
    }),
  }
}

let made = 0

export interface Watched {
  readonly endpoint: string
  readonly deps: MonitoringDeps
  /** Sends the rows of an hour, each hour by a version of its own, and judges what is closed by then. */
  send(hour: number, values: readonly number[]): Promise<void>
  /** Only takes the rows in; `part` tells rows of one hour that come apart. */
  take(hour: number, values: readonly number[], part?: string): Promise<void>
  /** Judges what is closed, and what is to be judged again. */
  judge(): Promise<void>
}

/** An endpoint whose reference is learned. */
export async function watched(db: Db, more: Partial<MonitoringDeps> = {}, lengths = [6, 24]): Promise<Watched> {
  const endpoint = `watched${++made}`
  const reference: Reference = {
    version: '1',
    table: `table ${made}`,
    evaluation: null,
    inputs: [{ name: 'x', numeric: true }],
    metrics: {},
  }
  const deps = testDeps(db, Date.now, { referenceOf: async () => reference, inputNames: async () => ['x'], ...more })
  const { hours, spec: shape, ...limits } = learned(lengths)
  const id = referenceId(reference) ?? assert.fail('a table')
  await addEndpoint(db, endpoint)
  await db.tx(async (t) => {
    await t.run('INSERT INTO monitor_references (id, spec, limits, hours, created_at) VALUES (?,?,?,?,0)', [
      id,
      JSON.stringify(shape),
      JSON.stringify(limits),
      JSON.stringify(hours),
    ])
    await lockMonitor(t, endpoint)
    await t.run('UPDATE monitors SET reference = ? WHERE endpoint = ?', [id, endpoint])
  })
  const memory: Memory = { live: undefined, learning: undefined }
  const { signal } = new AbortController()
  const take = async (hour: number, values: readonly number[], part = ''): Promise<void> => {
    const records = values.map((x, i): PredictionRecord => ({
      t: 'p',
      id: `${hour}-${i}${part}`,
      ep: endpoint,
      role: 'stable',
      ver: `of ${hour}`,
      ep_epoch: 1,
      et: hour * HOUR_MS + i * 1000,
      at: hour * HOUR_MS + 7,
      us: 40,
      st: 200,
      key: null,
      x: [x],
      s: 0.5,
      p: 0,
    }))
    await db.tx(async (t) => void (await writeRecords(t, records, { onPredictions: onPredictions(deps) })))
  }
  const judge = async (): Promise<void> => {
    memory.again = 0
    while (await advance(deps, endpoint, memory, signal));
  }
  return {
    endpoint,
    deps,
    take,
    judge,
    async send(hour, values) {
      await take(hour, values)
      await judge()
    },
  }
}

export const around = (mean: number, gap = 1): number[] =>
  Array.from({ length: ROWS }, (_, i) => mean + (i % 2 === 0 ? gap : -gap))
/** Sends usual hours; those of the first live day that end before `to`. */
export async function usualDay(one: Watched, to = 24): Promise<void> {
  for (let h = 0; h < to; h++) await one.send(FIRST + h, around(usual(FIRST + h)))
}
