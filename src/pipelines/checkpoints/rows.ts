/** The checkpoints of steps and items that are kept, from which their next attempts go on. */
import { DAY_MS } from '../../contract/ids.ts'
import type { Db, Reader, Tx } from '../../store/db.ts'
import { STORED, type StoredCheckpoint } from '../drivers/kept.ts'

/** Whose they are. */
export interface Owner {
  readonly run_id: string
  readonly step: string
}

/** Days for which a run that did not succeed keeps them for a retry. */
export const KEPT_DAYS = 7

const COLUMNS = 'number, at_step AS step, made_at AS at, size, tree'

/** Those that were made with a key, the newest first. */
export function checkpointsOf(reader: Reader, { run_id, step }: Owner, key: string): Promise<StoredCheckpoint[]> {
  return reader.all<StoredCheckpoint>(
    `SELECT ${COLUMNS} FROM pipeline_checkpoints WHERE run_id = ? AND step = ? AND cache_key = ?
     ORDER BY number DESC LIMIT ${STORED}`,
    [run_id, step, key],
  )
}

/** Keeps these; of the step only the last ones stay. */
export async function keepRows(
  t: Tx,
  { run_id, step }: Owner,
  [key, attempt]: [string, string],
  stored: readonly StoredCheckpoint[],
): Promise<void> {
  for (const { number, tree, size, step: at_step, at } of stored) {
    await t.run(
      `INSERT INTO pipeline_checkpoints (run_id, step, number, cache_key, attempt, tree, size, at_step, made_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (run_id, step, number) DO UPDATE SET cache_key = excluded.cache_key, attempt = excluded.attempt,
         tree = excluded.tree, size = excluded.size, at_step = excluded.at_step, made_at = excluded.made_at`,
      [run_id, step, number, key, attempt, tree, size, at_step, at],
    )
  }
  await t.run(
    `DELETE FROM pipeline_checkpoints WHERE run_id = ? AND step = ? AND number NOT IN
       (SELECT number FROM pipeline_checkpoints WHERE run_id = ? AND step = ? ORDER BY number DESC LIMIT ${STORED})`,
    [run_id, step, run_id, step],
  )
}

/** Takes over those of another run that were made with the same key, so that they stay as long as this run needs them. */
export async function takeRows(t: Tx, { run_id, step }: Owner, from: string, key: string): Promise<void> {
  await t.run(
    `INSERT INTO pipeline_checkpoints (run_id, step, number, cache_key, attempt, tree, size, at_step, made_at)
     SELECT CAST(? AS TEXT), step, number, cache_key, attempt, tree, size, at_step, made_at
     FROM pipeline_checkpoints WHERE run_id = ? AND step = ? AND cache_key = ?
     ON CONFLICT (run_id, step, number) DO NOTHING`,
    [run_id, from, step, key],
  )
}

export async function dropRows(t: Tx, { run_id, step }: Owner): Promise<void> {
  await t.run('DELETE FROM pipeline_checkpoints WHERE run_id = ? AND step = ?', [run_id, step])
}

/** Forgets those of runs that ended long ago, and of runs that are gone. */
export async function dropOld(db: Pick<Db, 'tx'>, now: number): Promise<void> {
  await db.tx((t) =>
    t.run(
      `DELETE FROM pipeline_checkpoints WHERE NOT EXISTS
         (SELECT 1 FROM pipeline_runs r WHERE r.id = run_id AND (r.finished_at IS NULL OR r.finished_at > ?))`,
      [now - KEPT_DAYS * DAY_MS],
    ),
  )
}
