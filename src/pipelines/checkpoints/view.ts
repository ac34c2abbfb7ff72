/** Checkpoints as the contract shows them. */
import type { z } from 'zod'
import { toTime } from '../../contract/fields.ts'
import type { KeptCheckpoint } from '../../contract/pipelines/checkpoints.ts'
import type { AttemptCheckpoints, CheckpointState, StepCheckpoints } from '../../contract/runs/checkpoints.ts'
import { isActive, type AttemptRow } from '../context/rows.ts'
import type { Reader } from '../../store/db.ts'
import type { Owner } from './rows.ts'

/** Of one attempt. */
export function viewState(state: CheckpointState): z.output<typeof AttemptCheckpoints> {
  const { last, made, resumed, damaged, failed } = state
  return {
    last:
      last === null
        ? null
        : {
            number: last.number,
            step: last.step,
            made_at: toTime(Math.round(last.at * 1000)),
            size: last.size,
            took_ms: Math.round(last.seconds * 1000),
          },
    made,
    resumed:
      resumed === null
        ? null
        : { number: resumed.number, step: resumed.step, made_at: toTime(Math.round(resumed.at * 1000)) },
    damaged,
    failed: failed?.message ?? null,
  }
}

/** Of a step over its attempts; nothing where none of them kept any. */
export function viewCheckpoints(attempts: readonly AttemptRow[]): { checkpoints?: z.output<typeof StepCheckpoints> } {
  if (attempts.every(({ checkpoints }) => checkpoints === null)) return {}
  const resumed = attempts.filter(({ checkpoints }) => (checkpoints?.resumed ?? null) !== null).length
  const lost = attempts.filter((attempt) => !isActive(attempt) && attempt.state !== 'succeeded').map(lostBy)
  return { checkpoints: { resumed, lost_ms: lost.reduce((sum, ms) => sum + ms, 0) } }
}

/** What an attempt did after its last checkpoint, ms. */
function lostBy({ checkpoints, started_at, finished_at }: AttemptRow): number {
  if (started_at === null || finished_at === null) return 0
  const since = Math.max(started_at, (checkpoints?.last?.at ?? 0) * 1000)
  return Math.max(0, Math.round(finished_at - since))
}

/** Those of a step or item that are kept, the newest first. */
export async function listKept(reader: Reader, { run_id, step }: Owner): Promise<KeptCheckpoint[]> {
  const rows = await reader.all<Omit<KeptCheckpoint, 'made_at'> & { readonly made_at: number }>(
    `SELECT c.number, c.at_step AS step, c.size, c.made_at, a.number AS attempt, a.run_id AS run
     FROM pipeline_checkpoints c LEFT JOIN pipeline_attempts a ON a.id = c.attempt
     WHERE c.run_id = ? AND c.step = ? ORDER BY c.number DESC`,
    [run_id, step],
  )
  return rows.map((row) => ({ ...row, made_at: toTime(row.made_at) }))
}
