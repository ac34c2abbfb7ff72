/** The longest time of a whole run, from the moment in which it was made, as its row says it: through restarts of the server. */
import type { Context } from '../context/context.ts'
import type { RunTree } from '../context/rows.ts'
import { spoken } from './spoken.ts'

/** Asks a run to end that takes longer than its `pipeline.timeout`, and keeps why. True when it has just been asked. */
export async function endOverdue(context: Context, { run, steps }: RunTree): Promise<boolean> {
  const { timeout_ms: limit } = await context.spec(run.version_id)
  if (limit === undefined || run.desired_state !== 'run') return false
  const took = context.spans.since(`${run.id} total`, run.created_at)
  if (took <= limit) return false
  const open = steps.filter(({ state }) => state === 'waiting' || state === 'ready' || state === 'running')
  const names = open.map(({ name, state }) => `${name} ${state === 'running' ? 'ran' : 'waited'}`)
  const message =
    `took ${spoken(took)}, and its pipeline.timeout is ${spoken(limit)}: ${names.join(', ')}; ` +
    'raise pipeline.timeout, or run what is left with slipway retry'
  const asked = await context.deps.db.tx((t) =>
    t.run(
      `UPDATE pipeline_runs SET desired_state = 'cancel', overdue = ?
       WHERE id = ? AND desired_state = 'run' AND state IN ('waiting', 'preparing', 'running')`,
      [message, run.id],
    ),
  )
  return asked > 0
}
