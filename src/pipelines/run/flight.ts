/**
 * Equal keys at the same time: one step runs, and those with the same key wait and take its result. Who runs is what the rows say, so
 * nothing has to be given back: where that step fails, is cancelled or lost, one of those that wait runs itself.
 */
import type { Reader } from '../../store/db.ts'
import { stepOf, type Context } from '../context/context.ts'
import type { RunTree, StepRow } from '../context/rows.ts'
import { FLYING } from '../line/equal.ts'
import { lookup, whyForced } from '../keys/judge.ts'

/** The step that another one waits for. */
export interface Flight {
  readonly run_id: string
  readonly step: string
}

/** The step that runs with the key of this one, the first where there are several. */
export function flightOf(reader: Reader, { run_id, name }: StepRow): Promise<Flight | undefined> {
  return reader.get<Flight & Record<string, unknown>>(
    `SELECT f.run_id, f.name AS step
     FROM pipeline_steps s JOIN pipeline_steps f ON f.cache_key = s.cache_key JOIN pipeline_runs g ON g.id = f.run_id
     WHERE s.run_id = ? AND s.name = ? AND ${FLYING} ORDER BY f.started_at, f.run_id, f.position LIMIT 1`,
    [run_id, name],
  )
}

/** True for a step that takes the result of another with its key, rather than running whatever there is. */
export async function takesResults(context: Context, { run }: RunTree, step: StepRow): Promise<boolean> {
  const spec = await context.spec(run.version_id)
  return step.cache_key !== null && whyForced(spec, run, stepOf(spec, step.name)) === undefined
}

/** Whether a ready step has to run itself: a result that came meanwhile is taken, one that is on its way is waited for. */
export async function awaitTurn(context: Context, tree: RunTree, step: StepRow): Promise<'taken' | Flight | undefined> {
  if (!(await takesResults(context, tree, step))) return undefined
  return (await takeResult(context, tree, step)) ? 'taken' : flightOf(context.deps.db, step)
}

async function takeResult(context: Context, { run }: RunTree, step: StepRow): Promise<boolean> {
  const { deps } = context
  const spec = await context.spec(run.version_id)
  const declared = stepOf(spec, step.name)
  const found = await lookup(context, { run, spec }, declared, step.cache_key ?? '')
  if (found === undefined || !found.isUsable) return false
  const { entry } = found
  const changed = await deps.db.tx((t) =>
    t.run(
      `UPDATE pipeline_steps SET state = 'cached', reason = ?, from_run = ?, outputs = ?, metrics = ?, reads = ?,
         tracking_run_id = ?, failure = NULL, retry_at = NULL, finished_at = ?
       WHERE run_id = ? AND name = ? AND state = 'ready'`,
      [
        `the result of run ${entry.run_id}, which came while this step waited, was taken`,
        entry.run_id,
        entry.outputs,
        entry.metrics,
        entry.reads,
        entry.tracking_run_id,
        deps.clock(),
        run.id,
        step.name,
      ],
    ),
  )
  return changed === 1
}

/**
 * A question for the transaction that starts a step: is it still its turn? It is not where another with its key began, or ended well,
 * since that was last looked at.
 */
export async function turnOf(
  context: Context,
  tree: RunTree,
  step: StepRow,
): Promise<(reader: Reader) => Promise<boolean>> {
  if (!(await takesResults(context, tree, step))) return () => Promise.resolve(true)
  const key = step.cache_key ?? ''
  const spec = await context.spec(tree.run.version_id)
  const before = await lookup(context, { run: tree.run, spec }, stepOf(spec, step.name), key)
  if (before?.isUsable === true) return () => Promise.resolve(false)
  return async (reader) => {
    if ((await flightOf(reader, step)) !== undefined) return false
    const now = await reader.get<{ run_id: string }>(
      'SELECT run_id FROM pipeline_cache WHERE project = ? AND cache_key = ?',
      [tree.run.project, key],
    )
    return now?.run_id === before?.entry.run_id
  }
}
