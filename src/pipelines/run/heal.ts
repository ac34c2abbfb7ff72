/** What an earlier version or a cut write left open and nothing moves on: ended once, when a process begins to lead. */
import type { Context } from '../context/context.ts'
import { ACTIVE_ATTEMPTS, FINAL_RUNS, parseAttempt } from '../context/rows.ts'
import { loseAttempt } from './collect.ts'

/**
 * Ends attempts of ended runs, with their credentials, and steps that such a run left open; a step of an open run that is running
 * without an attempt is ready again. What cannot be healed is told, and holds up nothing else. No other process may move runs on.
 */
export async function healRuns(context: Context): Promise<void> {
  const { db, clock, onError } = context.deps
  const ended = `(SELECT id FROM pipeline_runs WHERE state IN (${listed(FINAL_RUNS)}))`
  const active = `state IN (${listed(ACTIVE_ATTEMPTS)})`
  const rows = await db.all(`SELECT * FROM pipeline_attempts WHERE ${active} AND run_id IN ${ended} ORDER BY id`)
  for (const attempt of rows.map(parseAttempt)) {
    try {
      await loseAttempt(context, attempt)
    } catch (error) {
      onError(error)
    }
  }
  await db.tx(async (t) => {
    await t.run(
      `UPDATE pipeline_steps SET state = 'cancelled', finished_at = ?
       WHERE state IN ('waiting', 'ready', 'running') AND run_id IN ${ended}`,
      [clock()],
    )
    await t.run(
      `UPDATE pipeline_steps SET state = 'ready', retry_at = NULL
       WHERE state = 'running' AND fan IS NULL AND NOT EXISTS (SELECT 1 FROM pipeline_attempts a
         WHERE a.run_id = pipeline_steps.run_id AND a.step = pipeline_steps.name AND a.${active})`,
    )
  })
}

function listed(words: readonly string[]): string {
  return words.map((word) => `'${word}'`).join(', ')
}
