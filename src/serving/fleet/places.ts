/** Where the versions that this server answers with lie on its own disk: laid out from blobs when they are needed, and again when they are gone. */
import { access } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { problem } from '../../contract/errors.ts'
import type { BackendRoute } from '../../gateway/table/table.ts'
import type { InputField, OnnxAnswer } from '../../scoring/rows/fields.ts'
import { readInputs } from '../../scoring/model/inputs.ts'
import type { ModelInputs } from '../../scoring/model/inputs.ts'

/** Where the files of a version lie. `native` and `onnx` are null when Python serves it, with the `reason`. */
export interface VersionFiles {
  readonly dir: string
  readonly python: string | null
  readonly native: { readonly dir: string } | null
  /** The graph that ONNX Runtime serves, an absolute path; with `answer` where it is an export. */
  readonly onnx?: { readonly file: string; readonly answer?: OnnxAnswer | undefined } | null
  readonly reason: string | null
  /** Python serves it only until its native form is proved, or is known not to be; absent = false. */
  readonly provisional?: boolean
}

/** Packages as they are resolved: `text` is a requirements file with exact versions and hashes. */
export interface VersionPackages {
  readonly python_version: string
  readonly text: string
}

/** Ports to where versions come from, and how a Python version is run. */
export interface VersionPorts {
  /** The files of a version, lowered and laid out on this machine; throws with the reason when it cannot be served. `waitMs` bounds the wait for its native form. */
  readonly versionFiles: (model: string, version: string, waitMs?: number) => Promise<VersionFiles>
  /** Whether it is known who serves a version whose files were provisional; absent = no files are. */
  readonly isSettled?: (model: string, version: string) => Promise<boolean>
  /** The packages with which a Python version answers, resolved; `dir` is where its files lie. */
  readonly versionPackages?: (model: string, version: string, dir: string) => Promise<VersionPackages>
  /** Refuses a version whose files are there already and may not be loaded (any more), with a plain Error. */
  readonly checkVersion?: (model: string, version: string) => Promise<void>
  /** The folder from which ONNX Runtime is required; brings it when it is not there. */
  readonly onnxRuntime?: () => Promise<string>
  /** Scorer processes of a Python version, ≥ 1, default 1; and the memory at which one is recycled, MB, default 2048. */
  readonly workers?: number
  readonly memoryMb?: number
}

/** A version of a model. */
export interface ModelVersion {
  readonly model: string
  readonly version: string
}

/** A version on this machine. */
export interface Place {
  readonly inputs: readonly InputField[]
  readonly backend: BackendRoute
  /** Why Python serves it; null otherwise. */
  readonly reason: string | null
  /** Its native form may take over; see `renew`. */
  readonly provisional: boolean
}

export interface Places {
  /** A version that is laid out here; undefined while it is not. */
  here(of: ModelVersion): Place | undefined
  /** Why a version could not be laid out the last time; null where it was, or was not tried. */
  failure(of: ModelVersion): string | null
  /** Lays a version out; what lies here already is only looked up. `waitMs` bounds the wait for its native form. Throws with the reason. */
  layOut(of: ModelVersion, waitMs?: number): Promise<Place>
  /** Versions that lie here provisionally and whose native form is known by now to be there or not. */
  settled(): Promise<readonly ModelVersion[]>
  /** Lays a version out anew; what lies here is answered with until then. Throws with the reason. */
  renew(of: ModelVersion): Promise<Place>
  /** Begins to lay out what is not here, and waits for it, each at most `patienceMs` from its beginning. What failed is tried again after a pause. */
  bring(wanted: readonly ModelVersion[], patienceMs: number): Promise<void>
  /** Lays a version out anew the next time. */
  forget(of: ModelVersion): void
  /** Forgets what is no longer on the disk; true when there was some. */
  check(): Promise<boolean>
}

/** Pause before a version that could not be laid out is tried again, ms. */
const AGAIN_MS = 10_000

