/** Runs tasks in engine processes: at most so many at a time, each within its memory and its time. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { problem } from '../../contract/errors.ts'
import type { Answer, EngineLimits, ResultOf, Task } from './tasks.ts'

const PROGRAM = join(import.meta.dirname, 'process.ts')

/** Most of what a process says that is kept: its answer is a line, and its errors are for people. */
const MOST_SAID = 16 * 1024 * 1024

export interface EngineOptions extends Omit<EngineLimits, 'scratch'> {
  /** Where scratch folders are made; what a killed server left there is its caller's to remove. */
  readonly folder: string
  /** Longest time of a task, ms. */
  readonly longest_ms: number
}

/**
 * Runs a task. Throws `unprocessable` where what it was given does not fit, with what was expected; `too_costly` where it needs more memory,
 * disk or time than it may take; the reason of `signal` where that ends it.
 */
export async function runTask<K extends Task['kind']>(
  task: Extract<Task, { kind: K }>,
  { folder, longest_ms, ...limits }: EngineOptions,
  signal?: AbortSignal,
): Promise<ResultOf[K]> {
  const scratch = await mkdtemp(join(folder, 'engine-'))
  try {
    const ended = await runProcess(JSON.stringify({ task, limits: { ...limits, scratch } }), longest_ms, signal)
    signal?.throwIfAborted()
    return resultOf<K>(task.kind, ended, longest_ms)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

interface Ended {
  readonly said: string
  readonly errors: string
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly isLate: boolean
}

function runProcess(given: string, longest_ms: number, signal: AbortSignal | undefined): Promise<Ended> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PROGRAM], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: ownEnv(),
    })
    const texts = { said: '', errors: '' }
    child.stdout.on('data', (chunk) => (texts.said = `${texts.said}${String(chunk)}`.slice(0, MOST_SAID)))
    child.stderr.on('data', (chunk) => (texts.errors = `${texts.errors}${String(chunk)}`.slice(-4096)))
    let isLate = false
    const kill = (): void => void child.kill('SIGKILL')
    const timer = setTimeout(() => {
      isLate = true
      kill()
    }, longest_ms)
    signal?.addEventListener('abort', kill, { once: true })
    if (signal?.aborted === true) kill()
    // a process that ended before it read its task says so itself
    child.stdin.on('error', () => undefined)
    // it stays open: the process ends when this one is gone
    child.stdin.write(`${given}\n`)
    child.on('error', failed)
    child.on('close', (code, ended) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', kill)
      done({ ...texts, code, signal: ended, isLate })
    })
  })
}

/** Nothing of the server's but where Node keeps what it compiled: half of what a start of the process takes. */
function ownEnv(): NodeJS.ProcessEnv {
  const compiled = process.env['NODE_COMPILE_CACHE']
  return compiled === undefined ? {} : { NODE_COMPILE_CACHE: compiled }
}

const NAMES: Readonly<Record<Task['kind'], string>> = {
  join: 'the join',
  look_up: 'the look-up',
  materialise: 'the materialisation',
}

function resultOf<K extends Task['kind']>(kind: K, ended: Ended, longest_ms: number): ResultOf[K] {
  const { said, errors, code, signal, isLate } = ended
  const tooCostly = (limit: string) => problem('too_costly', { what: NAMES[kind], limit })
  if (isLate) throw tooCostly(`${longest_ms / 1000} s`)
  if (code === 0 && said.endsWith('\n')) {
    const answer = JSON.parse(said) as Answer
    if ('done' in answer) return answer.done as ResultOf[K]
    if ('refused' in answer) throw problem('unprocessable', { detail: answer.refused })
    throw tooCostly(`its memory or disk (${answer.too_large})`)
  }
  if (signal === 'SIGKILL') throw tooCostly('the memory of the machine')
  throw new Error(`the engine process ended with ${signal ?? String(code)}: ${errors.trim()}`)
}
