/** Exports a version of another library to ONNX in its own environment, and keeps the graph that was proved to answer as Python does. */
import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Blobs } from '../../store/blobs/blobs.ts'
import { exists } from '../context/layout.ts'
import { inEnvironment } from './model-python.ts'
import type { ModelPlace } from './model-python.ts'
import { flavorsOf, onnxFile } from './onnx.ts'
import { readResult } from './result.ts'

/** What of a graph is the model's answer: see the routing table's OnnxAnswer. */
export interface ExportAnswer {
  readonly output: string
  readonly list: boolean
  readonly columns?: readonly string[] | undefined
  readonly whole: readonly string[]
}

/** What the registry needs from serving to export a model. */
export interface ExportDeps {
  /** The inputs of a model folder, as a scorer is told them. Throws with the reason when it has none. */
  readonly readInputs: (dir: string) => Promise<{ readonly dims?: readonly number[]; readonly list?: true }>
  /** Replays the rows of `out` on a graph; throws with the first difference. */
  readonly replay: (
    dir: string,
    out: string,
    file: string,
  ) => Promise<{ readonly answer: ExportAnswer; readonly rows: number; readonly deviation: number }>
}

/** The ONNX export that answers for a version. */
export interface ServedGraph {
  /** Made by slipway, or given by the user beside the model. */
  readonly origin: 'exported' | 'given'
  /** SHA-256 of the file, as blobs are named. */
  readonly digest: string
  readonly bytes: number
  /** Where it lies below the model folder; null for one that slipway made. */
  readonly path: string | null
  readonly answer: ExportAnswer
  /** Rows that were replayed. */
  readonly probes: number
  /** The largest difference to the Python model, as a part of the answer. */
  readonly deviation: number
}

/** What a row of a version keeps. */
export function servedGraph(kept: string): ServedGraph {
  return JSON.parse(kept) as ServedGraph
}

/** What callers are told of it. */
export function shownGraph({ origin, digest, bytes, path, answer, deviation }: ServedGraph) {
  return { origin, digest, bytes, path, output: answer.output, deviation }
}

/** Flavors of mlflow whose models slipway exports. */
const FLAVORS = ['catboost', 'pytorch', 'keras', 'tensorflow']
/** Where a user's export lies, unless the metadata name another place: as python/slipway/export/user_graph.py reads it. */
const GIVEN = ['extra_files/model.onnx', 'model.onnx']

/** Why a folder may have an export: its flavor, or a file that came with it; null when it has none. */
export async function exportsOf(dir: string): Promise<'flavor' | 'given' | null> {
  const { flavors, metadata } = await flavorsOf(dir)
  if (FLAVORS.some((name) => name in flavors)) return 'flavor'
  if (metadata['slipway.onnx'] !== undefined) return 'given'
  for (const path of GIVEN) if (await exists(join(dir, path))) return 'given'
  return null
}

type Exportable = ModelPlace & ExportDeps

interface Result {
  readonly ok: boolean
  readonly reason: string | null
  readonly origin?: 'exported' | 'given'
  readonly file?: string
}

/** The graph that answers for a version, stored; or the reason why Python does. Rejects when the program was ended from outside. */
export async function exportModel(blobs: Blobs, out: string, from: Exportable): Promise<ServedGraph | string> {
  const { readInputs, replay, ...place } = from
  const { dir } = place
  try {
    const inputs = await readInputs(dir)
    if (inputs.dims !== undefined || inputs.list === true)
      return 'its signature is neither named columns nor one tensor [-1, n]'
    await writeFile(join(out, 'inputs.json'), JSON.stringify(inputs))
  } catch (error) {
    return (error as Error).message
  }
  const result = await readResult<Result>(out, await inEnvironment({ ...place, module: 'slipway.export', out }))
  if (!result.ok || result.file === undefined || result.origin === undefined)
    return result.reason ?? 'it was not exported'
  const folder = result.origin === 'given' ? dir : out
  const file = join(folder, result.file)
  // the program that says so has read the model, and may be in its hands
  if (!file.startsWith(`${folder}/`)) return 'the graph that it names lies elsewhere'
  try {
    const { answer, rows, deviation } = await replay(dir, out, file)
    const { digest, size } = await blobs.put(createReadStream(file))
    const path = result.origin === 'given' ? result.file : null
    return { origin: result.origin, digest, bytes: size, path, answer, probes: rows, deviation }
  } catch (error) {
    return differing(error as Error)
  }
}

/** Why a graph is not served, in one line. */
export function differing({ message }: Error): string {
  const [said = ''] = message.trim().split('\n')
  // places in the runtime's own source
  const line = said.replace(/\/\S+\.(h|cc):\d+ .*?\) (\[with [^\]]*\] )?/, '')
  return `its ONNX graph does not answer as the Python model does: ${line.slice(0, 300)}`
}

/** The file of the graph that answers for a laid-out version: an export, laid out once, or the folder's own; null when there is none. */
export async function graphOf(
  blobs: Blobs,
  kept: string | null,
  dir: string,
): Promise<{ file: string; answer?: ExportAnswer } | null> {
  if (kept === null) {
    const file = await onnxFile(dir)
    return file === null ? null : { file: join(dir, file) }
  }
  const { digest, path, answer } = servedGraph(kept)
  if (path !== null) return { file: join(dir, path), answer }
  const file = join(`${dir}.onnx`, `${digest.replace(':', '-')}.onnx`)
  if (!(await exists(file))) await layOutGraph(blobs, digest, file)
  return { file, answer }
}

/** Writes a blob beside its place and moves it there whole; two endpoints may ask for it at once. */
async function layOutGraph(blobs: Blobs, digest: string, file: string): Promise<void> {
  const fresh = `${file}.${randomUUID()}.new`
  await mkdir(dirname(file), { recursive: true })
  try {
    await pipeline((await blobs.read(digest)).stream, createWriteStream(fresh))
    await rename(fresh, file)
  } finally {
    await rm(fresh, { force: true })
  }
}
