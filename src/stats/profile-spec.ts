/** What a profile of a feature set looks like, learned once from reference data and pinned: bin edges, dictionaries, plausible ranges. */

import { problem } from '../contract/errors.ts'

/**
 * A numeric feature. `edges` (ascending, at least 2) start at the reference's least value and end at its greatest; bin 0 lies below
 * the first, the last bin above the last, and bin i holds [edges[i−1], edges[i]). Values outside [low, high] count as implausible
 * and stay out of mean and variance. `centre` is subtracted before summing, which keeps variances exact for large values;
 * `scale` is the reference's standard deviation. `familiar` lists all distinct values (ascending, rounded to single precision) of a
 * feature that has few and repeats them, such as a sensor's steps or the distances of routes: values off that list tell of a new unit
 * at once. It is absent for continuous features.
 */
export interface NumericSpec {
  readonly kind: 'numeric'
  readonly name: string
  readonly edges: readonly number[]
  readonly low: number
  readonly high: number
  readonly centre: number
  readonly scale: number
  readonly familiar?: readonly number[]
}

/** A categorical feature: the reference's most frequent values, most frequent first. Every other value is "other". */
export interface CategoricalSpec {
  readonly kind: 'categorical'
  readonly name: string
  readonly values: readonly string[]
}

/** Asks for the mean of a numeric feature per value of a categorical one; catches swaps that leave all shares as they were. */
export interface ConditionalSpec {
  readonly value: string
  readonly by: string
}

/** Asks for the counts of each pair of values of two categorical features that belong together; catches swaps that change no mean. */
export interface CrossSpec {
  readonly a: string
  readonly b: string
}

/** The pinned shape of a profile. Two profiles can be added or compared only if they have the same. Plain data. */
export interface ProfileSpec {
  readonly features: readonly (NumericSpec | CategoricalSpec)[]
  readonly conditionals: readonly ConditionalSpec[]
  /** None if absent. */
  readonly crosses?: readonly CrossSpec[]
}

/** Reference values of one feature. null, undefined and NaN are missing. Without `kind`, numbers only means numeric. */
export interface Column {
  readonly name: string
  readonly kind?: 'numeric' | 'categorical'
  readonly values: ArrayLike<unknown>
}

export interface SpecOptions {
  /** Reference quantiles per numeric feature, 2 … 64; 20 if not given. */
  readonly bins?: number
  /** Values kept per categorical feature; 256 if not given. */
  readonly dictionary?: number
  /** Plausible ranges by feature name; others are 3 widths beyond the 0.1 % and 99.9 % quantiles. */
  readonly plausible?: Readonly<Record<string, readonly [number, number]>>
  /** Conditional means to keep; chosen from the data if not given. */
  readonly conditionals?: readonly ConditionalSpec[]
}

/**
 * Learns the shape of a profile from reference columns.
 * @throws invalid_field if `bins` is out of range, a name occurs twice, or a conditional names a feature of the wrong kind
 */
export function makeSpec(columns: readonly Column[], options: SpecOptions = {}): ProfileSpec {
  const bins = options.bins ?? 20
  if (!(bins >= 2 && bins <= 64)) throw problem('invalid_field', { field: 'bins', value: bins, expected: '2 to 64' })
  const features = columns.map((column) =>
    isNumeric(column)
      ? numericSpec(column, bins, options.plausible?.[column.name])
      : categoricalSpec(column, options.dictionary ?? 256),
  )
  const conditionals = options.conditionals ?? suggestConditionals(columns, features)
  const spec = { features, conditionals, crosses: suggestCrosses(columns, features) }
  checkSpec(spec)
  return spec
}

function checkSpec(spec: ProfileSpec): void {
  const kinds = new Map<string, string>()
  for (const { name, kind } of spec.features) {
    if (kinds.has(name)) throw problem('invalid_field', { field: 'features', value: name, expected: 'each name once' })
    kinds.set(name, kind)
  }
  for (const { value, by } of spec.conditionals) {
    if (kinds.get(value) !== 'numeric')
      throw problem('invalid_field', { field: 'value', value, expected: 'a numeric feature' })
    if (kinds.get(by) !== 'categorical')
      throw problem('invalid_field', { field: 'by', value: by, expected: 'a categorical feature' })
  }
}

