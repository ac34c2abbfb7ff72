/**
 * Which params matter: the share of the variance of the objective that each explains by itself (functional ANOVA; Hutter, Hoos and
 * Leyton-Brown 2014, "An Efficient Approach for Assessing Hyperparameter Importance"), by a forest of regression trees (Breiman 2001) over the
 * whole space, so that it does not matter where a search has looked most.
 */
import type { Dimension } from '../../contract/pipelines/studies.ts'
import { prng } from '../../stats/prng.ts'
import { drawnBetween, toDrawn, type Vector } from './sampling/space.ts'

const TREES = 48
/** Most points of a tree that are looked at. */
const MOST = 400
/** Fewest points of which anything is said. */
const FEWEST = 10
/** Fewest points of a leaf. */
const LEAF = 2

/** What a leaf holds of a dimension: numbers of [from, to) in 0 … 1, or choices. */
interface Side {
  readonly from: number
  readonly to: number
  readonly choices: ReadonlySet<number> | undefined
}

type Box = readonly Side[]

interface Leaf {
  readonly box: Box
  readonly value: number
}

interface Row {
  readonly at: Vector
  readonly loss: number
}

/** Shares in the order of the dimensions, each from 0 to 1, at most 1 in all; undefined for too few points, or where all are equally good. */
export function sharesOf(
  dimensions: readonly Dimension[],
  points: readonly { readonly at: Vector; readonly loss: number }[],
): number[] | undefined {
  if (points.length < FEWEST) return undefined
  const random = prng(points.length)
  const scale = dimensions.map((one) => scaleOf(one))
  const losses = unitScaled(points.map(({ loss }) => loss))
  const rows = points.map(({ at }, row) => ({ at: scale.map((of, i) => of(at[i] ?? 0)), loss: losses[row] ?? 0 }))
  const whole: Box = dimensions.map((one) => ({
    from: 0,
    to: 1,
    choices: one.kind === 'choice' ? new Set(one.choices.keys()) : undefined,
  }))
  const sizes = whole.map((side) => side.choices?.size ?? 1)
  const all = Array.from({ length: TREES }, () => {
    const drawn = Array.from({ length: Math.min(rows.length, MOST) }, () => rows[random.below(rows.length)] as Row)
    return variancesOf(grow(drawn, whole), sizes)
  }).filter((one) => one !== undefined)
  if (all.length === 0) return undefined
  return dimensions.map((_, i) => all.reduce((sum, shares) => sum + (shares[i] ?? 0), 0) / all.length)
}

/** From 0 for the least to 1 for the largest: squares of huge values are endless, and those of tiny ones are taken for none. */
function unitScaled(losses: readonly number[]): number[] {
  // halves, for the span of all doubles is no double
  const [low, high] = [Math.min(...losses) / 2, Math.max(...losses) / 2]
  return losses.map((loss) => (high > low ? (loss / 2 - low) / (high - low) : 0))
}

function scaleOf(one: Dimension): (x: number) => number {
  if (one.kind === 'choice') return (x) => x
  const [low, high] = drawnBetween(one)
  return (x) => (high > low ? (toDrawn(one, x) - low) / (high - low) : 0)
}

interface Split {
  readonly gain: number
  readonly dimension: number
  /** Of a number the place, of a choice the one that goes to the first side alone. */
  readonly place: number
}

function grow(rows: readonly Row[], box: Box): Leaf[] {
  const split = rows.length < 2 * LEAF ? undefined : bestSplit(rows, box)
  if (split === undefined) return [{ box, value: meanOf(rows) }]
  const { dimension, place } = split
  const side = box[dimension] as Side
  const isFirst = (x: number): boolean => (side.choices === undefined ? x < place : x === place)
  const [first, second] = sidesOf(side, place)
  return [
    ...grow(
      rows.filter(({ at }) => isFirst(at[dimension] ?? 0)),
      box.with(dimension, first),
    ),
    ...grow(
      rows.filter(({ at }) => !isFirst(at[dimension] ?? 0)),
      box.with(dimension, second),
    ),
  ]
}

function sidesOf(side: Side, place: number): [Side, Side] {
  if (side.choices === undefined)
    return [
      { ...side, to: place },
      { ...side, from: place },
    ]
  const others = new Set([...side.choices].filter((choice) => choice !== place))
  return [
    { ...side, choices: new Set([place]) },
    { ...side, choices: others },
  ]
}

