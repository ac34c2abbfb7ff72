/** Rows of a window by columns, which go to a thread at no cost, while rows as objects hold the loop until they are copied. */
import { forInTurns } from '../../http/callers/turns.ts'
import type { ScoredDay, ScoredRow } from '../labels/scored.ts'
import type { WindowQuery } from './figures.ts'

export interface PackedRows {
  readonly times: Float64Array
  readonly scores: Float64Array
  /** NaN = none. */
  readonly labels: Float64Array
  /** Place of the row's value in `values`. */
  readonly places: Uint32Array
  readonly values: readonly string[]
}

/** A window whose figures a thread computes; `start` is ms. */
export interface WindowTask {
  readonly start: number
  readonly rows: PackedRows
  readonly query: WindowQuery
}

/** The rows of days by columns, some of them a turn of the loop. */
export async function packRows(days: readonly ScoredDay[]): Promise<PackedRows> {
  const count = days.reduce((sum, { rows }) => sum + rows.length, 0)
  const numbers = (): Float64Array => new Float64Array(new SharedArrayBuffer(8 * count))
  const [times, scores, labels] = [numbers(), numbers(), numbers()]
  const places = new Uint32Array(new SharedArrayBuffer(4 * count))
  const known = new Map<string, number>()
  let before = 0
  for (const { rows } of days) {
    await forInTurns(rows.length, (at) => {
      const { event_time, score, label, value } = rows[at] as ScoredRow
      times[before + at] = event_time
      scores[before + at] = score
      labels[before + at] = label ?? Number.NaN
      const place = known.get(value) ?? known.size
      if (place === known.size) known.set(value, place)
      places[before + at] = place
    })
    before += rows.length
  }
  return { times, scores, labels, places, values: [...known.keys()] }
}

/** The rows again, without their versions. */
export function unpackRows({ times, scores, labels, places, values }: PackedRows): Omit<ScoredRow, 'version'>[] {
  return Array.from(times, (event_time, i) => {
    const label = labels[i] ?? Number.NaN
    return {
      event_time,
      score: scores[i] ?? 0,
      label: Number.isNaN(label) ? null : label,
      value: values[places[i] ?? 0] ?? '',
    }
  })
}
