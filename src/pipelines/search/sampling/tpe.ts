/**
 * The tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kégl 2011, "Algorithms for Hyper-Parameter Optimization"): the best
 * trials and the others have a density each, and the next point is, of some that are drawn from the first, the one where the first is largest
 * beside the second. All params together, as Falkner 2018 and Watanabe 2023 advise.
 */
import type { Dimension } from '../../../contract/pipelines/studies.ts'
import type { Prng } from '../../../stats/prng.ts'
import { densityOf } from './parzen.ts'
import { drawAllowed, type Known, type Observation, type Vector } from './space.ts'

/** Trials that are drawn evenly first. */
const STARTING = 10
/** Points that are drawn from the density of the best. */
const CANDIDATES = 24
/** The best are this share, at most so many (Optuna's choice; "linear" in Watanabe 2023, section 3.1). */
const BEST_SHARE = 0.1
const BEST_MOST = 25
/** Of the others the newest so many count whole, older ones less and less (Bergstra 2013, hyperopt). */
const WHOLE = 25

/** The next point; undefined where none is allowed. Trials under way count as bad ones, so that those beside them go elsewhere (the constant liar of Ginsbourger 2010). */
export function suggestByTpe(dimensions: readonly Dimension[], known: Known, random: Prng): Vector | undefined {
  const { told, open, allows } = known
  if (told.length < STARTING) return drawAllowed(dimensions, known, random)
  const ranked = told.toSorted(byWorth)
  const count = Math.min(Math.ceil(BEST_SHARE * told.length), BEST_MOST)
  const best = new Set(ranked.slice(0, count))
  const good = told.filter((one) => best.has(one)).map((one) => one.at)
  const others = [...told.filter((one) => !best.has(one)).map((one) => one.at), ...open]
  const low = densityOf(
    dimensions,
    good,
    good.map(() => 1),
  )
  const high = densityOf(dimensions, others, ageing(others.length))
  const drawn = Array.from({ length: CANDIDATES }, () => low.draw(random)).filter(allows)
  const scores = drawn.map((at) => low.logAt(at) - high.logAt(at))
  return drawn[scores.indexOf(Math.max(...scores))] ?? drawAllowed(dimensions, known, random)
}

/** Better first: those that went to their end by loss, then those that were stopped, the later the better. */
function byWorth(a: Observation, b: Observation): number {
  if ((a.stopped === null) !== (b.stopped === null)) return a.stopped === null ? -1 : 1
  if (a.stopped !== null && b.stopped !== null && a.stopped !== b.stopped) return b.stopped - a.stopped
  return a.loss - b.loss
}

function ageing(count: number): number[] {
  const old = Math.max(0, count - WHOLE)
  return Array.from({ length: count }, (_, i) =>
    i >= old ? 1 : 1 / count + (old > 1 ? i / (old - 1) : 1) * (1 - 1 / count),
  )
}
