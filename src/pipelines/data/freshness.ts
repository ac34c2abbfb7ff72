/** Whether data is too old for a run. */
import { problem } from '../../contract/errors.ts'
import type { SourceSpec } from '../spec/external/source.ts'

const UNITS: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
  [1000, 'second'],
]

/** How far ahead of the server a time may be: local times without their zone are up to 14 hours off. */
const AHEAD_MS = 86_400_000

/** What is to be said of data that is older than it may be, where the run goes on; null where it is not. Throws where it does not go on, and where nothing tells the age. */
export function judgeAge(
  { fresh_ms, stale }: Pick<SourceSpec, 'fresh_ms' | 'stale'>,
  dataAt: string | null,
  now: number,
): string | null {
  if (fresh_ms === null) return null
  const age = dataAt === null ? undefined : now - Date.parse(dataAt)
  const isAhead = age !== undefined && age < -AHEAD_MS
  if (age !== undefined && age <= fresh_ms && !isAhead) return null
  const told =
    age === undefined
      ? 'its place does not say how old the data is'
      : isAhead
        ? `the data is of ${dataAt}, which is yet to come, so that nothing tells how old it is`
        : `the data is ${duration(age)} old, of ${dataAt}`
  const said = `${told}; "fresh" allows ${duration(fresh_ms)}`
  if (stale === 'warn') return said
  throw problem('unprocessable', { detail: said })
}

/** In its two largest units. */
function duration(ms: number): string {
  const first = UNITS.findIndex(([unit]) => ms >= unit)
  if (first === -1) return `${Math.round(ms)} ms`
  let rest = ms
  const parts = UNITS.slice(first, first + 2).flatMap(([unit, name]) => {
    const count = Math.floor(rest / unit)
    rest -= count * unit
    return count === 0 ? [] : [`${count} ${name}${count === 1 ? '' : 's'}`]
  })
  return parts.join(' ')
}
