/**
 * Bayesian optimisation: the next point is where a Gaussian process of what is known expects the most improvement (Jones, Schonlau and Welch
 * 1998; Snoek, Larochelle and Adams 2012). Trials under way count as if they had shown what is expected of them.
 */
import type { Dimension } from '../../../contract/pipelines/studies.ts'
import { normalCdf } from '../../../stats/distributions.ts'
import type { Prng } from '../../../stats/prng.ts'
import {
  drawAllowed,
  drawEvenly,
  drawnBetween,
  fromDrawn,
  toDrawn,
  type Known,
  type Observation,
  type Vector,
} from './space.ts'
import { fitSurrogate, type Belief } from './surrogate.ts'

/** Sizes of the search. The time of a fit grows with the third power of its trials. */
const SIZES = {
  /** Trials that are drawn evenly first. */
  starting: 10,
  /** Most trials that the process is fitted to: the best and the newest, half of each. */
  fitted: 100,
  /** Points that are looked at all over the space, and around the best ones. */
  evenly: 400,
  around: 40,
  /** Points from which the improvement is climbed, and the steps of each climb. */
  climbs: 4,
  steps: 40,
} as const

/** The next point; undefined where none is allowed. */
export function suggestByGp(dimensions: readonly Dimension[], known: Known, random: Prng): Vector | undefined {
  if (known.told.length < SIZES.starting) return drawAllowed(dimensions, known, random)
  const told = chosen(known.told)
  const losses = even(told)
  const points = told.map((one) => one.at)
  let model = fitSurrogate(dimensions, points, { losses, random })
  for (const at of known.open) model = model.believing(at)
  const best = Math.min(...losses)
  const worth = (at: Vector): number => improvement(model.at(at), best)
  const taken = new Set([...points, ...known.open].map(String))
  const mayAsk = (at: Vector): boolean => !taken.has(String(at)) && known.allows(at)
  // a space whose every point was asked has nothing new
  return climbed(dimensions, worth, { told, mayAsk, random }) ?? drawAllowed(dimensions, known, random)
}

/** All, or the best and the newest. */
function chosen(told: readonly Observation[]): readonly Observation[] {
  if (told.length <= SIZES.fitted) return told
  const newest = told.slice(-SIZES.fitted / 2)
  const best = told.slice(0, -SIZES.fitted / 2).toSorted((a, b) => a.loss - b.loss)
  return [...best.slice(0, SIZES.fitted / 2), ...newest]
}

/**
 * Losses above the best on a scale on which few very bad ones do not hide the differences of good ones, with mean 0 and variance 1. One that was
 * stopped early counts as no better than the middle.
 */
function even(told: readonly Observation[]): number[] {
  const sorted = told.map((one) => one.loss).toSorted((a, b) => a - b)
  const [best = 0, middle = 0] = [sorted[0], sorted[Math.floor(sorted.length / 2)]]
  // in halves, for the span of all doubles is no double
  const unit = middle > best ? middle / 2 - best / 2 : 0.5
  const logs = told.map(({ loss, stopped }) => {
    const above = Math.max(loss, stopped === null ? loss : middle) / 2 - best / 2
    return Math.log1p(Math.min(above / unit, Number.MAX_VALUE))
  })
  const mean = logs.reduce((sum, one) => sum + one, 0) / logs.length
  const sd = Math.sqrt(logs.reduce((sum, one) => sum + (one - mean) ** 2, 0) / logs.length)
  return logs.map((one) => (one - mean) / (sd > 0 ? sd : 1))
}

/** The logarithm of the expected improvement: far away too, where the improvement itself is 0 as a double. */
function improvement({ mean, sd }: Belief, best: number): number {
  const z = (best - mean) / sd
  const log = Math.log(sd)
  if (z > -5) return log + Math.log(Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI) + z * normalCdf(z))
  // the expansion of φ(z) + z·Φ(z) for large −z
  return log - 0.5 * z * z - 0.5 * Math.log(2 * Math.PI) - 2 * Math.log(-z)
}

interface Around {
  readonly told: readonly Observation[]
  /** Whether a point is allowed, and was not asked yet. */
  readonly mayAsk: (at: Vector) => boolean
  readonly random: Prng
}

/** The point of the largest worth that is found, undefined where none may be asked: looked for all over, around the best trials, and climbed from the best of these. */
function climbed(dimensions: readonly Dimension[], worth: (at: Vector) => number, around: Around): Vector | undefined {
  const { told, mayAsk, random } = around
  const leaders = told.toSorted((a, b) => a.loss - b.loss).slice(0, 3)
  const candidates = [
    ...Array.from({ length: SIZES.evenly }, () => drawEvenly(dimensions, random)),
    ...leaders.flatMap(({ at }) =>
      Array.from({ length: SIZES.around }, () =>
        moved(dimensions, at, { by: 10 ** (-0.5 - 2.5 * random.uniform()), random }),
      ),
    ),
  ].filter(mayAsk)
  const ranked = candidates.map((at) => ({ at, worth: worth(at) })).toSorted((a, b) => b.worth - a.worth)
  const tops = ranked.slice(0, SIZES.climbs).map((start) => {
    let best = start
    for (let step = 0; step < SIZES.steps; step++) {
      const by = 0.1 * 0.85 ** step
      const at = moved(dimensions, best.at, { by: Math.max(by, 1e-4), random })
      if (!mayAsk(at)) continue
      const next = { at, worth: worth(at) }
      if (next.worth > best.worth) best = next
    }
    return best
  })
  const [top] = tops.toSorted((a, b) => b.worth - a.worth)
  return top?.at
}

/** A point near another: some of its params by a share of their range, or to another choice. */
function moved(
  dimensions: readonly Dimension[],
  at: Vector,
  { by, random }: { readonly by: number; readonly random: Prng },
): Vector {
  const always = random.below(dimensions.length)
  return dimensions.map((one, i) => {
    const x = at[i] ?? 0
    if (i !== always && random.uniform() < 0.5) return x
    if (one.kind === 'choice') return random.uniform() < 0.3 ? random.below(one.choices.length) : x
    const [low, high] = drawnBetween(one)
    return fromDrawn(one, Math.min(high, Math.max(low, toDrawn(one, x) + by * (high - low) * random.normal())))
  })
}
