/** The server of the demo as a child process: started on free ports, killed and started again by the crash act, ended at the end. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { readServerFile } from '../../invocation/server-file.ts'
import type { ServerFile } from '../../invocation/server-file.ts'
import { endLeftovers } from './leftovers.ts'

const START_MS = 60_000
/** Longer than a gateway may take to finish what is open. */
const STOP_MS = 30_000

/** A running control process and what it wrote into `server.json`. */
export class ServerProcess {
  readonly data: string
  #child: ChildProcess | undefined
  #ports = { api: 0, gateway: 0, grpc: 0 }
  #stopping = false
  readonly #env: Readonly<Record<string, string>>

  /** `env` is set for the server beside what this process has. */
  constructor(data: string, env: Readonly<Record<string, string>> = {}) {
    this.data = data
    this.#env = env
  }

  /** Starts the server and waits until it is ready; after a kill on the ports it had before. Throws once it was told to stop. */
  async start(): Promise<ServerFile & { loginUrl: string }> {
    if (this.#stopping) throw new Error('the story is over')
    const log = openSync(join(this.data, 'server.log'), 'a', 0o600)
    const child = spawn(
      process.execPath,
      [
        join(import.meta.dirname, '../../main.ts'),
        'serve',
        '--json',
        '--data',
        this.data,
        '--port',
        String(this.#ports.api),
        '--gateway-port',
        String(this.#ports.gateway),
        '--grpc-port',
        String(this.#ports.grpc),
      ],
      { stdio: ['ignore', 'pipe', log], detached: true, env: { ...process.env, ...this.#env } },
    )
    this.#child = child
    const ready = await this.#ready(child)
    const file = await readServerFile(this.data)
    if (file === undefined)
      throw new Error(`the server said that it is ready and wrote no server.json into ${this.data}`)
    this.#ports = {
      api: portOf(file.url),
      gateway: portOf(file.gateway_url),
      grpc: portOf(`http://${file.grpc_address}`),
    }
    return { ...file, loginUrl: ready.login_url }
  }

  async #ready(child: ChildProcess): Promise<{ login_url: string }> {
    let text = ''
    child.stdout?.setEncoding('utf8')
    child.stdout?.on('data', (part: string) => (text += part))
    const until = Date.now() + START_MS
    while (Date.now() < until) {
      const line = text.split('\n').find((one) => one.includes('"ready"'))
      if (line !== undefined) return JSON.parse(line) as { login_url: string }
      if (hasEnded(child))
        throw new Error(
          `the server ended with ${child.signalCode ?? `code ${child.exitCode}`}; see ${join(this.data, 'server.log')}`,
        )
      await wait(20)
    }
    throw new Error(`the server was not ready within ${START_MS / 1000} s; see ${join(this.data, 'server.log')}`)
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** kill -9: no handler runs, nothing is tidied. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || hasEnded(child)) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  /** Asks the server to end, with its gateway; kills it when it does not within 30 s. What it leaves running, killed or not, is ended too. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#stopServer()
    await endLeftovers(this.data)
  }

  async #stopServer(): Promise<void> {
    const child = this.#child
    if (child === undefined || hasEnded(child)) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await Promise.race([gone, wait(STOP_MS, undefined, { ref: false })])
    if (!hasEnded(child)) await this.kill()
  }

  /** Lets the server go on after this process has ended. */
  release(): void {
    this.#child?.stdout?.destroy()
    this.#child?.unref()
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

function portOf(url: string): number {
  return url === '' ? 0 : Number(new URL(url).port)
}
