/** Whether ONNX Runtime can serve a model folder: it is loaded here as the gateway will load it, and answers its input example. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ifMissing } from '../../contract/absence/absent.ts'
import { OnnxBackend } from './backend.ts'
import { namedRows } from '../rows/rows.ts'
import { readInputs } from '../model/inputs.ts'
import type { InputField } from '../rows/fields.ts'
import { onnxRuntime } from './install.ts'
import { replayExport } from './replay.ts'

/** Rows of the example that are tried. */
const MOST = 100
const LIMIT_MS = 60_000

/** What the registry and serving need of ONNX Runtime, which lies in the cache. */
export function onnxServing(cacheFolder: string) {
  return {
    onnxRuntime: () => onnxRuntime(cacheFolder),
    prove: (dir: string, file: string) => proveOnnx(cacheFolder, dir, file),
    exporting: {
      readInputs: (dir: string) => readInputs(dir, null),
      replay: async (dir: string, out: string, file: string) =>
        replayExport({ runtime: await onnxRuntime(cacheFolder), file, dir, out }),
    },
  }
}

/** The number of rows of the example that were answered. Throws with the reason why another way must be found. */
export async function proveOnnx(cacheFolder: string, dir: string, file: string): Promise<number> {
  const runtime = await onnxRuntime(cacheFolder)
  const { inputs } = await readInputs(dir, null)
  const backend = new OnnxBackend({ runtime, file: join(dir, file), threads: 1, sessions: 1, inputs })
  await backend.start()
  try {
    const rows = await exampleRows(dir, inputs)
    if (rows.length === 0) return 0
    const limits = { deadline: Date.now() + LIMIT_MS, params: null, bytes: 0, priority: 'normal' } as const
    return (await backend.score(namedRows(rows).values(inputs), limits)).length
  } finally {
    await backend.close()
  }
}

/** The rows of `input_example.json`, where it is a table as MLflow writes it; none otherwise. */
async function exampleRows(dir: string, inputs: readonly InputField[]): Promise<Record<string, unknown>[]> {
  const text = (await ifMissing(readFile(join(dir, 'input_example.json'), 'utf8'))) ?? '{}'
  const { columns, data } = JSON.parse(text) as { columns?: string[]; data?: unknown[][] }
  if (!Array.isArray(data)) return []
  const names = columns ?? inputs.map(({ name }) => name)
  return data.slice(0, MOST).map((row) => Object.fromEntries(row.map((value, j) => [names[j] ?? '', value])))
}
