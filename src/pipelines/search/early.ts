/** Early stops: what trials under way have logged is held against the others, and the run of one that is behind is cancelled. */
import type { SearchPlan } from '../../contract/pipelines/studies.ts'
import { faultPoint } from '../../store/fault.ts'
import { readState } from '../context/rows.ts'
import { lossOf, type SearchDeps } from './deps.ts'
import type { StudyTree, TrialRow } from './rows.ts'
import { cancelTrial, historyOf } from './trials.ts'
import { judge, type Curve } from './stopping/rules.ts'

/** The curves of trials that have ended, by their run; they never change. */
export type Curves = Map<string, Curve>

/** Judges all trials under way; true where one was stopped. */
export async function stopEarly(deps: SearchDeps, { study, trials }: StudyTree, ended: Curves): Promise<boolean> {
  const { plan } = study
  if (plan.stop === null) return false
  // a server may have died between a judgement and what follows from it
  for (const trial of trials.filter(({ state, pruned_at }) => state === 'running' && pruned_at !== null))
    await cancelTrial(deps, study, trial)
  const running = trials.filter(({ state, pruned_at }) => state === 'running' && pruned_at === null)
  if (running.length === 0) return false
  const curves = new Map<string, Curve>()
  for (const trial of trials) curves.set(trial.run_id, await curveOf(deps, plan, { trial, ended }))
  const moved = await Promise.all(
    running.map(async (trial) => {
      const own = curves.get(trial.run_id) as Curve
      const others = [...curves.values()].filter((one) => one !== own)
      return judgeTrial(deps, plan, { trial, own, others })
    }),
  )
  for (const trial of running.filter((_, i) => moved[i] === true)) await cancelTrial(deps, study, trial)
  return moved.includes(true)
}

async function judgeTrial(
  { context }: SearchDeps,
  { stop, seed }: SearchPlan,
  { trial, own, others }: { readonly trial: TrialRow; readonly own: Curve; readonly others: readonly Curve[] },
): Promise<boolean> {
  if (stop === null) return false
  const found = judge(stop.by, own, { others, judged: trial.judged, seed })
  if (found.judged === trial.judged && found.stop === undefined) return false
  const changed = await context.deps.db.tx((t) =>
    t.run(
      `UPDATE pipeline_trials SET judged = ?, pruned_at = ?, message = ?
       WHERE study_id = ? AND number = ? AND run_id = ? AND state = 'running' AND pruned_at IS NULL`,
      [found.judged, found.stop?.step ?? null, found.stop?.reason ?? '', trial.study_id, trial.number, trial.run_id],
    ),
  )
  if (found.stop !== undefined) faultPoint('pipelines.trial_pruned')
  return changed === 1 && found.stop !== undefined
}

async function curveOf(
  deps: SearchDeps,
  { stop }: SearchPlan,
  { trial, ended }: { readonly trial: TrialRow; readonly ended: Curves },
): Promise<Curve> {
  const known = ended.get(trial.run_id)
  if (known !== undefined || stop === null) return known ?? { number: trial.number, points: [] }
  const tree = trial.state === 'waiting' ? undefined : await readState(deps.context.deps.db, trial.run_id)
  const points = tree === undefined ? [] : await historyOf(deps, tree, stop.metric)
  const curve = {
    number: trial.number,
    points: points.map(({ step, value }) => ({ step, loss: lossOf(stop.direction, value) })),
  }
  if (trial.finished_at !== null) ended.set(trial.run_id, curve)
  return curve
}
