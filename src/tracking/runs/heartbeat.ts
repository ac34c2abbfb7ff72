/** Signs of life: every write of a run is one, noted now and then; a lost run that writes again is open again. */
import type { Reader, SqlValue, Tx } from '../../store/db.ts'
import { inList, sql } from '../../store/sql/sql.ts'

/** A sign of life is written at most this often, ms. */
export const HEARTBEAT_MS = 5000

/** Tags of a lost run on MLflow's wire: `true`, why, and the last lines of its log. */
export const LOST_TAGS = ['slipway.lost', 'slipway.lost.reason', 'slipway.lost.log'] as const

interface Living {
  readonly run_id: string
  readonly heartbeat_at: number
  readonly lost_at?: number | null
}

/**
 * Notes a sign of life of runs whose last one is some seconds old; lost ones among them run again, and the loss keeps the time
 * of their return. True when one was opened again, so that its row must be read anew.
 */
export async function beat(t: Tx, now: number, runs: readonly Living[]): Promise<boolean> {
  const silent = runs.filter((run) => now - run.heartbeat_at > HEARTBEAT_MS)
  if (silent.length === 0) return false
  const update = sql`UPDATE runs SET heartbeat_at = ${now} WHERE run_id IN ${inList(idsOf(silent))}`
  await t.run(update.text, update.params)
  const lost = idsOf(silent.filter((run) => typeof run.lost_at === 'number'))
  if (lost.length === 0) return false
  const statements = [
    sql`UPDATE runs SET status = 'RUNNING', end_time = NULL, lost_at = NULL WHERE run_id IN ${inList(lost)}`,
    sql`UPDATE run_losses SET resumed_at = ${now} WHERE resumed_at IS NULL AND run_id IN ${inList(lost)}`,
    sql`DELETE FROM run_tags WHERE run_id IN ${inList(lost)} AND key IN ${inList([...LOST_TAGS])}`,
  ]
  for (const { text, params } of statements) await t.run(text, params)
  return true
}

/** When a run, or one nested in it, gave its last sign of life (ms), to within `HEARTBEAT_MS`; undefined when there is no such run. */
export async function lastSign(reader: Reader, runId: string): Promise<number | undefined> {
  const row = await reader.get<{ at: number | null }>(
    `SELECT max(heartbeat_at) AS at FROM runs WHERE run_id = ?
       OR run_id IN (SELECT run_id FROM run_tags WHERE key = 'mlflow.parentRunId' AND substr(value, 1, 64) = ?)`,
    [runId, runId],
  )
  return row?.at ?? undefined
}

/** A file that is stored for a run is a sign of life too. `owner` is the tree's, for example <experiment>/<run>. */
export async function beatOwner(t: Tx, now: number, owner: string): Promise<void> {
  const id = owner.split('/').at(-1) ?? ''
  const run = await t.get<Living>('SELECT run_id, heartbeat_at, lost_at FROM runs WHERE run_id = ?', [id])
  if (run !== undefined) await beat(t, now, [run])
}

function idsOf(runs: readonly Living[]): SqlValue[] {
  return runs.map((run) => run.run_id)
}
