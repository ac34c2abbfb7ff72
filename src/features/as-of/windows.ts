/**
 * Aggregates over a stretch of an entity's history. A window of length `over` at T takes the rows that are seen at T (event ≤ T, and
 * known by then) from its beginning on, which lies on a multiple of `step` since 1970: the last one at or before T − over. So it is
 * between `over` and `over + step` long, its end is exact, and every tile of length `step` lies within it as a whole or is the one
 * in which T lies. That is what lets the online store keep one small sum a tile and be equal to the offline join, row by row.
 *
 * Both edges belong to the window. Nulls are left out; NaN is greater than every number, as in PostgreSQL and DuckDB.
 */
import type { Aggregate } from '../../contract/features/section.ts'
import { compareStamps, type Stamp } from './as-of.ts'

/** A cell of a row. Whole numbers of 64 bits are bigints, times too (ns). */
export type Value = number | bigint | string | boolean | null

/** Whole numbers of 64 bits as JavaScript reckons with them best: a number where it holds them exactly. */
export function smallest(value: Value): Value {
  if (typeof value !== 'bigint') return value
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
}

export interface Window {
  readonly take: Aggregate
  /** ns. */
  readonly over: bigint
  /** ns. */
  readonly step: bigint
  /** With `quantile`, 0 to 1. */
  readonly q: number
}

const MINUTE = 60_000_000_000n
const HOUR = 60n * MINUTE
const DAY = 24n * HOUR

/** Shortest and longest window, ns. */
export const WINDOW_SPAN = { least: MINUTE, most: 90n * DAY }

/** The step of a window that names none, ns: 1 min below an hour, 5 min below 12 h, 1 h below 12 d, 1 d from there on. */
export function defaultStep(over: bigint): bigint {
  if (over < HOUR) return MINUTE
  if (over < 12n * HOUR) return 5n * MINUTE
  return over < 12n * DAY ? HOUR : DAY
}

/** The beginning of the tile in which a moment lies, ns; before 1970 too. */
export function tileOf(at: bigint, step: bigint): bigint {
  const rest = at % step
  return at - (rest < 0n ? rest + step : rest)
}

/** The first moment of a window at `at`. */
export function windowStart(at: bigint, { over, step }: Pick<Window, 'over' | 'step'>): bigint {
  return tileOf(at - over, step)
}

/** What is known of the values of a tile, or of several that were merged. */
export interface Tile {
  /** Values that are not null; of an aggregate without a column, rows. */
  readonly count: number
  readonly mean: number
  /** Sum of the squared distances from the mean. */
  readonly spread: number
  readonly sum: number
  readonly least: Value
  readonly most: Value
  /** The value of the last row that has one. */
  readonly last: Placed | null
  /** Every value, where the aggregate needs each: `distinct`, `quantile`; else empty. */
  readonly values: readonly Value[]
}

interface Placed extends Stamp {
  readonly value: Value
}

export const EMPTY_TILE: Tile = {
  count: 0,
  mean: 0,
  spread: 0,
  sum: 0,
  least: null,
  most: null,
  last: null,
  values: [],
}

/** A tile of one value; of a null the empty one. */
export function tileOfValue(take: Aggregate, value: Value, { event, created, arrival }: Stamp): Tile {
  if (value === null) return EMPTY_TILE
  const number = ARITHMETIC.has(take) ? Number(value) : 0
  return {
    count: 1,
    mean: number,
    spread: 0,
    sum: number,
    least: value,
    most: value,
    last: { value, event, created, arrival },
    values: KEEPING.has(take) ? [value] : [],
  }
}

/** Both together. Means and spreads are merged as Chan, Golub and LeVeque (1979) do it, which loses nothing to cancellation. */
export function mergeTiles(a: Tile, b: Tile): Tile {
  if (a.count === 0 || b.count === 0) return a.count === 0 ? b : a
  const count = a.count + b.count
  const apart = b.mean - a.mean
  return {
    count,
    mean: a.mean + (apart * b.count) / count,
    spread: a.spread + b.spread + (apart * apart * a.count * b.count) / count,
    sum: a.sum + b.sum,
    least: compareValues(b.least, a.least) < 0 ? b.least : a.least,
    most: compareValues(b.most, a.most) > 0 ? b.most : a.most,
    last: a.last === null || (b.last !== null && compareStamps(b.last, a.last) > 0) ? b.last : a.last,
    values: joined(a.values, b.values),
  }
}

function joined(a: readonly Value[], b: readonly Value[]): readonly Value[] {
  return a.length === 0 || b.length === 0 ? (a.length === 0 ? b : a) : [...a, ...b]
}

/** All of them together, in their order. Their values are put together once, for there may be many. */
export function mergeAll(tiles: readonly Tile[]): Tile {
  const merged = tiles.map((tile) => ({ ...tile, values: [] })).reduce<Tile>(mergeTiles, EMPTY_TILE)
  return { ...merged, values: tiles.flatMap(({ values }) => values) }
}

/** What a window gives. Of no values `count` and `distinct` are 0 and all others null; `std` of one value is null. */
export function finishWindow({ take, q }: Pick<Window, 'take' | 'q'>, tile: Tile): Value {
  if (take === 'count') return tile.count
  if (take === 'distinct') return new Set(tile.values).size
  if (tile.count === 0) return null
  if (take === 'sum') return tile.sum
  if (take === 'mean') return tile.sum / tile.count
  if (take === 'min') return tile.least
  if (take === 'max') return tile.most
  if (take === 'last') return tile.last?.value ?? null
  if (take === 'std') return spreadOf(tile)
  return quantile(tile.values, q)
}

/** The standard deviation; with an infinity among the values it is no number. */
function spreadOf({ count, sum, spread }: Tile): number | null {
  if (count < 2) return null
  return Number.isFinite(sum) ? Math.sqrt(spread / (count - 1)) : Number.NaN
}

/** Order of values of one type, NaN after every number. */
export function compareValues(a: Value, b: Value): number {
  if (typeof a === 'number' && Number.isNaN(a)) return typeof b === 'number' && Number.isNaN(b) ? 0 : 1
  if (typeof b === 'number' && Number.isNaN(b)) return -1
  if (a === b || a === null || b === null) return 0
  return a > b ? 1 : -1
}

/** Aggregates that reckon with the values, of which true is 1. */
const ARITHMETIC: ReadonlySet<Aggregate> = new Set(['sum', 'mean', 'std', 'quantile'])

/** Aggregates that need each value. */
const KEEPING: ReadonlySet<Aggregate> = new Set(['distinct', 'quantile'])

/** Between the two neighbours of (n − 1) q, in proportion: type 7 of Hyndman and Fan (1996), the default of NumPy and R. */
function quantile(values: readonly Value[], q: number): number {
  const sorted = values.map(Number).toSorted(compareValues)
  const place = (sorted.length - 1) * q
  const [low, high] = [sorted[Math.floor(place)] ?? Number.NaN, sorted[Math.ceil(place)] ?? Number.NaN]
  return low === high ? low : low + (high - low) * (place - Math.floor(place))
}
