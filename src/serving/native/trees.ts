/** Walks sums of decision trees held in typed arrays. */

import { bytesOf, floats, ints, malformed, words } from './document.ts'
import type { NativeDocument } from './document.ts'
import type { TreesIr } from './ir.ts'

/** What the walk needs of a description of trees. */
type Summed = Pick<TreesIr, 'trees' | 'leaf_width' | 'base' | 'divide' | 'sum' | 'compare' | 'bitset_words'>

const MISSING_LEFT = 1
const CATEGORICAL = 2
const ZERO_MISSING = 4
const OUTSIDE_OTHER = 8
/** Numbers this near zero count as zero where zero means missing: 1e-35 in float32. */
const NEAR_ZERO = Math.fround(1e-35)
const BITSET_WORDS = 8
/** On a categorical node the bit of ZERO_MISSING: values between -1 and 0 are category 0. */
const TRUNCATES = ZERO_MISSING

/** Turns rows of features into raw scores. `rows` is row-major with `width` columns; `out` is row-major with `outputs` columns. */
export interface Scorer {
  one(x: Float64Array, out: Float64Array): void
  many(x: Float64Array, rows: number, out: Float64Array): void
  readonly bytes: number
}

/** Nodes laid out so that siblings are neighbours. `nodes` holds per node a word (feature × 16 + flags; -1 for a leaf) and the left child or the leaf's place. */
interface Forest {
  readonly roots: Int32Array
  readonly nodes: Int32Array
  readonly threshold: Float64Array
  readonly leaves: Float64Array
  readonly bitsets: Uint32Array
  /** Words of a set of categories. */
  readonly words: number
}

/** Builds the scorer of a tree model. Throws `unprocessable` when an index leaves its array or a child precedes its parent. */
export function treeScorer(ir: Summed, document: NativeDocument, width: number, prefix = ''): Scorer {
  const words = ir.bitset_words ?? BITSET_WORDS
  const forest = layOut(readNodes(ir, { document, width, prefix, words }), words)
  const base = Float64Array.from(ir.base)
  const outputs = base.length
  const trees = forest.roots.length
  const add = adder(ir, forest, outputs)
  const walk = ir.compare === 'below' ? walkBelow : walkNotAbove
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
      for (let t = 0; t < trees; t++) {
        for (let row = 0; row < rows; row++) add(t, walk(forest, t, x, row * width), out, row * outputs)
      }
      divide(out, rows * outputs)
    },
  }
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

/** 1 where a category goes right. One that no bitset can hold goes as a missing value does, or the other way where the node says so. */
function categoryRight({ bitsets, words }: Forest, word: number, value: number, limit: number): number {
  const low = (word & TRUNCATES) === 0 ? value < 0 : value <= -1
  if (low || value >= 32 * words) return (word & MISSING_LEFT) ^ ((word & OUTSIDE_OTHER) === 0 ? 1 : 0)
  return ((bitsets[limit * words + (value >> 5)]! >>> (value & 31)) & 1) ^ 1
}

interface RawNodes {
  readonly roots: Int32Array
  readonly feature: Int32Array
  readonly threshold: Float64Array
  readonly left: Int32Array
  readonly right: Int32Array
  readonly flags: Uint8Array
  readonly leaves: Float64Array
  readonly bitsets: Uint32Array
}

interface Place {
  readonly document: NativeDocument
  readonly width: number
  readonly prefix: string
  readonly words: number
}

function readNodes(ir: Summed, { document, width, prefix, words: setWords }: Place): RawNodes {
  const feature = ints(document, `${prefix}feature`)
  const count = feature.length
  const nodes = {
    feature,
    roots: ints(document, `${prefix}roots`, ir.trees),
    threshold: floats(document, `${prefix}threshold`, count),
    left: ints(document, `${prefix}left`, count),
    right: ints(document, `${prefix}right`, count),
    flags: bytesOf(document, `${prefix}flags`, count),
    leaves: floats(document, `${prefix}leaves`),
    bitsets: words(document, `${prefix}bitsets`),
  }
  for (const root of nodes.roots) if (root < 0 || root >= count) throw malformed('roots', `node ${root} of ${count}`)
  for (let i = 0; i < count; i++) {
    const sets = nodes.bitsets.length / setWords
    const fault = nodeFault(nodes, i, { width, leaves: nodes.leaves.length / ir.leaf_width, sets })
    if (fault !== undefined) throw malformed(`node ${i}`, fault)
  }
  return nodes
}

interface Limits {
  readonly width: number
  readonly leaves: number
  readonly sets: number
}

function nodeFault(nodes: RawNodes, i: number, limits: Limits): string | undefined {
  const feature = nodes.feature[i]!
  const left = nodes.left[i]!
  const right = nodes.right[i]!
  if (feature < 0) return left >= 0 && left < limits.leaves ? undefined : `leaf ${left} of ${limits.leaves}`
  if (feature >= limits.width) return `feature ${feature} of ${limits.width}`
  const count = nodes.feature.length
  if (left <= i || right <= i || left >= count || right >= count)
    return `children ${left} and ${right} of ${count} nodes`
  if ((nodes.flags[i]! & CATEGORICAL) === 0) return undefined
  const bitset = nodes.threshold[i]!
  const { sets } = limits
  return Number.isInteger(bitset) && bitset >= 0 && bitset + 1 <= sets ? undefined : `bitset ${bitset} of ${sets}`
}

/** Renumbers the nodes of each tree level by level, siblings side by side. A node shared by two parents is copied, at most once for each place in the input. */
function layOut(raw: RawNodes, words: number): Forest {
  const count = raw.feature.length
  const order: number[] = []
  const roots = new Int32Array(raw.roots.length)
  const nodes: number[] = []
  for (const [t, root] of raw.roots.entries()) {
    const start = order.length
    roots[t] = start
    order.push(root)
    for (let at = start; at < order.length; at++) {
      const old = order[at]!
      if (raw.feature[old]! < 0) nodes.push(-1, raw.left[old]!)
      else {
        nodes.push(raw.feature[old]! * 16 + raw.flags[old]!, order.length)
        order.push(raw.left[old]!, raw.right[old]!)
      }
      if (order.length > count) throw malformed('nodes', 'a node has more than one parent')
    }
  }
  return {
    roots,
    nodes: Int32Array.from(nodes),
    threshold: Float64Array.from(order, (old) => raw.threshold[old]!),
    leaves: raw.leaves,
    bitsets: raw.bitsets,
    words,
  }
}
