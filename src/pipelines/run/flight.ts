/**
 * Equal keys at the same time: one step runs, and those with the same key wait and take its result. Who runs is what the rows say, so
 * nothing has to be given back: where that step fails, is cancelled or lost, one of those that wait runs itself.
 */
import type { Reader } from '../../store/db.ts'
import { stepOf, type Context } from '../context/context.ts'
import type { RunTree, StepRow } from '../context/rows.ts'
import { lookup, whyForced } from './cache.ts'

/** The step that another one waits for. */
export interface Flight {
  readonly run_id: string
  readonly step: string
}

/** As a condition on a step `s`: another `f` runs with its key, of a run that is to go on and whose results are kept. */
const FLYING = `f.project = s.project AND f.cache_key = s.cache_key AND f.state = 'running'
  AND g.state = 'running' AND g.desired_state = 'run' AND g.options LIKE '%"reproduces":null%'
  AND (f.run_id <> s.run_id OR f.name <> s.name)`

/** As a condition on a step `s`: it waits for another with its key, and not for a place. */
export const WAITS_FOR_EQUAL = `EXISTS (
  SELECT 1 FROM pipeline_steps f JOIN pipeline_runs g ON g.id = f.run_id WHERE ${FLYING})`

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
  const declared = stepOf(await context.spec(run.version_id), step.name)
  const found = await lookup(context, run, declared, step.cache_key ?? '')
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
  const declared = stepOf(await context.spec(tree.run.version_id), step.name)
  const before = await lookup(context, tree.run, declared, key)
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
