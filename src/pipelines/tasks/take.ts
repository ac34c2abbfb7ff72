/** What a task of a foreign scheduler is to do for its step: run an attempt that nobody has taken up, wait, or end as the step did. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { tasksApi } from '../../contract/pipelines/tasks.ts'
import type { Reply } from '../../contract/route.ts'
import type { Tokens } from '../../auth/tokens.ts'
import type { Context } from '../context/context.ts'
import { FINAL_RUNS, type RunTree, type StepRow } from '../context/rows.ts'
import { claimToken, invitation } from '../drivers/remote/invitation.ts'
import { repetitionId, repetitionOf } from '../run/named.ts'
import { retryRun } from '../run/runs.ts'

export interface TaskDeps {
  readonly tokens: Pick<Tokens, 'createIn'>
  /** Where tasks reach this server. */
  readonly url: () => string
}

type Taken = Reply<typeof tasksApi.takeStep>

/**
 * Throws `not_found` for a step that the run does not have, `conflict` for a run that was not started with `on: external`. A run that has
 * failed is repeated once for all the tasks that ask `again`; whoever asks of it later is told of the repetition.
 */
export async function takeStep(
  context: Context,
  deps: TaskDeps,
  who: Principal,
  ...[tree, name, again]: [RunTree, string, boolean]
): Promise<Taken> {
  const { run } = tree
  const step = tree.steps.find((row) => row.name === name)
  if (step === undefined) throw problem('not_found', { what: 'step', id: name })
  if (run.options.on !== 'external') {
    const detail = `the steps of run ${run.id} are not run by tasks: it was not started with "on": "external"`
    throw problem('conflict', { detail })
  }
  const said = (state: Taken['state'], detail: string): Taken => ({
    run: run.id,
    state,
    detail,
    repeats: false,
    attempt: null,
  })
  if (step.state === 'succeeded') return said('succeeded', 'the step has succeeded')
  if (step.state === 'cached') return said('succeeded', `its result was taken from the cache: ${step.reason}`)
  const moved = await repeated(context, who, tree, { step, again })
  if (moved !== undefined) return { ...said('moved', `run ${run.id} is repeated as ${moved}`), run: moved }
  if (step.state === 'skipped') return said('skipped', step.reason)
  if (step.state === 'failed' || step.state === 'cancelled') {
    if (again && !isOver(tree))
      return { ...said('wait', 'the step has failed; it is repeated once its run has ended'), repeats: true }
    return said('failed', step.failure?.message ?? `the step was ${step.state}`)
  }
  const attempt = await openAttemptOf(context, run.id, name)
  if (attempt === undefined) return said('wait', `the step is ${step.state}`)
  const token = await context.deps.db.tx((t) => claimToken(t, deps.tokens, attempt, context.deps.clock()))
  return { ...said('run', attempt), attempt: { id: attempt, variables: invitation(attempt, token, deps.url()) } }
}

function isOver({ run }: RunTree): boolean {
  return FINAL_RUNS.includes(run.state)
}

/** The run that repeats this one: made now where that is asked for, and the run has ended without this step. */
async function repeated(
  context: Context,
  who: Principal,
  tree: RunTree,
  { step, again }: { readonly step: StepRow; readonly again: boolean },
): Promise<string | undefined> {
  const { run } = tree
  if (!isOver(tree) || run.state === 'succeeded') return undefined
  const before = await repetitionOf(context.deps.db, run)
  if (before !== undefined) return before
  if (!again || (step.state === 'skipped' && step.decision?.holds === false)) return undefined
  return retryRun(context, who, tree, { id: repetitionId(run) })
}

/** The oldest attempt of a step, or of its items, that waits for a task. */
async function openAttemptOf({ deps: { db } }: Context, run: string, step: string): Promise<string | undefined> {
  const row = await db.get<{ attempt: string }>(
    `SELECT n.attempt FROM pipeline_attempts a JOIN pipeline_nodes n ON n.attempt = a.id
     WHERE a.run_id = ? AND (a.step = ? OR a.item_of = ?) AND a.state IN ('submitting', 'running')
       AND n.driver = 'external' AND n.claimed_at IS NULL AND n.stop IS NULL AND n.ended IS NULL
     ORDER BY a.queued_at, a.id LIMIT 1`,
    [run, step, step],
  )
  return row?.attempt
}
