/** Jobs of a cluster that is none: processes of this machine, each in a group of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import type { NodeJob } from './launcher.ts'

/** A job that waits has no process. */
export type JobProcess = ChildProcess | undefined

export interface FakeJobs {
  start(
    command: readonly string[],
    where: { readonly cwd: string; readonly env: Readonly<NodeJS.ProcessEnv> },
  ): ChildProcess
  /** Ends all that it started, at once. */
  clear(): void
}

export function fakeJobs(): FakeJobs {
  const every: ChildProcess[] = []
  return {
    start([program = '', ...args], where) {
      const child = spawn(program, args, { ...where, detached: true, stdio: 'ignore' })
      every.push(child)
      return child
    },
    clear() {
      for (const child of every) signal(child, 'SIGKILL')
    },
  }
}

/** Sends a signal to a job that is not over; whether there was anything to send it to. */
export function signal(child: JobProcess, kind: NodeJS.Signals): boolean {
  if (child?.pid === undefined || isOver(child)) return false
  process.kill(-child.pid, kind)
  return true
}

export type JobLife = 'waits' | 'runs' | 'killed' | 'succeeded' | 'failed'

export function lifeOf(child: JobProcess): JobLife {
  if (child === undefined) return 'waits'
  if (!isOver(child)) return 'runs'
  if (child.signalCode !== null) return 'killed'
  return child.exitCode === 0 ? 'succeeded' : 'failed'
}

function isOver(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** A job that wants little: two cores, no limit, and a program that prints. */
export function nodeJob(attempt: string, more: Partial<NodeJob> = {}): NodeJob {
  return {
    attempt,
    of: { project: 'p', run: 'r', step: 's' },
    variables: {},
    command: ['python3', '-c', "print('x')"],
    cpus: 2,
    memory_bytes: null,
    gpus: 0,
    image: null,
    python_version: null,
    timeout_ms: null,
    grace_ms: 0,
    ...more,
  }
}
