/** Scores sums of decision trees held in typed arrays: by walks, and many rows by masks where the trees allow it. */

import type { Forest, Lines, Summed } from './forest.ts'
import { CATEGORICAL, categoryRight, MISSING_LEFT, NEAR_ZERO, ZERO_MISSING } from './forest.ts'
import type { Masks } from './masks.ts'
import { markedLeaf, markLeaves, openMasks } from './masks.ts'

/** Turns rows of features into raw scores. `rows` is row-major with `width` columns; `out` is row-major with `outputs` columns. */
export interface Scorer {
  one(x: Float64Array, out: Float64Array): void
  many(x: Float64Array, rows: number, out: Float64Array): void
  readonly bytes: number
}

/** Builds the scorer of a tree model of so many features. */
export function treeScorer(ir: Summed, forest: Forest, width: number): Scorer {
  if (forest.lines !== undefined) return linearScorer(ir, forest, forest.lines, width)
  const base = Float64Array.from(ir.base)
  const outputs = base.length
  const trees = forest.roots.length
  const add = adder(ir, forest, outputs)
  const below = ir.compare === 'below'
  const walk = below ? walkBelow : walkNotAbove
  // made for the first batch: most models of a gateway only ever see single rows
  let masks: Masks | null | undefined
  const plain = ir.sum !== 'float32' && ir.leaf_width === 1 && outputs === 1
  const divide = (out: Float64Array, length: number): void => {
    if (ir.divide !== 1) for (let k = 0; k < length; k++) out[k] = out[k]! / ir.divide
  }
  return {
    bytes: forest.nodes.byteLength + forest.threshold.byteLength + forest.leaves.byteLength + forest.bitsets.byteLength,
    one(x, out) {
      for (let k = 0; k < outputs; k++) out[k] = base[k]!
      for (let t = 0; t < trees; t++) add(t, walk(forest, t, x, 0), out, 0)
      divide(out, outputs)
    },
    many(x, rows, out) {
      for (let row = 0; row < rows; row++) out.set(base, row * outputs)
      if (masks === undefined) masks = openMasks(forest) ?? null
      if (masks === null) {
        for (let t = 0; t < trees; t++) {
          for (let row = 0; row < rows; row++) add(t, walk(forest, t, x, row * width), out, row * outputs)
        }
      } else {
        const addTrees = plain && masks.bits.length === trees ? addValues : addMarked
        for (let row = 0; row < rows; row++) {
          markLeaves(masks, x, row * width, below)
          addTrees(masks, forest, { add, out, at: row * outputs })
        }
      }
      divide(out, rows * outputs)
    },
  }
}

interface Sums {
  readonly add: AddLeaf
  readonly out: Float64Array
  readonly at: number
}

/** Adds the leaves of the marked row. */
function addMarked(masks: Masks, { roots }: Forest, { add, out, at }: Sums): void {
  for (let t = 0; t < roots.length; t++) add(t, markedLeaf(masks, t), out, at)
}

/** The same where there is one number, and no tree has more than 32 leaves. */
function addValues({ bits, leaves }: Masks, forest: Forest, { out, at }: Sums): void {
  const values = forest.leaves
  let sum = out[at]!
  for (let t = 0; t < bits.length; t++) {
    const word = bits[t]!
    sum += values[leaves[32 * t + 31 - Math.clz32(word & -word)]!]!
  }
  out[at] = sum
}

/** A sum of trees whose leaves are lines. */
function linearScorer(ir: Summed, forest: Forest, lines: Lines, width: number): Scorer {
  const base = Float64Array.from(ir.base)
  const outputs = base.length
  const score = (x: Float64Array, from: number, out: Float64Array, at: number): void => {
    for (let k = 0; k < outputs; k++) out[at + k] = base[k]!
    for (let t = 0; t < forest.roots.length; t++) {
      const k = at + (t % outputs)
      out[k] = out[k]! + lineAt(forest, lines, walkNotAbove(forest, t, x, from), { x, from })
    }
    if (ir.divide !== 1) for (let k = 0; k < outputs; k++) out[at + k] = out[at + k]! / ir.divide
  }
  return {
    bytes:
      forest.nodes.byteLength + forest.threshold.byteLength + lines.feature.byteLength + lines.coefficient.byteLength,
    one: (x, out) => score(x, 0, out, 0),
    many(x, rows, out) {
      for (let row = 0; row < rows; row++) score(x, row * width, out, row * outputs)
    },
  }
}

