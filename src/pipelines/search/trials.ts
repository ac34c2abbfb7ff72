/** A trial from its row to its value: its run is made, looked at, stopped early where the rule says so, and read when it has ended. */
import { Problem } from '../../contract/errors.ts'
import type { SearchPlan, TrialState } from '../../contract/pipelines/studies.ts'
import { faultPoint } from '../../store/fault.ts'
import { FINAL_RUNS, readRun, readState, type RunTree } from '../context/rows.ts'
import { cancelRun, createRun } from '../run/runs.ts'
import { requireVersion } from '../spec/versions.ts'
import type { MetricPoint, SearchDeps } from './deps.ts'
import type { StudyRow, TrialRow } from './rows.ts'

/** Makes the run of a trial that waits for it. One that cannot be made, such as with params that no command takes, has failed. */
export async function beginTrial(deps: SearchDeps, study: StudyRow, trial: TrialRow): Promise<void> {
  const { db } = deps.context.deps
  try {
    await makeRun(deps, study, { id: trial.run_id, set: trial.params, register: false })
  } catch (error) {
    if (!(error instanceof Problem) || error.status >= 500) throw error
    return endTrial(deps, trial, {
      state: 'failed',
      value: null,
      message: `its run could not be made: ${error.message}`,
    })
  }
  faultPoint('pipelines.trial_begun')
  await db.tx((t) =>
    t.run(
      "UPDATE pipeline_trials SET state = 'running' WHERE study_id = ? AND number = ? AND run_id = ? AND state = 'waiting'",
      [trial.study_id, trial.number, trial.run_id],
    ),
  )
}

/** Makes a run of the study's version, or nothing where it is there already, and has it looked at. */
export async function makeRun(
  { context, wakeRun }: SearchDeps,
  study: StudyRow,
  run: { readonly id: string; readonly set: Readonly<Record<string, unknown>>; readonly register: boolean },
): Promise<void> {
  const version = await requireVersion(context.deps.db, study.version_id)
  const { id, set, register } = run
  await createRun(context, study.who, { version, params: {}, options: { set, register }, trigger: 'search', id })
  wakeRun(id)
}

/** Asks the run of a trial to end. Nothing happens where it has. */
export async function cancelTrial(
  { context, wakeRun }: SearchDeps,
  study: StudyRow,
  trial: Pick<TrialRow, 'run_id'>,
): Promise<void> {
  const run = await readRun(context.deps.db, trial.run_id)
  if (run?.desired_state !== 'run' || FINAL_RUNS.includes(run.state)) return
  await cancelRun(context, study.who, trial.run_id)
  wakeRun(trial.run_id)
}

/** Ends a trial whose run has ended; true where it did. */
export async function collectTrial(deps: SearchDeps, { plan }: StudyRow, trial: TrialRow): Promise<boolean> {
  const run = await readRun(deps.context.deps.db, trial.run_id)
  if (run !== undefined && !FINAL_RUNS.includes(run.state)) return false
  const tree = await readState(deps.context.deps.db, trial.run_id)
  if (tree === undefined) {
    await endTrial(deps, trial, { state: 'failed', value: null, message: `its run ${trial.run_id} is gone` })
    return true
  }
  await endTrial(deps, trial, await resultOf(deps, plan, { tree, trial }))
  return true
}

interface Result {
  readonly state: Extract<TrialState, 'succeeded' | 'pruned' | 'failed' | 'cancelled'>
  readonly value: number | null
  readonly message: string
}

async function resultOf(
  deps: SearchDeps,
  plan: SearchPlan,
  { tree, trial }: { readonly tree: RunTree; readonly trial: TrialRow },
): Promise<Result> {
  const { run } = tree
  if (run.state === 'failed') return { state: 'failed', value: null, message: run.message }
  const found = await objectiveOf(deps, plan, tree)
  if (run.state === 'cancelled') {
    if (trial.pruned_at === null) return { state: 'cancelled', value: null, message: 'its run was cancelled' }
    return { state: 'pruned', value: found.value, message: trial.message }
  }
  if (found.value === null) return { state: 'failed', value: null, message: found.why }
  return { state: 'succeeded', value: found.value, message: '' }
}

/** The objective of a run that has ended: what its step returned, else what it logged last; with why there is none. */
export async function objectiveOf(
  deps: SearchDeps,
  { objective: { step, metric } }: SearchPlan,
  tree: RunTree,
): Promise<{ readonly value: number | null; readonly why: string }> {
  const row = tree.steps.find(({ name }) => name === step)
  const returned = Object.entries(row?.metrics ?? {}).find(([name]) => name === metric)?.[1]
  const told = returned ?? (await historyOf(deps, tree, { step, metric })).at(-1)?.value
  if (told !== undefined) {
    const odd = oddOf(told)
    if (odd === undefined) return { value: told, why: '' }
    return { value: null, why: `metric "${metric}" of step "${step}" is ${odd}, expected a number` }
  }
  const names = Object.keys(row?.metrics ?? {})
  const left = names.length === 0 ? 'no metrics' : `the metrics ${names.join(', ')}`
  if (row?.state === 'skipped')
    return { value: null, why: `step "${step}" was skipped, and so has no metric "${metric}"` }
  return { value: null, why: `step "${step}" left no metric "${metric}"; it left ${left}` }
}

/** What a value is that is no number; undefined of one. An infinite metric is kept as the largest double, as on MLflow's wire. */
function oddOf(value: number): string | undefined {
  if (Number.isNaN(value)) return 'NaN'
  if (Math.abs(value) < Number.MAX_VALUE) return undefined
  return value > 0 ? 'infinite' : 'minus infinite'
}

/** What the step of a run has logged of a metric, in its newest attempt. */
export async function historyOf(
  { history }: SearchDeps,
  tree: RunTree,
  { step, metric }: { readonly step: string; readonly metric: string },
): Promise<readonly MetricPoint[]> {
  const attempt = tree.attempts.findLast((one) => one.step === step)?.tracking_run_id
  const run = attempt ?? tree.steps.find(({ name }) => name === step)?.tracking_run_id
  return run === undefined || run === null ? [] : history(run, metric)
}

async function endTrial({ context }: SearchDeps, trial: TrialRow, { state, value, message }: Result): Promise<void> {
  const { db, clock } = context.deps
  faultPoint('pipelines.trial_ending')
  await db.tx((t) =>
    t.run(
      `UPDATE pipeline_trials SET state = ?, value = ?, message = ?, finished_at = ?
       WHERE study_id = ? AND number = ? AND run_id = ? AND state IN ('waiting', 'running')`,
      [state, value, message, clock(), trial.study_id, trial.number, trial.run_id],
    ),
  )
}
