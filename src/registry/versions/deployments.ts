/** Versions that ask for an endpoint: the rollout controller reconciles from here. */
import { problem } from '../../contract/errors.ts'
import type { Reader, Tx } from '../../store/db.ts'
import type { Deployment } from './register.ts'

export interface WantedDeployment extends Deployment {
  readonly model: string
  readonly version: string
}

/** Versions whose gates held, that ask for an endpoint and have no rollout yet, oldest first. */
export async function wantedDeployments(reader: Reader): Promise<WantedDeployment[]> {
  const rows = await reader.all<{ model: string; version: number; deployment: string }>(
    `SELECT v.model, v.version, v.deployment FROM model_versions v JOIN verdicts d ON d.id = v.verdict_id
     WHERE v.deployment IS NOT NULL AND v.rollout_id IS NULL AND v.deleted_at IS NULL AND d.passed = 1
     ORDER BY v.created_at, v.version`,
  )
  return rows.map((row) => ({
    ...(JSON.parse(row.deployment) as Deployment),
    model: row.model,
    version: String(row.version),
  }))
}

/** True while no rollout has taken a version up. */
export async function isWanted(reader: Reader, version: { model: string; version: string }): Promise<boolean> {
  const row = await reader.get(
    'SELECT version FROM model_versions WHERE model = ? AND version = ? AND deployment IS NOT NULL AND rollout_id IS NULL AND deleted_at IS NULL',
    [version.model, Number(version.version)],
  )
  return row !== undefined
}

/** Says that a rollout has taken a version up, in the transaction that makes the rollout: it is taken up once. */
export async function markDeployment(
  t: Tx,
  version: { model: string; version: string },
  rolloutId: string,
): Promise<void> {
  const changed = await t.run(
    'UPDATE model_versions SET rollout_id = ? WHERE model = ? AND version = ? AND rollout_id IS NULL',
    [rolloutId, version.model, Number(version.version)],
  )
  if (changed === 0) throw problem('conflict', { detail: `${version.model}/${version.version} has a rollout already` })
}
