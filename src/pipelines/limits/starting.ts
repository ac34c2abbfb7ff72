/** The longest start of an attempt, from the row that is written first to its first sign of life. */
import type { Context } from '../context/context.ts'
import type { AttemptRow } from '../context/rows.ts'
import type { StepSpec } from '../spec/spec.ts'
import { spoken } from './spoken.ts'

/** How an attempt ends that has not begun. */
interface LateStart {
  readonly class: 'timeout'
  readonly message: string
  readonly traceback: null
  readonly limit: 'starting'
}

/** The end of an attempt whose start takes longer than its `starting_timeout`; undefined while it may go on, and once it has begun. */
export function lateStart(context: Context, attempt: AttemptRow, step: StepSpec): LateStart | undefined {
  const { starting_timeout_ms: limit } = step
  if (limit === undefined || attempt.begun_at !== null || attempt.launched_at === null) return undefined
  const took = context.spans.since(`${attempt.run_id} start ${attempt.id}`, attempt.launched_at)
  if (took <= limit) return undefined
  const where =
    attempt.state === 'submitting'
      ? 'its environment was not ready, or could not be handed over'
      : `it was handed to ${attempt.driver}, and no machine had taken it up`
  const message =
    `was being started for ${spoken(took)} without a sign of life, and its starting_timeout is ${spoken(limit)}: ${where}; ` +
    'raise starting_timeout, ask for less in resources, or look at where it runs'
  return { class: 'timeout', message, traceback: null, limit: 'starting' }
}
