/** Learns a reference from its table: a CSV with the model's inputs and `event_time` (ms since 1970). */
import { HOUR_MS } from '../../contract/ids.ts'
import { problem } from '../../contract/errors.ts'
import { cleanPast, cleanWindows } from '../../stats/calibrate.ts'
import type { CleanPast } from '../../stats/calibrate.ts'
import { makeHistory } from '../../stats/history.ts'
import type { History } from '../../stats/history.ts'
import { add, emptyProfile, mergeAll, profileToJson } from '../../stats/profile.ts'
import { categorical, numeric } from '../../stats/profile-view.ts'
import type { ProfileJson } from '../../stats/profile.ts'
import { makeSpec } from '../../stats/profile-spec.ts'
import type { Column, ProfileSpec } from '../../stats/profile-spec.ts'
import { csvColumns } from '../../store/csv.ts'

export interface LearnTask {
  readonly table: Uint8Array
  /** A CSV with a column `score`, or null. */
  readonly scores: Uint8Array | null
  readonly inputs: readonly { readonly name: string; readonly numeric: boolean }[]
  /** The clean past of the same table and inputs, where it is known; the scores do not change it, only whether there are some. */
  readonly past?: CleanPast | undefined
}

/** What was learned. `hours` are the newest hourly profiles of the reference. */
export interface Learned {
  readonly spec: ProfileSpec
  /** Daily peaks of every check: the limits for any wanted rate of false alerts follow from them. */
  readonly past: CleanPast
  /** Features of which most values are missing: they tell nothing by their few, so they are shown and never alert. */
  readonly muted: readonly string[]
  readonly hours: readonly (readonly [hour: number, profile: ProfileJson])[]
}

/** Hours at the start that have no month before them to compare with. */
const WARM_UP = 31 * 24
/** Newest hours that are kept, so that a new endpoint has a past. */
const KEPT = 31 * 24

/** Learns spec, clean past and the newest hours. Throws `unprocessable` when the table lacks a column. */
export function learn({ table, scores, inputs, past }: LearnTask): Learned {
  const [stamps = [], ...cells] = csvColumns(table, ['event_time', ...inputs.map((input) => input.name)])
  const times = Float64Array.from(stamps, Number)
  const columns = inputs.map(({ name, numeric }, i): Column => ({
    name,
    kind: numeric ? 'numeric' : 'categorical',
    values: (cells[i] ?? []).map((cell) => valueOf(cell, numeric)),
  }))
  if (times.length === 0 || times.some((time) => !Number.isFinite(time)))
    throw problem('unprocessable', { detail: 'the reference table needs rows with event_time in ms since 1970' })
  const spec = withScores(makeSpec(columns), scores)
  const history = historyOf(spec, times, columns)
  const hours = [...history.hours.keys()].sort((a, b) => a - b)
  const [first = 0, last = 0] = [hours[0], hours.at(-1)]
  return {
    spec,
    past:
      past ??
      cleanPast(
        spec.features.map((feature) => feature.name),
        cleanWindows(history, { from: first + WARM_UP, to: last }),
      ),
    muted: mostlyMissing(history),
    hours: hours.filter((hour) => hour > last - KEPT).map((hour) => [hour, jsonOf(history, hour)]),
  }
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

function historyOf(spec: ProfileSpec, times: Float64Array, columns: readonly Column[]): History {
  const history = makeHistory(spec)
  const row: unknown[] = Array.from({ length: spec.features.length })
  for (const [i, time] of times.entries()) {
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
