/** Asks for the job that lowers a version: only of versions whose gates hold, for lowering loads the model. */
import { enqueue } from '../jobs/queue.ts'
import type { Tx } from '../store/db.ts'
import type { VersionRow } from './room.ts'

/** Kind of the job that lowers a version. */
export const LOWER = 'lower'

/** Why a version that was refused is not lowered. */
const REFUSED = 'its gates do not hold; it is lowered when it is promoted or deployed'

type Key = Pick<VersionRow, 'model' | 'version'>

/** Has a version lowered that is not yet. */
export async function startLowering(t: Tx, { model, version }: Key): Promise<void> {
  const changed = await t.run(
    "UPDATE model_versions SET lowering_reason = NULL WHERE model = ? AND version = ? AND lowering_state = 'pending'",
    [model, version],
  )
  if (changed > 0) await enqueue(t, { kind: LOWER, key: `${model}/${version}`, payload: { model, version } })
}

/** Says of a version that it is not lowered for now. */
export async function refuseLowering(t: Tx, { model, version }: Key): Promise<void> {
  await t.run(
    "UPDATE model_versions SET lowering_reason = ? WHERE model = ? AND version = ? AND lowering_state = 'pending'",
    [REFUSED, model, version],
  )
}
