/** Traffic of about six rows an hour, made from a seed: as many as a data set of 51,920 rows a year gives, with season, weeks and nights. */
import { MonitorSettings } from '../../src/contract/monitoring.ts'
import { findingsOf, mayPage } from '../../src/monitoring/checks/checks.ts'
import { calibrationOf, learnedLengths } from '../../src/monitoring/checks/limits.ts'
import { learn } from '../../src/monitoring/profiles/learn.ts'
import type { Learned } from '../../src/monitoring/profiles/learn.ts'
import { confirmed } from '../../src/stats/calibrate.ts'
import type { Finding } from '../../src/stats/calibrate.ts'
import { makeHistory } from '../../src/stats/history.ts'
import type { History } from '../../src/stats/history.ts'
import { lookAt } from '../../src/stats/lengths.ts'
import type { LastJudged, Length } from '../../src/stats/lengths.ts'
import { prng } from '../../src/stats/prng.ts'
import type { Prng } from '../../src/stats/prng.ts'
import { add, emptyProfile } from '../../src/stats/profile.ts'

export type Cell = number | string | null
export type Row = readonly Cell[]
const HOUR = 3_600_000
/** A Monday. */
export const START = Date.UTC(2025, 0, 6) / HOUR
export const NAMES = ['temp', 'lat', 'lon', 'age', 'amount', 'kind'] as const
const KINDS = ['card', 'cash', 'app', 'web', 'phone']

/** Rows by hour since 1970. */
export type Traffic = ReadonlyMap<number, readonly Row[]>

/** `weeks` of traffic: `perDay` rows by Poisson's law, few at night and fewer at the weekend. */
export function traffic(seed: number, weeks: number, perDay = 142): Traffic {
  const random = prng(seed)
  const days = weeks * 7
  const fronts = Array.from({ length: days + 2 }, () => 4 * random.normal())
  const busy = Array.from({ length: days }, () => Math.exp(0.15 * random.normal()))
  const found = new Map<number, readonly Row[]>()
  for (let h = 0; h < days * 24; h++) {
    const day = h / 24
    const daily = 1 + 0.8 * Math.sin(((h % 24) - 9) * (Math.PI / 12))
    const weekly = Math.floor(day) % 7 >= 5 ? 0.6 : 1.16
    const n = poisson(random, (perDay / 24) * daily * weekly * (busy[Math.floor(day)] ?? 1))
    const [a = 0, b = 0] = [fronts[Math.floor(day)], fronts[Math.floor(day) + 1]]
    const air = 52 + 20 * Math.sin(((day - 100) / 365) * 2 * Math.PI) + 7 * Math.sin(((h % 24) - 9) * (Math.PI / 12))
    const here = air + a + (b - a) * (day % 1)
    if (n > 0)
      found.set(
        START + h,
        Array.from({ length: n }, () => row(random, here)),
      )
  }
  return found
}

function row(random: Prng, air: number): Row {
  const kind = random.below(KINDS.length)
  const age = random.uniform() < 0.06 ? null : Math.round(18 + 50 * random.uniform() ** 1.5)
  return [
    Math.round(10 * (air + 2 * random.normal())) / 10,
    Math.round(1e4 * (40.7 + 0.08 * random.normal())) / 1e4,
    Math.round(1e4 * (-73.9 + 0.1 * random.normal())) / 1e4,
    age,
    Math.round(100 * Math.exp(2.5 + 0.3 * kind + 0.8 * random.normal())) / 100,
    KINDS[kind] ?? null,
  ]
}

function poisson(random: Prng, mean: number): number {
  const least = Math.exp(-mean)
  let [n, product] = [0, random.uniform()]
  while (product > least) {
    n += 1
    product *= random.uniform()
  }
  return n
}

/** The reference table of the hours before `until`. */
export function tableOf(rows: Traffic, until: number): string {
  const lines = [`event_time,${NAMES.join(',')}`]
  for (const [hour, mine] of rows)
    if (hour < until)
      mine.forEach((cells, i) => lines.push(`${hour * HOUR + i * 1000},${cells.map((cell) => cell ?? '').join(',')}`))
  return lines.join('\n')
}

export function learned(table: string): Learned {
  return learn({
    table: Buffer.from(table),
    scores: null,
    inputs: NAMES.map((name) => ({ name, numeric: name !== 'kind' })),
  })
}

/** What becomes of a row; `random` is for faults that strike some rows. */
export type Fault = (row: Row, random: Prng) => Row

export const FAULTS: Readonly<Record<string, Fault>> = {
  '40 % nulls in age': (cells, random) => cells.map((cell, i) => (i === 3 && random.uniform() < 0.4 ? null : cell)),
  '40 % nulls in lat and lon': (cells, random) => {
    const gone = random.uniform() < 0.4
    return cells.map((cell, i) => ((i === 1 || i === 2) && gone ? null : cell))
  },
  'lat and lon × 10⁶': (cells) => cells.map((cell, i) => (i === 1 || i === 2 ? 1e6 * Number(cell) : cell)),
  'temp °F→°C': (cells) => cells.map((cell, i) => (i === 0 ? (Number(cell) - 32) / 1.8 : cell)),
  'amount × 100': (cells) => cells.map((cell, i) => (i === 4 ? 100 * Number(cell) : cell)),
}

export interface Replayed {
  /** First hours of pages; alerts at most a day apart are one. */
  readonly pages: { readonly hour: number; readonly checks: string[] }[]
  /** Hours judged by each length. */
  readonly judged: Readonly<Record<Length, number>>
}

/** Replays hours through the monitor's own rules; `fault` strikes from its hour on. With `stop` it ends at the first page from then. */
export function replay(
  of: { readonly learned: Learned; readonly rows: Traffic; readonly falseAlerts?: string },
  span: { readonly from: number; readonly until: number },
  fault?: { readonly start: number; readonly change: Fault; readonly seed: number },
): Replayed {
  const settings = MonitorSettings.parse({ false_alerts: of.falseAlerts ?? '1 per month' })
  const history = historyOf(of.learned, of.rows, span, fault)
  const judged = { 6: 0, 24: 0, 168: 0 }
  const pages: Replayed['pages'] = []
  let last: LastJudged = {}
  let before: readonly Finding[] = []
  let until = -Infinity
  for (let hour = span.from; hour < span.until; hour++) {
    const { window } = lookAt(history, hour, last, learnedLengths(of.learned))
    if (window === undefined) continue
    last = { ...last, [window.length]: hour }
    judged[window.length] += 1
    const { limits } = calibrationOf(of.learned, settings, window.length)
    const now = findingsOf(window, limits, history.spec).filter((one) => mayPage(one.feature, settings))
    const sure = confirmed(before, now)
    before = now
    if (sure.length === 0) continue
    const checks = sure.map((one) => `${one.feature} ${one.measure}`)
    if (hour - until > 24) pages.push({ hour, checks })
    until = hour
    // hours of an incident are no reference for later ones
    history.bad.add(hour)
    if (fault !== undefined && hour >= fault.start) break
  }
  return { pages, judged }
}

function historyOf(
  of: Learned,
  rows: Traffic,
  { until }: { readonly until: number },
  fault: { readonly start: number; readonly change: Fault; readonly seed: number } | undefined,
): History {
  const history = makeHistory(of.spec)
  const random = prng(fault?.seed ?? 0)
  for (const [hour, mine] of rows) {
    if (hour >= until) continue
    const profile = emptyProfile(of.spec)
    for (const one of mine) add(profile, fault !== undefined && hour >= fault.start ? fault.change(one, random) : one)
    history.hours.set(hour, profile)
  }
  return history
}
