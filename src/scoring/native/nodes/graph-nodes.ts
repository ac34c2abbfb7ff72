/** The small nodes of a graph: links, votes, means, products, norms, the likelihoods of naive Bayes. */

import type { NativeDocument } from '../form/document.ts'
import { floats } from '../form/document.ts'
import { exp } from '../arithmetic/exp.ts'
import type { GraphNode } from '../form/graph-ir.ts'
import { DOTS } from '../arithmetic/dots.ts'
import { decide, probabilities, regress } from './links.ts'

/** Reads its slots and fills its own. */
export type Run = (slots: Float64Array) => void

type Simple = Exclude<GraphNode, { op: 'trees' | 'linear' | 'steps' | 'gauss' | 'text' | 'spread' | 'sparse' }>
type Of<T extends GraphNode['op']> = Extract<GraphNode, { op: T }>

const RUNS: { readonly [Op in Simple['op']]: (node: Of<Op>) => Run } = {
  link: linkRun,
  decide: decideRun,
  mean,
  votes,
  product,
  normal,
  shares,
  pick,
  median: weightedMedian,
  power,
}

/** Compiles a node that needs no arrays. */
export function simpleRun(node: Simple): Run {
  return (RUNS[node.op] as (node: Simple) => Run)(node)
}

function gather(from: readonly number[]): (slots: Float64Array) => Float64Array {
  const x = new Float64Array(from.length)
  return (slots) => {
    for (let j = 0; j < from.length; j++) x[j] = slots[from[j]!]!
    return x
  }
}

/** Probabilities of raw scores; the link exp gives the one number it turns a score into. */
function linkRun({ from, to, link }: Of<'link'>): Run {
  if (link === 'exp') {
    return (slots) => {
      slots[to] = regress(link, slots[from[0]!]!)
    }
  }
  const take = gather(from)
  return (slots) =>
    probabilities(link, { raw: take(slots), rawAt: 0, outputs: from.length, out: slots, outAt: to }, exp)
}

function decideRun({ from, to, rule }: Of<'decide'>): Run {
  const take = gather(from)
  return (slots) => {
    slots[to] = decide(rule, take(slots), 0, from.length)
  }
}

/** Adds groups of outputs in their order, each times its weight, and divides. */
function mean({ from, to, outputs, weights, divide }: Of<'mean'>): Run {
  const groups = from.length / outputs
  return (slots) => {
    for (let k = 0; k < outputs; k++) {
      let total = 0
      for (let g = 0; g < groups; g++) total += slots[from[g * outputs + k]!]! * (weights[g] ?? 1)
      slots[to + k] = total / divide
    }
  }
}

/** The weight of the members that chose each class. */
function votes({ from, to, outputs, weights }: Of<'votes'>): Run {
  return (slots) => {
    slots.fill(0, to, to + outputs)
    for (let g = 0; g < from.length; g++) {
      const at = to + slots[from[g]!]!
      slots[at] = slots[at]! + (weights[g] ?? 1)
    }
  }
}

/** Products of slots, multiplied from the last factor to the first; no factors give 1. */
function product({ to, terms }: Of<'product'>): Run {
  return (slots) => {
    for (const [k, factors] of terms.entries()) {
      let value = 1
      for (let i = factors.length - 1; i >= 0; i--) value = slots[factors[i]!]! * value
      slots[to + k] = value
    }
  }
}

/** A row divided by its norm; a row of zeros stays. A sparse row is added up one by one. */
function normal({ from, to, norm, order, sparse }: Of<'normal'>): Run {
  const take = gather(from)
  const n = from.length
  const terms = { from: 0, n }
  const least = sparse ? Number.MIN_VALUE : 10 * Number.EPSILON
  const length = (x: Float64Array): number => {
    if (norm === 'l2') return Math.sqrt(DOTS[order](x, 0, x, terms))
    const sizes = x.map(Math.abs)
    if (norm === 'max') return sizes.reduce((most, size) => Math.max(most, size), 0)
    return sparse ? sizes.reduce((sum, size) => sum + size, 0) : pairwise(sizes, 0, n)
  }
  return (slots) => {
    const x = take(slots)
    const found = length(x)
    const size = found < least ? 1 : found
    for (let j = 0; j < n; j++) slots[to + j] = x[j]! / size
  }
}

