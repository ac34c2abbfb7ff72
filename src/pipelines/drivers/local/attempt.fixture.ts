/** An attempt that runs a Python program and has nothing else, for tests of the local driver. */
import { execFileSync } from 'node:child_process'
import type { AttemptSpec } from '../driver.ts'

/** The interpreter of this machine. */
export const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim()

/** With the fence `f`; `code` is the digest of a tree. */
export function programAttempt(attempt: string, code: string, program = 'pass'): AttemptSpec {
  const limits = { timeout_ms: null, grace_ms: 100, memory_bytes: null, log_bytes: 1000 }
  const nothing = { inputs: {}, outputs: [], params: {}, env: {}, secrets: {}, unheld: [] }
  return { attempt, fence: 'f', python, entry: ['python3', '-c', program], code, ...nothing, ...limits }
}