function lineAt(forest: Forest, lines: Lines, leaf: number, row: { x: Float64Array; from: number }): number {
  let sum = lines.constant[leaf]!
  for (let i = lines.start[leaf]!; i < lines.start[leaf + 1]!; i++) {
    const value = row.x[row.from + lines.feature[i]!]!
    if (value !== value) return forest.leaves[leaf]!
    sum += lines.coefficient[i]! * value
  }
  return sum
}

/** Adds a leaf to the scores of the row that start at `at`. */
type AddLeaf = (tree: number, leaf: number, out: Float64Array, at: number) => void

function adder(ir: Summed, forest: Forest, outputs: number): AddLeaf {
  if (ir.sum === 'float32') return narrowLeaves(forest, outputs)
  return ir.leaf_width === 1 ? scalarLeaves(forest, outputs) : vectorLeaves(forest, outputs)
}

/** Boosting in float32: every sum is rounded. */
function narrowLeaves({ leaves }: Forest, outputs: number): AddLeaf {
  return (tree, leaf, out, at) => {
    const k = at + (tree % outputs)
    out[k] = Math.fround(out[k]! + leaves[leaf]!)
  }
}

/** Boosting: tree t adds one value to output t modulo the number of outputs. */
function scalarLeaves({ leaves }: Forest, outputs: number): AddLeaf {
  if (outputs === 1) {
    return (_tree, leaf, out, at) => {
      out[at] = out[at]! + leaves[leaf]!
    }
  }
  return (tree, leaf, out, at) => {
    const k = at + (tree % outputs)
    out[k] = out[k]! + leaves[leaf]!
  }
}

/** Forests of classifiers: every leaf holds one value an output. */
function vectorLeaves({ leaves }: Forest, outputs: number): AddLeaf {
  return (_tree, leaf, out, at) => {
    const from = leaf * outputs
    for (let k = 0; k < outputs; k++) out[at + k] = out[at + k]! + leaves[from + k]!
  }
}

/** The place of the leaf that the row at `from` reaches; a value goes left when it is not above the threshold. */
function walkNotAbove(forest: Forest, tree: number, x: Float64Array, from: number): number {
  const { nodes, threshold } = forest
  let node = forest.roots[tree]!
  let word = nodes[2 * node]!
  while (word >= 0) {
    const value = x[from + (word >> 4)]!
    const limit = threshold[node]!
    let right: number
    if (value !== value) right = (word & MISSING_LEFT) ^ 1
    else if ((word & (CATEGORICAL | ZERO_MISSING)) === 0) right = value <= limit ? 0 : 1
    else if ((word & CATEGORICAL) !== 0) right = categoryRight(forest, word, value, limit)
    else right = Math.abs(value) <= NEAR_ZERO ? (word & MISSING_LEFT) ^ 1 : value <= limit ? 0 : 1
    node = nodes[2 * node + 1]! + right
    word = nodes[2 * node]!
  }
  return nodes[2 * node + 1]!
}

/** As walkNotAbove, but a value goes left only below the threshold. */
function walkBelow(forest: Forest, tree: number, x: Float64Array, from: number): number {
  const { nodes, threshold } = forest
  let node = forest.roots[tree]!
  let word = nodes[2 * node]!
  while (word >= 0) {
    const value = x[from + (word >> 4)]!
    const limit = threshold[node]!
    let right: number
    if (value !== value) right = (word & MISSING_LEFT) ^ 1
    else if ((word & CATEGORICAL) === 0) right = value < limit ? 0 : 1
    else right = categoryRight(forest, word, value, limit)
    node = nodes[2 * node + 1]! + right
    word = nodes[2 * node]!
  }
  return nodes[2 * node + 1]!
}
