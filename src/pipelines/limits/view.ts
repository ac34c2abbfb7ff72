/** Limits of time with what is left of them, as the contract shows them. */
import type { z } from 'zod'
import type { PipelineRun, Step } from '../../contract/pipelines.ts'
import type { Context } from '../context/context.ts'
import { FINAL_STEPS, isActive, type AttemptRow, type RunRow, type StepRow } from '../context/rows.ts'
import type { PipelineSpec, StepSpec } from '../spec/spec.ts'

type Limits = NonNullable<z.output<typeof Step>['limits']>
type Limit = NonNullable<Limits['queued']>

/** Of a run that has not ended and has one. */
export function runLimit(
  { deps }: Context,
  run: RunRow,
  spec: PipelineSpec | undefined,
): Pick<z.output<typeof PipelineRun>, 'limit'> {
  if (spec?.timeout_ms === undefined || run.finished_at !== null) return {}
  const took = Math.max(0, deps.clock() - run.created_at)
  return { limit: { limit_ms: spec.timeout_ms, left_ms: Math.max(0, spec.timeout_ms - took) } }
}

/** Of a step, or an item, that has not ended: those that its project file names. */
export function stepLimits(
  now: number,
  step: StepRow,
  declared: StepSpec | undefined,
  attempts: readonly AttemptRow[],
): { limits?: Limits } {
  if (declared === undefined || FINAL_STEPS.includes(step.state)) return {}
  const going = attempts.find((attempt) => attempt.step === step.name && isActive(attempt))
  const begun = going?.begun_at ?? null
  const since = {
    queued: step.state === 'ready' ? step.asked_at : null,
    starting: begun === null ? (going?.launched_at ?? null) : null,
    running: begun,
    // only its driver knows when it put something out last
    silent: null,
  }
  const limits: Record<keyof typeof since, number | null | undefined> = {
    queued: declared.queued_timeout_ms,
    starting: declared.starting_timeout_ms,
    running: declared.timeout_ms,
    silent: declared.silent_timeout_ms,
  }
  const named = Object.entries(limits).flatMap(([name, limit]): [string, Limit][] => {
    if (limit === undefined || limit === null) return []
    const at = since[name as keyof typeof since]
    return [[name, { limit_ms: limit, left_ms: at === null ? null : Math.max(0, limit - Math.max(0, now - at)) }]]
  })
  return named.length === 0 ? {} : { limits: Object.fromEntries(named) as Limits }
}
