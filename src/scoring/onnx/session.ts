/** An ONNX session in a thread of its own: batches in, answers out, one promise each. */
import { Worker } from 'node:worker_threads'
import type { GraphInfo, TensorOf } from './tensors.ts'
import type { ThreadCall, ThreadData, ThreadReply } from './thread.ts'

/** A model did not load, or a batch made it fail. */
export class OnnxError extends Error {}
/** The thread ended before it answered. */
export class OnnxGone extends Error {}

const LOAD_MS = 120_000

type Outputs = readonly [string, TensorOf][]

interface Waiting {
  readonly resolve: (outputs: Outputs) => void
  readonly reject: (error: Error) => void
}

export class OnnxSession {
  readonly graph: GraphInfo
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #next = 0
  #ended = false

  private constructor(worker: Worker, graph: GraphInfo) {
    this.#worker = worker
    this.graph = graph
    worker.on('message', (reply: ThreadReply) => this.#take(reply))
  }

  /** Starts the thread and loads the model; `onEnd` hears when the thread has ended. Throws `OnnxError` with the runtime's words. */
  static async open(data: ThreadData, onEnd: () => void): Promise<OnnxSession> {
    // ONNX Runtime reads it from the process as it loads, in whichever thread
    process.env['ORT_DISABLE_TELEMETRY'] ??= '1'
    const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: data })
    const late = setTimeout(() => void worker.terminate(), LOAD_MS)
    try {
      const graph = await loaded(worker)
      const session = new OnnxSession(worker, graph)
      worker.on('error', () => undefined)
      worker.once('exit', () => {
        session.#end()
        onEnd()
      })
      return session
    } catch (error) {
      await worker.terminate()
      throw error
    } finally {
      clearTimeout(late)
    }
  }

  /** Runs one batch. Rejects with `OnnxError` when the model fails, `OnnxGone` when the thread ends. The data goes to the thread. */
  run(feeds: Readonly<Record<string, TensorOf>>): Promise<Outputs> {
    if (this.#ended) return Promise.reject(gone())
    const id = this.#next++
    const call: ThreadCall = { id, feeds }
    const buffers = Object.values(feeds).flatMap(({ data }) =>
      Array.isArray(data) ? [] : [data.buffer as ArrayBuffer],
    )
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage(call, buffers)
    })
  }

  /** Ends the thread at once, whatever it does. */
  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  #take(reply: ThreadReply): void {
    if (!('id' in reply)) return
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if ('error' in reply) waiting?.reject(new OnnxError(reply.error))
    else waiting?.resolve(reply.outputs)
  }

  #end(): void {
    this.#ended = true
    for (const { reject } of this.#waiting.values()) reject(gone())
    this.#waiting.clear()
  }
}

function gone(): OnnxGone {
  return new OnnxGone('the thread of the model ended')
}

function loaded(worker: Worker): Promise<GraphInfo> {
  return new Promise((resolve, reject) => {
    worker.once('error', (error) => reject(new OnnxError((error as Error).message)))
    worker.once('exit', (code) => reject(new OnnxError(`the runtime ended while it loaded the model (code ${code})`)))
    worker.once('message', (reply: ThreadReply) => {
      worker.removeAllListeners('error')
      worker.removeAllListeners('exit')
      if ('graph' in reply) resolve(reply.graph)
      else reject(new OnnxError('failed' in reply ? reply.failed : 'an answer before the graph'))
    })
  })
}