/** The split that leaves the least squared error; undefined where none leaves less. */
function bestSplit(rows: readonly Row[], box: Box): Split | undefined {
  const found = box.map((side, dimension) =>
    side.choices === undefined ? splitNumbers(rows, dimension) : splitChoices(rows, dimension, side.choices),
  )
  const best = found.flatMap((one) => one ?? []).toSorted((a, b) => b.gain - a.gain)[0]
  return best !== undefined && best.gain > 1e-12 ? best : undefined
}

function splitNumbers(rows: readonly Row[], dimension: number): Split | undefined {
  const sorted = rows.toSorted((a, b) => (a.at[dimension] ?? 0) - (b.at[dimension] ?? 0))
  const total = sorted.reduce((sum, row) => sum + row.loss, 0)
  let sum = 0
  let best: Split | undefined
  for (let i = 0; i + 1 < sorted.length; i++) {
    sum += sorted[i]?.loss ?? 0
    const [here = 0, next = 0] = [sorted[i]?.at[dimension], sorted[i + 1]?.at[dimension]]
    const count = i + 1
    if (here === next || count < LEAF || sorted.length - count < LEAF) continue
    const gain = gainOf({ sum, count }, { sum: total - sum, count: sorted.length - count })
    if (best === undefined || gain > best.gain) best = { gain, dimension, place: (here + next) / 2 }
  }
  return best
}

function splitChoices(rows: readonly Row[], dimension: number, choices: ReadonlySet<number>): Split | undefined {
  const total = rows.reduce((sum, row) => sum + row.loss, 0)
  let best: Split | undefined
  for (const place of choices) {
    const own = rows.filter(({ at }) => at[dimension] === place)
    if (own.length < LEAF || rows.length - own.length < LEAF) continue
    const sum = own.reduce((all, row) => all + row.loss, 0)
    const gain = gainOf({ sum, count: own.length }, { sum: total - sum, count: rows.length - own.length })
    if (best === undefined || gain > best.gain) best = { gain, dimension, place }
  }
  return best
}

interface Part {
  readonly sum: number
  readonly count: number
}

/** By how much two parts have less squared error than one. */
function gainOf(a: Part, b: Part): number {
  return (a.sum / a.count - b.sum / b.count) ** 2 * ((a.count * b.count) / (a.count + b.count))
}

function meanOf(rows: readonly Row[]): number {
  return rows.reduce((sum, row) => sum + row.loss, 0) / Math.max(rows.length, 1)
}

function width(side: Side, size: number): number {
  return side.choices === undefined ? side.to - side.from : side.choices.size / size
}

/** Of one tree, the share that each dimension explains by itself; undefined of a tree that is one leaf. */
function variancesOf(leaves: readonly Leaf[], sizes: readonly number[]): number[] | undefined {
  const measured = leaves.map(({ box, value }) => {
    const widths = box.map((side, i) => width(side, sizes[i] ?? 1))
    return { box, value, widths, volume: widths.reduce((all, one) => all * one, 1) }
  })
  const mean = measured.reduce((sum, { value, volume }) => sum + value * volume, 0)
  const total = measured.reduce((sum, { value, volume }) => sum + (value - mean) ** 2 * volume, 0)
  if (!(total > 0)) return undefined
  return sizes.map((size, dimension) => {
    const cells = cellsOf(
      measured.map(({ box }) => box[dimension] as Side),
      size,
    )
    const variance = cells.reduce((sum, { inside, share }) => {
      const marginal = measured.reduce((all, leaf) => {
        const own = leaf.widths[dimension] ?? 1
        return inside(leaf.box[dimension] as Side) ? all + leaf.value * (leaf.volume / own) : all
      }, 0)
      return sum + share * (marginal - mean) ** 2
    }, 0)
    return variance / total
  })
}

interface Cell {
  readonly inside: (side: Side) => boolean
  readonly share: number
}

/** The parts of a dimension in which no leaf begins or ends. */
function cellsOf(sides: readonly Side[], size: number): Cell[] {
  if (sides[0]?.choices !== undefined)
    return Array.from({ length: size }, (_, choice) => ({
      inside: (side) => side.choices?.has(choice) === true,
      share: 1 / size,
    }))
  const bounds = [...new Set([0, ...sides.map(({ from }) => from), 1])].toSorted((a, b) => a - b)
  return bounds.slice(1).map((to, i) => {
    const from = bounds[i] ?? 0
    const middle = (from + to) / 2
    return { inside: (side) => side.from <= middle && middle < side.to, share: to - from }
  })
}
