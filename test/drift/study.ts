/** Replays the flights table through the monitor's own rules: clean months, and faults that begin at many times. */
import { readFileSync } from 'node:fs'
import { MonitorSettings } from '../../src/contract/monitoring.ts'
import { changeBegan } from '../../src/monitoring/checks/change-point.ts'
import { findingsOf, mayPage } from '../../src/monitoring/checks/checks.ts'
import { learn } from '../../src/monitoring/profiles/learn.ts'
import type { Learned } from '../../src/monitoring/profiles/learn.ts'
import { calibrationOf } from '../../src/monitoring/checks/limits.ts'
import { confirmed } from '../../src/stats/calibrate.ts'
import type { Calibration, Finding } from '../../src/stats/calibrate.ts'
import { makeHistory } from '../../src/stats/history.ts'
import type { History } from '../../src/stats/history.ts'
import { add, emptyProfile } from '../../src/stats/profile.ts'
import type { Profile } from '../../src/stats/profile.ts'
import { measure } from '../../src/stats/window.ts'
import { JAN_8, JULY } from './dates.ts'

const HOUR = 3_600_000
const TEXTS: ReadonlySet<string> = new Set(['carrier', 'origin', 'dest'])
const NOT_INPUTS: ReadonlySet<string> = new Set(['id', 'event_time', 'label_time', 'y', 'month', 'dep_delay'])

/** What the example's slipway.yaml says of its monitor. */
const SETTINGS = {
  derived: ['carrier_rate_7d', 'origin_rate_7d', 'dest_rate_7d', 'origin_rate_6h', 'tail_last_delay'],
  same_unit: [['temp', 'dewp']],
}

type Value = number | string | null
export type Row = Record<string, Value>

/** A fault of a feed: what becomes of a row. `held` is the last row before the fault. */
export type Fault = (row: Row, hour: number, held: Row) => Row

export interface Study {
  readonly names: readonly string[]
  readonly rows: ReadonlyMap<number, readonly Row[]>
  readonly history: History
  readonly learned: Learned
  readonly settings: MonitorSettings
  readonly calibration: Calibration
}

/** Learns from January 8 to June 30, as the monitor does from a reference table, and counts the hours of the whole year. */
export function openStudy(path: string, falseAlerts = '1 per month'): Study {
  const text = readFileSync(path, 'utf8')
  const header = text.slice(0, text.indexOf('\n')).split(',')
  const names = header.filter((name) => !NOT_INPUTS.has(name))
  const place = header.indexOf('event_time')
  const lines = text.split('\n').slice(1, -1)
  const hourOf = (line: string): number => Math.floor(Number(line.split(',', place + 1)[place]) / HOUR)
  const training = lines.filter((line) => hourOf(line) >= JAN_8 && hourOf(line) < JULY)
  const learned = learn({
    table: Buffer.from([header.join(','), ...training].join('\n')),
    scores: null,
    inputs: names.map((name) => ({ name, numeric: !TEXTS.has(name) })),
  })
  const settings = MonitorSettings.parse({ ...SETTINGS, false_alerts: falseAlerts })
  const rows = Map.groupBy(
    lines.map((line) => readRow(header, line)),
    (_, i) => hourOf(lines[i] ?? ''),
  )
  const history = makeHistory(learned.spec)
  for (const [hour, mine] of rows) if (hour >= JAN_8) history.hours.set(hour, profileOf(history, mine))
  return { names, rows, history, learned, settings, calibration: calibrationOf(learned, settings) }
}

function readRow(header: readonly string[], line: string): Row {
  const row: Row = {}
  for (const [i, cell] of line.split(',').entries()) {
    const name = header[i] ?? ''
    if (!NOT_INPUTS.has(name)) row[name] = cell === '' ? null : TEXTS.has(name) ? cell : Number(cell)
  }
  return row
}

function profileOf(history: History, rows: readonly Row[]): Profile {
  const profile = emptyProfile(history.spec)
  for (const row of rows)
    add(
      profile,
      history.spec.features.map((feature) => row[feature.name]),
    )
  return profile
}

/** Findings of an hour that may page; undefined where the window has too few rows. */
function look(study: Study, hour: number): Finding[] | undefined {
  const window = measure(study.history, hour)
  if (window === undefined) return undefined
  const found = findingsOf(window, study.calibration.limits, study.history.spec)
  return found.filter((one) => mayPage(one.feature, study.settings))
}

/** An incident of a replay: first and last hour of its alerts, and the checks that alerted. */
export interface Page {
  readonly from: number
  until: number
  readonly checks: Set<string>
}

export interface CleanReplay {
  readonly pages: readonly Page[]
  /** Findings by hour, whether they were held or not. */
  readonly findings: ReadonlyMap<number, readonly Finding[]>
}

/** Judges the hours `from` … `to` as they are: alerts at most a day apart are one page, and its hours are no reference for later ones. */
export function replayClean(study: Study, from: number, to: number): CleanReplay {
  const pages: Page[] = []
  const findings = new Map<number, readonly Finding[]>()
  let before: readonly Finding[] = []
  for (let hour = from; hour < to; hour++) {
    const now = look(study, hour)
    if (now === undefined) continue
    findings.set(hour, now)
    const sure = confirmed(before, now)
    before = now
    if (sure.length === 0) continue
    let page = pages.at(-1)
    if (page === undefined || hour - page.until > 24) {
      page = { from: hour, until: hour, checks: new Set() }
      pages.push(page)
    }
    page.until = hour
    for (const one of sure) page.checks.add(`${one.feature} ${one.measure}`)
    for (let h = changeBegan(study.history, page.from, sure); h <= hour; h++) study.history.bad.add(h)
  }
  study.history.bad.clear()
  return { pages, findings }
}

