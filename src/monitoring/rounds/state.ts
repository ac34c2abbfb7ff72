/** What one evaluation of an endpoint's hours leaves for the next. */
import { HOUR_MS } from '../../contract/ids.ts'
import { toTime } from '../../contract/fields.ts'
import type { Finding } from '../../stats/calibrate.ts'
import type { Lack, LastJudged } from '../../stats/lengths.ts'
import type { AttributionLook } from '../checks/attribution.ts'
import { lackOf } from '../context/context.ts'
import type { MonitorRow } from '../context/context.ts'
import type { QualityLook } from './quality.ts'

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
  const state = JSON.parse(monitor.state) as Partial<RunState>
  return {
    findings: state.findings ?? [],
    quality: state.quality ?? null,
    attribution: state.attribution ?? null,
    judged: state.judged ?? {},
    lacks: lackOf(monitor),
  }
}

/** End of the newest event hour that was judged, as a time. */
export function evaluatedUntil(monitor: MonitorRow): string | null {
  return monitor.judged_hour === null ? null : toTime(monitor.judged_hour * HOUR_MS)
}
