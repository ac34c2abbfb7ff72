/** Reads a profile: what its numbers say of a feature, of means by category, of pairs of values. */

import { problem } from '../contract/errors.ts'
import type { Profile } from './profile.ts'
import * as layout from './profile-layout.ts'
import type { NumericSlot } from './profile-layout.ts'

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

/** Reads numeric feature number `feature` of the spec. What is asked for is computed from the cells when it is asked for. */
export function numeric(profile: Profile, feature: number): NumericView {
  const slot = layout.planOf(profile.spec).slots[feature]
  if (!slot || !('bins' in slot))
    throw problem('invalid_field', { field: 'feature', value: feature, expected: 'a numeric feature' })
  return new Numbers(profile, slot)
}

/** Monitors look at thousands of past windows for each new hour, and at few figures of each. */
class Numbers implements NumericView {
  readonly #profile: Profile
  readonly #slot: NumericSlot

  constructor(profile: Profile, slot: NumericSlot) {
    this.#profile = profile
    this.#slot = slot
  }

  #cell(place: number): number {
    return this.#profile.cells[this.#slot.offset + place]!
  }

  get n(): number {
    return this.#cell(layout.N)
  }
  get nulls(): number {
    return this.#cell(layout.NULLS)
  }
  get nonfinite(): number {
    return this.#cell(layout.NONFINITE)
  }
  get invalid(): number {
    return this.#cell(layout.INVALID)
  }
  get zeros(): number {
    return this.#cell(layout.ZEROS)
  }
  get implausible(): number {
    return this.#cell(layout.IMPLAUSIBLE)
  }
  get unfamiliar(): number {
    return this.#cell(layout.UNFAMILIAR)
  }
  get vague(): number {
    return this.#cell(layout.VAGUE)
  }

  get #plausible(): number {
    return this.#cell(layout.N) - this.#cell(layout.IMPLAUSIBLE)
  }
  get mean(): number {
    return this.#slot.spec.centre + meanOf(this.#plausible, this.#cell(layout.SUM))
  }
  get sd(): number {
    return spreadOf(this.#plausible, this.#cell(layout.SUM), this.#cell(layout.SQUARES))
  }

  get #sum(): number {
    const { offset, bins } = this.#slot
    let sum = 0
    for (let i = offset + layout.BINS + bins; i < offset + layout.BINS + 2 * bins; i++) sum += this.#profile.cells[i]!
    return sum
  }
  get meanOfAll(): number {
    return this.#slot.spec.centre + meanOf(this.n, this.#sum)
  }
  get sdOfAll(): number {
    return spreadOf(this.n, this.#sum, this.#cell(layout.SQUARES) + this.#cell(layout.FAR_SQUARES))
  }

  get #plausibleZeros(): number {
    return this.#slot.spec.low <= 0 && this.#slot.spec.high >= 0 ? this.#cell(layout.ZEROS) : 0
  }
  get nonZeroMean(): number {
    const { centre } = this.#slot.spec
    const zero = this.#plausibleZeros
    return centre + meanOf(this.#plausible - zero, this.#cell(layout.SUM) + zero * centre)
  }
  get nonZeroSd(): number {
    const { centre } = this.#slot.spec
    const zero = this.#plausibleZeros
    return spreadOf(
      this.#plausible - zero,
      this.#cell(layout.SUM) + zero * centre,
      this.#cell(layout.SQUARES) - zero * centre * centre,
    )
  }

  get min(): number {
    return this.#profile.mins[this.#slot.feature]!
  }
  get max(): number {
    return this.#profile.maxs[this.#slot.feature]!
  }
  get counts(): Float64Array {
    const { offset, bins } = this.#slot
    return this.#profile.cells.subarray(offset + layout.BINS, offset + layout.BINS + bins)
  }
  binMean(i: number): number {
    const { bins, spec } = this.#slot
    return spec.centre + this.#cell(layout.BINS + bins + i) / this.#cell(layout.BINS + i)
  }
}

function meanOf(n: number, sum: number): number {
  return n < 1 ? Number.NaN : sum / n
}

function spreadOf(n: number, sum: number, squares: number): number {
  const mean = meanOf(n, sum)
  return n < 1 ? Number.NaN : Math.sqrt(Math.max(0, squares / n - mean * mean))
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
  const slot = layout.planOf(profile.spec).slots[feature]
  if (!slot || !('other' in slot))
    throw problem('invalid_field', { field: 'feature', value: feature, expected: 'a categorical feature' })
  const { cells } = profile
  const counts = cells.subarray(slot.offset + 2, slot.offset + 3 + slot.other)
  const unseen = [...(profile.unseen[feature] ?? [])].sort((a, b) => b[1] - a[1])
  return { n: cells[slot.offset]!, nulls: cells[slot.offset + 1]!, counts, unseen }
}

/** A numeric feature by the values of a categorical one, in the order of its dictionary; the last is for values outside it. */
export interface ConditionalView {
  /** Rows of value number i. */
  readonly count: (i: number) => number
  /** Mean of these rows; NaN where there are none. */
  readonly mean: (i: number) => number
}

/** Reads conditional number `index` of the spec. */
export function conditional({ spec, cells }: Profile, index: number): ConditionalView {
  const slot = layout.planOf(spec).conditional[index]
  if (!slot) throw problem('invalid_field', { field: 'index', value: index, expected: 'a conditional of the spec' })
  const { offset, centre } = slot
  return {
    count: (i) => cells[offset + 2 * i]!,
    mean: (i) => centre + cells[offset + 2 * i + 1]! / cells[offset + 2 * i]!,
  }
}

/** Counts of the pairs of a cross: row by row for the values of `a`, each row `width` long for those of `b`; the last of both are for other values. */
export interface CrossView {
  readonly counts: Float64Array
  readonly width: number
}

/** Reads cross number `index` of the spec. */
export function crossed({ spec, cells }: Profile, index: number): CrossView {
  const slot = layout.planOf(spec).cross[index]
  if (!slot) throw problem('invalid_field', { field: 'index', value: index, expected: 'a cross of the spec' })
  return { counts: cells.subarray(slot.offset, slot.offset + slot.size), width: slot.width }
}
