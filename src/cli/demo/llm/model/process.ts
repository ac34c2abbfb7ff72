/** The model server of the demo as a child process, which ends with its parent unless it is told to stay. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ModelServerOptions } from './server.ts'

/** How long it may take to load the model, ms: a slow disk reads 250 MB. */
const START_MS = 120_000
/** How long it is given to end, ms. */
const STOP_MS = 5000

/** A model server that runs, or did. */
export class ModelProcess {
  readonly #options: ModelServerOptions
  readonly #log: string
  #child: ChildProcess
  /** Where it answers, without a path. */
  readonly url: string

  private constructor(options: ModelServerOptions, log: string, child: ChildProcess) {
    this.#options = options
    this.#log = log
    this.#child = child
    this.url = `http://127.0.0.1:${options.port}`
  }

  /** Starts one and waits until its model is loaded. `log` is a file for what it writes of its troubles. Throws where it ends before. */
  static async start(options: ModelServerOptions, log: string): Promise<ModelProcess> {
    const child = begin(options, log)
    const port = await portOf(child, log)
    return new ModelProcess({ ...options, port }, log, child)
  }

  /** Starts it again, where it answered before, after it was killed. */
  async startAgain(): Promise<void> {
    this.#child = begin(this.#options, this.#log)
    await portOf(this.#child, this.#log)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Calls that it answers, or that wait in it. */
  async open(): Promise<number> {
    const response = await fetch(`${this.url}/health`)
    return ((await response.json()) as { open: number }).open
  }

  /** kill -9: its connections break where they are. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    await this.#end('SIGTERM')
    clearTimeout(timer)
  }

  /** Lets it go on after this process, until the process `pid` has ended. */
  stayWith(pid: number): void {
    this.#child.stdin?.end(`${JSON.stringify({ stay: pid })}\n`)
    this.#child.stdout?.destroy()
    this.#child.unref()
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill(signal)
    await gone
  }
}

function begin(options: ModelServerOptions, log: string): ChildProcess {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'server.ts'), JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', openSync(log, 'a', 0o600)],
    // Ctrl-C in the terminal is for the demo, which ends this one
    detached: true,
  })
  // what is written to one that has just ended is not missed
  child.stdin?.on('error', () => undefined)
  return child
}

/** The port that it tells once its model is loaded. A process that tells none in time is killed. */
function portOf(child: ChildProcess, log: string): Promise<number> {
  const { stdout } = child
  if (stdout === null) throw new Error('the model server has no output')
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), START_MS)
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      reject(
        new Error(`the model server ended with ${signal ?? `code ${code}`} before its model was loaded; see ${log}`),
      )
    })
    createInterface({ input: stdout }).once('line', (line) => {
      clearTimeout(timer)
      resolve((JSON.parse(line) as { port: number }).port)
    })
  })
}
