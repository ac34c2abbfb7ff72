/** What the points of a metric come to, as the table of latest metrics keeps it. */
import type { Row } from '../store/db.ts'
import { isEarlier, isLater } from '../tracking/context/points.ts'

/** A point as it is stored: NaN is 0 with a mark. */
export interface Point {
  readonly key: string
  readonly timestamp: number
  readonly step: number
  readonly value: number
  readonly is_nan: number
}

interface Summary {
  last: Point
  first: Point | null
  least: number | null
  greatest: number | null
}

/** By key. */
export type Summaries = Map<string, Summary>

/** Adds a point to the summary of its key. */
export function addPoint(summaries: Summaries, point: Point): void {
  let known = summaries.get(point.key)
  if (known === undefined) summaries.set(point.key, (known = { last: point, first: null, least: null, greatest: null }))
  if (isLater(point, known.last)) known.last = point
  if (point.is_nan === 1) return
  if (known.first === null || isEarlier(point, known.first)) known.first = point
  known.least = Math.min(known.least ?? point.value, point.value)
  known.greatest = Math.max(known.greatest ?? point.value, point.value)
}

/** The rows of a run, one for each key. */
export function latestRows(summaries: Summaries, run_id: string, experiment_id: string): Row[] {
  return [...summaries.values()].map(({ last, first, least, greatest }) => ({
    run_id,
    experiment_id,
    ...last,
    min_value: least,
    max_value: greatest,
    first_value: first?.value ?? null,
    first_step: first?.step ?? null,
    first_timestamp: first?.timestamp ?? null,
  }))
}
