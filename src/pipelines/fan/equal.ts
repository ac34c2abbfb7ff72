/** Items that wait while an equal one has left its result: they take it many at a time, and not in the line one by one. */
import { faultPoint } from '../../store/fault.ts'
import { inList, sql } from '../../store/sql/sql.ts'
import type { Context } from '../context/context.ts'
import type { RunTree, StepRow } from '../context/rows.ts'
import { whyForced } from '../keys/judge.ts'
import type { StepSpec } from '../spec/spec.ts'
import { cachedResults } from './results.ts'

/** Items that one look takes on. */
const CHUNK = 500

interface Waiting {
  readonly name: string
  readonly key: string
}

/** Takes results for items that wait. Only where the next of them has one, so that a list without equal items costs one look by key. */
export async function takeEqual(
  context: Context,
  tree: RunTree,
  row: StepRow,
  [step, next]: [StepSpec, readonly Waiting[]],
): Promise<boolean> {
  const { db, clock } = context.deps
  const spec = await context.spec(tree.run.version_id)
  if (next.length === 0 || whyForced(spec, tree.run, step) !== undefined) return false
  const judging = { run: tree.run, spec }
  if ((await cachedResults(context, judging, step, next.slice(0, 1))).size === 0) return false
  const waiting = await waitingItems(context, row, CHUNK)
  const kept = await cachedResults(context, judging, step, waiting)
  const now = clock()
  const updates = [...kept].map(([key, found]) => {
    const { run_id, outputs, metrics, reads, tracking_run_id } = found
    const names = inList(waiting.filter((one) => one.key === key).map(({ name }) => name))
    return sql`UPDATE pipeline_steps SET state = 'cached', from_run = ${run_id}, outputs = ${outputs}, metrics = ${metrics}, reads = ${reads},
        tracking_run_id = ${tracking_run_id}, reason = ${`nothing changed: the result of run ${run_id} was taken`},
        ready_at = ${now}, finished_at = ${now}
      WHERE run_id = ${row.run_id} AND name IN ${names} AND state = 'waiting'`
  })
  const taken = await db.tx(async (t) => {
    let count = 0
    for (const { text, params } of updates) count += await t.run(text, params)
    return count
  })
  faultPoint('pipelines.items_taken')
  return taken > 0
}

/** The next items that wait, in the order of the list. */
export function waitingItems({ deps }: Context, row: StepRow, limit: number): Promise<Waiting[]> {
  return deps.db.all<Waiting>(
    `SELECT name, cache_key AS key FROM pipeline_steps WHERE run_id = ? AND item_of = ? AND state = 'waiting'
      ORDER BY position LIMIT ?`,
    [row.run_id, row.name, limit],
  )
}
