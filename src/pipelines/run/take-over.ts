/** A retry takes over what succeeded in the run that it retries, whatever its cache policy says: only the rest runs. */
import type { Context } from '../context/context.ts'
import { isDone, readState, type RunTree } from '../context/rows.ts'
import { faultyBlobs } from '../../store/blobs/blobs.ts'
import { isWhole } from '../../store/blobs/trees.ts'
import { canonical } from '../spec/canonical.ts'
import type { StepSpec } from '../spec/spec.ts'
import { inputDigests } from '../keys/judge.ts'

/**
 * Takes over the result of a step, and is true, where the run retries another of the same version in which that step succeeded and its
 * outputs can still be laid out. Params and environment are those of the other run; inputs are compared, for one may have been made anew.
 */
export async function takeOver({ deps }: Context, { run, steps }: RunTree, step: StepSpec): Promise<boolean> {
  const { db, blobs, clock } = deps
  const { name } = step
  const { retries = null } = run.options
  const retried = retries === null ? undefined : await readState(db, retries)
  const earlier = retried?.steps.find((row) => row.name === name)
  if (retried?.run.version_id !== run.version_id || earlier === undefined || !isDone(earlier)) return false
  if (canonical(inputDigests(step, { run, steps })) !== canonical(inputDigests(step, retried))) return false
  const faulty = await faultyBlobs(blobs)
  const kept = await Promise.all(Object.values(earlier.outputs).map(({ digest }) => isWhole(blobs, digest, faulty)))
  if (!kept.every(Boolean)) return false
  const now = clock()
  await db.tx((t) =>
    t.run(
      `UPDATE pipeline_steps SET (cache_key, key_parts, outputs, metrics, reads, tracking_run_id, from_run) =
           (SELECT cache_key, key_parts, outputs, metrics, reads, tracking_run_id, coalesce(from_run, run_id)
            FROM pipeline_steps WHERE run_id = ? AND name = ?),
         state = 'cached', keyed_at = ?, reason = ?, changes = '[]', ready_at = ?, finished_at = ?
       WHERE run_id = ? AND name = ? AND state = 'waiting'`,
      [retries, name, now, `it succeeded in run ${retries}, which this run retries`, now, now, run.id, name],
    ),
  )
  return true
}
