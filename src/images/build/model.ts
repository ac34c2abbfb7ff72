/** The layer with the model of an image, which is the last: code that changes does not push it again. */
import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ALONE_FILE } from '../../gateway/table/alone-file.ts'
import type { Alone } from '../../gateway/table/alone-file.ts'
import type { BackendRoute } from '../../gateway/table/table.ts'
import { Entries } from '../layers/entries.ts'
import { filesBelow } from '../layers/files.ts'
import { makeLayer } from '../layers/layer.ts'
import type { Layer, LayerMaker } from '../layers/layer.ts'
import { ONNX_HOME } from '../parts/onnx.ts'
import { HOME } from '../parts/program-layer.ts'
import { VENV } from '../parts/wheels.ts'

/** Where the model lies in the image. */
export const MODEL = `${HOME}/model`
/** What of a native model's folder is read when it answers; the rest proved it. */
const NATIVE_FILES = /^model\.(?:json|bin)$/
/** A folder of graphs that were exported here: one of them is served, and it is whole by itself. */
const EXPORTS = /\.onnx$/
/** A scorer above this resident size is recycled, MB. */
const MEMORY_MB = 2048

/** What of a model is taken, and how it is asked in the image. */
interface Taken {
  readonly from: string
  readonly wanted: (path: string) => boolean
  /** Its paths are those in the image. */
  readonly backend: BackendRoute
}

/** `backend` says where the model lies on this machine. */
export async function modelLayer(
  maker: LayerMaker,
  alone: Omit<Alone, 'backend'>,
  backend: BackendRoute,
): Promise<Layer> {
  const taken = takenOf(backend)
  const entries = new Entries()
  for (const path of (await filesBelow(taken.from)).filter(taken.wanted)) {
    const file = join(taken.from, path)
    const source = { file, size: (await stat(file)).size }
    entries.add(`${MODEL}/${backend.kind}/${path}`, { kind: 'file', mode: 0o644, source })
  }
  const serve: Alone = { ...alone, backend: taken.backend }
  entries.file(`${MODEL}/${ALONE_FILE}`, `${JSON.stringify(serve, null, 2)}\n`)
  return makeLayer(maker, `the model ${alone.model} ${alone.version}`, entries)
}

function takenOf(backend: BackendRoute): Taken {
  if (backend.kind === 'native')
    return {
      from: backend.dir,
      wanted: (path) => NATIVE_FILES.test(path),
      backend: { kind: 'native', dir: backend.kind },
    }
  if (backend.kind === 'onnx') {
    const [from, name] = [dirname(backend.file), basename(backend.file)]
    return {
      from,
      // weights may lie beside the graph in files of their own
      wanted: EXPORTS.test(from) ? (path) => path === name : isModelFile,
      backend: { ...backend, file: join(backend.kind, name), runtime: `/${ONNX_HOME}`, sessions: 1 },
    }
  }
  // how many scorers a machine runs is no part of the image
  const python = { ...backend, dir: backend.kind, python: `/${VENV}/bin/python`, workers: 1, memory_mb: MEMORY_MB }
  return { from: backend.dir, wanted: isModelFile, backend: python }
}

/** Byte code is made on each machine anew. */
function isModelFile(path: string): boolean {
  return !/(?:^|\/)__pycache__\/|\.pyc$/.test(path)
}