/** Nothing is laid out yet; what lies on the disk from before is found there. */
export function places(deps: VersionPorts): Places {
  const known = new Map<string, Place>()
  const running = new Map<string, { readonly place: Promise<Place>; readonly since: number }>()
  const failures = new Map<string, { readonly reason: string; readonly at: number }>()

  const layOut = (of: ModelVersion, waitMs?: number): Promise<Place> => {
    const found = known.get(keyOf(of))
    return found === undefined ? begin(of, waitMs) : Promise.resolve(found)
  }
  const begin = (of: ModelVersion, waitMs?: number): Promise<Place> => {
    const key = keyOf(of)
    const begun = running.get(key)
    if (begun !== undefined) return begun.place
    const place = placed(deps, of, waitMs)
      .then(
        (ready) => {
          known.set(key, ready)
          failures.delete(key)
          return ready
        },
        (error: unknown) => {
          failures.set(key, { reason: error instanceof Error ? error.message : String(error), at: performance.now() })
          throw error
        },
      )
      .finally(() => running.delete(key))
    running.set(key, { place, since: performance.now() })
    return place
  }
  const mayTry = (key: string): boolean => performance.now() - (failures.get(key)?.at ?? -AGAIN_MS) >= AGAIN_MS

  return {
    here: (of) => known.get(keyOf(of)),
    failure: (of) => failures.get(keyOf(of))?.reason ?? null,
    layOut,
    renew: (of) => begin(of),
    async settled() {
      const waiting = [...known].filter(([, place]) => place.provisional).map(([key]) => versionOf(key))
      const found = await Promise.all(
        waiting.map(async ({ model, version }) => (await deps.isSettled?.(model, version)) ?? false),
      )
      return waiting.filter((_, i) => found[i])
    },
    async bring(wanted, patienceMs) {
      const missing = wanted.filter((of) => !known.has(keyOf(of)) && mayTry(keyOf(of)))
      await Promise.all(
        missing.map(async (of) => {
          const place = layOut(of)
          const since = running.get(keyOf(of))?.since ?? 0
          await within(place, since + patienceMs - performance.now())
        }),
      )
    },
    forget: (of) => void known.delete(keyOf(of)),
    async check() {
      let gone = false
      for (const [key, place] of known) if (!(await isThere(place.backend))) gone = known.delete(key) || gone
      return gone
    },
  }
}

function keyOf({ model, version }: ModelVersion): string {
  return `${model}/${version}`
}

/** The version after the last slash of a key. */
function versionOf(key: string): ModelVersion {
  const at = key.lastIndexOf('/')
  return { model: key.slice(0, at), version: key.slice(at + 1) }
}

/** Resolves when the promise settles or the time is over, whichever comes first. */
async function within(promise: Promise<unknown>, ms: number): Promise<void> {
  const over = new AbortController()
  const settled = promise.then(
    () => undefined,
    () => undefined,
  )
  const late = sleep(Math.max(0, ms), undefined, { signal: over.signal, ref: false }).catch(() => undefined)
  await Promise.race([settled, late])
  over.abort()
}

/** Whether a backend could be opened anew. */
async function isThere(backend: BackendRoute): Promise<boolean> {
  const paths = backend.kind === 'onnx' ? [backend.file, backend.runtime] : [backend.dir]
  if (backend.kind === 'python') paths.push(backend.python)
  try {
    for (const path of paths) await access(path)
    return true
  } catch (error) {
    // any other fault says nothing about whether it is there
    return (error as NodeJS.ErrnoException).code !== 'ENOENT'
  }
}

async function placed(deps: VersionPorts, { model, version }: ModelVersion, waitMs?: number): Promise<Place> {
  const files = await deps.versionFiles(model, version, waitMs)
  const { inputs, ...array } = await readInputs(files.dir, files.native?.dir ?? null)
  const backend = await backendOf(deps, files, array)
  const reason = backend.kind === 'python' ? (files.reason ?? 'it was not lowered') : null
  return { inputs, backend, reason, provisional: backend.kind === 'python' && files.provisional === true }
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
