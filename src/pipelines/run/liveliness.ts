/** Does an attempt still show that it works? By what the step itself does, its output and its writes to tracking, not by its supervisor. */
import type { StepSpec } from '../spec/spec.ts'
import type { Context } from '../context/context.ts'
import type { AttemptRow } from '../context/rows.ts'
import type { End } from './collect.ts'
import { spoken } from '../limits/spoken.ts'
import { GRACE_MS } from './launch.ts'

/** After this long without a heartbeat an attempt counts as silent, ms. */
export const SILENT_MS = 30_000
/** Given to a wrapper beyond its own time limits before it is ended from outside, ms; a heartbeat that is older tells nothing. */
export const SLACK_MS = 15_000
/** The same for one on another machine: it may have found nobody for a moment, and then asks again after a minute at most. */
const FAR_SLACK_MS = 120_000
/** A write to tracking may be so much younger than is known, ms. */
const SIGN_MS = 5000

/** What is known of an attempt that runs. Times in ms. */
export interface Signs {
  /** Since the last heartbeat. */
  readonly silent_ms: number
  /** How long the step had put out nothing when that came. */
  readonly quiet_ms: number
  /** Since when this process has looked: a step could not write to tracking while no server was there. */
  readonly since: number
}

/** Why an attempt that runs is given up; undefined while it is not. */
export async function whyGivenUp(
  context: Context,
  attempt: AttemptRow,
  step: StepSpec,
  signs: Signs,
): Promise<End | undefined> {
  // a wait for a machine is no part of its run
  const age = context.deps.clock() - (attempt.begun_at ?? attempt.started_at ?? attempt.queued_at)
  // an attempt with heartbeats keeps its own time, by the monotonic clock
  const slack = attempt.driver === context.deps.driver.name ? SLACK_MS : FAR_SLACK_MS
  const overdue = step.timeout_ms !== null && age > step.timeout_ms + GRACE_MS + SLACK_MS && signs.silent_ms > slack
  if (overdue) {
    const said = `ran for ${spoken(age)}, and its timeout is ${spoken(step.timeout_ms)}; nothing was heard of it at its end`
    return timeout('running', `${said}. Raise timeout, or have the step do less`)
  }
  const limit = step.silent_timeout_ms
  if (limit === null || outputSilence(signs) <= limit) return undefined
  const quiet = Math.min(outputSilence(signs), await trackingSilence(context, attempt, signs))
  if (quiet <= limit) return undefined
  const allowed = `its silent_timeout is ${limit / 1000} s; raise it, or have the step print or log`
  return timeout('silent', `put out nothing and logged nothing for ${Math.round(quiet / 1000)} s; ${allowed}`)
}

/** For how long the step has certainly put out nothing: until the last heartbeat, and since then where that is long ago. */
function outputSilence({ silent_ms, quiet_ms }: Signs): number {
  return silent_ms > SLACK_MS ? quiet_ms + silent_ms : quiet_ms
}

/** For how long it has certainly written neither a metric nor anything else to its tracking run. */
async function trackingSilence({ deps }: Context, attempt: AttemptRow, { since }: Signs): Promise<number> {
  const { tracking_run_id: run } = attempt
  const last = run === null ? undefined : await deps.tracking.lastSign(run)
  return deps.clock() - Math.max(last ?? 0, since) - SIGN_MS
}

function timeout(limit: NonNullable<End['limit']>, message: string): End {
  return { class: 'timeout', message, traceback: null, limit }
}
