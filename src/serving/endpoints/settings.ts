/** Settings of an endpoint: which model of which project it serves, its threshold, its monitor. */
import { sealedMonitor, sealKept } from '../../auth/sealed-monitor.ts'
import type { KeptMonitor } from '../../auth/sealed-monitor.ts'
import type { Seal } from '../../auth/sealing.ts'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { unmaskedMonitor } from '../../http/masked.ts'
import type { Reader, Tx } from '../../store/db.ts'
import type { ServingContext } from '../context/context.ts'
import { raiseEpoch } from '../context/epoch.ts'
import type { EndpointRow } from '../context/rows.ts'
import { endpointRow, requireEndpoint } from '../context/rows.ts'

export interface EndpointSettings {
  readonly project: string
  readonly model: string
  readonly threshold?: number | null | undefined
  readonly monitor?: Readonly<Record<string, unknown>> | undefined
  /** By way of which pipeline run and version the settings come; absent where they were sent. */
  readonly via?: Readonly<Record<string, unknown>> | undefined
}

export interface SettingsDeps extends ServingContext {
  /** Seals the addresses of webhooks. */
  readonly seal: Seal
  /** Port: the project of a model; undefined while there is no such model. */
  readonly modelProject?: (reader: Reader, model: string) => Promise<string | undefined>
}

/** Makes an endpoint or changes its settings. Throws `conflict` when it serves another model or project. */
export async function writeEndpoint(
  { db, audit, clock, ids, seal, modelProject }: SettingsDeps,
  who: Principal,
  name: string,
  settings: EndpointSettings,
): Promise<void> {
  await db.tx(async (t) => {
    const known = await endpointRow(t, name)
    if (known !== undefined) checkSame(who, known, settings)
    const owner = await modelProject?.(t, settings.model)
    if (owner !== undefined && owner !== settings.project) throw foreignModel(who, settings, owner)
    const threshold = settings.threshold === undefined ? (known?.threshold ?? null) : settings.threshold
    const before = known?.monitor ?? '{}'
    const monitor = settings.monitor === undefined ? before : merged(seal, settings.monitor, before)
    const now = clock()
    await t.run(
      `INSERT INTO endpoints (name, project, model, salt, threshold, monitor, previous_version, created_at, updated_at)
       VALUES (?,?,?,?,?,?,NULL,?,?)
       ON CONFLICT (name) DO UPDATE SET threshold = excluded.threshold, monitor = excluded.monitor, updated_at = excluded.updated_at`,
      [name, settings.project, settings.model, ids('salt'), threshold, monitor, now, now],
    )
    const detail = {
      project: settings.project,
      model: settings.model,
      threshold,
      ...(settings.via !== undefined && { via: settings.via }),
    }
    await raiseEpoch(t)
    await audit.record(t, who, { verb: 'write', resource: 'endpoints', id: name, detail })
  })
}

/** Monitor settings as they are kept, their addresses sealed: one that is given as it is shown stays what it is. */
function merged(seal: Seal, given: Readonly<Record<string, unknown>>, before: string): string {
  return JSON.stringify(sealedMonitor(seal, unmaskedMonitor(given, JSON.parse(before) as Record<string, unknown>)))
}

/** Seals what a server before has kept as it is. */
export async function sealMonitors({ db, seal }: Pick<SettingsDeps, 'db' | 'seal'>): Promise<void> {
  await sealKept(db, seal, await keptMonitors(db))
}

/** The endpoints whose settings name webhooks. */
export async function keptMonitors(reader: Reader): Promise<KeptMonitor[]> {
  const rows = await reader.all<Pick<EndpointRow, 'name' | 'monitor'>>(
    "SELECT name, monitor FROM endpoints WHERE monitor LIKE '%webhook%' ORDER BY name",
  )
  return rows.map(({ name, monitor }) => ({
    settings: JSON.parse(monitor) as Record<string, unknown>,
    write: (t, sealed) =>
      t.run('UPDATE endpoints SET monitor = ? WHERE name = ? AND monitor = ?', [JSON.stringify(sealed), name, monitor]),
  }))
}

/** Takes an endpoint out of service; its log stays. Throws `not_found`. */
export async function removeEndpoint({ db, audit }: ServingContext, who: Principal, name: string): Promise<void> {
  await db.tx(async (t) => {
    await requireEndpoint(t, name)
    await deleteRows(t, name)
    await raiseEpoch(t)
    await audit.record(t, who, { verb: 'deploy', resource: 'endpoints', id: name, detail: { action: 'delete' } })
  })
}

async function deleteRows(t: Tx, name: string): Promise<void> {
  await t.run('DELETE FROM endpoint_variants WHERE endpoint = ?', [name])
  await t.run('DELETE FROM endpoint_deployments WHERE endpoint = ?', [name])
  await t.run('DELETE FROM endpoint_versions WHERE endpoint = ?', [name])
  await t.run('DELETE FROM endpoints WHERE name = ?', [name])
}

/** Names the other project to those who see all of them. */
function foreignModel(who: Principal, { model, project }: EndpointSettings, owner: string): Error {
  const where =
    who.project === null
      ? `to the project "${owner}", not to "${project}"; name that one`
      : `to another project than "${project}"`
  return problem('conflict', { detail: `the model "${model}" belongs ${where}` })
}

/** What a name serves in another project is not told to those of one. */
function checkSame(who: Principal, known: EndpointRow, settings: EndpointSettings): void {
  const { name, model, project } = known
  if (model === settings.model && project === settings.project) return
  if (who.project !== null && who.project !== project)
    throw problem('conflict', { detail: `the name "${name}" cannot be used in this project; choose another one` })
  const detail = `endpoint "${name}" serves model "${model}" of project "${project}", not "${settings.model}" of "${settings.project}"`
  throw problem('conflict', { detail })
}
