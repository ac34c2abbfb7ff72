/** An additive summary of rows: counts and sums in bins pinned to a reference, moments, nulls, zeros, unseen values. */

import { problem } from '../contract/errors.ts'
import { categoryText } from './profile-spec.ts'
import type { Column, ProfileSpec } from './profile-spec.ts'
import {
  BINS,
  FAR_SQUARES,
  IMPLAUSIBLE,
  INVALID,
  NONFINITE,
  NULLS,
  planOf,
  SQUARES,
  SUM,
  UNFAMILIAR,
  VAGUE,
  ZEROS,
} from './profile-layout.ts'
import type { CategoricalSlot, NumericSlot } from './profile-layout.ts'

/**
 * The profile of some rows. All additive numbers lie in one array, so profiles of hours, replicas or slices add to the profile of the
 * whole exactly (sums up to rounding). Read it with `numeric`, `categorical` and `conditional`.
 */
export interface Profile {
  readonly spec: ProfileSpec
  readonly cells: Float64Array
  /** Least and greatest finite value per feature; Infinity and −Infinity where there is none. */
  readonly mins: Float64Array
  readonly maxs: Float64Array
  /** Per categorical feature the most frequent values outside the dictionary (Space-Saving, Metwally et al. 2005). */
  readonly unseen: readonly (Map<string, number> | undefined)[]
}

/** How a profile is stored: `cells` alternates the distance to the next filled cell and its value. */
export interface ProfileJson {
  size: number
  cells: number[]
  extremes: (number | null)[]
  unseen: [feature: number, value: string, count: number][]
}

/** Unseen values kept by name for each categorical feature. */
const TOP = 20

/** A profile of no rows. */
export function emptyProfile(spec: ProfileSpec): Profile {
  const features = spec.features.length
  const [mins, maxs] = [new Float64Array(features).fill(Infinity), new Float64Array(features).fill(-Infinity)]
  const unseen = spec.features.map(({ kind }) => (kind === 'categorical' ? new Map<string, number>() : undefined))
  return { spec, cells: new Float64Array(planOf(spec).size), mins, maxs, unseen }
}

/**
 * Adds one row: values in the order of the spec's features. null, undefined and NaN are missing; ±Infinity is counted as non-finite;
 * what is not a number in a numeric feature is counted as invalid.
 */
export function add(profile: Profile, row: ArrayLike<unknown>): void {
  const plan = planOf(profile.spec)
  profile.cells[0]! += 1
  for (const slot of plan.numeric) addNumber(profile, slot, row[slot.feature])
  for (const slot of plan.categorical) plan.category[slot.feature] = addCategory(profile, slot, row[slot.feature])
  for (const slot of plan.conditional) {
    const x = row[slot.value]
    const category = plan.category[slot.by]!
    if (category < 0 || typeof x !== 'number' || !Number.isFinite(x)) continue
    profile.cells[slot.offset + 2 * category]! += 1
    profile.cells[slot.offset + 2 * category + 1]! += x - slot.centre
  }
  for (const { offset, a, b, width } of plan.cross) {
    const [x, y] = [plan.category[a]!, plan.category[b]!]
    if (x >= 0 && y >= 0) profile.cells[offset + x * width + y]! += 1
  }
}

function addNumber(profile: Profile, slot: NumericSlot, value: unknown): void {
  const { cells } = profile
  const { offset, spec } = slot
  if (value === null || value === undefined) {
    cells[offset + NULLS]! += 1
    return
  }
  const x = typeof value === 'number' ? value : asNumber(value)
  if (x === undefined || !Number.isFinite(x)) {
    cells[offset + (x === undefined ? INVALID : Number.isNaN(x) ? NULLS : NONFINITE)]! += 1
    return
  }
  const d = x - spec.centre
  const bin = offset + BINS + binOf(slot.edges, x)
  cells[offset]! += 1
  cells[bin]! += 1
  cells[bin + slot.bins]! += d
  if (x === 0) cells[offset + ZEROS]! += 1
  const strange = placeOf(slot, x)
  if (strange !== undefined) cells[offset + strange]! += 1
  if (x < profile.mins[slot.feature]!) profile.mins[slot.feature] = x
  if (x > profile.maxs[slot.feature]!) profile.maxs[slot.feature] = x
  if (x >= spec.low && x <= spec.high) {
    cells[offset + SUM]! += d
    cells[offset + SQUARES]! += d * d
  } else {
    cells[offset + IMPLAUSIBLE]! += 1
    cells[offset + FAR_SQUARES]! += d * d
  }
}

function asNumber(value: unknown): number | undefined {
  return typeof value === 'bigint' || typeof value === 'boolean' ? Number(value) : undefined
}

/** The cell that counts a value between two of the reference's that is none of them; undefined for one of them or outside. */
function placeOf({ familiar, gap }: NumericSlot, x: number): number | undefined {
  const y = Math.fround(x)
  if (familiar.length === 0 || y <= familiar[0]! || y >= familiar[familiar.length - 1]!) return undefined
  const above = firstFrom(familiar, y)
  if (familiar[above] === y) return undefined
  return familiar[above]! - familiar[above - 1]! < gap ? UNFAMILIAR : VAGUE
}

/** Place of the first value that is not below x. */
function firstFrom(sorted: Float64Array, x: number): number {
  let [low, high] = [0, sorted.length - 1]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < x) low = middle + 1
    else high = middle
  }
  return low
}

