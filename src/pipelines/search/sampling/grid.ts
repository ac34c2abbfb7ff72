/** Grids: every combination of the values of each param, in a fixed order. */
import type { Dimension } from '../../../contract/pipelines/studies.ts'
import { fromDrawn, toDrawn, type Vector } from './space.ts'

/** Points of a grid at most: where constraints leave few of them, all are looked through for the next. */
export const MOST_POINTS = 100_000

/** The values of a dimension on a grid: all choices, all whole numbers, or as many `points` as are asked for, evenly between the bounds. */
function valuesOn(one: Dimension): number[] {
  if (one.kind === 'choice') return one.choices.map((_, i) => i)
  if (one.points === null) return Array.from({ length: one.max - one.min + 1 }, (_, i) => one.min + i)
  const [low, high] = [toDrawn(one, one.min), toDrawn(one, one.max)]
  const count = one.points
  const all = Array.from({ length: count }, (_, i) =>
    fromDrawn(one, count === 1 ? low : low + (i / (count - 1)) * (high - low)),
  )
  return [...new Set(all)]
}

/** How many points a grid has; infinite where a float says no `points`. */
export function gridSize(dimensions: readonly Dimension[]): number {
  return dimensions.reduce((size, one) => {
    if (one.kind === 'float' && one.points === null) return Infinity
    if (one.kind === 'int' && one.points === null) return size * (one.max - one.min + 1)
    return size * valuesOn(one).length
  }, 1)
}

/** Points of a grid from a position on, each with its position, the last dimension turning fastest. */
export function* gridPoints(
  dimensions: readonly Dimension[],
  from: number,
): Generator<{ readonly at: Vector; readonly position: number }> {
  const size = gridSize(dimensions)
  const reversed = dimensions.map(valuesOn).toReversed()
  for (let position = from; position < size; position++) {
    let rest = position
    const at = reversed.map((values) => {
      const x = values[rest % values.length] ?? 0
      rest = Math.floor(rest / values.length)
      return x
    })
    yield { at: at.toReversed(), position }
  }
}
