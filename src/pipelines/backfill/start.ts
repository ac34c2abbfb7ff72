/** Backfills as people ask for them: started, cancelled, retried. */
import { SYSTEM } from '../../auth/tokens.ts'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { MOST_BACKFILLED, type BackfillChoice, type BackfillPlan } from '../../contract/pipelines/backfills.ts'
import type { Reader } from '../../store/db.ts'
import { fetchAll, inList, insertRows, sql } from '../../store/sql/sql.ts'
import type { Context } from '../context/context.ts'
import { askToEnd, runnerOf, type Ending } from '../led/asked.ts'
import { settleRun } from '../run/runs.ts'
import { partitionsIn, requirePartitions, type Partition } from '../spec/partitions/partitions.ts'
import type { VersionRow } from '../spec/versions.ts'
import { OPEN_BACKFILLS, type BackfillRow } from './rows.ts'

/** What backfills are made with. */
export interface BackfillDeps {
  readonly context: Context
  /** Looks at a pipeline run now. */
  readonly wakeRun: (run: string) => void
  /** Whether the token of this id was revoked; false of whatever is no token. */
  readonly isRevoked: (id: string) => Promise<boolean>
  /** Told of every change of a backfill, for live views. */
  readonly changed?: ((backfill: string) => void) | undefined
}

/**
 * Writes a backfill with its partitions; their runs begin once it is looked at. Throws `unprocessable` for a version without partitions,
 * `invalid_field` for a range or a param that it does not have, and `conflict` where no partition is left.
 */
export async function createBackfill(
  { context }: BackfillDeps,
  who: Principal,
  version: VersionRow,
  plan: BackfillPlan,
): Promise<string> {
  const { db, clock, ids, record } = context.deps
  const now = clock()
  const { from, to, only, set } = plan
  const range = { from: from ?? undefined, to: to ?? undefined }
  const all = partitionsIn(requirePartitions(version), now, range)
  const [first] = all
  if (first === undefined) throw problem('conflict', { detail: 'no partition of the range has ended yet' })
  // what no run of it could be given is refused before the first of them fails
  await settleRun(context, version.spec, { params: {}, options: { set, partition: first.key } })
  const chosen = await choose(db, version.project, all, only)
  if (chosen.length === 0)
    throw problem('conflict', { detail: `none of the ${all.length} partitions of the range is ${only}` })
  if (chosen.length > MOST_BACKFILLED) {
    const expected = `a range with at most ${MOST_BACKFILLED} partitions to run; it has ${chosen.length}`
    throw problem('invalid_field', { field: 'from', value: from, expected })
  }
  const id = ids('backfill')
  await db.tx(async (t) => {
    await t.run(
      `INSERT INTO pipeline_backfills (id, project, version_id, plan, state, reason, who, round, created_at, created_by)
       VALUES (?, ?, ?, ?, 'running', '', ?, 0, ?, ?)`,
      [id, version.project, version.id, JSON.stringify(plan), runnerOf(who), now, who.name],
    )
    await insertRows(
      t,
      'INSERT INTO pipeline_backfill_partitions (backfill_id, number, partition_key, state, run_id, message)',
      chosen.map(({ key }, number) => [id, number, key, 'waiting', runOfPartition({ id, round: 0 }, number), '']),
    )
    const detail = { made: 'backfill', version: version.id, partitions: chosen.length, from, to, only }
    await record(t, who, { verb: 'write', resource: 'pipelines', id, detail })
  })
  return id
}

/** The partitions that are to run. */
async function choose(
  reader: Reader,
  project: string,
  all: readonly Partition[],
  only: BackfillChoice,
): Promise<readonly Partition[]> {
  if (only === 'all') return all
  const chosen: Partition[] = []
  for (let at = 0; at < all.length; at += LISTED) {
    const part = all.slice(at, at + LISTED)
    const keys = inList(part.map(({ key }) => key))
    const rows = await fetchAll<{ partition_key: string }>(
      reader,
      only === 'missing'
        ? sql`SELECT DISTINCT partition_key FROM pipeline_runs
            WHERE project = ${project} AND partition_key IN ${keys} AND state = 'succeeded'`
        : sql`SELECT p.partition_key FROM pipeline_partitions p JOIN pipeline_runs r ON r.id = p.run_id
            WHERE p.project = ${project} AND p.partition_key IN ${keys} AND r.state IN ('failed', 'cancelled')`,
    )
    const found = new Set(rows.map(({ partition_key }) => partition_key))
    chosen.push(...part.filter(({ key }) => found.has(key) === (only === 'failed')))
  }
  return chosen
}

/** Partitions that are asked for at once. */
const LISTED = 2000

/** Asks a backfill to end. Nothing happens to one that has ended. */
export async function cancelBackfill({ context }: BackfillDeps, who: Principal, id: string): Promise<void> {
  await askToEnd(context, who, cancelling(id, `cancelled by ${who.name}`))
}

/** Cancels a backfill whose runs would be made for somebody who may do nothing any more. True when it was going on. */
export function cancelRevoked({ context }: BackfillDeps, { id, who }: BackfillRow): Promise<boolean> {
  const reason = `the token of ${who.name}, for whom its runs are made, was revoked; whoever retries it goes on in their own name`
  return askToEnd(context, SYSTEM, cancelling(id, reason))
}

function cancelling(id: string, reason: string): Ending {
  const update = sql`UPDATE pipeline_backfills SET state = 'cancelling', reason = ${reason} WHERE id = ${id} AND state = 'running'`
  return { id, update, detail: { cancelled: true, reason } }
}

/**
 * Runs the partitions of an ended backfill again that did not succeed; of the run that a partition had, what succeeded is taken over. Throws
 * `conflict` while it goes on, and where all have succeeded.
 */
export async function retryBackfill({ context }: BackfillDeps, who: Principal, backfill: BackfillRow): Promise<void> {
  const { db, record } = context.deps
  const { id, state } = backfill
  if (OPEN_BACKFILLS.includes(state))
    throw problem('conflict', { detail: `backfill ${id} has not ended; it can be retried when it has` })
  if (state === 'succeeded')
    throw problem('conflict', {
      detail: `all partitions of backfill ${id} have succeeded; there is nothing to run again`,
    })
  const round = backfill.round + 1
  await db.tx(async (t) => {
    const changed = await t.run(
      `UPDATE pipeline_backfills SET state = 'running', reason = '', round = ?, who = ?, finished_at = NULL
       WHERE id = ? AND round = ? AND state IN ('failed', 'cancelled')`,
      [round, runnerOf(who), id, backfill.round],
    )
    if (changed === 0) return
    // the name of the run of a partition ends with its number, and from the first retry on with the round
    const again = await t.run(
      `UPDATE pipeline_backfill_partitions SET state = 'waiting', begun_at = NULL, finished_at = NULL, message = '',
         before_run = run_id, run_id = CAST(? AS TEXT) || CAST(number AS TEXT) || CAST(? AS TEXT)
       WHERE backfill_id = ? AND state IN ('failed', 'cancelled')`,
      [runOfBackfill(id), `_${round}`, id],
    )
    await record(t, who, { verb: 'write', resource: 'pipelines', id, detail: { retried: true, partitions: again } })
  })
}

/** The name of the run of a partition, the same however often it is asked for. */
function runOfPartition({ id, round }: { readonly id: string; readonly round: number }, number: number): string {
  return `${runOfBackfill(id)}${number}${round === 0 ? '' : `_${round}`}`
}

function runOfBackfill(id: string): string {
  return `pr_${id}_`
}
