/** ONNX models of the tests and the bench: made by python/tests/make_onnx.py once, cached by its text. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cachedFolder } from './cached-folder.ts'
import { testEnv } from './python-env.ts'

const PACKAGES = [
  'onnx==1.23.2',
  'onnxruntime==1.32.0',
  'skl2onnx==1.20.0',
  'scikit-learn==1.9.1',
  'numpy==2.4.6',
  'pandas==3.1.1',
  'mlflow-skinny==3.17.2',
]
const SCRIPT = join(import.meta.dirname, '../python/tests/make_onnx.py')

/** The folder of the models, each as mlflow saves it, with expected.json beside them. */
export async function onnxModels(): Promise<string> {
  const python = await testEnv(PACKAGES, 'once')
  const make = (fresh: string): Promise<unknown> =>
    promisify(execFile)(python, ['-B', SCRIPT, fresh], { timeout: 240_000, maxBuffer: 1e8 })
  return await cachedFolder({ name: 'onnx', python, scripts: [SCRIPT], make })
}
