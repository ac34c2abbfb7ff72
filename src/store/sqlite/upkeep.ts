/** Asks the thread for upkeep; starts it at the first question and again after it died. */
import { Worker } from 'node:worker_threads'
import { unavailable } from '../failures.ts'
import { engineError } from './frames.ts'
import type { Question, Reply } from './upkeep-thread.ts'

interface Asked {
  readonly resolve: (pages: number) => void
  readonly reject: (error: unknown) => void
}

/** A question without its number. */
type Body = { readonly checkpoint: true } | { readonly snapshot: string }

export class UpkeepThread {
  readonly #path: string
  readonly #asked = new Map<number, Asked>()
  #worker: Worker | undefined
  #last = 0
  #closed = false

  /** `path` is the database's file. */
  constructor(path: string) {
    this.#path = path
  }

  /** Moves the log into the database; returns how many pages the log held. */
  checkpoint(): Promise<number> {
    return this.#ask({ checkpoint: true })
  }

  /** Copies the database as it is now into a new file, checked. Writers go on meanwhile. */
  async snapshot(file: string): Promise<void> {
    await this.#ask({ snapshot: file })
  }

  /** Stops the thread; open questions are refused. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#worker?.terminate()
  }

  #ask(body: Body): Promise<number> {
    if (this.#closed) return Promise.reject(unavailable('it is closed'))
    const worker = (this.#worker ??= this.#start())
    const id = ++this.#last
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject })
      worker.ref()
      // eslint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
      worker.postMessage({ id, ...body } satisfies Question)
    })
  }

  #start(): Worker {
    const worker = new Worker(new URL('./upkeep-thread.ts', import.meta.url), {
      workerData: { path: this.#path },
      // Flags of the process, such as --input-type, are not meant for this file.
      execArgv: [],
    })
    worker.on('message', (reply: Reply) => this.#answer(worker, reply))
    worker.on('error', (error) => this.#died(worker, error))
    worker.on('exit', (code) => this.#died(worker, new Error(`exit code ${code}`)))
    return worker
  }

  #answer(worker: Worker, reply: Reply): void {
    const asked = this.#asked.get(reply.id)
    this.#asked.delete(reply.id)
    // While it is being closed, the process must not end before the thread has.
    if (this.#asked.size === 0 && !this.#closed) worker.unref()
    if ('pages' in reply) asked?.resolve(reply.pages)
    else asked?.reject(engineError(reply.error))
  }

  #died(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    for (const asked of this.#asked.values()) asked.reject(unavailable('its thread for upkeep ended', cause))
    this.#asked.clear()
  }
}