/** The value that an index stands for. */
function pick({ from, to, values }: Of<'pick'>): Run {
  return (slots) => {
    slots[to] = values[slots[from[0]!]!]!
  }
}

/** One probability of the second class becomes two; more are divided by their sum, equal where all are zero. */
function shares({ from, to }: Of<'shares'>): Run {
  const take = gather(from)
  const n = from.length
  return (slots) => {
    const x = take(slots)
    if (n === 1) {
      slots[to] = 1 - x[0]!
      slots[to + 1] = x[0]!
      return
    }
    const sum = pairwise(x, 0, n)
    for (let k = 0; k < n; k++) {
      const share = sum === 0 ? 1 / n : x[k]! / sum
      slots[to + k] = share > 1 && share <= 1 + 1e-5 ? 1 : share
    }
  }
}

/** The value at which the running weight reaches half of the whole. */
function weightedMedian({ from, to, weights }: Of<'median'>): Run {
  return (slots) => {
    const order = from.map((_, i) => i).sort((a, b) => slots[from[a]!]! - slots[from[b]!]!)
    const running: number[] = []
    let total = 0
    for (const i of order) running.push((total += weights[i]!))
    const place = running.findIndex((sum) => sum >= 0.5 * total)
    slots[to] = slots[from[order[place]!]!]!
  }
}

/** The score of an isolation forest: minus two to the power of minus the depth, less the offset. */
function power({ from, to, offset }: Of<'power'>): Run {
  return (slots) => {
    slots[to] = -(2 ** -slots[from[0]!]!) - offset
  }
}

/** The joint log-likelihood of Gaussian naive Bayes: arrays theta, var (classes × features) and what does not depend on the row. */
export function gaussRun(node: Of<'gauss'>, document: NativeDocument): { run: Run; bytes: number } {
  const n = node.from.length
  const classes = node.prior.length
  const theta = floats(document, `${node.arrays}theta`, classes * n)
  const variance = floats(document, `${node.arrays}var`, classes * n)
  const constant = floats(document, `${node.arrays}constant`, classes)
  const take = gather(node.from)
  const terms = new Float64Array(n)
  return {
    bytes: theta.byteLength + variance.byteLength,
    run(slots) {
      const x = take(slots)
      for (let k = 0; k < classes; k++) {
        for (let j = 0; j < n; j++) {
          const off = x[j]! - theta[k * n + j]!
          terms[j] = (off * off) / variance[k * n + j]!
        }
        slots[node.to + k] = node.prior[k]! + (constant[k]! - 0.5 * pairwise(terms, 0, n))
      }
    },
  }
}

/** The sum of n numbers in the order of numpy.add.reduce: eight running sums over blocks of at most 128, halves above. */
export function pairwise(x: Float64Array, at: number, n: number): number {
  if (n < 8) {
    let total = 0
    for (let i = 0; i < n; i++) total += x[at + i]!
    return total
  }
  if (n > 128) {
    const half = n >> 1
    const left = half - (half % 8)
    return pairwise(x, at, left) + pairwise(x, at + left, n - left)
  }
  const r = x.slice(at, at + 8)
  let i = 8
  for (; i < n - (n % 8); i += 8) for (let j = 0; j < 8; j++) r[j] = r[j]! + x[at + i + j]!
  let total = r[0]! + r[1]! + (r[2]! + r[3]!) + (r[4]! + r[5]! + (r[6]! + r[7]!))
  for (; i < n; i++) total += x[at + i]!
  return total
}
