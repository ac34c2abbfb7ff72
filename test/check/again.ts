/**
 * The second try: what failed runs once more when all else is over, alone. A change is not to be refused for a test that ended by luck,
 * and such a test is to be named. Bazel has `flaky_test_attempts` for it.
 */
import { emptyTally, sum } from './tally.ts'
import type { Tally } from './tally.ts'
import type { Progress } from './progress.ts'

/** When more than so many fail, something is wrong with more than luck. */
const MOST = 10

/** What failed at the first try: a test file, files of Python, or a stage. */
export interface Again {
  readonly name: string
  /** What the first try has counted; it counts where the second does not. */
  readonly tally: Tally
  /** Why the first failed. */
  readonly reasons: string
  run(): Promise<SecondTry>
}

/** What counts in place of the first try. */
export interface SecondTry {
  readonly tally: Tally
  readonly reasons: string
}

export interface TryingAgain {
  readonly progress: Progress
  /** False to have the first try count. */
  readonly retry?: boolean
  /** Is told of each that failed in the end, with the reasons. */
  readonly failed?: (name: string, reasons: string) => void
  /** Is told of each that passed at the second try, with the reasons of the first. */
  readonly passedAgain?: (name: string, reasons: string) => void
}

/** Tries all of them again, one after the other, and returns what counts. */
export async function tryAgain(all: readonly Again[], how: TryingAgain): Promise<Tally> {
  const why = whyNot(all, how)
  if (why !== undefined) {
    for (const one of all) how.failed?.(one.name, one.reasons)
    if (why !== '' && all.length > 0) how.progress.line(why)
    return sum(all.map((one) => one.tally))
  }
  const tallies: Tally[] = []
  for (const one of all) tallies.push(await tryOne(one, how))
  return sum(tallies)
}

/** Undefined where they are tried again; empty where that was not asked for. */
function whyNot(all: readonly Again[], { retry }: TryingAgain): string | undefined {
  if (retry === false) return ''
  if (all.length > MOST) return `no second try: ${all.length} failed, and more than ${MOST} are no bad luck`
  return undefined
}

async function tryOne(one: Again, how: TryingAgain): Promise<Tally> {
  const { progress } = how
  progress.line(`  second try: ${one.name}`)
  const { tally, reasons } = await progress.during(
    () => `  second try: ${one.name}`,
    () => one.run(),
  )
  progress.line(`  second try: ${one.name}  ${tally.failed === 0 ? 'passed' : 'FAILED'}`)
  if (tally.failed === 0) how.passedAgain?.(one.name, one.reasons)
  else how.failed?.(one.name, `${one.reasons}\n\nand at the second try:\n${reasons}`)
  return tally
}

/** One failure, where nothing was counted. */
export function oneFailure(): Tally {
  return { ...emptyTally(), failed: 1 }
}
