/** How the numbers of a profile lie in its one array: the place of each feature, conditional mean and cross of a spec. */

import type { CategoricalSpec, NumericSpec, ProfileSpec } from './profile-spec.ts'

/** Places of one numeric feature's cells after its offset. */
export const N = 0
export const NULLS = 1
export const NONFINITE = 2
export const INVALID = 3
export const ZEROS = 4
export const IMPLAUSIBLE = 5
export const SUM = 6
export const SQUARES = 7
export const FAR_SQUARES = 8
export const UNFAMILIAR = 9
export const VAGUE = 10
export const BINS = 11

export interface NumericSlot {
  readonly feature: number
  readonly offset: number
  readonly bins: number
  readonly edges: Float64Array
  readonly familiar: Float64Array
  readonly gap: number
  readonly spec: NumericSpec
}

export interface CategoricalSlot {
  readonly feature: number
  readonly offset: number
  readonly other: number
  readonly texts: ReadonlyMap<string, number>
  readonly numbers: ReadonlyMap<number, number>
}

export interface ConditionalSlot {
  readonly offset: number
  readonly value: number
  readonly by: number
  readonly size: number
  readonly centre: number
}

export interface CrossSlot {
  readonly offset: number
  readonly a: number
  readonly b: number
  readonly width: number
  readonly size: number
}

/** All places of a spec. */
export interface Plan {
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

/** The places of a spec, worked out once. */
export function planOf(spec: ProfileSpec): Plan {
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

/** Gaps from which the reference is too sparse to say what belongs there, in median gaps: even a long one lacks values in its tails. */
const SPARSE = 1.9

function sparseGap(familiar: Float64Array): number {
  const gaps = familiar.slice(1).map((x, i) => x - familiar[i]!)
  return SPARSE * (gaps.sort()[Math.floor(gaps.length / 2)] ?? 0)
}
