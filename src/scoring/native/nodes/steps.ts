/** The steps on one number that know nothing of inputs: scaling, binning, interpolation, exact functions. */

import { exp } from '../arithmetic/exp.ts'
import type { NumberStepIr } from '../form/graph-ir.ts'

/** One number to the next. */
export type NumberStep = (value: number) => number

type Refuse = (value: number | null, expected: string) => never

/** Compiles a step; `refuse` is called with a value that scikit-learn would refuse. */
export function numberStep(step: NumberStepIr, refuse: Refuse): NumberStep {
  switch (step.op) {
    case 'finite':
      return (x) => (x === Infinity || x === -Infinity ? refuse(x, 'a finite number') : x)
    case 'float32':
      return Math.fround
    case 'present':
      return (x) => (x === x ? x : refuse(null, 'a number'))
    case 'impute':
      return impute(step.missing, step.value)
    case 'is_missing':
      return isMissing(step.value ?? NaN)
    case 'above':
      return (x) => (x > step.value ? 1 : 0)
    case 'bin':
      return binning(step.edges)
    case 'interpolate':
      return interpolation(step.x, step.y)
    case 'quantile':
      return quantile(step.x, step.y)
    case 'apply':
      return FUNCTIONS[step.name]
    default:
      return arithmetic(step)
  }
}

type Arithmetic = Extract<NumberStepIr, { op: 'subtract' | 'add' | 'multiply' | 'divide' | 'clip' }>

function arithmetic(step: Arithmetic): NumberStep {
  if (step.op === 'clip') return (x) => (x < step.low ? step.low : x > step.high ? step.high : x)
  const { value } = step
  switch (step.op) {
    case 'subtract':
      return (x) => x - value
    case 'add':
      return (x) => x + value
    case 'multiply':
      return (x) => x * value
    case 'divide':
      return (x) => x / value
  }
}

function impute(absent: number, value: number): NumberStep {
  return absent === absent ? (x) => (x === absent ? value : x) : (x) => (x === x ? x : value)
}

function isMissing(absent: number): NumberStep {
  return absent === absent ? (x) => (x === absent ? 1 : 0) : (x) => (x === x ? 0 : 1)
}

/** The number of edges that are not above the value (searchsorted from the right). */
function binning(edges: readonly number[]): NumberStep {
  return (x) => notAbove(edges, x)
}

function notAbove(sorted: readonly number[], x: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! <= x) low = middle + 1
    else high = middle
  }
  return low
}

/** numpy.interp: lines between points, the first and last value outside of them; NaN stays. */
function interpolation(xs: readonly number[], ys: readonly number[]): NumberStep {
  const last = xs.length - 1
  return (x) => {
    if (x !== x) return x
    const j = notAbove(xs, x) - 1
    if (j < 0) return ys[0]!
    if (j >= last) return ys[last]!
    if (xs[j] === x) return ys[j]!
    const slope = (ys[j + 1]! - ys[j]!) / (xs[j + 1]! - xs[j]!)
    const near = slope * (x - xs[j]!) + ys[j]!
    if (near === near) return near
    const far = slope * (x - xs[j + 1]!) + ys[j + 1]!
    return far !== far && ys[j] === ys[j + 1] ? ys[j]! : far
  }
}

/** The mean of an interpolation from the left and one from the right, which differ where quantiles repeat. */
function quantile(xs: readonly number[], ys: readonly number[]): NumberStep {
  const up = interpolation(xs, ys)
  const down = interpolation(xs.map((x) => -x).reverse(), ys.map((y) => -y).reverse())
  const [low, high] = [xs[0]!, xs.at(-1)!]
  return (x) => {
    if (x === high) return ys.at(-1)!
    if (x === low) return ys[0]!
    return 0.5 * (up(x) - down(-x))
  }
}

/** Rounds half to even, as numpy.rint does. */
function rint(x: number): number {
  const down = Math.floor(x)
  const rest = x - down
  if (rest !== 0.5) return Math.round(x)
  return down % 2 === 0 ? down : down + 1
}

const FUNCTIONS: Record<Extract<NumberStepIr, { op: 'apply' }>['name'], NumberStep> = {
  absolute: Math.abs,
  negative: (x) => -x,
  sqrt: Math.sqrt,
  square: (x) => x * x,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  rint,
  sign: Math.sign,
  reciprocal: (x) => 1 / x,
  expit: (x) => 1 / (1 + exp(-x)),
}
