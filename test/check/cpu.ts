/** CPU time of the processes that this one has started: what a test file costs, however busy the machine is. */
import { readFileSync } from 'node:fs'
import { ifMissingNow } from '../../src/contract/absence/absent.ts'

/** Linux counts the time of processes in hundredths of a second for its users, on every machine. */
const TICKS_PER_SECOND = 100

/**
 * CPU seconds of all processes started here that have ended, with those that they started and awaited; undefined where the system
 * does not tell (other than Linux). What has not ended, or was left to the system by its parent, is not in it.
 */
export function endedCpuSeconds(): number | undefined {
  const text = ifMissingNow(() => readFileSync('/proc/self/stat', 'utf8'))
  // the name of the program, in brackets, may itself hold spaces and brackets
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  if (fields === undefined) return undefined
  const [user, system] = [Number(fields[13]), Number(fields[14])]
  return (user + system) / TICKS_PER_SECOND
}

/** CPU seconds of this process, with all that it has started and that have ended. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6 + (endedCpuSeconds() ?? 0)
}

let before = endedCpuSeconds()

/**
 * CPU seconds of what has ended since this was last asked, anywhere in this process: the cost of one process, when it is asked as each
 * ends. So it is asked too as those end whose cost nobody wants to know.
 */
export function takeEndedCpu(): number | undefined {
  const now = endedCpuSeconds()
  const cost = now === undefined || before === undefined ? undefined : now - before
  before = now
  return cost
}
