/** Work on a thread of its own, which answers once. */
import { Worker } from 'node:worker_threads'

export interface Apart {
  /** File of the thread; what it posts first is its answer. */
  readonly file: URL
  readonly task: unknown
  /** For the fault of a thread that ends without an answer: `scans a model`. */
  readonly what: string
  /** Longest time, ms, and largest heap, MiB, for what other people's bytes may ask; without them the thread is trusted. */
  readonly bounds?: { readonly ms: number; readonly heap: number }
}

/** Resolves to the answer. Rejects with what the thread throws, or when it ends without an answer, be it by its bounds. */
export function onThread<Answer>({ file, task, what, bounds }: Apart): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const limits = bounds && { resourceLimits: { maxOldGenerationSizeMb: bounds.heap } }
    const worker = new Worker(file, { workerData: task, execArgv: [], ...limits })
    if (bounds !== undefined) {
      const late = setTimeout(() => void worker.terminate(), bounds.ms).unref()
      worker.once('exit', () => clearTimeout(late))
    }
    worker.once('message', (answer: Answer) => resolve(answer))
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`the thread that ${what} ended with ${code}`)))
    worker.unref()
  })
}