/** The number of edges ≤ x; the last edge belongs to the bin before it. */
function binOf(edges: Float64Array, x: number): number {
  const last = edges.length - 1
  if (x >= edges[last]!) return x > edges[last]! ? last + 1 : last
  let [low, high] = [0, last]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (edges[middle]! <= x) low = middle + 1
    else high = middle
  }
  return low
}

function addCategory(profile: Profile, slot: CategoricalSlot, value: unknown): number {
  const { cells } = profile
  if (value === null || value === undefined || Number.isNaN(value)) {
    cells[slot.offset + 1]! += 1
    return -1
  }
  const known = typeof value === 'number' ? slot.numbers.get(value) : slot.texts.get(value as string)
  cells[slot.offset]! += 1
  const category = known ?? slot.texts.get(categoryText(value)) ?? slot.other
  cells[slot.offset + 2 + category]! += 1
  if (category === slot.other) countUnseen(profile.unseen[slot.feature]!, categoryText(value).slice(0, 128), 1)
  return category
}

function countUnseen(top: Map<string, number>, value: string, count: number): void {
  const before = top.get(value)
  if (before !== undefined || top.size < TOP) {
    top.set(value, (before ?? 0) + count)
    return
  }
  let [rarest, least] = ['', Infinity]
  for (const [name, seen] of top) if (seen < least) [rarest, least] = [name, seen]
  top.delete(rarest)
  top.set(value, least + count)
}

/** The profile of reference columns, which are found by name; a feature without a column is missing in every row. */
export function profileColumns(spec: ProfileSpec, columns: readonly Column[]): Profile {
  const profile = emptyProfile(spec)
  const found = spec.features.map(({ name }) => columns.find((column) => column.name === name))
  const rows = Math.max(0, ...columns.map((column) => column.values.length))
  const row: unknown[] = Array.from({ length: found.length })
  for (let i = 0; i < rows; i++) {
    for (let f = 0; f < found.length; f++) row[f] = found[f]?.values[i]
    add(profile, row)
  }
  return profile
}

/**
 * Adds the rows of `other` to `into`.
 * @throws unprocessable if their specs have different shapes
 */
export function merge(into: Profile, other: Profile): void {
  if (into.cells.length !== other.cells.length || into.mins.length !== other.mins.length) {
    throw problem('unprocessable', { detail: 'profiles with different specs cannot be added' })
  }
  const [cells, more] = [into.cells, other.cells]
  for (let i = 0; i < cells.length; i++) cells[i]! += more[i]!
  for (let f = 0; f < into.mins.length; f++) {
    into.mins[f] = Math.min(into.mins[f]!, other.mins[f]!)
    into.maxs[f] = Math.max(into.maxs[f]!, other.maxs[f]!)
    const [top, others] = [into.unseen[f], other.unseen[f]]
    if (top !== undefined && others !== undefined) mergeUnseen(top, others)
  }
}

function mergeUnseen(into: Map<string, number>, other: ReadonlyMap<string, number>): void {
  if (other.size === 0) return
  const sum = new Map(into)
  for (const [value, count] of other) sum.set(value, (sum.get(value) ?? 0) + count)
  into.clear()
  for (const [value, count] of [...sum].sort((a, b) => b[1] - a[1]).slice(0, TOP)) into.set(value, count)
}

/** The sum of profiles of one spec. */
export function mergeAll(spec: ProfileSpec, profiles: Iterable<Profile>): Profile {
  const sum = emptyProfile(spec)
  for (const profile of profiles) merge(sum, profile)
  return sum
}

/** The profile as compact plain data, without its spec. */
export function profileToJson(profile: Profile): ProfileJson {
  const cells: number[] = []
  let before = -1
  for (let i = 0; i < profile.cells.length; i++) {
    if (profile.cells[i] === 0) continue
    cells.push(i - before, profile.cells[i]!)
    before = i
  }
  const extremes = Array.from(profile.mins, (min, f) =>
    min === Infinity ? [null, null] : [min, profile.maxs[f]!],
  ).flat()
  const unseen = profile.unseen.flatMap((top, f) =>
    Array.from(top ?? [], ([value, count]): [number, string, number] => [f, value, count]),
  )
  return { size: profile.cells.length, cells, extremes, unseen }
}

/**
 * The profile that `profileToJson` wrote.
 * @throws unprocessable if the data does not belong to a spec of this shape
 */
export function profileFromJson(spec: ProfileSpec, json: ProfileJson): Profile {
  const profile = emptyProfile(spec)
  if (json.size !== profile.cells.length) {
    throw problem('unprocessable', {
      detail: `a profile of ${json.size} cells does not fit a spec of ${profile.cells.length}`,
    })
  }
  for (let i = 0, cell = -1; i + 1 < json.cells.length; i += 2) {
    cell += json.cells[i]!
    profile.cells[cell] = json.cells[i + 1]!
  }
  for (let f = 0; f < spec.features.length; f++) {
    profile.mins[f] = json.extremes[2 * f] ?? Infinity
    profile.maxs[f] = json.extremes[2 * f + 1] ?? -Infinity
  }
  for (const [f, value, count] of json.unseen) profile.unseen[f]?.set(value, count)
  return profile
}

/** The number of rows. */
export function rows(profile: Profile): number {
  return profile.cells[0]!
}