/** The text by which a categorical value is known: 3, '3' and 3n are one category, and so are true and 'true'. */
export function categoryText(value: unknown): string {
  if (typeof value === 'string') return value
  return typeof value === 'bigint' ? value.toString() : (JSON.stringify(value) ?? '')
}

/** A feature with at most this many distinct values, each seen so often on average, has familiar values. */
const MAX_FAMILIAR = 1024
const REPEATS = 40

const isMissing = (value: unknown): boolean => value === null || value === undefined || Number.isNaN(value)

function isNumeric(column: Column): boolean {
  if (column.kind !== undefined) return column.kind === 'numeric'
  for (let i = 0; i < column.values.length; i++) {
    const value = column.values[i]
    if (!isMissing(value) && typeof value !== 'number' && typeof value !== 'bigint') return false
  }
  return true
}

function numericSpec(column: Column, bins: number, plausible: readonly [number, number] | undefined): NumericSpec {
  const all = finiteOf(column.values).sort()
  const [low, high] = plausible ?? plausibleRange(all)
  const sorted = all.filter((x) => x >= low && x <= high)
  const centre = sorted.length > 0 ? at(sorted, 0.5) : 0
  const edges = quantileEdges(sorted, bins)
  const scale = deviation(sorted, centre)
  const familiar = distinctUpTo(sorted.map(Math.fround), Math.min(MAX_FAMILIAR, Math.floor(sorted.length / REPEATS)))
  return { kind: 'numeric', name: column.name, edges, low, high, centre, scale, ...(familiar ? { familiar } : {}) }
}

function finiteOf(values: ArrayLike<unknown>): Float64Array {
  const finite = new Float64Array(values.length)
  let n = 0
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    const x = isMissing(value) ? Number.NaN : Number(value)
    if (Number.isFinite(x)) finite[n++] = x
  }
  return finite.subarray(0, n)
}

const at = (sorted: Float64Array, q: number): number => sorted[Math.round(q * (sorted.length - 1))]!

function plausibleRange(sorted: Float64Array): [number, number] {
  if (sorted.length === 0) return [-Number.MAX_VALUE, Number.MAX_VALUE]
  const [low, middle, high] = [at(sorted, 0.001), at(sorted, 0.5), at(sorted, 0.999)]
  const width = 3 * Math.max(high - low, Math.abs(middle), 1e-9)
  return [low - width, high + width]
}

function deviation(sorted: Float64Array, centre: number): number {
  let [sum, squares] = [0, 0]
  for (const x of sorted) {
    sum += x - centre
    squares += (x - centre) ** 2
  }
  const mean = sum / sorted.length
  return sorted.length > 1 ? Math.sqrt(Math.max(0, squares / sorted.length - mean * mean)) : 0
}

/** Edges at quantiles; a value that fills whole quantiles (a spike, such as 0) gets a bin of its own, as does each of few distinct values. */
function quantileEdges(sorted: Float64Array, bins: number): number[] {
  if (sorted.length === 0) return [0, 1]
  const last = sorted[sorted.length - 1]!
  const few = distinctUpTo(sorted, bins)
  const edges: number[] = []
  const push = (edge: number): void => {
    if (edges.length === 0 || edge > edges[edges.length - 1]!) edges.push(edge)
  }
  if (few) {
    push(few[0]!)
    for (let i = 1; i < few.length; i++) push((few[i - 1]! + few[i]!) / 2)
  } else {
    for (let i = 0; i < bins; i++) {
      const edge = at(sorted, i / bins)
      if (edge === edges[edges.length - 1]) push(nextAfter(sorted, edge))
      else push(edge)
    }
  }
  push(last)
  return edges.length > 1 ? edges : [last, last + Math.max(1e-9, Math.abs(last) * 1e-9)]
}

function distinctUpTo(sorted: Float64Array, limit: number): number[] | undefined {
  const distinct: number[] = []
  for (const x of sorted) {
    if (x !== distinct[distinct.length - 1]) distinct.push(x)
    if (distinct.length > limit) return undefined
  }
  return distinct
}

function nextAfter(sorted: Float64Array, value: number): number {
  return sorted.find((x) => x > value) ?? value
}

