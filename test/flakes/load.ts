/** A load that keeps cores busy, as other people's work does on a shared machine. */
import { Worker } from 'node:worker_threads'

/** Endless loops in threads of this process, which end with it however it ends. Returns what ends them before. */
export function startLoad(loops: number): () => Promise<void> {
  const threads = Array.from({ length: loops }, () => {
    const thread = new Worker('for (;;);', { eval: true })
    thread.unref()
    return thread
  })
  return async () => void (await Promise.all(threads.map((thread) => thread.terminate())))
}
