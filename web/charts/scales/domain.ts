/** The axis that a set of numbers needs: with room on both sides, logarithmic where they span orders of magnitude. */
import { decades, extent, linear, logarithmic, ticks } from './scale.ts'
import type { Scale } from './scale.ts'

const ROOM = 0.06
/** From the least to the greatest number that a plain axis still tells apart. */
const PLAIN = 100

export interface AxisScale {
  readonly log: boolean
  readonly domain: readonly [number, number]
  /** Maps numbers to a range of places. */
  place(range: readonly [number, number]): Scale
  /** Round numbers on the axis, about so many. */
  marks(wanted: number): number[]
}

/** The axis of numbers; nulls count for nothing. `room` 0 lets the outermost lie on the ends. */
export function axisFor(values: Iterable<number | null | undefined>, room = ROOM): AxisScale {
  const found = extent(values) ?? [0, 1]
  const log = found[0] > 0 && found[1] / found[0] >= PLAIN
  const domain = log ? spread(found, room) : padded(found, room)
  return {
    log,
    domain,
    place: (range) => (log ? logarithmic(domain, range) : linear(domain, range)),
    marks: (wanted) => (log ? thinned(decades(domain), wanted) : ticks(domain, wanted)),
  }
}

function padded([low, high]: readonly [number, number], room: number): readonly [number, number] {
  const edge = (high - low || Math.abs(high) || 1) * room
  return [low - edge, high + edge]
}

function spread([low, high]: readonly [number, number], room: number): readonly [number, number] {
  const edge = (high / low) ** room
  return [low / edge, high * edge]
}

function thinned(marks: readonly number[], wanted: number): number[] {
  const every = Math.ceil(marks.length / wanted)
  return marks.filter((_, i) => i % every === 0)
}