function categoricalSpec(column: Column, limit: number): CategoricalSpec {
  const counts = new Map<string, number>()
  for (let i = 0; i < column.values.length; i++) {
    const value = column.values[i]
    if (!isMissing(value)) counts.set(categoryText(value), (counts.get(categoryText(value)) ?? 0) + 1)
  }
  const order = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
  return { kind: 'categorical', name: column.name, values: order.slice(0, limit).map(([value]) => value) }
}

/** Rows looked at when conditional means are chosen. */
const SAMPLE = 20_000

/** For each categorical feature the two numeric ones whose variance it explains best, if that is at least 5 %. */
function suggestConditionals(columns: readonly Column[], features: ProfileSpec['features']): ConditionalSpec[] {
  const chosen: ConditionalSpec[] = []
  for (const [i, feature] of features.entries()) {
    if (feature.kind !== 'categorical' || feature.values.length < 2) continue
    const found: { share: number; name: string }[] = []
    for (const [j, other] of features.entries()) {
      if (other.kind !== 'numeric' || other.scale === 0) continue
      const share = explained(columns[j]!.values, columns[i]!.values)
      if (share >= 0.05) found.push({ share, name: other.name })
    }
    found.sort((a, b) => b.share - a.share)
    for (const { name } of found.slice(0, 2)) chosen.push({ value: name, by: feature.name })
  }
  return chosen
}

/** η²: the share of a number's variance that lies between the groups. */
function explained(values: ArrayLike<unknown>, groups: ArrayLike<unknown>): number {
  const sums = new Map<string, { n: number; sum: number }>()
  const step = Math.max(1, Math.floor(values.length / SAMPLE))
  let [n, sum, squares] = [0, 0, 0]
  for (let i = 0; i < values.length; i += step) {
    const x = values[i]
    if (typeof x !== 'number' || !Number.isFinite(x) || isMissing(groups[i])) continue
    const key = categoryText(groups[i])
    const group = sums.get(key) ?? { n: 0, sum: 0 }
    group.n += 1
    group.sum += x
    sums.set(key, group)
    n += 1
    sum += x
    squares += x * x
  }
  const whole = squares - (sum * sum) / n
  let between = -(sum * sum) / n
  for (const group of sums.values()) between += (group.sum * group.sum) / group.n
  return whole > 0 ? (between - (whole * (sums.size - 1)) / Math.max(1, n)) / whole : 0
}

/** Pairs of values of a cross, at most: more than a window has rows would say nothing. */
const MAX_PAIRS = 128
/** Mutual information from which two categorical features belong together, nats. */
const MIN_INFORMATION = 0.05

/** Pairs of categorical features with few values that tell much of each other, such as an airport and its carriers. */
function suggestCrosses(columns: readonly Column[], features: ProfileSpec['features']): CrossSpec[] {
  const crosses: CrossSpec[] = []
  for (const [i, a] of features.entries()) {
    for (const [j, b] of features.entries()) {
      if (j <= i || a.kind !== 'categorical' || b.kind !== 'categorical') continue
      if (Math.min(a.values.length, b.values.length) < 2) continue
      if ((a.values.length + 1) * (b.values.length + 1) > MAX_PAIRS) continue
      if (information(columns[i]!.values, columns[j]!.values) >= MIN_INFORMATION) crosses.push({ a: a.name, b: b.name })
    }
  }
  return crosses
}

/** Mutual information of two columns in nats, from a sample of their rows. */
function information(a: ArrayLike<unknown>, b: ArrayLike<unknown>): number {
  const [both, left, right] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()]
  const step = Math.max(1, Math.floor(a.length / SAMPLE))
  let n = 0
  for (let i = 0; i < a.length; i += step) {
    if (isMissing(a[i]) || isMissing(b[i])) continue
    const [x, y] = [categoryText(a[i]), categoryText(b[i])]
    increment(both, JSON.stringify([x, y]))
    increment(left, x)
    increment(right, y)
    n += 1
  }
  let sum = 0
  for (const [key, k] of both) {
    const [x, y] = JSON.parse(key) as [string, string]
    sum += (k / n) * Math.log((k * n) / (left.get(x)! * right.get(y)!))
  }
  return sum
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
