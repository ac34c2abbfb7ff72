/** The priority of a run, as a flag gives it. */
import { Priority } from '../../contract/values/priority.ts'
import { MOST_PRIORITY } from '../../contract/values/priority-range.ts'
import { UsageError } from './command.ts'

/** Undefined where none is given. */
export function readPriority(given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  const read = Priority.safeParse(/^-?\d+$/.test(given) ? Number(given) : undefined)
  if (!read.success)
    throw new UsageError(`--priority is "${given}"; expected a whole number from -${MOST_PRIORITY} to ${MOST_PRIORITY}`)
  return read.data
}
