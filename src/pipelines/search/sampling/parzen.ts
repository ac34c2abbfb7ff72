/**
 * Densities of points by kernels around those that are known, as TPE compares them (Watanabe 2023, "Tree-Structured Parzen Estimator:
 * Understanding Its Algorithm Components and Their Roles", sections 3.2 and 3.3): a mixture of products, one kernel for each point and one for
 * the prior. Numbers have truncated normal kernels, ints the mass of one between their halves, choices a table.
 */
import type { Dimension } from '../../../contract/pipelines/studies.ts'
import { normalCdf, normalQuantile } from '../../../stats/distributions.ts'
import type { Prng } from '../../../stats/prng.ts'
import { drawnBetween, fromDrawn, toDrawn, type Vector } from './space.ts'

/** A mixture over whole points. */
export interface Density {
  logAt(at: Vector): number
  draw(random: Prng): Vector
}

/** The kernels of one dimension, by their number; the last is the prior's. */
interface Column {
  logAt(kernel: number, x: number): number
  draw(kernel: number, random: Prng): number
}

/** `weights` are those of the points; the prior weighs 1. */
export function densityOf(
  dimensions: readonly Dimension[],
  points: readonly Vector[],
  weights: readonly number[],
): Density {
  const columns = dimensions.map((one, i) => {
    const values = points.map((at) => at[i] ?? 0)
    return one.kind === 'choice' ? table(one.choices.length, values) : normals(one, values, dimensions.length)
  })
  const all = [...weights, 1]
  const total = all.reduce((sum, weight) => sum + weight, 0)
  const logWeights = all.map((weight) => Math.log(weight / total))
  return {
    logAt(at) {
      const logs = logWeights.map((weight, kernel) =>
        columns.reduce((sum, column, i) => sum + column.logAt(kernel, at[i] ?? 0), weight),
      )
      const most = Math.max(...logs)
      return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0))
    },
    draw(random) {
      const kernel = pick(all, total, random)
      return columns.map((column) => column.draw(kernel, random))
    },
  }
}

function pick(weights: readonly number[], total: number, random: Prng): number {
  let left = random.uniform() * total
  const found = weights.findIndex((weight) => (left -= weight) < 0)
  return found < 0 ? weights.length - 1 : found
}

/** Each point adds 1 to its own choice above an even prior that is shared by all kernels (Watanabe 2023, equation 16). */
function table(count: number, values: readonly number[]): Column {
  const spread = 1 / (values.length + 1)
  const chances = [...values, -1].map((own) => {
    const raw = Array.from({ length: count }, (_, choice) => spread + (choice === own ? 1 : 0))
    const sum = raw.reduce((total, one) => total + one, 0)
    return raw.map((one) => one / sum)
  })
  return {
    logAt: (kernel, x) => Math.log(chances[kernel]?.[x] ?? 0),
    draw: (kernel, random) => pick(chances[kernel] ?? [], 1, random),
  }
}

/** Share of the range that kernels of few points are wide, and its power in the number of points (Watanabe 2023, section 3.3.4). */
const WIDTH = 0.2
/** No kernel is narrower than the range by this (the "magic clip" of Bergstra's hyperopt). */
const NARROWEST = 100

function normals(one: Exclude<Dimension, { kind: 'choice' }>, values: readonly number[], dimensions: number): Column {
  const [low, high] = drawnBetween(one)
  const range = high - low
  const widest = Math.max(range, Number.MIN_VALUE)
  const count = values.length
  const width = Math.min(
    widest,
    Math.max(WIDTH * Math.max(count, 1) ** (-1 / (dimensions + 4)) * range, widest / Math.min(NARROWEST, 2 + count)),
  )
  const kernels = [
    ...values.map((x) => ({ mean: toDrawn(one, x), width })),
    { mean: (low + high) / 2, width: widest },
  ].map(({ mean, width: sd }) => {
    const [from, to] = [normalCdf((low - mean) / sd), normalCdf((high - mean) / sd)]
    return { mean, sd, from, to, logMass: Math.log(to - from) }
  })
  const isCounted = one.kind === 'int' && !one.log
  return {
    logAt(kernel, x) {
      const { mean, sd, logMass } = kernels[kernel] as (typeof kernels)[number]
      const z = (toDrawn(one, x) - mean) / sd
      if (!isCounted) return -0.5 * z * z - Math.log(sd * Math.sqrt(2 * Math.PI)) - logMass
      const half = 0.5 / sd
      return Math.log(Math.max(normalCdf(z + half) - normalCdf(z - half), 1e-300)) - logMass
    },
    draw(kernel, random) {
      const { mean, sd, from, to } = kernels[kernel] as (typeof kernels)[number]
      const p = Math.min(1 - 1e-15, Math.max(1e-300, from + random.uniform() * (to - from)))
      return fromDrawn(one, Math.min(high, Math.max(low, mean + sd * normalQuantile(p))))
    },
  }
}
