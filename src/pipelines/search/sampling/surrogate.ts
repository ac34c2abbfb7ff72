/**
 * A Gaussian process of what a search knows (Rasmussen and Williams 2006, chapters 2 and 5): a Matérn 5/2 kernel with a length for each param,
 * whose lengths and noise are those of the largest posterior, as Snoek, Larochelle and Adams 2012 choose for hyperparameters.
 */
import type { Dimension } from '../../../contract/pipelines/studies.ts'
import type { Prng } from '../../../stats/prng.ts'
import { factorOf, logDeterminant, solveLower, solveUpper, type Lower } from './cholesky.ts'
import { drawnBetween, toDrawn, type Vector } from './space.ts'

/** What a process says of a point. */
export interface Belief {
  readonly mean: number
  readonly sd: number
}

export interface Surrogate {
  at(point: Vector): Belief
  /** The same process as if the point had shown what is expected of it (the kriging believer of Ginsbourger 2010). */
  believing(point: Vector): Surrogate
}

/** Logarithms of lengths and, last, of the noise beside the signal. */
type Hyper = readonly number[]

/** Where lengths are expected, as a logarithm of the share of a range, and how far from it. */
const LENGTH = { mean: Math.log(0.5), sd: 1 }
const NOISE = { mean: Math.log(1e-4), sd: 2.5 }
/** Bounds of the logarithms. */
const LENGTHS = [Math.log(0.02), Math.log(20)] as const
const NOISES = [Math.log(1e-8), Math.log(0.5)] as const
/** Rounds of the search for hyperparameters; each tries every one of them up and down. */
const ROUNDS = 6
/** Starts of that search. */
const STARTS = 4

/** Fits a process to losses at points; there are at least two. */
export function fitSurrogate(
  dimensions: readonly Dimension[],
  points: readonly Vector[],
  { losses, random }: { readonly losses: readonly number[]; readonly random: Prng },
): Surrogate {
  const scale = scaled(dimensions)
  const known = points.map(scale)
  const apart = distances(known, dimensions)
  const score = (hyper: Hyper): number => posterior(apart, losses, hyper)
  const first = [...dimensions.map(() => LENGTH.mean), NOISE.mean]
  const starts = [first, ...Array.from({ length: STARTS - 1 }, () => first.map((one) => one + random.normal()))]
  const [best] = starts.map((start) => ({ start, score: score(start) })).toSorted((a, b) => b.score - a.score)
  const hyper = climb(score, best?.start ?? first)
  return surrogate({ known, losses, hyper, scale, dimensions })
}

/** A point with each number between 0 and 1 on the scale on which it is drawn. */
function scaled(dimensions: readonly Dimension[]): (at: Vector) => Vector {
  const parts = dimensions.map((one) => {
    if (one.kind === 'choice') return (x: number) => x
    const [low, high] = drawnBetween(one)
    return (x: number) => (high > low ? (toDrawn(one, x) - low) / (high - low) : 0)
  })
  return (at) => parts.map((part, i) => part(at[i] ?? 0))
}

/** The squared distance in one dimension; two choices are 1 apart. */
function apartIn(one: Dimension, a: number, b: number): number {
  return one.kind === 'choice' ? Number(a !== b) : (a - b) ** 2
}

/** By row and column below the diagonal, the squared distance in each dimension. */
function distances(known: readonly Vector[], dimensions: readonly Dimension[]): number[][][] {
  return known.map((a, i) =>
    known.slice(0, i).map((b) => dimensions.map((one, d) => apartIn(one, a[d] ?? 0, b[d] ?? 0))),
  )
}

function matern(squared: number): number {
  const r = Math.sqrt(5 * squared)
  return (1 + r + (r * r) / 3) * Math.exp(-r)
}

