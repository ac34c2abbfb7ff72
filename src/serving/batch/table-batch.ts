/** Scores one table into another, as the command and an image for batches do: held by one at a time, whole at its place or not there. */
import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'
import type { InputField } from '../../scoring/rows/fields.ts'
import { openBackend } from '../../gateway/backends/open.ts'
import type { BackendRoute } from '../../gateway/table/table.ts'
import type { Plan } from '../../isolation/plan.ts'
import { lockFolder } from '../../store/folder-lock.ts'
import { deliver, exists, formatOf, s3Place } from './local.ts'
import type { Found, Format } from './local.ts'
import { forgetParts } from './parts.ts'
import type { Manifest } from './parts.ts'
import { runBatch } from './run.ts'
import type { Batch, BatchFigures } from './run.ts'
import type { Engine } from './score.ts'
import type { Source } from './table.ts'

/** What is asked for of the table. */
export interface TableBatch {
  readonly output: string
  readonly format: Format
  /** Folder of what is done so far. */
  readonly folder: string
  /** Rows that are scored and kept together. */
  readonly chunk: number
  readonly onError: 'stop' | 'skip'
  readonly restart: boolean
}

/** A version that can be asked on this machine. */
export interface ReadyModel {
  readonly version: string
  readonly inputs: readonly InputField[]
  readonly backend: BackendRoute
}

/** A version with the digest of its files. */
export type BatchVersion = Pick<Manifest, 'model' | 'version' | 'tree'>

/** Where model and rows come from; each is called once, and after the folder is held. */
export interface BatchParts {
  readonly version: () => Promise<BatchVersion>
  readonly input: () => Promise<{ readonly found: Found; readonly source: Source }>
  readonly ready: (of: BatchVersion) => Promise<ReadyModel>
  /** How a model in Python is confined that lies at a place; null = not at all. */
  readonly plan: (place: string) => Promise<Plan | null>
  readonly progress: (rows: number, share: number) => void
}

/** Checks what an output, a rule and a folder are given as. Throws `invalid_field`. */
export function tableBatch(given: {
  readonly output: string
  readonly work?: string | undefined
  readonly chunk: number
  readonly onError?: string | undefined
  readonly restart: boolean
}): TableBatch {
  const { output, work, chunk, onError = 'stop', restart } = given
  if (onError !== 'stop' && onError !== 'skip')
    throw problem('invalid_field', { field: '--on-error', value: onError, expected: 'stop or skip' })
  const beside = s3Place(output) === undefined ? output : basename(output)
  return {
    output,
    format: formatOf('OUTPUT', output),
    folder: resolve(work ?? `${beside}.batch`),
    chunk,
    onError,
    restart,
  }
}

/** Scores the table. Throws a plain Error where another one is at work there, `conflict` for a result that is there already. */
export async function batchTable(
  asked: TableBatch,
  parts: BatchParts,
): Promise<BatchFigures & { readonly version: string }> {
  const { folder } = asked
  const release = lockFolder(folder)
  if (release === undefined) throw new Error(`another batch-predict is at work in ${folder}`)
  try {
    if (asked.restart) await forgetParts(folder)
    else await refuseReplacing(asked)
    const figures = await batch(asked, parts)
    await rm(folder, { recursive: true, force: true })
    return figures
  } catch (error) {
    // nothing was brought or scored: only its lock lies there
    const left = (await ifMissing(readdir(folder))) ?? []
    if (left.length <= 1) await rm(folder, { recursive: true, force: true })
    throw error
  } finally {
    release()
  }
}

/** A result that is there is replaced only by the run that made it, or when that is asked for. */
async function refuseReplacing({ folder, output }: TableBatch): Promise<void> {
  if (existsSync(join(folder, 'manifest.json')) || !(await exists(output))) return
  await rm(folder, { recursive: true, force: true })
  throw problem('conflict', { detail: `${output} is there already; give another name, or --restart to replace it` })
}

async function batch(asked: TableBatch, parts: BatchParts): Promise<BatchFigures & { readonly version: string }> {
  const { folder, format } = asked
  const version = await parts.version()
  const { found, source } = await parts.input()
  try {
    const model = await parts.ready(version)
    const result = s3Place(asked.output) === undefined ? `${resolve(asked.output)}.new` : join(folder, 'result')
    const job: Batch = {
      folder,
      source,
      result,
      format,
      manifest: {
        format: 'slipway.batch/1',
        input: found.identity,
        ...version,
        chunk: asked.chunk,
        on_error: asked.onError,
      },
      progress: parts.progress,
    }
    const figures = await withEngine(model, folder, parts, (engine) => runBatch(job, engine, model.inputs))
    await deliver(result, asked.output)
    return { ...figures, version: `${version.model}/${version.version}` }
  } finally {
    await source.close()
  }
}

/** Opens the backend when the first row needs it, and closes it at the end. */
async function withEngine<T>(
  { version, inputs, backend }: ReadyModel,
  folder: string,
  parts: Pick<BatchParts, 'plan'>,
  use: (engine: () => Promise<Engine>) => Promise<T>,
): Promise<T> {
  let opened: Engine | undefined
  const open = async (): Promise<Engine> => {
    const place = backend.kind === 'onnx' ? backend.file : backend.dir
    if (!existsSync(place))
      throw new Error(`the model's files are not here (${place}); run batch-predict on the machine of the data folder`)
    const route = { role: 'stable' as const, version, weight: 0, since: 0, inputs, backend }
    const lanes = backend.kind === 'python' ? backend.workers : 1
    const plan = backend.kind === 'python' ? await parts.plan(place) : null
    opened = { backend: await openBackend(route, true, { logDir: folder, plan, splits: true }), inputs, lanes }
    return opened
  }
  try {
    return await use(open)
  } finally {
    await opened?.backend.close()
  }
}
