/** The ways in which a search chooses its next point, by name. */
import { prng } from '../../../stats/prng.ts'
import type { Dimension, Method } from '../../../contract/pipelines/studies.ts'
import { suggestByGp } from './gp.ts'
import { gridPoints } from './grid.ts'
import { drawAllowed, type Known, type Vector } from './space.ts'
import { suggestByTpe } from './tpe.ts'

/** What a point is chosen by. */
export interface Asked {
  readonly method: Method
  readonly seed: number
  /** The number of the trial, from 0. */
  readonly number: number
  /** Where a grid goes on; the others do not look at it. */
  readonly position: number
}

/**
 * The point of a trial, the same for the same seed, number and knowledge, and where a grid goes on behind it. Undefined where a grid is at its
 * end, or where no point that is allowed was found.
 */
export function suggest(
  dimensions: readonly Dimension[],
  known: Known,
  { method, seed, number, position }: Asked,
): { readonly at: Vector; readonly next: number } | undefined {
  if (method === 'grid') return nextOnGrid(dimensions, known, position)
  const by = { gp: suggestByGp, tpe: suggestByTpe, random: drawAllowed }[method]
  const at = by(dimensions, known, prng(seed * 1_000_003 + number))
  return at === undefined ? undefined : { at, next: position }
}

function nextOnGrid(dimensions: readonly Dimension[], { allows }: Known, position: number): ReturnType<typeof suggest> {
  for (const found of gridPoints(dimensions, position))
    if (allows(found.at)) return { at: found.at, next: found.position + 1 }
  return undefined
}
