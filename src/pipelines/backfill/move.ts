/** A partition of a backfill from its row to its end: its run is made, and looked at until it has ended. */
import { Problem } from '../../contract/errors.ts'
import type { PartitionState } from '../../contract/pipelines/backfills.ts'
import { faultPoint } from '../../store/fault.ts'
import { FINAL_RUNS, readRun, readState } from '../context/rows.ts'
import { cancelRun, createRun, retryRun } from '../run/runs.ts'
import { requireVersion } from '../spec/versions.ts'
import { countPartitions, readPartitions, type BackfillPartitionRow, type BackfillRow } from './rows.ts'
import type { BackfillDeps } from './start.ts'

/** Runs that a backfill begins in one look at most: others wait to be looked at too. */
const AT_A_LOOK = 32
/** The span of its rate, ms. */
const MINUTE = 60_000

/**
 * Begins runs for partitions that wait, as many as may be under way and may begin within a minute. One whose run cannot be made has failed,
 * and has not begun. True where one began.
 */
export async function beginDue(deps: BackfillDeps, backfill: BackfillRow, running: number): Promise<boolean> {
  const { db, clock } = deps.context.deps
  const { at_once, rate_per_minute: rate } = backfill.plan
  const free = Math.min(
    at_once - running,
    AT_A_LOOK,
    rate === null ? Infinity : rate - (await begunSince(deps, backfill.id)),
  )
  if (free <= 0) return false
  const waiting = await readPartitions(db, backfill.id, { state: 'waiting', limit: free })
  for (const partition of waiting) {
    const failed = await tryRun(deps, backfill, partition)
    faultPoint('pipelines.partition_begun')
    const state = failed === undefined ? 'running' : 'failed'
    const now = clock()
    await db.tx((t) =>
      t.run(
        `UPDATE pipeline_backfill_partitions SET state = ?, message = ?, begun_at = ?, finished_at = ?
         WHERE backfill_id = ? AND number = ? AND run_id = ? AND state = 'waiting'`,
        [
          state,
          failed ?? '',
          failed === undefined ? now : null,
          failed === undefined ? null : now,
          backfill.id,
          partition.number,
          partition.run_id,
        ],
      ),
    )
  }
  return waiting.length > 0
}

async function begunSince({ context }: BackfillDeps, id: string): Promise<number> {
  const { db, clock } = context.deps
  const row = await db.get<{ n: number }>(
    'SELECT COUNT(*) AS n FROM pipeline_backfill_partitions WHERE backfill_id = ? AND begun_at > ?',
    [id, clock() - MINUTE],
  )
  return row?.n ?? 0
}

/** Makes the run of a partition, or nothing where it is there already; why it cannot be made, where it cannot. */
async function tryRun(
  deps: BackfillDeps,
  backfill: BackfillRow,
  partition: BackfillPartitionRow,
): Promise<string | undefined> {
  try {
    await makeRun(deps, backfill, partition)
    deps.wakeRun(partition.run_id)
    return undefined
  } catch (error) {
    if (!(error instanceof Problem) || error.status >= 500) throw error
    return `its run could not be made: ${error.message}`
  }
}

async function makeRun(
  { context }: BackfillDeps,
  backfill: BackfillRow,
  partition: BackfillPartitionRow,
): Promise<void> {
  const { db } = context.deps
  const { run_id: id, before_run: before, partition_key: key } = partition
  const of = { id, trigger: 'backfill', backfill: backfill.id } as const
  const tree = before === null ? undefined : await readState(db, before)
  if (tree !== undefined && FINAL_RUNS.includes(tree.run.state)) {
    await retryRun(context, backfill.who, tree, of)
    return
  }
  const version = await requireVersion(db, backfill.version_id)
  const { priority, force, set } = backfill.plan
  await createRun(context, backfill.who, {
    version,
    params: {},
    options: { priority, force, set, partition: key },
    ...of,
  })
}

/** Ends partitions whose run has ended. True where one did. */
export async function collectEnded(deps: BackfillDeps, running: readonly BackfillPartitionRow[]): Promise<boolean> {
  const { db, clock } = deps.context.deps
  let ended = false
  for (const { backfill_id, number, run_id } of running) {
    const run = await readRun(db, run_id)
    if (run !== undefined && !FINAL_RUNS.includes(run.state)) continue
    const state = run === undefined ? 'failed' : (run.state as PartitionState)
    const message = run === undefined ? `its run ${run_id} is gone` : state === 'failed' ? run.message : ''
    faultPoint('pipelines.partition_ending')
    const changed = await db.tx((t) =>
      t.run(
        `UPDATE pipeline_backfill_partitions SET state = ?, message = ?, finished_at = ?
         WHERE backfill_id = ? AND number = ? AND run_id = ? AND state = 'running'`,
        [state, message, clock(), backfill_id, number, run_id],
      ),
    )
    ended ||= changed > 0
  }
  return ended
}

/** Cancels what is under way, and ends what has no run. */
export async function cancelOpen(deps: BackfillDeps, backfill: BackfillRow): Promise<void> {
  const { context, wakeRun } = deps
  const { db, clock } = context.deps
  await db.tx(async (t) => {
    // its run may have been made just before a crash
    await t.run(
      `UPDATE pipeline_backfill_partitions SET state = 'running', begun_at = ?
       WHERE backfill_id = ? AND state = 'waiting' AND run_id IN (SELECT id FROM pipeline_runs WHERE backfill_id = ?)`,
      [clock(), backfill.id, backfill.id],
    )
    await t.run(
      `UPDATE pipeline_backfill_partitions SET state = 'cancelled', finished_at = ?, message = 'the backfill was cancelled before it began'
       WHERE backfill_id = ? AND state = 'waiting'`,
      [clock(), backfill.id],
    )
  })
  for (const { run_id } of await readPartitions(db, backfill.id, { state: 'running', limit: 1000 })) {
    const run = await readRun(db, run_id)
    if (run?.desired_state !== 'run' || FINAL_RUNS.includes(run.state)) continue
    await cancelRun(context, backfill.who, run_id)
    wakeRun(run_id)
  }
}

/** Ends a backfill of which nothing waits or runs; true where it did. */
export async function conclude({ context }: BackfillDeps, backfill: BackfillRow): Promise<boolean> {
  const { db, clock } = context.deps
  const counts = (await countPartitions(db, [backfill.id])).get(backfill.id)
  if (counts === undefined || counts.waiting + counts.running > 0) return false
  const { succeeded, failed, cancelled } = counts
  const isCancelled = backfill.state === 'cancelling'
  const state = isCancelled ? 'cancelled' : failed + cancelled > 0 ? 'failed' : 'succeeded'
  const all = succeeded + failed + cancelled
  const told = [
    `${succeeded} of ${all} partitions succeeded`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(cancelled > 0 ? [`${cancelled} cancelled`] : []),
  ].join(', ')
  const changed = await db.tx((t) =>
    t.run(
      `UPDATE pipeline_backfills SET state = ?, reason = ?, finished_at = ?, trouble = NULL
       WHERE id = ? AND round = ? AND state = ?`,
      [state, isCancelled ? `${backfill.reason}: ${told}` : told, clock(), backfill.id, backfill.round, backfill.state],
    ),
  )
  faultPoint('pipelines.backfill_closed')
  return changed > 0
}
