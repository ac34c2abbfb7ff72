/** Decides the conditions of steps, each once: what was decided stands in the step's row, whoever goes on with the run. */
import { faultPoint } from '../../store/fault.ts'
import type { Context } from '../context/context.ts'
import { FINAL_STEPS, isDone, type RunRow, type RunTree, type StepDecision, type StepRow } from '../context/rows.ts'
import { evaluate, valuesSaid, type Lookup } from '../spec/conditions/evaluate.ts'
import { parseCondition } from '../spec/conditions/grammar.ts'
import { valuesOf } from '../spec/params.ts'
import type { PipelineSpec, StepSpec } from '../spec/spec.ts'

/** A step as far as conditions look at it. */
export type Seen = Pick<StepRow, 'name' | 'state' | 'metrics' | 'outputs'>

/** What a condition comes to: `open` while steps that it names go on, `never` where one of them did not succeed. */
export type Verdict =
  | { readonly comes: 'holds'; readonly detail: string }
  | { readonly comes: 'fails'; readonly detail: string }
  | { readonly comes: 'undecidable'; readonly detail: string }
  | { readonly comes: 'open'; readonly steps: readonly string[] }
  | { readonly comes: 'never'; readonly steps: readonly string[] }

/** Judges the condition of a step by the steps of a run, and changes nothing; undefined for a step without one. */
export function judgeCondition(
  spec: PipelineSpec,
  { run, steps }: { readonly run: Pick<RunRow, 'options'>; readonly steps: readonly Seen[] },
  { when }: StepSpec,
): Verdict | undefined {
  if (when === undefined) return undefined
  const condition = parseCondition(when.text)
  const lookup = lookupIn(spec, run, steps)
  const result = evaluate(condition, lookup)
  const values = valuesSaid(condition, lookup)
  const detail = values === '' ? when.text : `${when.text} (${values})`
  if (result !== undefined) return { comes: result ? 'holds' : 'fails', detail }
  const named = when.steps.map((name) => steps.find((row) => row.name === name))
  const open = when.steps.filter((_, i) => !isFinal(named[i]))
  if (open.length > 0) return { comes: 'open', steps: open }
  const never = when.steps.filter((_, i) => !isSuccess(named[i]))
  return never.length > 0 ? { comes: 'never', steps: never } : { comes: 'undecidable', detail }
}

function isFinal(row: Seen | undefined): boolean {
  return row !== undefined && FINAL_STEPS.includes(row.state)
}

function isSuccess(row: Seen | undefined): boolean {
  return row !== undefined && isDone(row)
}

function lookupIn(spec: PipelineSpec, { options }: Pick<RunRow, 'options'>, steps: readonly Seen[]): Lookup {
  const params = valuesOf(spec, options.set)
  return (of) => {
    if (of.kind === 'param') return own(params, of.name)
    const row = steps.find(({ name }) => name === of.step)
    if (row === undefined || !isDone(row)) return undefined
    return of.kind === 'metric' ? own(row.metrics, of.name) : own(row.outputs, of.name)?.[of.what]
  }
}

/** A metric may be called `constructor`, and need not be there. */
function own<T>(values: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined
}

/** Decides the condition of a waiting step: true when it may run, false while that is open, `ended` when the step was skipped or failed by it. */
export async function decideCondition(
  context: Context,
  tree: RunTree,
  [row, step]: [StepRow, StepSpec],
): Promise<boolean | 'ended'> {
  const decided = row.decision?.holds
  if (step.when === undefined || decided === true) return true
  const spec = await context.spec(tree.run.version_id)
  const verdict = judgeCondition(spec, tree, step)
  if (verdict === undefined || verdict.comes === 'open') return false
  if (verdict.comes === 'holds' || verdict.comes === 'fails') {
    const holds = verdict.comes === 'holds'
    await keepDecision(context, row, { expression: step.when.text, holds, detail: verdict.detail })
    return holds ? true : 'ended'
  }
  if (verdict.comes === 'never')
    await skipStep(context, row, `its condition names ${listed(verdict.steps)}, which did not succeed`)
  else await failStep(context, row, `its condition cannot be decided: ${verdict.detail}`)
  return 'ended'
}

/** Writes what a condition came to, unless that was decided; a step whose condition does not hold ends with it. */
async function keepDecision({ deps }: Context, row: StepRow, decision: StepDecision): Promise<void> {
  const kept = JSON.stringify(decision)
  await deps.db.tx((t) =>
    decision.holds
      ? t.run(
          `UPDATE pipeline_steps SET decision = ? WHERE run_id = ? AND name = ? AND state = 'waiting' AND decision IS NULL`,
          [kept, row.run_id, row.name],
        )
      : t.run(
          `UPDATE pipeline_steps SET decision = ?, state = 'skipped', reason = ?, finished_at = ?
           WHERE run_id = ? AND name = ? AND state = 'waiting' AND decision IS NULL`,
          [kept, `its condition does not hold: ${decision.detail}`, deps.clock(), row.run_id, row.name],
        ),
  )
  faultPoint('pipelines.condition_decided')
}

/** Skips a step that waits, with the reason. */
export async function skipStep({ deps }: Context, row: StepRow, reason: string): Promise<void> {
  await deps.db.tx((t) =>
    t.run(
      `UPDATE pipeline_steps SET state = 'skipped', reason = ?, finished_at = ?
       WHERE run_id = ? AND name = ? AND state = 'waiting'`,
      [reason, deps.clock(), row.run_id, row.name],
    ),
  )
}

async function failStep({ deps }: Context, row: StepRow, message: string): Promise<void> {
  await deps.db.tx((t) =>
    t.run(
      `UPDATE pipeline_steps SET state = 'failed', failure = ?, finished_at = ?
       WHERE run_id = ? AND name = ? AND state = 'waiting'`,
      [JSON.stringify({ class: 'user', message, traceback: null }), deps.clock(), row.run_id, row.name],
    ),
  )
}

function listed(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(' and ')
}
