/** Reads what Node's test runner reports for machines: of one file, or of several that ran in one process. */
import { emptyTally } from './tally.ts'
import type { Tally } from './tally.ts'

/** What one of several files in a process has cost. */
export interface Cost {
  readonly seconds: number
  /** CPU seconds. */
  readonly cpu: number
}

/**
 * Reads Node's TAP report of one file. Its closing counts decide, and a suite that was skipped as a whole counts as one
 * skip, for the counts leave suites out. Without closing counts, with nothing that ran or was skipped, or with an exit code
 * that the counts do not explain, the file counts as one failure.
 */
export function readTap(file: string, tap: string, code: number | null): Tally {
  const tally = emptyTally()
  const closing = (name: string): number => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(tap)?.[1] ?? 0)
  const { skips, suites } = skipsOf(file, tap)
  tally.skips.push(...skips)
  tally.passed = closing('pass')
  tally.failed = closing('fail') + closing('cancelled')
  tally.skipped = closing('skipped') + closing('todo') + suites
  if (tally.failed === 0 && (code !== 0 || closing('tests') + suites === 0)) tally.failed = 1
  return tally
}

/**
 * Reads the report of a process in which each of the files was a test of its name. A file of which nothing ran or was skipped counts
 * as one failure; one that is not in the report, since the process ended before, is not in the answer.
 */
export function readSharedTap(files: readonly string[], tap: string): Map<string, Tally> {
  const found = new Map<string, Tally>()
  let from = 0
  for (const { 0: line, 1: not, 2: name = '', index } of tap.matchAll(/^(not )?ok \d+ - (\S+)$/gm)) {
    const part = tap.slice(from, index)
    from = index + line.length
    if (files.includes(name)) found.set(name, countPoints(name, part, not !== undefined))
  }
  return found
}

function countPoints(file: string, tap: string, failed: boolean): Tally {
  const { skips, suites } = skipsOf(file, tap)
  const tally = { ...emptyTally(), skipped: suites, skips }
  for (const [, not, , directive] of tap.matchAll(POINT)) {
    if (directive !== undefined) tally.skipped += 1
    else if (not === undefined) tally.passed += 1
    else tally.failed += 1
  }
  if (tally.failed === 0 && (failed || tally.passed + tally.skipped === 0)) tally.failed = 1
  return tally
}

/** Lines below a point, but for its type and its end. */
const BELOW = String.raw`\n +---\n(?: +(?! |type:|\.\.\.).*\n)*`

/** A test, but no suite, that has ended. */
const POINT = new RegExp(String.raw`^ *(not )?ok \d+ - (.*?)(?: # (SKIP|TODO)(?: .*)?)?${BELOW} +type: 'test'`, 'gm')

/** A test or suite that is skipped or to be done; its type stands in the lines below it. */
const SKIPPED = new RegExp(
  String.raw`^ *(?:not )?ok \d+ - (.*?) # (?:SKIP|TODO)(?: (.*))?(?:${BELOW} +type: '(\w+)')?`,
  'gm',
)

/** Each that was skipped, with its reason, and how many of them are suites. */
function skipsOf(file: string, tap: string): { skips: string[]; suites: number } {
  const all = [...tap.matchAll(SKIPPED)]
  return {
    skips: all.map(([, name = '', reason = '']) => {
      return `${file}: ${unescaped(name)}: ${reason === '' ? 'no reason given' : unescaped(reason)}`
    }),
    suites: all.filter(([, , , type]) => type === 'suite').length,
  }
}

function unescaped(text: string): string {
  return text.replace(/\\([#\\])/g, '$1')
}
