/** The end of a study: when it has one and why, and the run in which its winner is evaluated once more. */
import { Problem } from '../../contract/errors.ts'
import type { SearchPlan } from '../../contract/pipelines/studies.ts'
import { faultPoint } from '../../store/fault.ts'
import { FINAL_RUNS, readRun } from '../context/rows.ts'
import { bestOf } from './best.ts'
import type { SearchDeps } from './deps.ts'
import type { StudyRow, StudyTree } from './rows.ts'
import { cancelTrial, makeRun } from './trials.ts'

/** How a study ends. */
interface Ending {
  readonly ending: NonNullable<StudyRow['ending']>
  readonly reason: string
  /** True where trials under way are not waited for. */
  readonly cancels: boolean
}

/** Why no further trial begins; undefined while some do. */
export function endingOf({ study, trials }: StudyTree, now: number): Ending | undefined {
  const { plan } = study
  const failed = failuresAtEnd(trials)
  if (failed >= plan.failures) {
    const last = trials.findLast(({ state }) => state === 'failed')
    const reason = `${failed} trials failed one after the other, the last with: ${last?.message ?? ''}`
    return { ending: 'failed', reason, cancels: true }
  }
  if (plan.time_ms !== null && now - study.started_at >= plan.time_ms)
    return { ending: 'finished', reason: `its time of ${plan.time_ms / 1000} s is over`, cancels: true }
  if (trials.length < plan.trials) return undefined
  return { ending: 'finished', reason: `all ${plan.trials} trials have ended`, cancels: false }
}

/** The end of a space that has no further point. */
export function exhausted({ method }: SearchPlan): Ending {
  const reason = method === 'grid' ? 'the grid is at its end' : 'no further point meets the constraints'
  return { ending: 'finished', reason, cancels: false }
}

/** Trials that failed since the last one that did not, by when they ended. */
function failuresAtEnd(trials: StudyTree['trials']): number {
  const ended = trials
    .filter(({ state }) => state !== 'cancelled')
    .flatMap((trial) => (trial.finished_at === null ? [] : [{ ...trial, finished_at: trial.finished_at }]))
    .toSorted((a, b) => a.finished_at - b.finished_at || a.number - b.number)
  return ended.length - 1 - ended.findLastIndex(({ state }) => state !== 'failed')
}

/** Says that a study is to end; true where it was going on. */
export async function beginEnding({ context }: SearchDeps, { id }: StudyRow, end: Ending): Promise<boolean> {
  const changed = await context.deps.db.tx((t) =>
    t.run(
      `UPDATE pipeline_studies SET ending = ?, reason = ?, state = ? WHERE id = ? AND state = 'running' AND ending IS NULL`,
      [end.ending, end.reason, end.cancels ? 'stopping' : 'running', id],
    ),
  )
  faultPoint('pipelines.study_ending')
  return changed === 1
}

/** Goes on to the end of a study whose trials have all ended; true where something changed. */
export async function conclude(deps: SearchDeps, tree: StudyTree): Promise<boolean> {
  const { study } = tree
  if (study.state === 'evaluating') return finishEvaluated(deps, tree)
  if (study.ending !== 'finished') {
    if (study.run_of_winner !== null) await cancelTrial(deps, study, { run_id: study.run_of_winner })
    return close(deps, study, study)
  }
  const spec = await deps.context.spec(study.version_id)
  const best = bestOf(study.plan, tree.trials)
  if (best === undefined) {
    const reason = `${study.reason}, and none of them has succeeded`
    return close(deps, study, { ending: 'failed', reason })
  }
  if (study.plan.holdout === null && spec.model === null) return close(deps, study, study)
  const run = `pr_${study.id}_winner_${study.round}`
  const changed = await deps.context.deps.db.tx((t) =>
    t.run(
      `UPDATE pipeline_studies SET state = 'evaluating', run_of_winner = ?
       WHERE id = ? AND state IN ('running', 'stopping') AND ending = 'finished'`,
      [run, study.id],
    ),
  )
  faultPoint('pipelines.study_evaluating')
  return changed === 1
}

/** Has the run of the winner made, and ends the study with it. */
async function finishEvaluated(deps: SearchDeps, { study, trials }: StudyTree): Promise<boolean> {
  const { db } = deps.context.deps
  const run = await readRun(db, study.run_of_winner ?? '')
  if (run === undefined) {
    const set = { ...bestOf(study.plan, trials)?.params, ...study.plan.holdout }
    // its model goes to the registry and its gates, as that of any run
    try {
      await makeRun(deps, study, { id: study.run_of_winner ?? '', set, register: true })
      return false
    } catch (error) {
      if (!(error instanceof Problem) || error.status >= 500) throw error
      const reason = `${study.reason}; the run of the winner could not be made: ${error.message}`
      return close(deps, study, { ending: 'failed', reason })
    }
  }
  if (!FINAL_RUNS.includes(run.state)) return false
  const reason = `${study.reason}; the run of the winner ${run.outcome ?? run.state}: ${run.message}`
  return close(deps, study, { ending: run.state === 'succeeded' ? 'finished' : 'failed', reason })
}

async function close(
  { context }: SearchDeps,
  { id, round }: StudyRow,
  { ending, reason }: Pick<StudyRow, 'ending' | 'reason'>,
): Promise<boolean> {
  const { db, clock } = context.deps
  const changed = await db.tx((t) =>
    t.run(
      `UPDATE pipeline_studies SET state = ?, reason = ?, finished_at = ?, trouble = NULL
       WHERE id = ? AND round = ? AND state IN ('running', 'stopping', 'evaluating')`,
      [ending, reason, clock(), id, round],
    ),
  )
  faultPoint('pipelines.study_closed')
  return changed === 1
}
