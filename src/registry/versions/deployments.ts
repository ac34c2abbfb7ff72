/** Versions that ask for an endpoint: the rollout controller reconciles from here. */
import type { KeptMonitor } from '../../auth/sealed-monitor.ts'
import { problem } from '../../contract/errors.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { requireVersion } from '../context/context.ts'
import { readVerdict, refusalText } from '../gates/verdicts.ts'
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

/** A registered version and where it is to go. */
export interface AskedDeployment {
  readonly model: string
  readonly version: string
  readonly deployment: Deployment
}

/**
 * Has a version that asked for nothing ask for an endpoint now; false where it has asked before. One whose gates wait for somebody asks
 * and waits. Throws `not_found`, and `conflict` where gates refuse it, or a newer version has asked for the endpoint: the older one
 * would come after it.
 */
export async function askDeployment(t: Tx, { model, version, deployment }: AskedDeployment): Promise<boolean> {
  await t.lock(`model ${model}`)
  const row = await requireVersion(t, model, version)
  if (row.deployment !== null || row.rollout_id !== null) return false
  const refuse = (detail: string): Error =>
    problem('conflict', { detail: `version ${version} of "${model}" ${detail}` })
  const verdict = row.verdict_id === null ? undefined : await readVerdict(t, row.verdict_id)
  const failed = verdict?.gates.filter(({ outcome }) => outcome !== 'passed' && outcome !== 'waiting') ?? []
  if (verdict === undefined) throw refuse('was not judged yet')
  if (failed.length > 0) throw refuse(`is refused by its gates: ${refusalText(failed)}`)
  const later = await t.all<{ version: number; deployment: string }>(
    'SELECT version, deployment FROM model_versions WHERE model = ? AND version > ? AND deployment IS NOT NULL AND deleted_at IS NULL ORDER BY version',
    [model, row.version],
  )
  const newer = later.find((one) => (JSON.parse(one.deployment) as Deployment).endpoint === deployment.endpoint)
  if (newer !== undefined)
    throw refuse(`would come to "${deployment.endpoint}" after version ${newer.version}, which is newer`)
  await t.run('UPDATE model_versions SET deployment = ? WHERE model = ? AND version = ?', [
    JSON.stringify(deployment),
    model,
    row.version,
  ])
  return true
}

/** Says that a rollout has taken a version up, in the transaction that makes the rollout: it is taken up once. `kept` is what of its wish was not granted. */
export async function markDeployment(
  t: Tx,
  version: { model: string; version: string },
  taken: { readonly rollout: string; readonly kept: readonly string[] },
): Promise<void> {
  const { model } = version
  const row = await t.get<{ deployment: string }>(
    'SELECT deployment FROM model_versions WHERE model = ? AND version = ?',
    [model, Number(version.version)],
  )
  const deployment = JSON.stringify({ ...(JSON.parse(row?.deployment ?? '{}') as Deployment), kept: taken.kept })
  const changed = await t.run(
    'UPDATE model_versions SET rollout_id = ?, deployment = ? WHERE model = ? AND version = ? AND rollout_id IS NULL',
    [taken.rollout, deployment, model, Number(version.version)],
  )
  if (changed === 0) throw problem('conflict', { detail: `${version.model}/${version.version} has a rollout already` })
}

/** What of a version's wish for its endpoint was not granted, in words; empty where all was, and where it has none. */
export function notGranted(deployment: string | null): string[] {
  const { kept = [], by = '', role = null } = deployment === null ? {} : (JSON.parse(deployment) as Deployment)
  return kept.map(
    (what) => `the ${what} of the endpoint stayed: ${by}, as ${role ?? 'nobody known'}, may not change it`,
  )
}

/** The versions whose wish for an endpoint names webhooks. */
export async function keptWishes(reader: Reader): Promise<KeptMonitor[]> {
  const rows = await reader.all<{ model: string; version: number; deployment: string }>(
    "SELECT model, version, deployment FROM model_versions WHERE deployment LIKE '%webhook%' ORDER BY model, version",
  )
  return rows.map(({ model, version, deployment }) => {
    const wish = JSON.parse(deployment) as Deployment
    return {
      settings: wish.monitor ?? {},
      write: (t, monitor) =>
        t.run('UPDATE model_versions SET deployment = ? WHERE model = ? AND version = ? AND deployment = ?', [
          JSON.stringify({ ...wish, monitor }),
          model,
          version,
          deployment,
        ]),
    }
  })
}
