/** Makes the items of a step with `for_each`, each with its key, and takes results that are there: some hundred at a time, so that a kill in between goes on where it was. */
import { faultPoint } from '../../store/fault.ts'
import { insertMany, type Into } from '../../store/sql/sql.ts'
import type { Tx } from '../../store/db.ts'
import { Problem } from '../../contract/errors.ts'
import { paramsOf, type Context } from '../context/context.ts'
import { readStep, type Fan, type RunTree, type StepRow } from '../context/rows.ts'
import { itemName } from '../context/units.ts'
import { compareStep, takenOf, whyForced } from '../keys/judge.ts'
import { tooMany, ungivenItem } from '../spec/fan-out/check.ts'
import { itemParams, neededOf, sourceOfItems, type Items } from '../spec/fan-out/items.ts'
import type { KeyParts } from '../spec/key.ts'
import type { StepSpec } from '../spec/spec.ts'
import { forgetItems } from './from-source.ts'
import { fanKey, fanParts, itemsIn, planned, type Planned } from './planned.ts'
import { findResults, type Result } from './results.ts'

/** Items that one transaction makes. */
const CHUNK = 500

/** Begins a step whose inputs are all there: it is running, with its key and the number of its items, and has none yet. */
export async function beginFan(context: Context, tree: RunTree, step: StepSpec): Promise<void> {
  const { db, clock } = context.deps
  const spec = await context.spec(tree.run.version_id)
  const { items, refused, unread } = await begun(context, { ...tree, spec }, step)
  const parts = { ...(await fanParts(context, { ...tree, spec }, [step, items])), ...unread }
  const { why, changes, compared_with } = await compareStep(context, tree.run, step, parts)
  const now = clock()
  const failure = refused === undefined ? null : JSON.stringify({ class: 'user', message: refused, traceback: null })
  await db.tx((t) =>
    t.run(
      `UPDATE pipeline_steps SET state = ?, failure = ?, finished_at = ?, cache_key = ?, key_parts = ?, keyed_at = ?, reason = ?,
         changes = ?, compared_with = ?, fan = ?, ready_at = ?, started_at = ?
       WHERE run_id = ? AND name = ? AND state = 'waiting'`,
      [
        refused === undefined ? 'running' : 'failed',
        failure,
        refused === undefined ? null : now,
        fanKey(parts),
        JSON.stringify(parts),
        now,
        whyForced(spec, tree.run, step) ?? why,
        JSON.stringify(changes),
        compared_with,
        JSON.stringify({ count: items.count, made: 0 } satisfies Fan),
        now,
        now,
        tree.run.id,
        step.name,
      ],
    ),
  )
  faultPoint('pipelines.fan_begun')
}

/** The items of a step that begins, or why it cannot run for what it was given. */
async function begun(
  context: Context,
  of: Parameters<typeof itemsIn>[1],
  step: StepSpec,
): Promise<{ readonly items: Items; readonly refused: string | undefined; readonly unread?: Pick<KeyParts, 'items'> }> {
  try {
    const items = await itemsIn(context, of, step)
    return { items, refused: whyNot(step, items.count) ?? unfitArgument(of.run, step, items) }
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'unprocessable') throw error
    // by what the source gave, so that another content with the same fault is not told as the same
    const digest = of.run.sources?.[sourceOfItems(step.for_each) ?? '']?.digest ?? ''
    const unread = { items: `refused (${digest.slice(7, 19)})` }
    return { items: { count: 0, at: () => undefined }, refused: error.message, unread }
  }
}

/** The first row or file that a command cannot be given; of lists that is told before a run begins. */
function unfitArgument(run: RunTree['run'], step: StepSpec, items: Items): string | undefined {
  const { entry, env } = step
  if (typeof entry === 'string' || sourceOfItems(step.for_each) === undefined) return undefined
  for (let number = 0; number < items.count; number++) {
    const expected = ungivenItem(entry, { ...paramsOf(run, step), ...itemParams(step, items.at(number)) }, env)
    if (expected !== undefined) return `item ${number}: expected ${expected}, for it is an argument of a command`
  }
  return undefined
}

/** Why a step cannot have so many items; undefined where it can. */
function whyNot(step: StepSpec, count: number): string | undefined {
  const needed = step.for_each === undefined ? 0 : neededOf(step.for_each, count)
  if (needed > count) return `${needed} items have to succeed, and there are ${count}`
  return tooMany(count)
}

const INTO: Into = {
  table: 'pipeline_steps',
  columns: {
    run_id: 'TEXT',
    name: 'TEXT',
    project: 'TEXT',
    position: 'BIGINT',
    state: 'TEXT',
    cache_key: 'TEXT',
    keyed_at: 'BIGINT',
    reason: 'TEXT',
    changes: 'TEXT',
    from_run: 'TEXT',
    outputs: 'TEXT',
    metrics: 'TEXT',
    reads: 'TEXT',
    tracking_run_id: 'TEXT',
    ready_at: 'BIGINT',
    finished_at: 'BIGINT',
    item_of: 'TEXT',
    item: 'TEXT',
    item_digest: 'TEXT',
    pool: 'TEXT',
    driver: 'TEXT',
  },
}

/** Makes the next items of a step that has begun. */
export async function makeItems(context: Context, tree: RunTree, row: StepRow, step: StepSpec): Promise<void> {
  const { db, clock } = context.deps
  const { count, made } = row.fan ?? { count: 0, made: 0 }
  const to = Math.min(count, made + CHUNK)
  const parts = (await readStep(db, row.run_id, row.name))?.key_parts
  if (parts == null) throw new Error(`step "${row.name}" has items and no key`)
  const spec = await context.spec(tree.run.version_id)
  const next = planned(step, await itemsIn(context, { ...tree, spec }, step), parts, [made, to])
  const results = await findResults(context, tree, step, next)
  const now = clock()
  const rows = next.map((item, i) => rowOf(row, item, results[i] ?? { reason: '' }, now))
  await db.tx(async (t) => {
    await insertMany(t, INTO, rows, 'ON CONFLICT (run_id, name) DO NOTHING')
    await keepMade(t, row, { count, made: to })
  })
  if (to === count && step.for_each !== undefined) forgetItems(context, tree.run, step.for_each)
  faultPoint('pipelines.items_made')
}

function keepMade(t: Tx, { run_id, name }: StepRow, fan: Fan): Promise<number> {
  return t.run("UPDATE pipeline_steps SET fan = ? WHERE run_id = ? AND name = ? AND state = 'running'", [
    JSON.stringify(fan),
    run_id,
    name,
  ])
}

function rowOf(step: StepRow, item: Planned, { found, reason }: Result, now: number): (string | number | null)[] {
  const taken = found === undefined ? null : now
  return [
    step.run_id,
    itemName(step.name, item.number),
    step.project,
    item.number,
    found === undefined ? 'waiting' : 'cached',
    item.key,
    now,
    reason,
    '[]',
    ...takenOf(found),
    taken,
    taken,
    step.name,
    JSON.stringify(item.value),
    item.digest,
    step.pool,
    step.driver,
  ]
}