/** The logarithm of the likelihood, the variance of the signal taken at its best, and of the priors, but for constants. */
function posterior(
  apart: readonly (readonly (readonly number[])[])[],
  losses: readonly number[],
  hyper: Hyper,
): number {
  const count = losses.length
  const inverse = hyper.slice(0, -1).map((log) => Math.exp(-2 * log))
  const noise = Math.exp(hyper.at(-1) ?? 0)
  const factor = factorOf(count, (i, j) => {
    if (i === j) return 1 + noise
    const parts = apart[i]?.[j] as readonly number[]
    let squared = 0
    for (let d = 0; d < inverse.length; d++) squared += (parts[d] as number) * (inverse[d] as number)
    return matern(squared)
  })
  if (factor === undefined) return -Infinity
  const half = solveLower(factor, losses)
  const energy = half.reduce((sum, one) => sum + one * one, 0) / count
  const likelihood = -0.5 * (count * Math.log(Math.max(energy, 1e-12)) + logDeterminant(factor))
  const prior = hyper.map((one, i) => {
    const { mean, sd } = i < inverse.length ? LENGTH : NOISE
    return -0.5 * ((one - mean) / sd) ** 2
  })
  return prior.reduce((sum, one) => sum + one, likelihood)
}

/** Goes up by one hyperparameter at a time, with steps that get smaller. */
function climb(score: (hyper: Hyper) => number, start: Hyper): Hyper {
  let best = bounded(start)
  let value = score(best)
  let step = 1
  for (let round = 0; round < ROUNDS; round++) {
    const before = value
    for (let i = 0; i < best.length; i++) {
      for (const by of [step, -step]) {
        const next = bounded(best.with(i, (best[i] ?? 0) + by))
        const found = score(next)
        if (found <= value) continue
        best = next
        value = found
        break
      }
    }
    if (value === before) step /= 2
  }
  return best
}

function bounded(hyper: Hyper): Hyper {
  return hyper.map((one, i) => {
    const [low, high] = i < hyper.length - 1 ? LENGTHS : NOISES
    return Math.min(high, Math.max(low, one))
  })
}

interface Fitted {
  readonly known: readonly Vector[]
  readonly losses: readonly number[]
  readonly hyper: Hyper
  readonly scale: (at: Vector) => Vector
  readonly dimensions: readonly Dimension[]
}

function surrogate(of: Fitted): Surrogate {
  const { known, losses, hyper, scale, dimensions } = of
  const inverse = hyper.slice(0, -1).map((log) => Math.exp(-2 * log))
  const noise = Math.exp(hyper.at(-1) ?? 0)
  const kernel = (a: Vector, b: Vector): number => {
    let squared = 0
    for (const [d, one] of dimensions.entries()) squared += apartIn(one, a[d] ?? 0, b[d] ?? 0) * (inverse[d] as number)
    return matern(squared)
  }
  const factor = firm(known, kernel, noise)
  const half = solveLower(factor, losses)
  const weights = solveUpper(factor, half)
  const signal = Math.max(half.reduce((sum, one) => sum + one * one, 0) / losses.length, 1e-12)
  const at = (point: Vector): Belief => {
    const u = scale(point)
    const row = known.map((one) => kernel(one, u))
    const mean = row.reduce((sum, one, i) => sum + one * (weights[i] as number), 0)
    const explained = solveLower(factor, row).reduce((sum, one) => sum + one * one, 0)
    return { mean, sd: Math.sqrt(signal * Math.max(1 - explained, 1e-12)) }
  }
  return {
    at,
    believing: (point) => surrogate({ ...of, known: [...known, scale(point)], losses: [...losses, at(point).mean] }),
  }
}

/** The factor of the kernel's matrix, with as much more on its diagonal as it takes. */
function firm(known: readonly Vector[], kernel: (a: Vector, b: Vector) => number, noise: number): Lower {
  for (let more = noise; ; more = Math.max(more * 10, 1e-10)) {
    const factor = factorOf(known.length, (i, j) =>
      i === j ? 1 + more : kernel(known[i] as Vector, known[j] as Vector),
    )
    if (factor !== undefined) return factor
  }
}
