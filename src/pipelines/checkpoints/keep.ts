/** Keeps what an attempt leaves of checkpoints, and what it says of them. */
import type { CheckpointState } from '../../contract/runs/checkpoints.ts'
import { faultPoint } from '../../store/fault.ts'
import type { Context } from '../context/context.ts'
import type { AttemptRow } from '../context/rows.ts'
import { keepRows } from './rows.ts'

/** Keeps the last good checkpoints of an attempt that has ended without success, before its files go. Safe to repeat. */
export async function keepCheckpoints(context: Context, attempt: AttemptRow): Promise<void> {
  const { db, driver } = context.deps
  await noteState(context, attempt)
  const stored = await driver.storeCheckpoints(attempt.id)
  if (stored.length === 0) return
  await db.tx(async (t) => {
    const row = await t.get<{ cache_key: string | null }>(
      `SELECT s.cache_key FROM pipeline_steps s JOIN pipeline_attempts a ON a.run_id = s.run_id AND a.step = s.name
       WHERE a.id = ? AND a.fence = ? AND a.state IN ('submitting', 'running')`,
      [attempt.id, attempt.fence],
    )
    if (row === undefined || row.cache_key === null) return
    await keepRows(t, attempt, [row.cache_key, attempt.id], stored)
  })
  faultPoint('pipelines.checkpoints_kept')
}

/** Writes what the attempt says of its checkpoints where that is new; true then. */
export async function noteState({ deps }: Context, attempt: AttemptRow): Promise<boolean> {
  const state = await deps.driver.checkpoints(attempt.id)
  if (state === undefined) return false
  const text = JSON.stringify(state satisfies CheckpointState)
  const changed = await deps.db.get<{ checkpoints: string | null }>(
    'SELECT checkpoints FROM pipeline_attempts WHERE id = ?',
    [attempt.id],
  )
  if (changed === undefined || changed.checkpoints === text) return false
  await deps.db.tx((t) =>
    t.run(
      `UPDATE pipeline_attempts SET checkpoints = ?, checkpoints_made = ?
       WHERE id = ? AND fence = ? AND state IN ('submitting', 'running')`,
      [text, state.made, attempt.id, attempt.fence],
    ),
  )
  return true
}

/** Looks at what running attempts say, not more often than somebody would want to see. */
export class States {
  readonly #looked = new Map<string, number>()

  /** True where an attempt has said something new. */
  async look(context: Context, attempt: AttemptRow): Promise<boolean> {
    const now = performance.now()
    if (now - (this.#looked.get(attempt.id) ?? -Infinity) < LOOK_MS) return false
    if (this.#looked.size > MOST) this.#looked.clear()
    this.#looked.set(attempt.id, now)
    return noteState(context, attempt)
  }
}

/** Between two looks at one attempt, ms. */
const LOOK_MS = 2000
/** Attempts of which it is known when they were looked at. */
const MOST = 20_000
