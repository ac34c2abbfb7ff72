/** Learns a reference from its table: the model's inputs and the time of each row. */
import { HOUR_MS } from '../../contract/ids.ts'
import type { ErrorCode, ProblemData } from '../../contract/errors.ts'
import { cleanPast, cleanWindows } from '../../stats/calibrate.ts'
import type { CleanPast } from '../../stats/calibrate.ts'
import { makeHistory } from '../../stats/history.ts'
import type { History } from '../../stats/history.ts'
import { LONGEST, planOf, reachOf } from '../../stats/lengths.ts'
import type { Length } from '../../stats/lengths.ts'
import { add, emptyProfile, mergeAll, profileToJson } from '../../stats/profile.ts'
import { categorical, numeric } from '../../stats/profile-view.ts'
import type { ProfileJson } from '../../stats/profile.ts'
import type { WindowStatistics } from '../../stats/window.ts'
import { hash32 } from '../../stats/hash.ts'
import { makeSpec } from '../../stats/profile-spec.ts'
import type { Column, ProfileSpec } from '../../stats/profile-spec.ts'
import { csvColumns } from '../../store/csv.ts'
import { csvTable } from './table.ts'
import type { ReferenceTable } from './table.ts'

export interface LearnTask {
  /** A table that was read, or a CSV. */
  readonly table: Uint8Array | ReferenceTable
  /** A CSV with a column `score`, or null. */
  readonly scores: Uint8Array | null
  readonly inputs: readonly { readonly name: string; readonly numeric: boolean }[]
  /** The clean pasts of the same table and inputs, where they are known; the scores do not change them, only whether there are some. */
  readonly pasts?: Pasts | undefined
}

/** What the thread answers: what was learned, or why the table is unfit. */
export interface LearnedApart {
  readonly learned?: Learned
  readonly refused?: { readonly code: ErrorCode; readonly data: ProblemData }
}

/** The clean past by the length of the windows in hours: an hour is judged by one of them, and each has limits of its own. */
export type Pasts = Readonly<Record<Length, CleanPast>>

/** What was learned. `hours` are the newest hourly profiles of the reference. */
export interface Learned {
  readonly spec: ProfileSpec
  /** Daily peaks of every check: the limits for any wanted rate of false alerts follow from them. */
  readonly pasts: Pasts
  /** Features of which most values are missing: they tell nothing by their few, so they are shown and never alert. */
  readonly muted: readonly string[]
  readonly hours: readonly (readonly [hour: number, profile: ProfileJson])[]
}

/** Hours at the start that have no month before them to compare with, in windows of up to a day. */
const WARM_UP = 31 * 24
/** Newest hours that are kept, so that a new endpoint has a past. */
const KEPT = reachOf(LONGEST) + 24

/** Learns spec, clean past and the newest hours. Throws `unprocessable` when a CSV lacks a column or a time. */
export function learn({ table, scores, inputs, pasts }: LearnTask): Learned {
  const { times, cells } = table instanceof Uint8Array ? csvTable(table, namesOf(inputs)) : table
  const columns = inputs.map(({ name, numeric }, i): Column => ({
    name,
    kind: numeric ? 'numeric' : 'categorical',
    values: (cells[i] ?? []).map((cell) => valueOf(cell, numeric)),
  }))
  const spec = withScores(makeSpec(columns), scores)
  const history = historyOf(spec, times, columns)
  const hours = [...history.hours.keys()].sort((a, b) => a - b)
  const last = hours.at(-1) ?? 0
  return {
    spec,
    pasts: pasts ?? pastsOf(history, { times, columns }),
    muted: mostlyMissing(history),
    hours: hours.filter((hour) => hour > last - KEPT).map((hour) => [hour, jsonOf(history, hour)]),
  }
}

export function namesOf(inputs: LearnTask['inputs']): string[] {
  return inputs.map(({ name }) => name)
}

/** A reference as its rows lie in time. */
interface Rows {
  readonly times: Float64Array
  readonly columns: readonly Column[]
}

