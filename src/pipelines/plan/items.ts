/** What a step with `for_each` would do: how many of its items take a result, and whether it would leave what it left before. */
import type { z } from 'zod'
import { Problem } from '../../contract/errors.ts'
import type { RunPlan } from '../../contract/pipelines/plan.ts'
import type { Context } from '../context/context.ts'
import type { RunRow, StepRow } from '../context/rows.ts'
import { forgetItems } from '../fan/from-source.ts'
import { fanKey, fanParts, itemsIn, planned } from '../fan/planned.ts'
import { countCached } from '../fan/results.ts'
import { compareStep, whyForced } from '../keys/judge.ts'
import type { Items } from '../spec/fan-out/items.ts'
import type { PipelineSpec, StepSpec } from '../spec/spec.ts'

/** Items whose results are looked up together. */
const CHUNK = 500

type Told = Pick<z.output<typeof RunPlan>['steps'][number], 'decision' | 'reason' | 'changes' | 'from_run'>

interface Around {
  readonly run: RunRow
  readonly steps: readonly StepRow[]
  readonly spec: PipelineSpec
}

/** The items, or why the step would fail of what its source gives. */
async function plannedItems(context: Context, { run, spec }: Around, step: StepSpec): Promise<Items | string> {
  try {
    return await itemsIn(context, { run, spec }, step)
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'unprocessable') throw error
    return `it would fail: ${error.message}`
  } finally {
    if (step.for_each !== undefined) forgetItems(context, run, step.for_each)
  }
}

/** The part of the plan of such a step whose inputs are there, with a row of what it would leave where all of that is known. */
export async function planItems(
  context: Context,
  { run, steps, spec }: Around,
  step: StepSpec,
): Promise<{ planned: Told; row?: StepRow }> {
  const items = await plannedItems(context, { run, steps, spec }, step)
  if (typeof items === 'string') return { planned: { decision: 'run', reason: items, changes: [], from_run: null } }
  const parts = await fanParts(context, { run, steps, spec }, [step, items])
  const { why, changes } = await compareStep(context, run, step, parts)
  const forced = whyForced(spec, run, step)
  let cached = 0
  const looked = forced === undefined ? items.count : 0
  for (let from = 0; from < looked; from += CHUNK) {
    const some = planned(step, items, parts, [from, Math.min(looked, from + CHUNK)])
    cached += await countCached(context, { run, spec }, step, some)
  }
  if (cached < items.count || items.count === 0) {
    const left = `results of ${cached} of ${items.count} items are taken`
    const reason =
      forced ?? (items.count === 0 ? 'there is nothing that it runs for' : `${left}; the others run: ${why}`)
    return { planned: { decision: 'run', reason, changes: [...changes], from_run: null } }
  }
  const before = await context.deps.db.get<{ run_id: string; outputs: string }>(
    `SELECT run_id, outputs FROM pipeline_steps WHERE project = ? AND name = ? AND cache_key = ?
       AND state IN ('succeeded', 'cached') ORDER BY keyed_at DESC LIMIT 1`,
    [run.project, step.name, fanKey(parts)],
  )
  const reason = `nothing changed: results of all ${items.count} items are taken`
  const told: Told = { decision: 'cached', reason, changes: [], from_run: before?.run_id ?? null }
  if (before === undefined) return { planned: told }
  const row = { name: step.name, state: 'cached', outputs: JSON.parse(before.outputs) as never, metrics: {} }
  return { planned: told, row: row as Partial<StepRow> as StepRow }
}
