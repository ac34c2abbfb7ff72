/** The best of trials, and how much of its being the best may be chance. */
import type { z } from 'zod'
import type { Chance, SearchPlan } from '../../contract/pipelines/studies.ts'
import { normalCdf, normalQuantile } from '../../stats/distributions.ts'
import { lossOf } from './deps.ts'
import type { TrialRow } from './rows.ts'

/** A trial that went to its end. */
export type Told = TrialRow & { readonly value: number }

/** The trials that went to their end, in their order. */
export function toldOf(trials: readonly TrialRow[]): Told[] {
  return trials.filter((trial): trial is Told => trial.state === 'succeeded' && trial.value !== null)
}

/** The best trial that went to its end, the first of equal ones; undefined where there is none. */
export function bestOf({ direction }: SearchPlan, trials: readonly TrialRow[]): Told | undefined {
  return toldOf(trials).reduce<Told | undefined>(
    (best, one) => (best === undefined || lossOf(direction, one.value) < lossOf(direction, best.value) ? one : best),
    undefined,
  )
}

/** Fewest trials of which anything is said. */
const FEWEST = 3

/**
 * How far the best lies from the others beside how far the best of so many equal ones would: the expected maximum of normal values (Blom
 * 1958, "Statistical Estimates and Transformed Beta-Variables") and the chance that none of them lies as far (Šidák 1967). Null for too few.
 */
export function chanceOf(plan: SearchPlan, trials: readonly TrialRow[]): z.output<typeof Chance> | null {
  const losses = toldOf(trials).map(({ value }) => lossOf(plan.direction, value))
  const count = losses.length
  if (count < FEWEST) return null
  const mean = losses.reduce((sum, one) => sum + one, 0) / count
  const sd = Math.sqrt(losses.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (count - 1))
  if (!(sd > 0) || !Number.isFinite(sd)) return null
  const best_sds = (mean - Math.min(...losses)) / sd
  const expected_sds = normalQuantile((count - 0.375) / (count + 0.25))
  const p = 1 - normalCdf(best_sds) ** count
  const shown = plan.direction === 'maximize' ? -mean : mean
  const detail =
    `the best of ${count} trials lies ${best_sds.toFixed(1)} standard deviations from their mean; the best of ${count} equally good ones, ` +
    `which differ by chance alone, is expected to lie ${expected_sds.toFixed(1)} away, and lies as far with a chance of ${percent(p)}`
  return { trials: count, mean: shown, sd, best_sds, expected_sds, p, detail }
}

function percent(p: number): string {
  return p < 0.001 ? 'less than 0.1 %' : `${(100 * p).toFixed(1)} %`
}
