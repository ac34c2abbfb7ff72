/** A surface through scattered points and its level lines, for two numbers that decide a third. */

/** Values at the crossings of a grid: `rows` × `columns`, row after row from the lowest y. */
export interface Surface {
  readonly columns: number
  readonly rows: number
  readonly values: readonly number[]
}

export interface Spot {
  /** Within 0..1. */
  readonly x: number
  readonly y: number
  readonly z: number
}

const POWER = 3
const SAME = 1e-9

/** Shepard's inverse distance weighting (1968), power 3: it passes through the spots and stays within their values. Needs a spot. */
export function surface(spots: readonly Spot[], columns: number, rows: number): Surface {
  const values: number[] = []
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      values.push(valueAt(spots, column / (columns - 1), row / (rows - 1)))
    }
  }
  return { columns, rows, values }
}

function valueAt(spots: readonly Spot[], x: number, y: number): number {
  let sum = 0
  let weights = 0
  for (const spot of spots) {
    const weight = 1 / Math.max(SAME, Math.hypot(spot.x - x, spot.y - y)) ** POWER
    sum += weight * spot.z
    weights += weight
  }
  return sum / weights
}

/** A piece of a level line, in grid units: x1, y1, x2, y2. */
export type Piece = readonly [number, number, number, number]

/** The line on which the surface has a level, as pieces (marching squares; a saddle is cut by its corners' mean). */
export function levelLine({ columns, rows, values }: Surface, level: number): Piece[] {
  const pieces: Piece[] = []
  const at = (column: number, row: number): number => values[row * columns + column] ?? 0
  for (let row = 0; row + 1 < rows; row += 1) {
    for (let column = 0; column + 1 < columns; column += 1) {
      const corners = [at(column, row), at(column + 1, row), at(column + 1, row + 1), at(column, row + 1)] as const
      pieces.push(
        ...crossings(corners, level).map(([a, b, c, d]) => [column + a, row + b, column + c, row + d] as const),
      )
    }
  }
  return pieces
}

type Corners = readonly [number, number, number, number]

const ENDS = [
  [0, 0, 1, 0],
  [1, 0, 1, 1],
  [1, 1, 0, 1],
  [0, 1, 0, 0],
] as const

/** The cuts of one cell, corners counted from the lower left against the clock. */
function crossings(corners: Corners, level: number): Piece[] {
  const cuts = ENDS.flatMap(([x1, y1, x2, y2], side) => {
    const [from = 0, to = 0] = [corners[side], corners[(side + 1) % 4]]
    if (from < level === to < level) return []
    const part = (level - from) / (to - from)
    return [[x1 + part * (x2 - x1), y1 + part * (y2 - y1)] as const]
  })
  const [a, b, c, d] = cuts
  if (a === undefined || b === undefined) return []
  if (c === undefined || d === undefined) return [[...a, ...b]]
  const centre = (corners[0] + corners[1] + corners[2] + corners[3]) / 4
  const joined = centre < level === corners[0] < level
  return joined
    ? [
        [...a, ...b],
        [...c, ...d],
      ]
    : [
        [...d, ...a],
        [...b, ...c],
      ]
}
