/** Makes a version ready to answer: finds its files, reads its inputs, says which backend scores it. */
import { Problem, problem } from '../../contract/errors.ts'
import type { BackendRoute } from '../../gateway/table/table.ts'
import type { InputField, OnnxAnswer } from '../../scoring/rows/fields.ts'
import { readInputs } from '../../scoring/model/inputs.ts'
import type { ModelInputs } from '../../scoring/model/inputs.ts'
import type { ServingContext } from '../context/context.ts'
import type { EndpointRow } from '../context/rows.ts'

/** Where the files of a version lie. `native` and `onnx` are null when Python serves it, with the `reason`. */
export interface VersionFiles {
  readonly dir: string
  readonly python: string | null
  readonly native: { readonly dir: string } | null
  /** The graph that ONNX Runtime serves, an absolute path; with `answer` where it is an export. */
  readonly onnx?: { readonly file: string; readonly answer?: OnnxAnswer | undefined } | null
  readonly reason: string | null
}

/** Ports to where versions come from, and how a Python version is run. */
export interface VersionPorts {
  /** The files of a version, lowered; throws with the reason when it cannot be served. */
  readonly versionFiles: (model: string, version: string) => Promise<VersionFiles>
  /** Refuses a version whose files are there already and may not be loaded (any more), with a plain Error. */
  readonly checkVersion?: (model: string, version: string) => Promise<void>
  /** The folder from which ONNX Runtime is required; brings it when it is not there. */
  readonly onnxRuntime?: () => Promise<string>
  /** Scorer processes of a Python version, ≥ 1, default 1; and the memory at which one is recycled, MB, default 2048. */
  readonly workers?: number
  readonly memoryMb?: number
}

export type PreparationDeps = Pick<ServingContext, 'db' | 'clock'> & VersionPorts

/** Makes a version ready to be named by a variant: finds its files and inputs, keeps them. Where that was done before it is only checked that the version may still be loaded. */
export async function prepareVersion(deps: PreparationDeps, endpoint: EndpointRow, version: string): Promise<void> {
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
  deps: VersionPorts,
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
  deps: VersionPorts,
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
  const { workers = 1, memoryMb = 2048 } = deps
  return { kind: 'python', dir: files.dir, python: files.python, ...array, workers, memory_mb: memoryMb }
}
