/** Feast as a peer: a process that is started once, so that what it imports is no part of what is measured. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { testEnv } from '../../test/python-env.ts'
import { endWithBench } from '../load/children.ts'
import { startPeer } from '../load/peer.ts'
import { familyOf } from '../load/process.ts'

export const FEAST = 'Feast 0.67.0'
const PACKAGE = 'feast[duckdb]==0.67.0'
const PROGRAM = join(import.meta.dirname, 'feast_peer.py')

/** Largest memory of the process so far, bytes. */
type Said<T> = T & { readonly rss: number }

export interface Feast {
  /** Seconds of a join from Parquet to Parquet, and of CPU, how many rows it gave, and how many of them had a value. */
  join(): Promise<
    Said<{ readonly seconds: number; readonly cpu: number; readonly rows: number; readonly matched: number }>
  >
  materialise(): Promise<Said<{ readonly seconds: number }>>
  /** Microseconds of each read of so many customers, and how many of all had a value. */
  read(times: number, rows: number): Promise<Said<{ readonly us: readonly number[]; readonly found: number }>>
  /**
   * `feast serve` over the same stores; what it serves is what was materialised. Its worker is not begun anew every thousand requests, as
   * it is by default: a caller that keeps its connection loses it then.
   */
  serve(): Promise<FeastServer>
  /** Ends it at once, whatever it does. */
  kill(): void
  stop(): Promise<void>
}

/** `fault`: why there is none. */
export interface Peer {
  readonly feast?: Feast
  readonly fault: string
}

export interface FeastServer {
  readonly port: number
  /** Its processes now. */
  pids(): number[]
  stop(): Promise<void>
}

/** Its server, or why there is none. */
export interface Feasts {
  readonly server?: FeastServer
  readonly fault: string
}

/** Starts it with an offline store: `duckdb`, or `file`, which is what it has by default. The environment is built on first use. */
export async function startFeast(folder: string, store: 'duckdb' | 'file'): Promise<Feast> {
  const python = await testEnv([PACKAGE])
  const env = { ...process.env, FEAST_USAGE: 'False', PYTHONWARNINGS: 'ignore' }
  const child = spawn(python, [PROGRAM, folder, store], { cwd: folder, env, stdio: ['pipe', 'pipe', 'pipe'] })
  endWithBench(child)
  let errors = ''
  child.stderr.on('data', (chunk) => (errors = `${errors}${String(chunk)}`.slice(-2000)))
  const ended = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async (): Promise<unknown> => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error(`Feast with its ${store} store ended: ${errors.trim().split('\n').at(-1) ?? ''}`)
    return JSON.parse(value)
  }
  await answer()
  const ask = async <T>(task: Readonly<Record<string, unknown>>): Promise<T> => {
    child.stdin.write(`${JSON.stringify(task)}\n`)
    return (await answer()) as T
  }
  return {
    join: () => ask({ do: 'join' }),
    materialise: () => ask({ do: 'materialise' }),
    read: (times, rows) => ask({ do: 'read', times, rows }),
    serve: () => serve(python, folder, store),
    kill: () => void child.kill('SIGKILL'),
    async stop() {
      child.stdin.end()
      await ended
    },
  }
}

async function serve(python: string, folder: string, store: string): Promise<FeastServer> {
  const cwd = join(folder, 'served')
  mkdirSync(cwd, { recursive: true })
  const config = {
    project: 'bench',
    provider: 'local',
    registry: `${folder}/registry-${store}.db`,
    online_store: { type: 'sqlite', path: `${folder}/online-${store}.db` },
    offline_store: { type: store },
    entity_key_serialization_version: 3,
  }
  // JSON is YAML
  writeFileSync(join(cwd, 'feature_store.yaml'), JSON.stringify(config))
  const peer = await startPeer({
    program: join(dirname(python), 'feast'),
    args: (port) => ['serve', '--host', '127.0.0.1', '--port', String(port), '--no-access-log', '--max-requests', '0'],
    cwd,
    env: { FEAST_USAGE: 'False', PYTHONWARNINGS: 'ignore' },
    health: '/health',
  })
  return { port: peer.port, pids: () => familyOf(peer.pid), stop: () => peer.stop() }
}
