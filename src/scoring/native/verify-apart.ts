/** Replays the rows of a lowered model on a thread of its own. */
import { Worker } from 'node:worker_threads'
import type { Verification } from './verify.ts'

/** As verifyNative. Rejects with what it throws, or when the thread ends without an answer. */
export function verifyApart(dir: string): Promise<Verification> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./verify-thread.ts', import.meta.url), { workerData: dir, execArgv: [] })
    worker.once('message', (found: Verification) => resolve(found))
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`the thread that replays a model ended with ${code}`)))
    worker.unref()
  })
}
