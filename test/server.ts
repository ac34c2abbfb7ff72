/** Starts the real control process for scenarios over HTTP, in a fresh data folder, and stops it again. */
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createClient } from '../src/client/client.ts'
import type { Client } from '../src/client/client.ts'
import type { ServerFile } from '../src/cli/invocation/server-file.ts'
import { openedOnce } from './opened.ts'

const MAIN = resolve(import.meta.dirname, '../src/cli/main.ts')

/** Longest wait for the ready line, and for the end after SIGTERM, ms: only what hangs is killed. */
const START_MS = 240_000
const STOP_MS = 120_000

export interface TestServerOptions {
  /** Data folder; a fresh temporary one, removed at `stop`, when it is not given. */
  readonly data?: string
  /** Gateway processes; default 0, which starts soonest. */
  readonly gateways?: number
  /** Further arguments of `slipway serve`. */
  readonly args?: readonly string[]
  /** Environment besides this process's own. */
  readonly env?: Readonly<Record<string, string>>
  /** Folders that the server and all that it starts see empty: it runs in a mount namespace of its own, which takes root. */
  readonly hidden?: readonly string[]
}

export interface TestServer {
  readonly url: string
  readonly gatewayUrl: string
  readonly data: string
  /** The admin token of the first start. */
  readonly token: string
  /** Opens the web UI once. */
  readonly loginUrl: string
  /** Calls as the admin. */
  readonly client: Client
  readonly pid: number
  /** What the process has written to standard error so far. */
  errors(): string
  /** Sends SIGTERM, waits for the end (SIGKILL after two minutes), removes a temporary data folder. Resolves to the exit code. */
  stop(): Promise<number | null>
  /** Kills with -9 and waits; the data folder stays until `stop`. */
  kill(): Promise<void>
  /** Resolves to the exit code when the process has ended. */
  ended(): Promise<number | null>
}

interface Ready extends ServerFile {
  readonly login_url: string
}

/** Starts a server on free ports; resolves once it is ready. Throws with its standard error when it ends before. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const data = options.data ?? mkdtempSync(join(tmpdir(), 'slipway-scenario-'))
  const { child, errors, end } = launch(data, options)
  const ready = await readyLine(child, end, errors)
  const token = readFileSync(ready.token_file, 'utf8').trim()
  const signalled = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    // by the clock: one that hangs is killed
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    const code = await end
    clearTimeout(late)
    return code
  }
  return {
    url: ready.url,
    gatewayUrl: ready.gateway_url,
    data,
    token,
    loginUrl: ready.login_url,
    client: createClient({ url: ready.url, token }),
    pid: ready.pid,
    errors,
    ended: () => end,
    kill: async () => void (await signalled('SIGKILL')),
    async stop() {
      const code = await signalled('SIGTERM')
      if (options.data === undefined) rmSync(data, { recursive: true, force: true })
      return code
    },
  }
}

/** Starts one for the suite in which this is called; `ready` gets it before the first test. It logs nothing but what ends it. */
export function quietServerOnce(ready: (server: TestServer) => void): void {
  openedOnce(() => startTestServer({ env: { SLIPWAY_LOG_LEVEL: 'fatal' } }), ready)
}

/** How a server that should not start ended. */
export interface Refusal {
  readonly code: number | null
  readonly errors: string
}

/** Starts a server that is expected to refuse: resolves to its exit code and standard error. Throws when it gets ready. */
export async function refusedStart(options: TestServerOptions & { readonly data: string }): Promise<Refusal> {
  const { child, errors, end } = launch(options.data, options)
  // by the clock: one that hangs is killed
  const late = setTimeout(() => child.kill('SIGKILL'), START_MS)
  let said = ''
  child.stdout?.on('data', (chunk) => {
    said += String(chunk)
    child.kill('SIGTERM')
  })
  const code = await end
  clearTimeout(late)
  if (said !== '') throw new Error(`the server started: ${said}`)
  return { code, errors: errors() }
}

/** A test that fails half-way must not leave a server behind. */
const running = new Set<ChildProcess>()
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')))

interface Launched {
  readonly child: ChildProcess
  readonly errors: () => string
  readonly end: Promise<number | null>
}

function launch(data: string, options: TestServerOptions): Launched {
  const ports = ['--port', '0', '--gateway-port', '0', '--gateways', String(options.gateways ?? 0)]
  const { SLIPWAY_TEST_HOOKS: _hooks, SLIPWAY_FAULT: _fault, ...env } = process.env
  const serve = [process.execPath, MAIN, 'serve', '--data', data, ...ports, '--json', ...(options.args ?? [])]
  const [program = '', ...args] = [...without(options.hidden ?? []), ...serve]
  const child = spawn(program, args, {
    env: { ...env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  child.stderr.on('data', (chunk) => (text += String(chunk)))
  const end = new Promise<number | null>((done, reject) => {
    child.once('error', reject)
    child.once('close', done)
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return { child, errors: () => text, end }
}

/** The words that run a command where these folders are empty; each of them becomes the next, so that signals reach the command. */
function without(folders: readonly string[]): string[] {
  if (folders.length === 0) return []
  const mounts = folders.map((folder) => `mount -t tmpfs hidden '${folder}' && `)
  return ['unshare', '--mount', 'sh', '-c', `${mounts.join('')}exec "$0" "$@"`]
}

/** Why a server cannot hide folders from itself here; undefined where it can. */
export function cannotHide(folder: string): string | undefined {
  const { status } = spawnSync('env', [...without([folder]), 'true'])
  return status === 0 ? undefined : 'no right to make a mount namespace; run the tests as root'
}

async function readyLine(child: ChildProcess, end: Promise<number | null>, errors: () => string): Promise<Ready> {
  if (child.stdout === null) throw new Error('the server has no standard output')
  const lines = createInterface({ input: child.stdout })
  // by the clock: one that hangs is killed
  const late = setTimeout(() => child.kill('SIGKILL'), START_MS)
  try {
    const line = await Promise.race([
      new Promise<string>((done) => lines.once('line', done)),
      end.then((code) => Promise.reject(new Error(`the server ended with ${code}: ${errors()}`))),
    ])
    // what it wrote to standard error before may lie in its pipe until this turn has ended
    await nextTurn()
    return JSON.parse(line) as Ready
  } finally {
    clearTimeout(late)
  }
}
