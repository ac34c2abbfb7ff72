/** Runs a program that prints one JSON line a check, as the clients of other projects are run. */
import { spawn } from 'node:child_process'

export interface Check {
  readonly check: string
  readonly ok: boolean
  readonly detail: string
}

export interface Ran {
  readonly code: number | null
  readonly checks: readonly Check[]
  /** Everything that was printed, for the message of a failed test. */
  readonly said: string
}

const LIMIT_MS = 600_000

/** Runs it to its end, at most ten minutes. */
export async function runChecks(program: string, args: readonly string[]): Promise<Ran> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS, killSignal: 'SIGKILL' })
  let said = ''
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')))
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  const lines = out.split('\n').filter((line) => line.startsWith('{'))
  return { code, checks: lines.map((line) => JSON.parse(line) as Check), said: out + said }
}
