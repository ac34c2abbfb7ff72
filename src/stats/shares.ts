/** Do counts come in the shares that they should? Valid whenever one looks; finds a split that is not what it says. */
import { problem } from '../contract/errors.ts'
import { logGamma } from './distributions.ts'
import { checkAlpha } from './sequential.ts'
import type { Evidence, SequentialTest } from './sequential.ts'

/** State of the test: how often each category was seen. */
export interface SharesState {
  counts: number[]
}

export interface SharesOptions {
  /** The share of each category: each above 0, 1 in all. */
  readonly shares: readonly number[]
  /** Chance of a false alarm over all time; 0.001 if not given. */
  readonly alpha?: number
}

/** How closely the alternatives lie about the shares: as closely as after so many observations. A half is then known to about 0.05. */
const CONCENTRATION = 100

/**
 * Tests "each observation falls into category k with chance `shares[k]`", by the Dirichlet mixture of multinomial likelihoods over
 * the likelihood of the shares, a martingale under them (Lindon, Malek 2022, "Anytime-valid inference for multinomial count data"). The order
 * does not matter. `estimate` is the observed share of the first category.
 */
export function sharesTest(
  options: SharesOptions,
  state: SharesState = { counts: options.shares.map(() => 0) },
): SequentialTest<SharesState, number> {
  const { shares } = options
  const alpha = checkAlpha(options.alpha ?? 0.001)
  if (shares.some((share) => !(share > 0)) || Math.abs(shares.reduce((sum, one) => sum + one, 0) - 1) > 1e-9)
    throw problem('invalid_field', { field: 'shares', value: shares, expected: 'each above 0, 1 in all' })
  return {
    state,
    update(category) {
      state.counts[category] = (state.counts[category] ?? 0) + 1
    },
    evidence() {
      const { counts } = state
      const n = counts.reduce((sum, one) => sum + one, 0)
      let log = logGamma(CONCENTRATION) - logGamma(CONCENTRATION + n)
      for (const [k, share] of shares.entries()) {
        const [count, prior] = [counts[k] ?? 0, CONCENTRATION * share]
        log += logGamma(prior + count) - logGamma(prior) - count * Math.log(share)
      }
      const e = Math.min(Number.MAX_VALUE, Math.exp(log))
      return { n, estimate: (counts[0] ?? 0) / n, e, rejected: e >= 1 / alpha } satisfies Evidence
    },
  }
}
