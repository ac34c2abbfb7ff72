/** Asks for the job that lowers a version. Lowering loads the model, so it is done only for versions that may be used: those whose gates hold, and those that are used all the same. */
import { enqueue } from '../../jobs/queue.ts'
import type { Tx } from '../../store/db.ts'
import type { VersionRow } from './context.ts'

/** Kind of the job that lowers a version. */
export const LOWER = 'lower'

/** What a job of that kind is told. */
export interface LowerJob {
  readonly model: string
  readonly version: number
  /** The version is in use or about to be: its gates are not asked. */
  readonly wanted?: boolean
  /** Tries that something ended before they said anything of the model; Python serves it meanwhile. */
  readonly tries?: number
}

/** Why a version that was refused is not lowered. */
const REFUSED = 'its gates do not hold; it is lowered when it is promoted or deployed'

type Key = Pick<VersionRow, 'model' | 'version'>

/** Has a version lowered that is not yet, unless its gates refuse it at the time of the job. */
export async function startLowering(t: Tx, key: Key): Promise<void> {
  await ask(t, key, `${key.model}/${key.version}`)
}

/**
 * Has a version lowered that is not yet, whatever its gates say: it was promoted or is to be deployed. Resolves to the id of the job;
 * undefined where the version needs none.
 */
export async function wantLowering(t: Tx, key: Key): Promise<string | undefined> {
  return ask(t, key, `${key.model}/${key.version} wanted`, { wanted: true })
}

async function ask(
  t: Tx,
  { model, version }: Key,
  key: string,
  more: { wanted?: boolean } = {},
): Promise<string | undefined> {
  const changed = await t.run(
    "UPDATE model_versions SET lowering_reason = NULL, lowering_retry_at = NULL WHERE model = ? AND version = ? AND lowering_state = 'pending'",
    [model, version],
  )
  const payload: LowerJob = { model, version, ...more }
  if (changed === 0) return undefined
  return enqueue(t, { kind: LOWER, key, lane: `${LOWER}:${model}/${version}`, payload })
}

/** Has a version lowered whose native form is nowhere: it was kept on a disk that is gone. */
export async function lowerAgain(t: Tx, key: Key): Promise<void> {
  const { model, version } = key
  await t.run(
    "UPDATE model_versions SET lowering_state = 'pending' WHERE model = ? AND version = ? AND lowering_state = 'native' AND lowering_tree IS NULL",
    [model, version],
  )
  await wantLowering(t, key)
}

/** What is open to lowering: what was not lowered yet, and what Python serves until it is tried again. */
const OPEN = "model = ? AND version = ? AND (lowering_state = 'pending' OR lowering_retry_at IS NOT NULL)"

/** Has a version lowered later that could not be for want of a network; until then `reason` says so. */
export async function lowerLater(t: Tx, job: LowerJob, reason: string, at: number): Promise<void> {
  const { model, version } = job
  await t.run(`UPDATE model_versions SET lowering_reason = ?, lowering_retry_at = ? WHERE ${OPEN}`, [
    reason,
    at,
    model,
    version,
  ])
  await askAt(t, job, at)
}

/** Has Python serve a version, for the `reason`; with `at`, ms, it is lowered again then. */
export async function leaveToPython(t: Tx, job: LowerJob, reason: string, at: number | null): Promise<void> {
  const { model, version } = job
  await t.run(
    `UPDATE model_versions SET lowering_state = 'python', lowering_reason = ?, lowering_retry_at = ? WHERE ${OPEN}`,
    [reason, at, model, version],
  )
  if (at !== null) await askAt(t, job, at)
}

async function askAt(t: Tx, job: LowerJob, at: number): Promise<void> {
  const { model, version, wanted = false } = job
  const key = `${model}/${version}${wanted ? ' wanted' : ''}`
  await enqueue(t, { kind: LOWER, key, lane: `${LOWER}:${model}/${version}`, payload: job, run_at: at })
}

/** Says of a version that it is not lowered for now. */
export async function refuseLowering(t: Tx, { model, version }: Key): Promise<void> {
  await t.run(
    `UPDATE model_versions SET lowering_state = 'pending', lowering_reason = ?, lowering_retry_at = NULL WHERE ${OPEN}`,
    [REFUSED, model, version],
  )
}
