/** Whether an endpoint is watched, derived from the facts of its monitor in this one place. */
import { HOUR_MS } from '../../contract/ids.ts'
import type { Unwatched, Watched } from '../../contract/endpoint-view.ts'
import { LONGEST, MIN_ROWS } from '../../stats/lengths.ts'
import type { Lack } from '../../stats/lengths.ts'
import { REACH } from '../profiles/arrivals.ts'
import type { Arrivals } from '../profiles/arrivals.ts'

/** What is known of an endpoint's monitor. Times are ms, hours whole hours since 1970. */
export interface WatchFacts {
  readonly enabled: boolean
  readonly now: number
  /** When the loop of the monitors looked last, null before it did. */
  readonly looked_at: number | null
  /** Why hours could not be judged at the last try. */
  readonly fault: string | null
  /** The stable version, undefined where none answers. */
  readonly version: string | undefined
  /** Whether that version has a reference table. */
  readonly table: boolean
  /** Why the reference cannot be learned. */
  readonly unfit: { readonly text: string; readonly by: 'times' | 'table' | 'fault' } | null
  /** Whether its reference is the one that hours are judged by. */
  readonly learned: boolean
  /** Lengths of windows, hours, of which limits were learned. */
  readonly limits: readonly number[]
  /** Why records of predictions are being lost; null when none is. */
  readonly losing: string | null
  /** Rows of the last seven days of event time. */
  readonly rows: number
  readonly newest_hour: number | null
  readonly evaluated_hour: number | null
  readonly judged_hour: number | null
  /** Rows that came within the last day, and those of them that came too late to be judged, or with times ahead of the clock. */
  readonly arrivals: Arrivals
  /** What the newest hour lacked. */
  readonly lacks: Lack | null
}

/** How long the loop may be silent, ms: it looks every minute. */
const SILENT_MS = 10 * 60_000
/** Hours after the last judged one during which an endpoint counts as watched: traffic rests at night and over weekends. */
export const RESTING_HOURS = 48
/** Hours that may wait for their turn. */
const BEHIND_HOURS = 48

export interface Verdict extends Pick<Watched, 'state' | 'detail' | 'remedy'> {
  readonly reason: Unwatched | null
}

const WATCHED: Verdict = { state: 'watched', reason: null, detail: 'its hours are judged', remedy: null }

/** The state of a monitor: the first reason that holds, from the most general to the most particular. */
export function verdictOf(facts: WatchFacts): Verdict {
  return (
    switched(facts) ?? evaluator(facts) ?? reference(facts) ?? records(facts) ?? times(facts) ?? hours(facts) ?? WATCHED
  )
}

function unwatched(reason: Unwatched, detail: string, remedy: string): Verdict {
  return { state: 'unwatched', reason, detail, remedy }
}

function waiting(reason: Unwatched, detail: string, remedy: string | null = null): Verdict {
  return { state: 'waiting', reason, detail, remedy }
}

function switched({ enabled, version }: WatchFacts): Verdict | undefined {
  if (!enabled)
    return unwatched('off', 'its monitor is switched off', 'set enabled: true in the monitor settings of the endpoint')
  return version === undefined ? waiting('no_version', 'no version answers yet') : undefined
}

const AGAIN = 'mend what the message names; it is tried again by itself. The log of the server has the whole fault'

function evaluator({ looked_at, now, fault }: WatchFacts): Verdict | undefined {
  if (looked_at !== null && now - looked_at > SILENT_MS)
    return unwatched(
      'evaluator_silent',
      `no server has looked at its hours for ${Math.round((now - looked_at) / 60_000)} minutes`,
      'see the log of the server, and start it again',
    )
  if (fault === null) return undefined
  return unwatched('evaluator_failing', `its hours cannot be judged: ${fault}`, AGAIN)
}

const GIVE_REFERENCE =
  'name a step’s output with the training rows in the project file (monitor: reference: STEP.OUTPUT; a CSV or a file of Parquet with the inputs of the model and the time of each row in event_time), then slipway ship'

function reference({ version, table, unfit, learned, limits }: WatchFacts): Verdict | undefined {
  if (!table)
    return unwatched('no_reference', `version ${version} has no table of training rows to compare with`, GIVE_REFERENCE)
  if (unfit !== null) {
    if (unfit.by === 'fault')
      return unwatched('evaluator_failing', `its training rows cannot be read: ${unfit.text}`, AGAIN)
    const time = unfit.by === 'times'
    return unwatched(
      time ? 'no_event_time' : 'reference_unfit',
      `the training rows of version ${version} cannot be compared with: ${unfit.text}`,
      time
        ? 'write a column event_time with the time of each row into the table that monitor.reference names, then slipway ship'
        : 'mend the table that monitor.reference names, then slipway ship',
    )
  }
  if (!learned) return waiting('learning', `limits are being learned from the training rows of version ${version}`)
  if (limits.length > 0) return undefined
  return unwatched(
    'limits_not_learned',
    `the training rows of version ${version} cover too few days with enough rows to learn limits from`,
    'give training rows of at least two months, with 100 rows in each week or more: the first month only serves for comparison',
  )
}

function records({ losing }: WatchFacts): Verdict | undefined {
  if (losing === null) return undefined
  return unwatched(
    'records_lost',
    `predictions are answered and not recorded: ${losing}`,
    'free the disk of the gateway, or whatever the message names; records are written again by themselves',
  )
}

/** Share of a day's rows from which it matters that nothing judges them. */
const MATTERS = 0.1

function times({ arrivals: { rows, too_late, ahead } }: WatchFacts): Verdict | undefined {
  if (too_late > 0 && too_late >= MATTERS * rows)
    return unwatched(
      'rows_late',
      `of ${rows} predictions of the last day ${too_late} came more than ${REACH / 24} days of event time after newer ones: nothing judges them`,
      `send predictions within ${REACH / 24} days of their event_time; the past of another time goes in order of its times to an endpoint of its own`,
    )
  if (ahead > 0 && ahead >= MATTERS * rows)
    return unwatched(
      'rows_ahead',
      `of ${rows} predictions of the last day ${ahead} have an event_time that is more than an hour ahead of the clock: they are judged when their hours have passed`,
      'mend the clock of the sender, or the unit and time zone of event_time (RFC 3339, or ms since 1970)',
    )
  return undefined
}

function hours(facts: WatchFacts): Verdict | undefined {
  const { now, newest_hour, evaluated_hour, judged_hour, lacks, rows } = facts
  if (newest_hour === null || evaluated_hour === null)
    return waiting('no_rows', 'no hour with predictions has closed yet')
  const closed = Math.min(newest_hour, Math.floor(now / HOUR_MS))
  if (closed - evaluated_hour > BEHIND_HOURS)
    return waiting('behind', `${closed - evaluated_hour} hours of event time are still to be judged`)
  if (judged_hour !== null && evaluated_hour - judged_hour < RESTING_HOURS) return undefined
  if (lacks === 'days')
    return unwatched(
      'few_days',
      'there are fewer than seven earlier days with rows to compare with',
      'it is watched once there are; training rows that reach up to the first prediction make it so at once',
    )
  return unwatched(
    'few_rows',
    `${rows} predictions came in the last ${LONGEST / 24} days of event time; ${MIN_ROWS} are needed`,
    'send more of the traffic to this endpoint, or look at its predictions yourself',
  )
}
