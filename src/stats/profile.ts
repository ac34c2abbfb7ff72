/** An additive summary of rows: counts and sums in bins pinned to a reference, moments, nulls, zeros, unseen values. */

import { problem } from '../contract/errors.ts'
import { categoryText } from './profile-spec.ts'
import type { CategoricalSpec, Column, NumericSpec, ProfileSpec } from './profile-spec.ts'

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
  readonly unseen: readonly Map<string, number>[]
}

/** How a profile is stored: `cells` alternates the distance to the next filled cell and its value. */
export interface ProfileJson {
  size: number
  cells: number[]
  extremes: (number | null)[]
  unseen: [feature: number, value: string, count: number][]
}

/** Places of one numeric feature's cells after its offset. */
const N = 0
const NULLS = 1
const NONFINITE = 2
const INVALID = 3
const ZEROS = 4
const IMPLAUSIBLE = 5
const SUM = 6
const SQUARES = 7
const FAR_SQUARES = 8
const UNFAMILIAR = 9
const VAGUE = 10
const BINS = 11

/** Unseen values kept by name for each categorical feature. */
const TOP = 20

interface NumericSlot {
  readonly feature: number
  readonly offset: number
  readonly bins: number
  readonly edges: Float64Array
  readonly familiar: Float64Array
  readonly gap: number
  readonly spec: NumericSpec
}

interface CategoricalSlot {
  readonly feature: number
  readonly offset: number
  readonly other: number
  readonly texts: ReadonlyMap<string, number>
  readonly numbers: ReadonlyMap<number, number>
}

interface ConditionalSlot {
  readonly offset: number
  readonly value: number
  readonly by: number
  readonly size: number
  readonly centre: number
}

interface CrossSlot {
  readonly offset: number
  readonly a: number
  readonly b: number
  readonly width: number
  readonly size: number
}

interface Plan {
  readonly size: number
  readonly numeric: readonly NumericSlot[]
  readonly categorical: readonly CategoricalSlot[]
  readonly conditional: readonly ConditionalSlot[]
  readonly cross: readonly CrossSlot[]
  /** The slot of each feature by its number. */
  readonly slots: readonly (NumericSlot | CategoricalSlot)[]
  /** Category number of each feature in the row being added. */
  readonly category: Int32Array
}

const plans = new WeakMap<ProfileSpec, Plan>()

function planOf(spec: ProfileSpec): Plan {
  const known = plans.get(spec)
  if (known) return known
  const plan = makePlan(spec)
  plans.set(spec, plan)
  return plan
}

function makePlan(spec: ProfileSpec): Plan {
  let offset = 1
  const numeric: NumericSlot[] = []
  const categorical: CategoricalSlot[] = []
  for (const [feature, of] of spec.features.entries()) {
    if (of.kind === 'numeric') {
      const bins = of.edges.length + 1
      const familiar = Float64Array.from(of.familiar ?? [])
      numeric.push({
        feature,
        offset,
        bins,
        edges: Float64Array.from(of.edges),
        familiar,
        gap: sparseGap(familiar),
        spec: of,
      })
      offset += BINS + 2 * bins
    } else {
      const texts = new Map(of.values.map((value, i) => [value, i]))
      const numbers = new Map(of.values.flatMap((v, i) => (String(Number(v)) === v ? [[Number(v), i] as const] : [])))
      categorical.push({ feature, offset, other: of.values.length, texts, numbers })
      offset += 2 + of.values.length + 1
    }
  }
  const place = (name: string): number => spec.features.findIndex((feature) => feature.name === name)
  const conditional = spec.conditionals.map(({ value, by }): ConditionalSlot => {
    const size = (spec.features[place(by)] as CategoricalSpec).values.length + 1
    const slot = {
      offset,
      value: place(value),
      by: place(by),
      size,
      centre: (spec.features[place(value)] as NumericSpec).centre,
    }
    offset += 2 * size
    return slot
  })
  const cross = (spec.crosses ?? []).map(({ a, b }): CrossSlot => {
    const sizes = [a, b].map((name) => (spec.features[place(name)] as CategoricalSpec).values.length + 1)
    const [height, width] = sizes as [number, number]
    const slot = { offset, a: place(a), b: place(b), width, size: height * width }
    offset += slot.size
    return slot
  })
  const slots = [...numeric, ...categorical].sort((a, b) => a.feature - b.feature)
  return { size: offset, numeric, categorical, conditional, cross, slots, category: new Int32Array(slots.length) }
}