export interface Caught {
  /** Hours from the start to the page; null when there was none within the horizon. */
  readonly hours: number | null
  readonly rows: number
  readonly checks: readonly string[]
}

/** One fault from an hour on. An alert that the clean replay has too does not count. */
export function replayFault(
  study: Study,
  clean: CleanReplay,
  wish: { fault: Fault; start: number; horizon: number },
): Caught {
  const { rows, history } = study
  const kept = new Map<number, Profile>()
  const held = lastBefore(study, wish.start)
  for (let hour = wish.start; hour < wish.start + wish.horizon; hour++) {
    const [mine, profile] = [rows.get(hour), history.hours.get(hour)]
    if (mine === undefined || profile === undefined) continue
    kept.set(hour, profile)
    history.hours.set(
      hour,
      profileOf(
        history,
        mine.map((row) => wish.fault(row, hour, held)),
      ),
    )
  }
  const found = watch(study, clean, wish)
  for (const [hour, profile] of kept) history.hours.set(hour, profile)
  return found
}

function watch(study: Study, clean: CleanReplay, { start, horizon }: { start: number; horizon: number }): Caught {
  let before: readonly Finding[] = look(study, start - 1) ?? []
  let seen = 0
  for (let hour = start; hour < start + horizon; hour++) {
    seen += study.rows.get(hour)?.length ?? 0
    const now = look(study, hour)
    if (now === undefined) continue
    const known = new Set(clean.findings.get(hour)?.map((one) => `${one.feature} ${one.measure}`))
    const fresh = confirmed(before, now).filter((one) => !known.has(`${one.feature} ${one.measure}`))
    if (fresh.length > 0)
      return { hours: hour + 1 - start, rows: seen, checks: fresh.map((one) => `${one.feature} ${one.measure}`) }
    before = now
  }
  return { hours: null, rows: seen, checks: [] }
}

/** The newest row before an hour, with every value there. */
function lastBefore({ rows, names }: Study, hour: number): Row {
  for (let h = hour - 1; h > hour - 200; h--)
    for (const row of (rows.get(h) ?? []).toReversed())
      if (['temp', 'humid', 'pressure'].every((name) => !names.includes(name) || row[name] !== null)) return row
  return {}
}

const change =
  (name: string, to: (value: Value, hour: number) => Value): Fault =>
  (row, hour) => ({ ...row, [name]: to(row[name] ?? null, hour) })

const scaled = (name: string, factor: number): Fault =>
  change(name, (value) => (typeof value === 'number' ? value * factor : value))

const celsius = (name: string): Fault =>
  change(name, (value) => (typeof value === 'number' ? (value - 32) / 1.8 : value))

const swapped = (name: string, a: string, b: string): Fault =>
  change(name, (value) => (value === a ? b : value === b ? a : value))

const frozen =
  (name: string): Fault =>
  (row, _, held) => ({ ...row, [name]: held[name] ?? null })

/** From this hour (November 3, 2013) New York is five hours behind UTC, before it four. */
const WINTER = Date.UTC(2013, 10, 3, 6) / HOUR

/** Faults by name. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  'temp + dewp °F→°C': (row, hour, held) => celsius('dewp')(celsius('temp')(row, hour, held), hour, held),
  'temp °F→°C': celsius('temp'),
  'sched_hour local→UTC': change('sched_hour', (value, hour) => (Number(value) + (hour < WINTER ? 4 : 5)) % 24),
  'distance mi→km': scaled('distance', 1.609344),
  'visib mi→km': scaled('visib', 1.609344),
  'wind_speed mph→m/s': scaled('wind_speed', 0.44704),
  'pressure hPa→inHg': scaled('pressure', 0.02952998),
  'plane_age null→43': change('plane_age', (value) => value ?? 43),
  'plane_age null→0': change('plane_age', (value) => value ?? 0),
  'temp all null': change('temp', () => null),
  'temp frozen': frozen('temp'),
  'humid frozen': frozen('humid'),
  'carrier EV↔UA': swapped('carrier', 'EV', 'UA'),
  'origin EWR↔JFK': swapped('origin', 'EWR', 'JFK'),
  'origin JFK↔LGA': swapped('origin', 'JFK', 'LGA'),
  'precip in→mm': scaled('precip', 25.4),
}

const FIRST_START = Date.UTC(2013, 6, 10, 8) / HOUR
const LAST_START = Date.UTC(2013, 11, 26, 8) / HOUR

/** Times at which faults begin: spread over July 10 to December 26, 04:00 to 17:00 local summer time. */
export function startTimes(count: number): number[] {
  const days = (LAST_START - FIRST_START) / 24
  return Array.from(
    { length: count },
    (_, i) => FIRST_START + 24 * Math.round((i * days) / Math.max(1, count - 1)) + ((5 * i) % 14),
  )
}

/** Rows with rain from which a changed unit of rain can be seen at all. */
const WET_ROWS = 20

/** Start times in rain: at least 20 rows with rain in the first five hours. */
export function wetStarts(study: Study, count: number): number[] {
  const wet: number[] = []
  for (let hour = FIRST_START; hour < LAST_START; hour++) {
    if ((hour - FIRST_START) % 24 > 13) continue
    let rows = 0
    for (let h = hour; h < hour + 5; h++)
      rows += study.rows.get(h)?.filter((row) => typeof row['precip'] === 'number' && row['precip'] > 0).length ?? 0
    if (rows >= WET_ROWS) wet.push(hour)
  }
  const step = Math.max(1, Math.floor(wet.length / count))
  return wet.filter((_, i) => i % step === 0).slice(0, count)
}
