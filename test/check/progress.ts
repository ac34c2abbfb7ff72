/** Tells while the check runs how far it is: lines that stay in a log, one line that is rewritten on a terminal. */
import { performance } from 'node:perf_hooks'
import type { EndedFile, SuiteWatch } from './suite.ts'

/** Nobody waits longer than this for a line, ms; a terminal is rewritten every second. */
const SILENT_MS = 10_000
const REWRITE_MS = 1000

/** Where progress is written: standard output, or what a test puts in its place. */
export interface Screen {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

export interface Progress {
  /** Prints a line that stays. */
  line(text: string): void
  /** Prints a line that a log keeps; on a terminal only the rewritten line changes. */
  passing(text: string): void
  /**
   * Awaits `work`; `status()` is printed when nothing else was for 10 s, and on a terminal every second. Of several that run at once, or
   * within each other, the one that began last is shown.
   */
  during<T>(status: () => string, work: () => Promise<T>): Promise<T>
}

/** Progress on a screen; times come from `now`, a monotonic clock in ms. */
// by the clock: it tells people how long things take
export function createProgress(screen: Screen, now: () => number = () => performance.now()): Progress {
  const terminal = screen.isTTY === true
  const shown: (() => string)[] = []
  let timer: NodeJS.Timeout | undefined
  let last = now()
  const clear = terminal ? '\r\u001B[K' : ''
  const rewrite = (): void => {
    const status = shown.at(-1)
    if (terminal && status !== undefined) screen.write(clear + status().slice(0, (screen.columns ?? 80) - 1))
  }
  const line = (text: string): void => {
    last = now()
    screen.write(`${clear}${text}\n`)
    rewrite()
  }
  const tick = (): void => {
    if (terminal) rewrite()
    else if (now() - last >= SILENT_MS) line(shown.at(-1)?.() ?? '')
  }
  return {
    line,
    passing: (text) => (terminal ? rewrite() : line(text)),
    async during(status, work) {
      // its own, should another give the same function
      const own = (): string => status()
      shown.push(own)
      last = now()
      timer ??= setInterval(tick, REWRITE_MS)
      try {
        return await work()
      } finally {
        shown.splice(shown.indexOf(own), 1)
        if (shown.length === 0) {
          clearInterval(timer)
          timer = undefined
        }
        if (terminal) screen.write(clear)
      }
    },
  }
}

/** Seconds since `started` (ms of the same clock), for people. */
export function secondsSince(started: number, now: number = performance.now()): string {
  return `${((now - started) / 1000).toFixed(1)} s`
}

/** Tells of each test file as it ends, with its time and the running count; `status` names those that run. */
export function watchFiles(progress: Progress, count: number): SuiteWatch & { status(): string } {
  const running = new Map<string, { more: number; at: number }>()
  let done = 0
  const counted = (): string => `${String(done).padStart(String(count).length)}/${count}`
  return {
    started: (files) => running.set(files[0] ?? '', { more: files.length - 1, at: performance.now() }),
    ended(one) {
      done += 1
      running.delete(one.file)
      const text = `  ${counted()}  ${one.file}  ${one.seconds.toFixed(1)} s${cpuOf(one)}${remark(one)}`
      if (one.tally.failed > 0) progress.line(text)
      else progress.passing(text)
    },
    status() {
      const names = [...running].map(([file, { more, at }]) => {
        return `${file}${more > 0 ? ` and ${more} more` : ''} ${secondsSince(at)}`
      })
      return `  ${counted()}  running: ${names.join(', ')}`
    },
  }
}

function cpuOf({ cpu }: EndedFile): string {
  return cpu === undefined ? '' : ` (CPU ${cpu.toFixed(1)} s)`
}

function remark({ tally, cut }: EndedFile): string {
  if (cut === true) return '  ended: no time left'
  if (tally.failed > 0) return `  FAILED: ${tally.failed} of ${tally.passed + tally.failed}`
  return tally.skipped > 0 ? `  ${tally.skipped} skipped` : ''
}
