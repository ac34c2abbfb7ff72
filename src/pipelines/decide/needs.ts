/** Whether what a step needs is there: results of the steps before it, or the certainty that an optional one was left out. */
import { FINAL_STEPS, isDone, type StepRow } from '../context/rows.ts'
import { beforeOf, sortSteps } from '../spec/graph.ts'
import type { PipelineSpec, StepSpec } from '../spec/spec.ts'

type Row = Pick<StepRow, 'name' | 'state'> & Partial<Pick<StepRow, 'decision'>>

/**
 * The steps that were skipped because a condition does not hold, their own or that of a step before them, and not because something failed.
 * A run that has no other unfinished steps has succeeded.
 */
export function leftOutSteps({ steps }: Pick<PipelineSpec, 'steps'>, rows: readonly Row[]): Set<string> {
  const found = new Set<string>()
  const skipped = new Map(rows.filter((row) => row.state === 'skipped').map((row) => [row.name, row]))
  if (skipped.size === 0) return found
  const done = new Set(rows.filter(isDone).map((row) => row.name))
  const byName = new Map(steps.map((step) => [step.name, step]))
  for (const name of sortSteps(steps.map((step) => ({ name: step.name, needs: beforeOf(step) }))).order) {
    const [row, step] = [skipped.get(name), byName.get(name)]
    if (row === undefined || step === undefined) continue
    const before = beforeOf(step)
    const byOthers = before.some((need) => found.has(need)) && before.every((need) => done.has(need) || found.has(need))
    if (row.decision?.holds === false || byOthers) found.add(name)
  }
  return found
}

/** What the needs of a step come to: it can go on, it waits, or it is to be skipped, with the reason. */
export function judgeNeeds(
  spec: Pick<PipelineSpec, 'steps'>,
  rows: readonly StepRow[],
  step: StepSpec,
): 'ready' | 'waits' | { readonly reason: string } {
  const needs = rows.filter((row) => step.needs.includes(row.name))
  const missing = needs.filter((need) => !isDone(need))
  if (missing.length === 0) return 'ready'
  const ended = missing.filter((need) => FINAL_STEPS.includes(need.state))
  if (ended.length === 0) return 'waits'
  const leftOut = leftOutSteps(spec, rows)
  const lost = ended.filter((need) => !leftOut.has(need.name) || step.optional?.includes(need.name) !== true)
  const [first] = lost
  if (first !== undefined) {
    const isLeftOut = lost.every(({ name }) => leftOut.has(name))
    return { reason: isLeftOut ? `step "${first.name}", which it needs, was skipped` : DID_NOT_SUCCEED }
  }
  return ended.length === missing.length ? 'ready' : 'waits'
}

const DID_NOT_SUCCEED = 'a step that it needs did not succeed'
