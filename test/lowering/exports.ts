/** Models that ONNX Runtime serves by an export: made and exported in the environment of their library, replayed here. */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { differing } from '../../src/registry/lowering/exporting.ts'
import { readInputs } from '../../src/scoring/model/inputs.ts'
import { onnxRuntime } from '../../src/scoring/onnx/install.ts'
import { replayExport } from '../../src/scoring/onnx/replay.ts'
import { testEnvFolder } from '../python-env.ts'

const SCRIPT = join(import.meta.dirname, '../../python/tests/matrix_export.py')
const LIMITS = { maxBuffer: 1e8, timeout: 1_200_000 }

/** By model, the sentence on why Python serves it; undefined where its graph answers alike. */
export async function exportAll(python: string, folder: string, only = ''): Promise<Map<string, string | undefined>> {
  await promisify(execFile)(python, ['-B', SCRIPT, folder, '--only', only], LIMITS)
  const names = JSON.parse(readFileSync(join(folder, 'names.json'), 'utf8')) as string[]
  const places = names.map((name, i) => ({
    name,
    dir: join(folder, `${i}`, 'model'),
    out: join(folder, `${i}`, 'out'),
  }))
  for (const { dir, out } of places) {
    mkdirSync(out)
    writeFileSync(join(out, 'inputs.json'), JSON.stringify(await readInputs(dir, null)))
  }
  await promisify(execFile)(python, ['-B', SCRIPT, folder, '--export'], LIMITS)
  const runtime = await onnxRuntime(testEnvFolder())
  const found = new Map<string, string | undefined>()
  for (const { name, dir, out } of places) found.set(name, await outcome({ runtime, dir, out }))
  return found
}

async function outcome({
  runtime,
  dir,
  out,
}: {
  runtime: string
  dir: string
  out: string
}): Promise<string | undefined> {
  const result = JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')) as {
    ok: boolean
    reason: string
    origin: string
    file: string
  }
  if (!result.ok) return result.reason
  const file = join(result.origin === 'given' ? dir : out, result.file)
  return replayExport({ runtime, file, dir, out }).then(
    () => undefined,
    // which row is the first hangs on the rows that were drawn
    (error: Error) => differing(error).replace(/, row \d+: .*/, ''),
  )
}
