/** What one evaluation of an endpoint's hours leaves for the next. */
import { HOUR_MS } from '../../contract/ids.ts'
import { toTime } from '../../contract/fields.ts'
import type { Finding } from '../../stats/calibrate.ts'
import type { Lack, LastJudged } from '../../stats/lengths.ts'
import type { MonitorRow } from '../context/context.ts'
import type { AttributionLook, QualityLook } from '../checks/looks.ts'

export interface RunState {
  readonly findings: readonly Finding[]
  readonly quality: QualityLook | null
  readonly attribution: AttributionLook | null
  /** The newest hour that each length of windows judged. */
  readonly judged: LastJudged
  /** What the newest hour lacked to be judged; null where it was judged, or a longer window rests. */
  readonly lacks: Lack | null
}

/** The state as it was kept; an endpoint that nobody evaluated has an empty one. */
export function runState(monitor: MonitorRow): RunState {
  return parsedState(monitor.state)
}

/** The state from its JSON. */
export function parsedState(text: string): RunState {
  const state = JSON.parse(text) as Partial<RunState>
  return {
    findings: state.findings ?? [],
    quality: state.quality ?? null,
    attribution: state.attribution ?? null,
    judged: state.judged ?? {},
    lacks: state.lacks ?? null,
  }
}

/** End of the newest event hour up to which verdicts hold, as a time: hours that are to be judged again do not count. */
export function evaluatedUntil(monitor: Pick<MonitorRow, 'judged_hour' | 'redo_hour'>): string | null {
  const hour = settledHour(monitor)
  return hour === null ? null : toTime(hour * HOUR_MS)
}

/** First hour without a verdict that holds; null where none was ever judged. */
export function settledHour({ judged_hour, redo_hour }: Pick<MonitorRow, 'judged_hour' | 'redo_hour'>): number | null {
  return judged_hour === null ? null : Math.min(judged_hour, redo_hour ?? Infinity)
}
