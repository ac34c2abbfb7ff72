/** A launcher for tests: the program of a node as a process of this machine, with an empty folder, a home of its own and a bare environment. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { lifeOf, signal } from './fake-jobs.fixture.ts'
import type { LaunchState, Launcher, NodeJob } from './launcher.ts'

export interface ProcessLauncher extends Launcher {
  readonly jobs: Map<string, { readonly child: ChildProcess; readonly job: NodeJob }>
  /** What it says of jobs in place of the truth. */
  lie: LaunchState | undefined
  /** What the processes of an attempt have said. */
  said(attempt: string): string
  /** Ends all that it started, at once. */
  clear(): void
}

/** A launcher with parts of another kind in place of its own. */
export function launcherWith(own: Launcher, more: Partial<Launcher>): Launcher {
  return {
    name: own.name,
    launch: (job) => own.launch(job),
    state: (attempt) => own.state(attempt),
    stop: (attempt) => own.stop(attempt),
    ...more,
  }
}

/** The home of its node is made below `folder`. */
export function processLauncher(folder: string, name = 'process'): ProcessLauncher {
  const jobs: ProcessLauncher['jobs'] = new Map()
  const home = join(folder, 'home')
  mkdirSync(home, { recursive: true })
  const output = (attempt: string): string => join(folder, `${attempt}.said`)
  return {
    name,
    jobs,
    lie: undefined,
    said: (attempt) => readFileSync(output(attempt), 'utf8'),
    launch(job) {
      if (jobs.has(job.attempt)) return Promise.resolve()
      jobs.set(job.attempt, { child: startNode(job, { folder, home, output: output(job.attempt) }), job })
      return Promise.resolve()
    },
    state(attempt) {
      if (this.lie !== undefined) return Promise.resolve(this.lie)
      const child = jobs.get(attempt)?.child
      if (child === undefined) return Promise.resolve({ state: 'over' })
      const runs = lifeOf(child) === 'runs'
      return Promise.resolve(runs ? { state: 'running' } : { state: 'over', detail: `ended with ${child.exitCode}` })
    },
    stop(attempt) {
      signal(jobs.get(attempt)?.child, 'SIGTERM')
      return Promise.resolve()
    },
    clear() {
      for (const { child } of jobs.values()) signal(child, 'SIGKILL')
    },
  }
}

/** Starts the program of a node, in a group of its own. */
export function startNode(
  { command: [program = '', ...args], variables }: Pick<NodeJob, 'command' | 'variables'>,
  { folder, home, output }: { readonly folder: string; readonly home: string; readonly output: string },
): ChildProcess {
  const said = openSync(output, 'a')
  return spawn(program, args, {
    cwd: mkdtempSync(join(folder, 'cwd-')),
    env: { PATH: process.env['PATH'], HOME: home, ...variables },
    detached: true,
    stdio: ['ignore', said, said],
  })
}
