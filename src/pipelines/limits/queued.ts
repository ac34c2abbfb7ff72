/** The longest wait of a step for a place: since when it waits stands in its row, so that it goes on through restarts. */
import type { StepFailure, RunTree, StepRow } from '../context/rows.ts'
import { stepOf, type Context } from '../context/context.ts'
import type { PipelineSpec } from '../spec/spec.ts'
import { whyWaits } from '../line/why.ts'
import { spoken } from './spoken.ts'

/**
 * Notes that a step waits for a place, or that it does not, and ends it once it has waited for longer than its `queued_timeout`. Nothing is
 * written of a step without one. True when its row has changed.
 */
export async function noteWaiting(
  context: Context,
  [tree, step, spec]: readonly [RunTree, StepRow, PipelineSpec],
  isWaiting: boolean,
): Promise<boolean> {
  const limit = stepOf(spec, step.name).queued_timeout_ms
  if (limit === undefined || (!isWaiting && step.asked_at === null)) return false
  const key = `${tree.run.id} queued ${step.name}`
  if (!isWaiting) {
    context.spans.forget(key)
    return setAsked(context, step, null)
  }
  if (step.asked_at === null) {
    const now = context.deps.clock()
    // begins to be measured here, so that a clock that is set before the next look counts for nothing
    context.spans.since(key, now)
    return setAsked(context, step, now)
  }
  const waited = context.spans.since(key, step.asked_at)
  if (waited <= limit) return false
  context.spans.forget(key)
  const message =
    `waited ${spoken(waited)} for a place, and its queued_timeout is ${spoken(limit)}: ` +
    `${await whyWaits(context, step)}; raise queued_timeout or the priority of the run, or make room`
  return fail(context, step, { class: 'no_place', message, traceback: null })
}

async function setAsked({ deps }: Context, { run_id, name }: StepRow, at: number | null): Promise<boolean> {
  await deps.db.tx((t) =>
    t.run("UPDATE pipeline_steps SET asked_at = ? WHERE run_id = ? AND name = ? AND state = 'ready'", [
      at,
      run_id,
      name,
    ]),
  )
  // the row is as it was for all but its limit
  return false
}

async function fail({ deps }: Context, { run_id, name }: StepRow, failure: StepFailure): Promise<boolean> {
  const ended = await deps.db.tx((t) =>
    t.run(
      `UPDATE pipeline_steps SET state = 'failed', failure = ?, finished_at = ?, unplaced_at = ?, asked_at = NULL
       WHERE run_id = ? AND name = ? AND state = 'ready'`,
      [JSON.stringify(failure), deps.clock(), deps.clock(), run_id, name],
    ),
  )
  return ended > 0
}
