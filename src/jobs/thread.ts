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

/** A thread ended without an answer, be it by its bounds. */
export class ThreadEnded extends Error {}

/** Resolves to the answer. Rejects with what the thread throws, and with ThreadEnded. */
export function onThread<Answer>({ file, task, what, bounds }: Apart): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const limits = bounds && { resourceLimits: { maxOldGenerationSizeMb: bounds.heap } }
    const worker = new Worker(file, { workerData: task, execArgv: [], ...limits })
    if (bounds !== undefined) {
      const late = setTimeout(() => {
        // what the end of a thread says of itself depends on whether it had begun
        reject(new ThreadEnded(`the thread that ${what} took longer than ${bounds.ms} ms`))
        void worker.terminate()
      }, bounds.ms).unref()
      worker.once('exit', () => clearTimeout(late))
    }
    worker.once('message', (answer: Answer) => resolve(answer))
    worker.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'ERR_WORKER_OUT_OF_MEMORY'
          ? new ThreadEnded(`the thread that ${what} took too much memory`)
          : error,
      ),
    )
    worker.once('exit', (code) => reject(new ThreadEnded(`the thread that ${what} ended with ${code}`)))
    worker.unref()
  })
}
