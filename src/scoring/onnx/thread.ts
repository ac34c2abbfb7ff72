/** A worker thread with one ONNX session: the runtime blocks the thread that it runs on, so it never runs on the gateway's own. */
import { createRequire } from 'node:module'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import type { GraphInfo, GraphValue, TensorData, TensorOf } from './tensors.ts'

/** What the thread is started with. */
export interface ThreadData {
  /** Folder from which the runtime is required. */
  readonly runtime: string
  readonly file: string
  /** Threads that one call may use. */
  readonly threads: number
  /** Outputs to compute; absent = all. */
  readonly outputs?: readonly string[] | undefined
}

/** A batch, and its answer. */
export interface ThreadCall {
  readonly id: number
  readonly feeds: Readonly<Record<string, TensorOf>>
}
export type ThreadReply =
  | { readonly graph: GraphInfo }
  | { readonly failed: string }
  | { readonly id: number; readonly outputs: readonly [string, TensorOf][] }
  | { readonly id: number; readonly error: string }

/** The part of the runtime that is used here; its own types come with it, on the machine where it is installed. */
interface Runtime {
  readonly Tensor: new (type: string, data: TensorData, dims: readonly number[]) => TensorOf
  readonly InferenceSession: {
    create(file: string, options: object): Promise<Session>
  }
}
interface Session {
  readonly inputMetadata: readonly Metadata[]
  readonly outputMetadata: readonly Metadata[]
  run(feeds: Record<string, unknown>, outputs?: readonly string[]): Promise<Record<string, TensorOf>>
}
type Metadata = { readonly name: string } & (
  | { readonly isTensor: true; readonly type: string; readonly shape: readonly (number | string)[] }
  | { readonly isTensor: false }
)

/** How far a model's thread stands behind the gateway's loop: a third of its share of a core that both want. */
const BEHIND = 5

const port = parentPort
if (port === null) throw new Error('this file runs as a worker thread')
const { runtime, file, threads, outputs } = workerData as ThreadData

// The gateway's loop, which answers everybody, goes before models where the cores are few. On Linux 0 is the calling thread alone.
if (process.platform === 'linux') setPriority(0, BEHIND)

const valueOf = (value: Metadata): GraphValue =>
  value.isTensor
    ? { name: value.name, type: value.type, shape: [...value.shape] }
    : { name: value.name, type: '', shape: [] }

const say = (reply: ThreadReply, transfer: readonly ArrayBuffer[] = []): void => port.postMessage(reply, transfer)

try {
  const { InferenceSession, Tensor } = createRequire(join(runtime, 'node_modules/'))('onnxruntime-node') as Runtime
  const session = await InferenceSession.create(file, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: 3,
  })
  port.on('message', ({ id, feeds }: ThreadCall) => {
    const tensors = Object.entries(feeds).map(([name, { type, data, dims }]) => [name, new Tensor(type, data, dims)])
    session.run(Object.fromEntries(tensors) as Record<string, unknown>, outputs).then(
      (found) => answer(id, found),
      (error: Error) => say({ id, error: error.message }),
    )
  })
  say({ graph: { inputs: session.inputMetadata.map(valueOf), outputs: session.outputMetadata.map(valueOf) } })
} catch (error) {
  say({ failed: (error as Error).message })
}

function answer(id: number, found: Record<string, TensorOf>): void {
  const told = Object.entries(found).map(([name, { type, dims, data }]): [string, TensorOf] => [
    name,
    { type, dims, data: Array.isArray(data) ? data : (data.slice() as TensorData) },
  ])
  const buffers = told.flatMap(([, { data }]) => (Array.isArray(data) ? [] : [data.buffer as ArrayBuffer]))
  say({ id, outputs: told }, buffers)
}
