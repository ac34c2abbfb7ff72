/** Asks the process that looks at what is stored, and ends it when it takes too long or is not wanted any more. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { problem } from '../../contract/errors.ts'
import type { LookAnswer, LookQuestion } from './look-process.ts'

const PROGRAM = fileURLToPath(new URL('./look-process.ts', import.meta.url))

/** The answer; undefined when it took longer than `ms` or `signal` was aborted. Throws what the process said when it failed. */
export async function ask<A extends LookAnswer>(
  question: LookQuestion,
  ms: number,
  signal: AbortSignal,
): Promise<A | undefined> {
  if (signal.aborted) return undefined
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(question)], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, errors]: [string[], string[]] = [[], []]
  child.stdout.on('data', (part) => out.push(String(part)))
  child.stderr.on('data', (part) => errors.push(String(part)))
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.once('error', reject)
  child.once('close', resolve)
  const kill = (): void => void child.kill('SIGKILL')
  const late = setTimeout(kill, ms)
  signal.addEventListener('abort', kill)
  try {
    const code = await promise
    if (code === 0) return JSON.parse(out.join('')) as A
    if (code === null) return undefined
    const said = errors.join('').trimEnd().split('\n').at(-1) ?? ''
    throw problem('unavailable', { what: 'the look at what is stored', detail: said.slice(0, 500) })
  } finally {
    clearTimeout(late)
    signal.removeEventListener('abort', kill)
  }
}
