/** Work on a thread of its own, which answers once. */
import { Worker } from 'node:worker_threads'

export interface Apart {
  /** File of the thread; what it posts first is its answer. */
  readonly file: URL
  readonly task: unknown
  /** For the fault of a thread that ends without an answer: `scans a model`. */
  readonly what: string
}

/** Resolves to the answer. Rejects with what the thread throws, or when it ends without an answer. */
export function onThread<Answer>({ file, task, what }: Apart): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(file, { workerData: task, execArgv: [] })
    worker.once('message', (answer: Answer) => resolve(answer))
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`the thread that ${what} ended with ${code}`)))
    worker.unref()
  })
}