/** A profile of no rows. */
export function emptyProfile(spec: ProfileSpec): Profile {
  const features = spec.features.length
  const [mins, maxs] = [new Float64Array(features).fill(Infinity), new Float64Array(features).fill(-Infinity)]
  return { spec, cells: new Float64Array(planOf(spec).size), mins, maxs, unseen: spec.features.map(() => new Map()) }
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

/** Gaps from which the reference is too sparse to say what belongs there, in median gaps: even a long one lacks values in its tails. */
const SPARSE = 1.9

function sparseGap(familiar: Float64Array): number {
  const gaps = familiar.slice(1).map((x, i) => x - familiar[i]!)
  return SPARSE * (gaps.sort()[Math.floor(gaps.length / 2)] ?? 0)
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
  for (let i = 0; i < into.cells.length; i++) into.cells[i]! += other.cells[i]!
  for (let f = 0; f < into.mins.length; f++) {
    into.mins[f] = Math.min(into.mins[f]!, other.mins[f]!)
    into.maxs[f] = Math.max(into.maxs[f]!, other.maxs[f]!)
    mergeUnseen(into.unseen[f]!, other.unseen[f]!)
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
    Array.from(top, ([value, count]): [number, string, number] => [f, value, count]),
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

/** What a profile knows of a numeric feature. Means and deviations (population) are NaN without values. */
export interface NumericView {
  /** Finite values, missing values, ±Infinity, values that are no numbers, zeros, finite values outside the plausible range. */
  readonly n: number
  readonly nulls: number
  readonly nonfinite: number
  readonly invalid: number
  readonly zeros: number
  readonly implausible: number
  /** Values between neighbours among the reference's few distinct ones, and none of them; 0 for continuous features. */
  readonly unfamiliar: number
  /** The same where the reference is too sparse to tell. */
  readonly vague: number
  /** Of the plausible values. */
  readonly mean: number
  readonly sd: number
  /** Of all finite values. */
  readonly meanOfAll: number
  readonly sdOfAll: number
  /** Of the plausible values that are not 0. */
  readonly nonZeroMean: number
  readonly nonZeroSd: number
  readonly min: number
  readonly max: number
  /** All finite values by bin, the bins below and above the reference included. */
  readonly counts: Float64Array
  /** Mean of the values of bin i; NaN if it is empty. */
  readonly binMean: (i: number) => number
}

/** Reads numeric feature number `feature` of the spec. */
export function numeric(profile: Profile, feature: number): NumericView {
  const slot = planOf(profile.spec).slots[feature]
  if (!slot || !('bins' in slot))
    throw problem('invalid_field', { field: 'feature', value: feature, expected: 'a numeric feature' })
  const c = profile.cells.subarray(slot.offset, slot.offset + BINS + 2 * slot.bins)
  const { centre } = slot.spec
  const sums = c.subarray(BINS + slot.bins)
  const plausible = moments(c[N]! - c[IMPLAUSIBLE]!, c[SUM]!, c[SQUARES]!)
  const all = moments(c[N]!, total(sums), c[SQUARES]! + c[FAR_SQUARES]!)
  const zero = slot.spec.low <= 0 && slot.spec.high >= 0 ? c[ZEROS]! : 0
  const nonZero = moments(c[N]! - c[IMPLAUSIBLE]! - zero, c[SUM]! + zero * centre, c[SQUARES]! - zero * centre * centre)
  return {
    n: c[N]!,
    nulls: c[NULLS]!,
    nonfinite: c[NONFINITE]!,
    invalid: c[INVALID]!,
    zeros: c[ZEROS]!,
    implausible: c[IMPLAUSIBLE]!,
    unfamiliar: c[UNFAMILIAR]!,
    vague: c[VAGUE]!,
    mean: centre + plausible.mean,
    sd: plausible.sd,
    meanOfAll: centre + all.mean,
    sdOfAll: all.sd,
    nonZeroMean: centre + nonZero.mean,
    nonZeroSd: nonZero.sd,
    min: profile.mins[feature]!,
    max: profile.maxs[feature]!,
    counts: c.subarray(BINS, BINS + slot.bins),
    binMean: (i) => centre + sums[i]! / c[BINS + i]!,
  }
}

function moments(n: number, sum: number, squares: number): { mean: number; sd: number } {
  if (n < 1) return { mean: Number.NaN, sd: Number.NaN }
  const mean = sum / n
  return { mean, sd: Math.sqrt(Math.max(0, squares / n - mean * mean)) }
}

function total(values: Float64Array): number {
  let sum = 0
  for (const value of values) sum += value
  return sum
}

/** What a profile knows of a categorical feature: `counts` has one entry per dictionary value and a last one for all others. */
export interface CategoricalView {
  readonly n: number
  readonly nulls: number
  readonly counts: Float64Array
  /** Values outside the dictionary with their counts, most frequent first (at most 20, counts may be too high when there are more). */
  readonly unseen: readonly (readonly [string, number])[]
}

/** Reads categorical feature number `feature` of the spec. */
export function categorical(profile: Profile, feature: number): CategoricalView {
  const slot = planOf(profile.spec).slots[feature]
  if (!slot || !('other' in slot))
    throw problem('invalid_field', { field: 'feature', value: feature, expected: 'a categorical feature' })
  const { cells } = profile
  const counts = cells.subarray(slot.offset + 2, slot.offset + 3 + slot.other)
  const unseen = [...profile.unseen[feature]!].sort((a, b) => b[1] - a[1])
  return { n: cells[slot.offset]!, nulls: cells[slot.offset + 1]!, counts, unseen }
}

/** Mean of a numeric feature for each value of a categorical one (NaN where there is none); the last entry is for values outside the dictionary. */
export interface ConditionalView {
  readonly counts: readonly number[]
  readonly means: readonly number[]
}

/** Reads conditional number `index` of the spec. */
export function conditional(profile: Profile, index: number): ConditionalView {
  const slot = planOf(profile.spec).conditional[index]
  if (!slot) throw problem('invalid_field', { field: 'index', value: index, expected: 'a conditional of the spec' })
  const count = (i: number): number => profile.cells[slot.offset + 2 * i]!
  const counts = Array.from({ length: slot.size }, (_, i) => count(i))
  return { counts, means: counts.map((n, i) => slot.centre + profile.cells[slot.offset + 2 * i + 1]! / n) }
}

/** Reads cross number `index` of the spec: counts by value of `a`, each a row by value of `b`; the last of both are for other values. */
export function crossed(profile: Profile, index: number): readonly Float64Array[] {
  const slot = planOf(profile.spec).cross[index]
  if (!slot) throw problem('invalid_field', { field: 'index', value: index, expected: 'a cross of the spec' })
  return Array.from({ length: slot.size / slot.width }, (_, i) =>
    profile.cells.subarray(slot.offset + i * slot.width, slot.offset + (i + 1) * slot.width),
  )
}
