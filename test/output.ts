/** Runs a program to its end and keeps what it wrote. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { takeEndedCpu } from './check/cpu.ts'

/** How a program ended: null when it was killed at its limit; `out` is standard output and error as they came. */
export interface Output {
  readonly code: number | null
  readonly out: string
}

export interface OutputOptions {
  readonly env?: NodeJS.ProcessEnv
  /** It is killed after so many ms. */
  readonly limitMs: number
  readonly cwd?: string
  /** Gets all that was written so far, each time that something is. */
  readonly written?: (out: string) => void
}

/** Resolves when the program has ended, whatever its exit code; throws when it cannot be started. */
export function outputOf(program: string, args: readonly string[], options: OutputOptions): Promise<Output> {
  const { limitMs, written, ...rest } = options
  const child = spawn(program, args, {
    ...rest,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: limitMs,
    killSignal: 'SIGKILL',
  })
  // of the check, what it costs is not the cost of a test file
  child.once('exit', takeEndedCpu)
  let out = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      out += String(chunk)
      written?.(out)
    })
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, out }))
  })
}

/** A script of `test/fixtures` that speaks to a server with the real mlflow client, and what it needs besides. */
export interface MlflowScript {
  readonly python: string
  readonly file: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly limitMs: number
}

/** Runs the script with the address and the token of the server; a call is not retried. */
export function mlflowOutput(script: MlflowScript, server: { url: string; token: string }): Promise<Output> {
  const file = join(import.meta.dirname, 'fixtures', script.file)
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: process.env['HOME'] ?? '',
    MLFLOW_TRACKING_URI: server.url,
    MLFLOW_TRACKING_TOKEN: server.token,
    MLFLOW_HTTP_REQUEST_MAX_RETRIES: '1',
    ...script.env,
  }
  return outputOf(script.python, ['-B', file, ...(script.args ?? [])], { env, limitMs: script.limitMs })
}

/**
 * Runs a fixture program that dies at `fault`, a point and its passing such as `labels.stored@2`, or to its end without.
 * Resolves to the exit code or the signal that ended it; after two minutes it is told to stop.
 */
export function endOf(file: string, args: readonly string[], fault?: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const child = spawn(process.execPath, [file, ...args], {
    env: { ...process.env, SLIPWAY_TEST_HOOKS: '1', ...(fault !== undefined && { SLIPWAY_FAULT: fault }) },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  // by the clock: only one that hangs is told to stop
  const late = setTimeout(() => child.kill('SIGTERM'), 120_000)
  child.once('error', reject)
  child.once('exit', (code, signal) => {
    clearTimeout(late)
    resolve(signal ?? String(code))
  })
  return promise
}
