/** The server of the demo as a child process: started on free ports, killed and started again by the crash act, ended at the end. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { openSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { readServerFile } from '../connect.ts'
import type { ServerFile } from '../connect.ts'

const START_MS = 60_000

/** A running control process and what it wrote into `server.json`. */
export class ServerProcess {
  readonly data: string
  #child: ChildProcess | undefined
  #ports = { api: 0, gateway: 0, grpc: 0 }

  constructor(data: string) {
    this.data = data
  }

  /** Starts the server and waits until it is ready; after a kill on the ports it had before. */
  async start(): Promise<ServerFile & { loginUrl: string }> {
    const log = openSync(join(this.data, 'server.log'), 'a')
    const child = spawn(
      process.execPath,
      [
        join(import.meta.dirname, '../main.ts'),
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
      { stdio: ['ignore', 'pipe', log], detached: true },
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
      if (child.exitCode !== null)
        throw new Error(`the server ended with code ${child.exitCode}; see ${join(this.data, 'server.log')}`)
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
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  /** Asks the server to end, with its gateway; kills it when it does not within 15 s. Steps that it leaves running are ended too. */
  async stop(): Promise<void> {
    await this.#stopServer()
    await endSteps(join(this.data, 'attempts'))
  }

  async #stopServer(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await Promise.race([gone, wait(15_000)])
    if (child.exitCode === null && child.signalCode === null) await this.kill()
  }

  /** Lets the server go on after this process has ended. */
  release(): void {
    this.#child?.stdout?.destroy()
    this.#child?.unref()
  }
}

/** Steps outlive their server on purpose; a story that is over asks their wrappers to end them, and waits a moment. */
async function endSteps(attempts: string): Promise<void> {
  const folders = await readdir(attempts).catch(() => [])
  const found = await Promise.all(folders.map((name) => wrapperOf(join(attempts, name))))
  const pids = found.filter((pid) => pid !== undefined)
  for (const pid of pids) signal(pid, 'SIGTERM')
  for (const until = Date.now() + STEPS_MS; Date.now() < until && pids.some(isAlive);) await wait(20)
}

const STEPS_MS = 12_000

/** The pid of an attempt's wrapper if it is alive and still that wrapper, as far as the system tells. */
async function wrapperOf(folder: string): Promise<number | undefined> {
  const text = await readFile(join(folder, 'process.json'), 'utf8').catch(() => '{}')
  const { pid } = JSON.parse(text) as { pid?: number }
  if (pid === undefined || !isAlive(pid)) return undefined
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => folder)
  return command.includes(folder) ? pid : undefined
}

function isAlive(pid: number): boolean {
  return signal(pid, 0)
}

/** False when there is no such process of ours any more. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

function portOf(url: string): number {
  return url === '' ? 0 : Number(new URL(url).port)
}
