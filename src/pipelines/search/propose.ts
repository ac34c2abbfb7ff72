/** New trials: the next point of a study, written with the name of its run in one transaction. */
import type { SearchPlan } from '../../contract/pipelines/studies.ts'
import { faultPoint } from '../../store/fault.ts'
import { evaluate } from '../spec/conditions/evaluate.ts'
import { parseCondition } from '../spec/conditions/grammar.ts'
import type { PipelineSpec } from '../spec/spec.ts'
import { valuesOf } from '../spec/params.ts'
import { suggest } from './sampling/samplers.ts'
import { pointOf, valuesAt, type Known, type Observation, type Vector } from './sampling/space.ts'
import { lossOf, type SearchDeps } from './deps.ts'
import { OPEN_TRIALS, type StudyTree, type TrialRow } from './rows.ts'
import { runOfTrial } from './start.ts'

/** Begins one more trial; false where the space has no other point. */
export async function propose({ context }: SearchDeps, tree: StudyTree): Promise<boolean> {
  const { db, clock } = context.deps
  const { study, trials } = tree
  const { plan } = study
  const number = trials.length
  const spec = await context.spec(study.version_id)
  const found = suggest(Object.values(plan.space), knownOf(tree, spec), {
    method: plan.method,
    seed: plan.seed,
    number,
    position: trials.at(-1)?.position ?? 0,
  })
  if (found === undefined) return false
  await db.tx(async (t) => {
    const now = await t.get<{ state: string; trials: number }>(
      `SELECT state, (SELECT COUNT(*) FROM pipeline_trials WHERE study_id = s.id) AS trials FROM pipeline_studies s WHERE id = ?`,
      [study.id],
    )
    // somebody has stopped it, or another process that believes it leads was here first
    if (now?.state !== 'running' || now.trials !== number) return
    await t.run(
      `INSERT INTO pipeline_trials (study_id, number, params, state, run_id, position, judged, message, created_at)
       VALUES (?, ?, ?, 'waiting', ?, ?, -1, '', ?) ON CONFLICT (study_id, number) DO NOTHING`,
      [
        study.id,
        number,
        JSON.stringify(valuesAt(plan.space, found.at)),
        runOfTrial(study, number),
        found.next,
        clock(),
      ],
    )
  })
  faultPoint('pipelines.trial_proposed')
  return true
}

function knownOf({ study, trials }: StudyTree, spec: PipelineSpec): Known {
  const { plan } = study
  return {
    told: trials.flatMap((trial) => observed(plan, trial)),
    open: trials
      .filter(({ state }) => OPEN_TRIALS.includes(state))
      .map(({ params }) => pointOf(plan.space, params))
      .filter((at) => at !== undefined),
    allows: allowsOf(plan, spec),
  }
}

function observed(plan: SearchPlan, { params, value, state, pruned_at }: TrialRow): Observation[] {
  if (value === null || (state !== 'succeeded' && state !== 'pruned')) return []
  const at = pointOf(plan.space, params)
  return at === undefined
    ? []
    : [{ at, loss: lossOf(plan.direction, value), stopped: state === 'pruned' ? pruned_at : null }]
}

/** Whether a point meets the constraints; params that are not searched over have their defaults. */
function allowsOf({ constraints, space }: SearchPlan, spec: PipelineSpec): (at: Vector) => boolean {
  if (constraints.length === 0) return () => true
  const conditions = constraints.map(parseCondition)
  return (at) => {
    const values = valuesOf(spec, valuesAt(space, at))
    return conditions.every(
      (condition) => evaluate(condition, (of) => (of.kind === 'param' ? values[of.name] : undefined)) === true,
    )
  }
}
