/** Runs the program itself, in a process of its own, and keeps how it ended. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'

const MAIN = join(import.meta.dirname, 'main.ts')

export interface Ended {
  readonly code: number | null
  readonly out: string
  /** What it wrote to standard error. */
  readonly said: string
}

export interface ProgramOptions {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** The reader of standard output is gone from the start. */
  readonly deaf?: boolean
}

export function runProgram(words: readonly string[], { cwd, env, deaf = false }: ProgramOptions): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [MAIN, ...words], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [out, said] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    if (deaf) child.stdout.destroy()
    child.on('close', (code) => resolve({ code, out, said }))
  })
}

/** Runs a command with variables besides this process's own; what it wrote to both streams. */
export async function slipway(
  env: Readonly<Record<string, string>>,
  ...words: readonly string[]
): Promise<{ code: number | null; text: string }> {
  const { code, out, said } = await runProgram(words, { cwd: process.cwd(), env })
  return { code, text: out + said }
}
