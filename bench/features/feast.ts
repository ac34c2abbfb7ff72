/** Feast as a peer: a process that is started once, so that what it imports is no part of what is measured. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { testEnv } from '../../test/python-env.ts'
import { endWithBench } from '../load/children.ts'

export const FEAST = 'Feast 0.67.0'
const PACKAGE = 'feast[duckdb]==0.67.0'
const PROGRAM = join(import.meta.dirname, 'feast_peer.py')

/** Largest memory of the process so far, bytes. */
type Said<T> = T & { readonly rss: number }

export interface Feast {
  /** Seconds of a join from Parquet to Parquet, how many rows it gave, and how many of them had a value. */
  join(): Promise<Said<{ readonly seconds: number; readonly rows: number; readonly matched: number }>>
  materialise(): Promise<Said<{ readonly seconds: number }>>
  /** Microseconds of each read of so many customers, and how many of all had a value. */
  read(times: number, rows: number): Promise<Said<{ readonly us: readonly number[]; readonly found: number }>>
  stop(): Promise<void>
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
    async stop() {
      child.stdin.end()
      await ended
    },
  }
}
