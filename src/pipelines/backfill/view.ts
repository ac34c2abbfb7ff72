/** Backfills as the contract shows them. */
import type { z } from 'zod'
import { toTime } from '../../contract/fields.ts'
import type { Backfill, BackfilledPartition } from '../../contract/pipelines/backfills.ts'
import { whyUnreadable } from '../context/context.ts'
import { masked, maskOf } from '../context/mask.ts'
import { countPartitions, type BackfillPartitionRow, type BackfillRow, type Counts } from './rows.ts'
import type { BackfillDeps } from './start.ts'

export type BackfillView = z.output<typeof Backfill>

/** A backfill, secrets of its steps masked. */
export async function viewBackfill(deps: BackfillDeps, backfill: BackfillRow): Promise<BackfillView> {
  const counts = await countPartitions(deps.context.deps.db, [backfill.id])
  return viewCounted(deps, backfill, counts)
}

/** A backfill whose partitions have been counted. */
export async function viewCounted(
  { context }: BackfillDeps,
  backfill: BackfillRow,
  counts: ReadonlyMap<string, Counts>,
): Promise<BackfillView> {
  const { id, project, version_id, state, reason, trouble, plan, created_at, created_by, finished_at } = backfill
  const view: BackfillView = {
    id,
    project,
    pipeline_version: version_id,
    state,
    reason,
    trouble,
    plan,
    counts: counts.get(id) ?? { waiting: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 },
    created_at: toTime(created_at),
    created_by,
    finished_at: finished_at === null ? null : toTime(finished_at),
  }
  return masked(view, await maskOfVersion({ context }, backfill))
}

export async function viewPartitions(
  deps: BackfillDeps,
  backfill: BackfillRow,
  rows: readonly BackfillPartitionRow[],
): Promise<z.output<typeof BackfilledPartition>[]> {
  return masked(rows.map(viewPartition), await maskOfVersion(deps, backfill))
}

function viewPartition(row: BackfillPartitionRow): z.output<typeof BackfilledPartition> {
  const { number, partition_key, state, run_id, message, begun_at, finished_at } = row
  return {
    number,
    partition: partition_key,
    state,
    run: begun_at === null ? null : run_id,
    message,
    begun_at: begun_at === null ? null : toTime(begun_at),
    finished_at: finished_at === null ? null : toTime(finished_at),
  }
}

/** A version that cannot be read any more names no secrets. */
async function maskOfVersion(
  { context }: Pick<BackfillDeps, 'context'>,
  { project, version_id }: BackfillRow,
): Promise<(text: string) => string> {
  const unreadable = await whyUnreadable(context, version_id)
  return maskOf(context, project, unreadable === undefined ? (await context.spec(version_id)).steps : [])
}
