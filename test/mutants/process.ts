/** Runs one test file in a process of its own and ends everything that it started. */
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { ifGone } from '../../src/contract/absence/absent.ts'

/** How a test file ended; `output` is its TAP report, `ms` how long it took, `silentMs` the longest time in which it reported nothing. */
export interface Ended {
  readonly result: 'passed' | 'failed' | 'late'
  readonly output: string
  readonly ms: number
  readonly silentMs: number
}

/** It is late beyond `limitMs` in all, or beyond `silentMs` without a word: one test that hangs need not hold up the time of its whole file. */
export interface Limits {
  readonly limitMs: number
  readonly silentMs: number
}

export interface TestJob extends Limits {
  readonly root: string
  readonly file: string
  readonly env: Readonly<Record<string, string>>
}

const HOOK = resolve(import.meta.dirname, 'hook.ts')
const FAILED = /^\s*not ok \d+(?!.*# (?:TODO|SKIP))/m
/** Names of tests that hold a time: on a busy machine they would find faults that are not there. */
const TIMED = '/microseconds|within \\d+ ms/'
const running = new Set<string>()

process.once('exit', () => {
  for (const mark of running) {
    signalMarked(mark, 'SIGKILL')
    removeTemporary(mark)
  }
})

/** Runs a test file until its first failure, its end, or its limit. */
export async function runTest(job: TestJob): Promise<Ended> {
  const temporary = mkdtempSync(join(tmpdir(), 'slw-'))
  chmodSync(temporary, 0o755) // a PostgreSQL that runs as another user lives in it
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  running.add(temporary)
  const child = spawn(process.execPath, ['--test-reporter=tap', `--test-skip-pattern=${TIMED}`, job.file], {
    cwd: job.root,
    env: {
      ...env,
      ...job.env,
      TMPDIR: temporary,
      SLIPWAY_MUTANT_RUNNER: String(process.pid),
      NODE_OPTIONS: `--require="${HOOK}"`,
    },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const end = (): void => kill(-(child.pid ?? 0), 'SIGKILL')
  const watch = new Watch(job, end)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      watch.heard()
      output += chunk
      if (FAILED.test(output)) end()
    })
  }
  const code = await new Promise<number | null>((done) => {
    child.on('error', () => done(null))
    child.on('exit', done)
  })
  const { late, ms, silentMs } = watch.stop()
  await endMarked(temporary)
  running.delete(temporary)
  removeTemporary(temporary)
  return { result: late ? 'late' : code === 0 ? 'passed' : 'failed', output, ms, silentMs }
}

/** Ends what is late; `now` is a monotonic clock, ms. */
export class Watch {
  late = false
  #stopped = false
  #silentMs = 0
  readonly #now: () => number
  readonly #started: number
  #heard: number
  readonly #timer: NodeJS.Timeout
  readonly #waitAnew: () => NodeJS.Timeout
  #silence: NodeJS.Timeout

  constructor({ limitMs, silentMs }: Limits, end: () => void, now = (): number => performance.now()) {
    this.#now = now
    this.#started = this.#heard = now()
    const give = (): void => ((this.late = true), end())
    // by the clock: how long a test may take
    this.#timer = setTimeout(give, limitMs)
    // by the clock: how long it may be silent
    this.#waitAnew = () => setTimeout(give, silentMs)
    this.#silence = this.#waitAnew()
  }

  heard(): void {
    // what a process has said may come after its end
    if (this.#stopped) return
    this.#note()
    clearTimeout(this.#silence)
    this.#silence = this.#waitAnew()
  }

  stop(): { late: boolean; ms: number; silentMs: number } {
    this.#stopped = true
    clearTimeout(this.#timer)
    clearTimeout(this.#silence)
    this.#note()
    return { late: this.late, ms: this.#heard - this.#started, silentMs: this.#silentMs }
  }

  #note(): void {
    const now = this.#now()
    this.#silentMs = Math.max(this.#silentMs, now - this.#heard)
    this.#heard = now
  }
}

/** Removes a temporary folder. A file system that a killed test left mounted in it goes first. Linux only. */
function removeTemporary(folder: string): void {
  const mounts = process.platform === 'linux' ? readFileSync('/proc/mounts', 'utf8').split('\n') : []
  for (const mount of mounts) {
    const [, path = ''] = mount.split(' ')
    if (path.startsWith(`${folder}/`)) execFileSync('umount', ['-l', path])
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

/** Asks what a test left running to end (a PostgreSQL then frees its shared memory), and kills what does not. */
async function endMarked(mark: string): Promise<void> {
  if (signalMarked(mark, 'SIGINT') === 0) return
  // by the clock: what has not ended by itself by then is killed, and the same is left
  for (let i = 0; i < 20 && signalMarked(mark, 0) > 0; i++) await wait(50)
  signalMarked(mark, 'SIGKILL')
}

/** Signals the processes whose environment names this temporary folder; returns how many there are. Linux only. */
function signalMarked(mark: string, signal: NodeJS.Signals | 0): number {
  const pids = process.platform === 'linux' ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : []
  const marked = pids.filter((pid) => readEnvironment(pid).includes(`TMPDIR=${mark}\0`))
  for (const pid of marked) kill(Number(pid), signal)
  return marked.length
}

function readEnvironment(pid: string): string {
  return ifGone(() => readFileSync(`/proc/${pid}/environ`, 'utf8')) ?? ''
}

function kill(pid: number, signal: NodeJS.Signals | 0): void {
  if (pid !== 0) ifGone(() => process.kill(pid, signal))
}