/** Rows of a longer window from which its limits are learned: as few as it is used for, since few rows vary more. */
const THIN_ROWS = 150
/** Hours from one look at a thinned reference to the next; each is at two hours in a row, as alerts need. */
const STRIDE: Readonly<Record<Length, number>> = { 6: 1, 24: 12, 168: 48 }

/**
 * The clean past of each length of windows, as if there were no other. Windows of a day or a week are used where rows are few: of a
 * reference that has many only a part of the rows is taken, and only some of its hours are looked at.
 */
function pastsOf(history: History, rows: Rows): Pasts {
  return { 6: pastOf(history, 6, 1), 24: longPast(history, rows, 24), 168: longPast(history, rows, 168) }
}

function longPast(history: History, { times, columns }: Rows, length: Length): CleanPast {
  const hours = [...history.hours.keys()]
  const span = hours.reduce((most, hour) => Math.max(most, hour), -Infinity) - Math.min(...hours) + 1
  const step = Math.round((times.length * length) / (span * THIN_ROWS))
  if (step <= 1) return pastOf(history, length, 1)
  return pastOf(historyOf(history.spec, times, columns, step), length, STRIDE[length])
}

function pastOf(history: History, length: Length, stride: number): CleanPast {
  const hours = [...history.hours.keys()].sort((a, b) => a - b)
  const [first = 0, to = 0] = [hours[0], hours.at(-1)]
  const from = first + Math.max(WARM_UP, reachOf(length))
  return cleanPast(
    history.spec.features.map((feature) => feature.name),
    looksAt(history, { from, to }, { length, stride }),
  )
}

function* looksAt(
  history: History,
  { from, to }: { from: number; to: number },
  { length, stride }: { length: Length; stride: number },
): Generator<WindowStatistics> {
  const plan = planOf(length)
  if (stride === 1) yield* cleanWindows(history, { from, to }, plan)
  else for (let hour = from; hour < to; hour += stride) yield* cleanWindows(history, { from: hour, to: hour + 1 }, plan)
}

function jsonOf(history: History, hour: number) {
  return profileToJson(history.hours.get(hour) ?? emptyProfile(history.spec))
}

/** Empty cells are missing. */
function valueOf(cell: string, numeric: boolean): number | string | null {
  if (cell === '') return null
  if (!numeric) return cell
  if (cell === 'True' || cell === 'true') return 1
  return cell === 'False' || cell === 'false' ? 0 : Number(cell)
}

/** The score is profiled too where the hold-out's scores tell how it lies. */
function withScores(spec: ProfileSpec, scores: Uint8Array | null): ProfileSpec {
  if (scores === null) return spec
  try {
    const values = csvColumns(scores, ['score']).flat().map(Number)
    const own = makeSpec([{ name: 'score', kind: 'numeric', values }])
    return { ...spec, features: [...spec.features, ...own.features] }
  } catch {
    return spec
  }
}

/** The hours of the rows, or of one row in `step`, picked by a hash so that no rhythm of the table shows in them. */
function historyOf(spec: ProfileSpec, times: Float64Array, columns: readonly Column[], step = 1): History {
  const history = makeHistory(spec)
  const row: unknown[] = Array.from({ length: spec.features.length })
  for (const [i, time] of times.entries()) {
    if (step > 1 && hash32(String(i)) % step !== 0) continue
    const hour = Math.floor(time / HOUR_MS)
    const profile = history.hours.get(hour) ?? emptyProfile(spec)
    history.hours.set(hour, profile)
    for (const [f, column] of columns.entries()) row[f] = column.values[i]
    add(profile, row)
  }
  return history
}

function mostlyMissing(history: History): string[] {
  const sum = mergeAll(history.spec, history.hours.values())
  return history.spec.features.flatMap((feature, i) => {
    const { n, nulls } = feature.kind === 'numeric' ? numeric(sum, i) : categorical(sum, i)
    // the score has no values in the table, and never pages
    return nulls > n && n > 0 ? [feature.name] : []
  })
}
