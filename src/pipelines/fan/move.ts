/** Moves a step with items on: makes them, lets as many into the line as may run at once, and ends the step when they have ended or too many failed. */
import { Problem } from '../../contract/errors.ts'
import { itemText } from '../../contract/values/item-text.ts'
import type { TreeInfo } from '../../store/blobs/trees.ts'
import { faultPoint } from '../../store/fault.ts'
import { fetchAll, inList, sql } from '../../store/sql/sql.ts'
import type { Context } from '../context/context.ts'
import { parseStep, type RunTree, type StepFailure, type StepRow } from '../context/rows.ts'
import { neededOf } from '../spec/fan-out/items.ts'
import type { StepSpec } from '../spec/spec.ts'
import { makeItems } from './begin.ts'
import { countItems, sumOf, type Counts } from './counts.ts'
import { takeEqual, waitingItems } from './equal.ts'
import { joinOutputs } from './join.ts'

/** Items in line at most: those that wait for a retry are besides those that may run, and each look reads all of them. */
const MOST_IN_LINE = 1000

/** Longest item that a message repeats, characters. */
const SHOWN = 80

/** Does the next thing for a step that has begun; true when something changed. */
export async function moveFan(context: Context, tree: RunTree, row: StepRow, step: StepSpec): Promise<boolean> {
  const { fan } = row
  if (fan === null || step.for_each === undefined) return false
  if (fan.made < fan.count) {
    await makeItems(context, tree, row, step)
    return true
  }
  const counts = await countItems(context.deps.db, row, ['failed', 'ready', 'running'])
  const lost = fan.count - neededOf(step.for_each, fan.count)
  if ((counts.failed ?? 0) > lost) return giveUp(context, row, counts)
  if (await admit(context, tree, row, [step, counts])) return true
  if (sumOf(counts, ['ready', 'running']) > 0) return false
  await endWell(context, row, step)
  return true
}

/** Lets the next items into the line. At least one is in it beyond those that run, so that the line knows of them. */
async function admit(
  context: Context,
  tree: RunTree,
  row: StepRow,
  [step, counts]: [StepSpec, Counts],
): Promise<boolean> {
  const { deps } = context
  const now = deps.clock()
  const due = tree.items.filter((one) => one.item_of === row.name && (one.retry_at === null || one.retry_at <= now))
  const most = step.for_each?.at_once ?? deps.capacity.cpus + 1
  const free = Math.min(most - (counts.running ?? 0) - due.length, MOST_IN_LINE - (counts.ready ?? 0))
  if (free <= 0) return false
  const next = await waitingItems(context, row, free)
  if (await takeEqual(context, tree, row, [step, next])) return true
  if (next.length === 0) return false
  const names = inList(next.map(({ name }) => name))
  const { text, params } = sql`UPDATE pipeline_steps SET state = 'ready', ready_at = ${now}
    WHERE run_id = ${row.run_id} AND name IN ${names} AND state = 'waiting'`
  const admitted = await deps.db.tx((t) => t.run(text, params))
  faultPoint('pipelines.items_admitted')
  return admitted > 0
}

/** Too many items failed: those that have not begun are skipped, and the step fails when those that run have ended. */
async function giveUp(context: Context, row: StepRow, counts: Counts): Promise<boolean> {
  const { deps } = context
  const now = deps.clock()
  // only asked here, so that a step whose last items run writes nothing
  const open = await deps.db.get(
    "SELECT name FROM pipeline_steps WHERE run_id = ? AND item_of = ? AND state IN ('waiting', 'ready') LIMIT 1",
    [row.run_id, row.name],
  )
  if (open !== undefined) {
    await deps.db.tx((t) =>
      t.run(
        `UPDATE pipeline_steps SET state = 'skipped', reason = ?, finished_at = ?, retry_at = NULL
         WHERE run_id = ? AND item_of = ? AND state IN ('waiting', 'ready')`,
        ['too many items failed', now, row.run_id, row.name],
      ),
    )
    faultPoint('pipelines.items_skipped')
    return true
  }
  if ((counts.running ?? 0) > 0) return false
  const failure = await failureOf(context, row, counts.failed ?? 0)
  await deps.db.tx((t) =>
    t.run(
      `UPDATE pipeline_steps SET state = 'failed', failure = ?, finished_at = ?
       WHERE run_id = ? AND name = ? AND state = 'running'`,
      [JSON.stringify(failure), now, row.run_id, row.name],
    ),
  )
  return true
}

/** The failure of the first item that failed, and how many did. */
async function failureOf({ deps }: Context, row: StepRow, failed: number): Promise<StepFailure> {
  const [first] = await fetchAll<Record<string, unknown>>(
    deps.db,
    sql`SELECT * FROM pipeline_steps WHERE run_id = ${row.run_id} AND item_of = ${row.name} AND state = 'failed'
      ORDER BY position LIMIT 1`,
  )
  if (first === undefined) throw new Error(`no item of step "${row.name}" failed`)
  const { position, item, failure } = parseStep(first)
  const more = failed > 1 ? `, and ${failed - 1} more of ${row.fan?.count ?? 0}` : ''
  const message = `item ${position} (${short(item)}) failed${more}: ${failure?.message ?? 'without a message'}`
  return { class: failure?.class ?? 'user', message, traceback: failure?.traceback ?? null }
}

function short(item: unknown): string {
  const text = itemText(item)
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
}

/** All items have ended, and enough of them well: what they made is joined, and the step has succeeded. */
async function endWell(context: Context, row: StepRow, step: StepSpec): Promise<void> {
  const { db, clock } = context.deps
  const counts = await countItems(db, row)
  const outputs = await joined(context, row, step)
  faultPoint('pipelines.items_joined')
  const refused = outputs instanceof Problem ? outputs : undefined
  const isCached = (counts.cached ?? 0) > 0 && counts.cached === row.fan?.count
  const state = refused === undefined ? (isCached ? 'cached' : 'succeeded') : 'failed'
  const failure = refused === undefined ? null : { class: 'user', message: refused.message, traceback: null }
  const from = `(SELECT max(i.from_run) FROM pipeline_steps i WHERE i.run_id = ? AND i.item_of = ?)`
  await db.tx((t) =>
    t.run(
      `UPDATE pipeline_steps SET state = ?, failure = ?, outputs = ?, reads = '[]', reason = ?, finished_at = ?,
         from_run = CASE WHEN ? = 1 THEN ${from} END
       WHERE run_id = ? AND name = ? AND state = 'running'`,
      [
        state,
        failure === null ? null : JSON.stringify(failure),
        JSON.stringify(refused === undefined ? outputs : {}),
        reasonOf(row, counts),
        clock(),
        state === 'cached' ? 1 : 0,
        row.run_id,
        row.name,
        row.run_id,
        row.name,
      ],
    ),
  )
}

function reasonOf({ fan, reason }: StepRow, { cached = 0 }: Counts): string {
  const count = fan?.count ?? 0
  if (count === 0) return 'there is nothing that it runs for'
  if (cached === count) return `nothing changed: results of all ${count} items were taken`
  return cached === 0 ? reason : `results of ${cached} of ${count} items were taken; the others ran: ${reason}`
}

/** The outputs, or why they cannot be kept: asked again they would be refused again. */
async function joined(context: Context, row: StepRow, step: StepSpec): Promise<Record<string, TreeInfo> | Problem> {
  try {
    return await joinOutputs(context, row, step)
  } catch (error) {
    if (error instanceof Problem && error.status < 500 && error.code === 'unprocessable') return error
    throw error
  }
}
