/** Makes a version ready to answer: lays it out on this server, and keeps its inputs and who scores it. */
import { Problem, problem } from '../../contract/errors.ts'
import type { BackendRoute } from '../../gateway/table/table.ts'
import type { InputField } from '../../scoring/rows/fields.ts'
import type { ServingContext } from '../context/context.ts'
import { variantsOf } from '../context/rows.ts'
import type { EndpointRow } from '../context/rows.ts'
import type { ModelVersion, Place, Places, VersionPorts } from '../fleet/places.ts'
import type { Tx } from '../../store/db.ts'

export interface PreparationDeps extends Pick<ServingContext, 'db' | 'clock'>, Pick<VersionPorts, 'checkVersion'> {
  readonly places: Places
}

/**
 * Longest wait of a version that comes to an endpoint without one for its native form, ms: Python answers until it is proved. A later version waits for
 * as long as it takes, for its latency is held against that of the version that answers.
 */
const FIRST_WAIT_MS = 5000

/** Makes a version ready to be named by a variant: lays it out and keeps its inputs. Where that was done before, also by another server, it is checked that the version may still be loaded. */
export async function prepareVersion(deps: PreparationDeps, endpoint: EndpointRow, version: string): Promise<void> {
  const { model } = endpoint
  const known = await deps.db.get('SELECT version FROM endpoint_versions WHERE endpoint = ? AND version = ?', [
    endpoint.name,
    version,
  ])
  if (known !== undefined) await deps.checkVersion?.(model, version)
  const isFirst = (await variantsOf(deps.db, endpoint.name)).length === 0
  const { inputs, backend, reason } = await placeOf(deps.places, { model, version }, isFirst)
  if (known !== undefined) return
  await deps.db.tx((t) =>
    t.run(
      'INSERT INTO endpoint_versions (endpoint, version, inputs, backend, reason, created_at) VALUES (?,?,?,?,?,?) ON CONFLICT (endpoint, version) DO NOTHING',
      [endpoint.name, version, JSON.stringify(inputs), JSON.stringify({ kind: backend.kind }), reason, deps.clock()],
    ),
  )
}

async function placeOf(places: Places, of: ModelVersion, isFirst: boolean): Promise<Place> {
  if (isFirst) return places.layOut(of, FIRST_WAIT_MS)
  const place = await places.layOut(of)
  return place.provisional ? places.renew(of) : place
}

/** Keeps who scores a version, on each endpoint of its model, where that has changed. */
export async function keepBackend(t: Tx, { model, version }: ModelVersion, { backend, reason }: Place): Promise<void> {
  await t.run(
    'UPDATE endpoint_versions SET backend = ?, reason = ? WHERE version = ? AND endpoint IN (SELECT name FROM endpoints WHERE model = ?)',
    [JSON.stringify({ kind: backend.kind }), reason, version, model],
  )
}

export interface ReadyDeps extends Pick<VersionPorts, 'versionPackages'> {
  readonly places: Pick<Places, 'layOut'>
}

interface Ready {
  readonly inputs: readonly InputField[]
  readonly backend: BackendRoute
  readonly packages: { readonly python_version: string; readonly lock: string } | null
}

/** How the rows of a version are scored, for a process on this machine that is no gateway. Throws `unprocessable` when they cannot be. */
export async function readyVersion(
  { places, versionPackages }: ReadyDeps,
  model: string,
  version: string,
): Promise<Ready> {
  const { inputs, backend } = await places.layOut({ model, version }).catch((error: unknown) => {
    if (error instanceof Problem) throw error
    throw problem('unprocessable', { detail: error instanceof Error ? error.message : String(error) }, error)
  })
  if (backend.kind !== 'python' || versionPackages === undefined) return { inputs, backend, packages: null }
  const { python_version, text } = await versionPackages(model, version, backend.dir)
  return { inputs, backend, packages: { python_version, lock: text } }
}
