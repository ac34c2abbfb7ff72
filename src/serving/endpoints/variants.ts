/** Decides which versions an endpoint answers with: prepares their files, checks and writes the rows. */
import { Problem, problem } from '../../contract/errors.ts'
import type { Clock } from '../../contract/ids.ts'
import type { Db, Tx } from '../../store/db.ts'
import { readInputs } from '../../scoring/inputs.ts'
import type { ModelInputs } from '../../scoring/inputs.ts'
import type { WantedVariant } from '../fleet/routing.ts'
import type { EndpointRow } from '../context/rows.ts'
import { requireEndpoint, variantsOf } from '../context/rows.ts'
import type { BackendRoute } from '../../gateway/table.ts'
import type { InputField, OnnxAnswer } from '../../scoring/fields.ts'

/** Where the files of a version lie. `native` and `onnx` are null when Python serves it, with the `reason`. */
export interface VersionFiles {
  readonly dir: string
  readonly python: string | null
  readonly native: { readonly dir: string } | null
  /** The graph that ONNX Runtime serves, an absolute path; with `answer` where it is an export. */
  readonly onnx?: { readonly file: string; readonly answer?: OnnxAnswer | undefined } | null
  readonly reason: string | null
}

export interface VariantDeps {
  readonly db: Db
  readonly clock: Clock
  /** The files of a version, lowered; throws with the reason when it cannot be served. */
  readonly versionFiles: (model: string, version: string) => Promise<VersionFiles>
  /** Refuses a version whose files are there already and may not be loaded (any more), with a plain Error. */
  readonly checkVersion?: (model: string, version: string) => Promise<void>
  /** The folder from which ONNX Runtime is required; brings it when it is not there. */
  readonly onnxRuntime?: () => Promise<string>
  /** Scorer processes of a Python version. */
  readonly workers: number
  readonly memoryMb: number
}

/** Makes a version ready to be named by a variant: finds its files and inputs, keeps them. Where that was done before it is only checked that the version may still be loaded. */
export async function prepareVersion(deps: VariantDeps, endpoint: EndpointRow, version: string): Promise<void> {
  const known = await deps.db.get('SELECT version FROM endpoint_versions WHERE endpoint = ? AND version = ?', [
    endpoint.name,
    version,
  ])
  if (known !== undefined) return deps.checkVersion?.(endpoint.model, version)
  const files = await deps.versionFiles(endpoint.model, version)
  const { inputs, ...array } = await readInputs(files.dir, files.native?.dir ?? null)
  const backend = await backendOf(deps, files, array)
  const reason = backend.kind !== 'python' ? null : (files.reason ?? 'it was not lowered')
  await deps.db.tx((t) =>
    t.run(
      'INSERT INTO endpoint_versions (endpoint, version, inputs, backend, reason, created_at) VALUES (?,?,?,?,?,?) ON CONFLICT (endpoint, version) DO NOTHING',
      [endpoint.name, version, JSON.stringify(inputs), JSON.stringify(backend), reason, deps.clock()],
    ),
  )
}

/** How the rows of a version are scored, for a process on this machine that is no gateway. Throws `unprocessable` when they cannot be. */
export async function readyVersion(
  deps: VariantDeps,
  model: string,
  version: string,
): Promise<{ inputs: readonly InputField[]; backend: BackendRoute }> {
  const files = await deps.versionFiles(model, version).catch((error: unknown) => {
    if (error instanceof Problem) throw error
    throw problem('unprocessable', { detail: error instanceof Error ? error.message : String(error) }, error)
  })
  const { inputs, ...array } = await readInputs(files.dir, files.native?.dir ?? null)
  return { inputs, backend: await backendOf(deps, files, array) }
}

async function backendOf(
  deps: VariantDeps,
  files: VersionFiles,
  array: Omit<ModelInputs, 'inputs'>,
): Promise<BackendRoute> {
  if (files.native !== null) return { kind: 'native', dir: files.native.dir }
  if (files.onnx != null && deps.onnxRuntime !== undefined) {
    const { answers } = array
    return { kind: 'onnx', ...files.onnx, runtime: await deps.onnxRuntime(), sessions: 1, ...(answers && { answers }) }
  }
  if (files.python === null)
    throw problem('unprocessable', { detail: 'the version has no native form and no Python environment' })
  const { workers, memoryMb } = deps
  return { kind: 'python', dir: files.dir, python: files.python, ...array, workers, memory_mb: memoryMb }
}

function refuse(value: unknown, expected: string): never {
  throw problem('invalid_field', { field: 'variants', value, expected })
}

/** Checks a wish: one stable at most, one canary at most, weights in range, a canary only beside a stable. Throws `invalid_field`. */
export function checkVariants(variants: readonly WantedVariant[]): void {
  const count = (role: WantedVariant['role']): number => variants.filter((one) => one.role === role).length
  if (count('stable') > 1) refuse(variants, 'one stable variant')
  if (count('canary') > 1) refuse(variants, 'at most one canary')
  if (count('canary') === 1 && count('stable') === 0) refuse(variants, 'a stable variant beside the canary')
  const shadows = new Set(variants.filter((one) => one.role === 'shadow').map((one) => one.version))
  if (shadows.size !== count('shadow')) refuse(variants, 'each shadow version once')
  for (const { weight, role } of variants) {
    if (!Number.isInteger(weight) || weight < 0 || weight > 10_000) refuse(weight, 'a weight of 0 to 10000')
    if (role !== 'canary' && weight !== 0) refuse(weight, `weight 0 for ${role}; only a canary has one`)
  }
}

/**
 * Writes the variants of an endpoint in the caller's transaction and raises the epoch. A variant that stays in its role keeps its
 * `since`; a canary that had tripped stays tripped. A stable version that is replaced becomes the previous one.
 */
export async function writeVariants(
  t: Tx,
  endpoint: string,
  variants: readonly WantedVariant[],
  now: number,
): Promise<number> {
  checkVariants(variants)
  await t.lock('serving')
  await requireEndpoint(t, endpoint)
  const before = await variantsOf(t, endpoint)
  const oldStable = before.find((one) => one.role === 'stable')?.version
  const newStable = variants.find((one) => one.role === 'stable')?.version
  if (oldStable !== undefined && newStable !== undefined && oldStable !== newStable)
    await t.run('UPDATE endpoints SET previous_version = ? WHERE name = ?', [oldStable, endpoint])
  await t.run('DELETE FROM endpoint_variants WHERE endpoint = ?', [endpoint])
  for (const { role, version, weight, breaker } of variants) {
    const same = before.find((one) => one.role === role && one.version === version)
    await t.run(
      'INSERT INTO endpoint_variants (endpoint, role, version, weight, since, tripped, breaker) VALUES (?,?,?,?,?,?,?)',
      [
        endpoint,
        role,
        version,
        same?.tripped == null ? weight : 0,
        same?.since ?? now,
        same?.tripped ?? null,
        breaker === undefined ? null : JSON.stringify(breaker),
      ],
    )
  }
  await t.run('UPDATE endpoints SET updated_at = ? WHERE name = ?', [now, endpoint])
  return raiseEpoch(t)
}

/** The next epoch, in the transaction of the change that it stands for. */
export async function raiseEpoch(t: Tx): Promise<number> {
  const row = await t.get<{ epoch: number }>(
    "INSERT INTO serving_state (id, epoch) VALUES ('routing', 1) ON CONFLICT (id) DO UPDATE SET epoch = serving_state.epoch + 1 RETURNING epoch",
  )
  return row?.epoch ?? 0
}
