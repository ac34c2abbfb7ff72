/** What a run would do if it began now: which steps take a kept result, which run and why, and how long that took before. */
import type { z } from 'zod'
import type { RunPlan } from '../../contract/pipelines/plan.ts'
import { masked, maskOf } from '../context/mask.ts'
import type { Context } from '../context/context.ts'
import type { RunRow, StepRow } from '../context/rows.ts'
import { foreseeSources } from '../data/foresee.ts'
import { judgeStep } from '../keys/judge.ts'
import { settleRun, type NewRun } from '../run/runs.ts'
import { warningsOf } from '../run/view.ts'
import { judgeCondition } from '../decide/condition.ts'
import { planItems } from './items.ts'
import { sourcesOfStep } from '../spec/fan-out/items.ts'
import { beforeOf, criticalPath, sortSteps } from '../spec/graph.ts'
import { valuesOf } from '../spec/params.ts'
import type { PipelineSpec, StepSpec } from '../spec/spec.ts'

type Plan = z.output<typeof RunPlan>
type Planned = Plan['steps'][number]

/** What takes no time. */
const RUNS_NOT: ReadonlySet<Planned['decision']> = new Set(['cached', 'skipped'])

/** Attempts whose times count, the newest. */
const COUNTED = 5

/** The plan of a run of such a pipeline. Throws `invalid_field` as the run would, and `unprocessable` where its environment cannot be had. */
export async function planRun(
  context: Context,
  spec: PipelineSpec,
  given: Pick<NewRun, 'params' | 'options'>,
): Promise<Plan> {
  const { partition: _, ...settled } = await settleRun(context, spec, given)
  const environment = (await context.deps.envs.resolve(spec.environment)).digest
  const { sources, open } = await foreseeSources(context, spec)
  const run = { ...settled, id: '', project: spec.project, version_id: '', environment, sources } as RunRow
  const rows: StepRow[] = []
  const steps: Planned[] = []
  const nodes = spec.steps.map((step) => ({ name: step.name, needs: beforeOf(step) }))
  for (const name of sortSteps(nodes).order) {
    const step = spec.steps.find((one) => one.name === name)
    if (step === undefined) continue
    const { planned, row } = await planStep(context, { spec, run, rows, steps, unread: open }, step)
    steps.push(planned)
    if (row !== undefined) rows.push(row)
  }
  const times = new Map(steps.map((one) => [one.name, RUNS_NOT.has(one.decision) ? 0 : (one.estimate_ms ?? 0)]))
  const critical = criticalPath(nodes, times)
  const inOrder = spec.steps.flatMap(({ name }) => steps.filter((one) => one.name === name))
  const plan: Plan = {
    project: spec.project,
    ...(spec.params !== undefined && { set: valuesOf(spec, settled.options.set) }),
    steps: inOrder,
    estimate_ms: inOrder.every((one) => RUNS_NOT.has(one.decision) || one.estimate_ms !== null) ? critical.ms : null,
    warnings: warningsOf(spec),
  }
  return masked(plan, await maskOf(context, run.project, spec.steps))
}

interface Around {
  readonly spec: PipelineSpec
  readonly run: RunRow
  /** Of steps whose results are known already. */
  readonly rows: readonly StepRow[]
  readonly steps: readonly Planned[]
  /** Sources of which nobody knows yet what they give, and why. */
  readonly unread: Readonly<Record<string, string>>
}

async function planStep(
  context: Context,
  { spec, run, rows, steps, unread }: Around,
  step: StepSpec,
): Promise<{ planned: Planned; row?: StepRow }> {
  const estimate_ms = await timeOf(context, run.project, step.name)
  const head = { name: step.name, needs: beforeOf(step), estimate_ms, changes: [], from_run: null }
  const before = planBefore({ spec, run, rows, steps, unread }, step)
  if (before !== undefined) {
    const row =
      before.decision === 'skipped' ? ({ name: step.name, state: 'skipped', outputs: {} } as StepRow) : undefined
    return { planned: { ...head, ...before }, ...(row !== undefined && { row }) }
  }
  const [why] = sourcesOfStep(step).flatMap((source) => (Object.hasOwn(unread, source) ? [unread[source]] : []))
  if (why !== undefined) return { planned: { ...head, decision: 'unknown', reason: why } }
  const makers = [...new Set(Object.values(step.inputs).map((from) => from.step))]
  const open = makers.filter((maker) => !rows.some(({ name }) => name === maker))
  if (open.length > 0) {
    const reason = `depends on what ${open.join(' and ')} will leave`
    return { planned: { ...head, decision: 'unknown', reason } }
  }
  if (step.for_each !== undefined) {
    const { planned, row } = await planItems(context, { run, steps: rows, spec }, step)
    return { planned: { ...head, ...planned }, ...(row !== undefined && { row }) }
  }
  const { found, reason, changes } = await judgeStep(context, { run, steps: rows, spec }, step)
  if (found === undefined) return { planned: { ...head, decision: 'run', reason, changes: [...changes] } }
  const [outputs, metrics] = [found.outputs, found.metrics].map((text) => JSON.parse(text) as never) as [never, never]
  const row = { name: step.name, state: 'cached', outputs, metrics } as Partial<StepRow> as StepRow
  const taken = `nothing changed: the result of run ${found.run_id} is taken`
  return { planned: { ...head, decision: 'cached', reason: taken, from_run: found.run_id }, row }
}

/** What is said of a step before its key: that a condition or a step before it skips it, or may; undefined where neither does. */
function planBefore(
  { spec, run, rows, steps }: Around,
  step: StepSpec,
): Pick<Planned, 'decision' | 'reason'> | undefined {
  const verdict = judgeCondition(spec, { run, steps: rows }, step)
  if (verdict?.comes === 'fails')
    return { decision: 'skipped', reason: `its condition does not hold: ${verdict.detail}` }
  if (verdict?.comes === 'undecidable')
    return { decision: 'unknown', reason: `its condition cannot be decided: ${verdict.detail}` }
  if (verdict?.comes === 'never')
    return { decision: 'skipped', reason: `its condition names ${verdict.steps.join(' and ')}, which will not run` }
  const needs = step.needs.filter((need) => step.optional?.includes(need) !== true)
  const planned = (names: readonly string[], decision: Planned['decision']): string | undefined =>
    names.find((need) => steps.some((one) => one.name === need && one.decision === decision))
  const gone = planned(needs, 'skipped')
  if (gone !== undefined) return { decision: 'skipped', reason: `step "${gone}", which it needs, is skipped` }
  if (verdict !== undefined && verdict.comes !== 'holds')
    return {
      decision: 'unknown',
      reason: `its condition is decided at run time, by what ${verdict.steps.join(' and ')} will leave`,
    }
  const open = planned(step.needs, 'unknown')
  return open === undefined ? undefined : { decision: 'unknown', reason: `depends on what ${open} will leave` }
}

/** How long the last attempts of a step that succeeded took, ms: the middle one; null where none did. */
async function timeOf({ deps: { db } }: Context, project: string, step: string): Promise<number | null> {
  const rows = await db.all<{ wall_ms: number }>(
    `SELECT a.wall_ms FROM pipeline_attempts a JOIN pipeline_runs r ON r.id = a.run_id
     WHERE r.project = ? AND coalesce(a.item_of, a.step) = ? AND a.state = 'succeeded' AND a.wall_ms IS NOT NULL
     ORDER BY a.finished_at DESC LIMIT ${COUNTED}`,
    [project, step],
  )
  const sorted = rows.map((row) => row.wall_ms).toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? null
}
