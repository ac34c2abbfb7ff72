/** One process that runs test files, as a group of processes, so that what the tests have started ends with it. */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { ifGone } from '../../src/contract/absence/absent.ts'
import { takeEndedCpu } from './cpu.ts'

/** What to run, relative to `root`, and where its reports are written. */
export interface TestProcess {
  readonly root: string
  /** One file, or several that run one after the other. */
  readonly files: readonly string[]
  /** It is killed after so many ms. */
  readonly limitMs: number
  /** A test that takes so many ms has failed, and Node names it. */
  readonly testLimitMs: number
  /** Where Node writes its report for machines. */
  readonly tap: string
  /** Where a process of several files writes what each has cost. */
  readonly costs: string
  readonly env: NodeJS.ProcessEnv
}

export interface EndedProcess {
  readonly code: number | null
  readonly report: string
  readonly cpu: number | undefined
  /** Whether it was killed at its limit. */
  readonly late: boolean
}

const SHARED_PROCESS = join(import.meta.dirname, 'shared-process.ts')
const OWN_FILES = join(import.meta.dirname, 'own-files.ts')

/** Resolves when the process has ended, by itself or at its limit. */
export async function runTestProcess(job: TestProcess): Promise<EndedProcess> {
  const { files, limitMs } = job
  const reporters = ['spec', 'stdout', 'tap', job.tap]
  const flags = [
    `--test-timeout=${job.testLimitMs}`,
    ...reporters.map((value, i) => `--test-reporter${i % 2 === 0 ? '' : '-destination'}=${value}`),
  ]
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  rmSync(job.tap, { force: true })
  const child = spawn(
    process.execPath,
    ['--import', OWN_FILES, ...flags, ...(files.length === 1 ? files : [SHARED_PROCESS, job.costs, ...files])],
    { cwd: job.root, env: { ...env, ...job.env }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const end = (): void => killGroup(child.pid)
  process.once('exit', end)
  let report = ''
  let late = false
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (report += String(chunk)))
  // by the clock: only what never ends by itself is ended
  const timer = setTimeout(() => {
    late = true
    report += `\nstill running after ${limitMs / 1000} s; killed\n`
    end()
  }, limitMs)
  let cpu: number | undefined
  child.once('exit', () => (cpu = takeEndedCpu()))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  clearTimeout(timer)
  process.off('exit', end)
  return { code, report, cpu, late }
}

function killGroup(pid: number | undefined): void {
  if (pid !== undefined) ifGone(() => process.kill(-pid, 'SIGKILL'))
}
