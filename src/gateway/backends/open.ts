/** Opens the backend that a variant names. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Plan } from '../../isolation/plan.ts'
import type { VariantRoute } from '../table/table.ts'
import { backendKey } from '../table/table.ts'
import type { Backend } from '../../scoring/rows/backend.ts'
import { NativeBackend } from '../../scoring/native/backend.ts'

export interface OpenOptions {
  /** Folder that receives what Python scorers print. */
  readonly logDir: string
  /** How scorers are confined; null = not at all. */
  readonly plan: Plan | null
  /** As in PoolOptions. */
  readonly splits?: boolean
}

/** Starts the backend of a variant. Throws with the reason when it cannot answer. */
export async function openBackend(variant: VariantRoute, wait: boolean, options: OpenOptions): Promise<Backend> {
  const { logDir, plan, splits = false } = options
  const { backend } = variant
  if (backend.kind === 'native') return new NativeBackend(backend.dir, variant.inputs)
  if (backend.kind === 'onnx') {
    // loaded where it is asked for: an image that answers natively starts without it
    const { OnnxBackend } = await import('../../scoring/onnx/backend.ts')
    const { runtime, file, sessions, answer } = backend
    const onnx = new OnnxBackend({ runtime, file, sessions, threads: 1, inputs: variant.inputs, answer })
    if (wait) await onnx.start()
    else onnx.startLater()
    return onnx
  }
  const { PythonBackend } = await import('./python.ts')
  const key = createHash('sha256').update(backendKey(backend)).digest('hex').slice(0, 12)
  const pool = new PythonBackend({
    python: backend.python,
    dir: backend.dir,
    inputs: variant.inputs,
    tensor: backend.tensor,
    ...(backend.dims !== undefined && { dims: backend.dims }),
    ...(backend.list === true && { list: true }),
    workers: backend.workers,
    memoryMb: backend.memory_mb,
    splits,
    plan,
    logFile: join(logDir, `scorer-${key}.log`),
  })
  if (wait) await pool.start()
  else pool.startLater()
  return pool
}
