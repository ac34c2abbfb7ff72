/** The space of a search: what each param may be, and points of it as vectors of numbers, in which samplers think. */
import type { Dimension } from '../../../contract/pipelines/studies.ts'
import type { Prng } from '../../../stats/prng.ts'

/** Params by name, in a fixed order. */
export type Space = Readonly<Record<string, Dimension>>

/** A point: the number itself of a float or an int, the position of a choice; in the order of the dimensions. */
export type Vector = readonly number[]

/** A trial that has told something. */
export interface Observation {
  readonly at: Vector
  /** What is to be small; of a trial that was stopped early its last value. */
  readonly loss: number
  /** The step of the metric at which it was stopped early; null where it went to its end. */
  readonly stopped: number | null
}

/** What a sampler knows: trials that have told something, in the order in which they began, and those under way. */
export interface Known {
  readonly told: readonly Observation[]
  readonly open: readonly Vector[]
  /** Whether a point may be asked at all. */
  readonly allows: (at: Vector) => boolean
}

/** The values of a point by name. */
export function valuesAt(space: Space, at: Vector): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(space).map(([name, one], i) => {
      const x = at[i] ?? 0
      return [name, one.kind === 'choice' ? one.choices[x] : x]
    }),
  )
}

/** The point of values; undefined where one of them is not of the space, as after the space was changed. */
export function pointOf(space: Space, values: Readonly<Record<string, unknown>>): Vector | undefined {
  const at = Object.entries(space).map(([name, one]) => {
    const value = values[name]
    if (one.kind !== 'choice') return Number(value) >= one.min && Number(value) <= one.max ? Number(value) : undefined
    const found = one.choices.findIndex((choice) => JSON.stringify(choice) === JSON.stringify(value))
    return found < 0 ? undefined : found
  })
  return at.every((x) => x !== undefined) ? at : undefined
}

/** The bounds between which a dimension is drawn as a continuous number: an int has half of a step around it. */
export function drawnBetween(one: Exclude<Dimension, { kind: 'choice' }>): readonly [low: number, high: number] {
  const half = one.kind === 'int' ? 0.5 : 0
  return one.log ? [Math.log(one.min - half), Math.log(one.max + half)] : [one.min - half, one.max + half]
}

/** A number of the range as it is drawn. */
export function toDrawn(one: Exclude<Dimension, { kind: 'choice' }>, x: number): number {
  return one.log ? Math.log(x) : x
}

/** What was drawn, as a number of the range. */
export function fromDrawn(one: Exclude<Dimension, { kind: 'choice' }>, drawn: number): number {
  const x = one.log ? Math.exp(drawn) : drawn
  const near = one.kind === 'int' ? Math.round(x) : x
  return Math.min(one.max, Math.max(one.min, near))
}

/** A point drawn evenly (Bergstra and Bengio 2012, "Random Search for Hyper-Parameter Optimization"). */
export function drawEvenly(dimensions: readonly Dimension[], random: Prng): Vector {
  return dimensions.map((one) => {
    if (one.kind === 'choice') return random.below(one.choices.length)
    const [low, high] = drawnBetween(one)
    return fromDrawn(one, low + random.uniform() * (high - low))
  })
}

/** Points that are tried until one is allowed. */
const TRIES = 1000

/** A point drawn evenly of those that are allowed; undefined where none was found. */
export function drawAllowed(dimensions: readonly Dimension[], { allows }: Known, random: Prng): Vector | undefined {
  for (let i = 0; i < TRIES; i++) {
    const at = drawEvenly(dimensions, random)
    if (allows(at)) return at
  }
  return undefined
}
