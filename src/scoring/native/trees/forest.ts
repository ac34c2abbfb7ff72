/** Reads trees from a document and lays their nodes out for walking. */

import { bytesOf, floats, ints, malformed, words } from '../form/document.ts'
import type { NativeDocument } from '../form/document.ts'
import type { TreesIr } from '../form/ir.ts'

/** What the walk needs of a description of trees. */
export type Summed = Pick<TreesIr, 'trees' | 'leaf_width' | 'base' | 'divide' | 'sum' | 'compare' | 'bitset_words'>

export const MISSING_LEFT = 1
export const CATEGORICAL = 2
export const ZERO_MISSING = 4
const OUTSIDE_OTHER = 8
/** Numbers this near zero count as zero where zero means missing: 1e-35 in float32. */
export const NEAR_ZERO = Math.fround(1e-35)
const BITSET_WORDS = 8
/** On a categorical node the bit of ZERO_MISSING: values between -1 and 0 are category 0. */
const TRUNCATES = ZERO_MISSING

/** Nodes laid out so that siblings are neighbours. `nodes` holds per node a word (feature × 16 + flags; -1 for a leaf) and the left child or the leaf's place. */
export interface Forest {
  readonly roots: Int32Array
  readonly nodes: Int32Array
  readonly threshold: Float64Array
  readonly leaves: Float64Array
  readonly bitsets: Uint32Array
  /** Training weight of every node; undefined in files that do not have it. */
  readonly cover: Float64Array | undefined
  /** Linear leaves; undefined where leaves are plain values. */
  readonly lines: Lines | undefined
  /** Words of a set of categories. */
  readonly words: number
}

/** A line for every leaf: constant + Σ coefficient × feature in this order. A row that lacks one of the features gets the leaf's value. */
export interface Lines {
  /** Where the terms of a leaf begin; one more than there are leaves. */
  readonly start: Int32Array
  readonly feature: Int32Array
  readonly coefficient: Float64Array
  readonly constant: Float64Array
}

/** Reads and checks the trees of a document. Throws `unprocessable` when an index leaves its array or a child precedes its parent. */
export function openForest(ir: Summed, document: NativeDocument, width: number, prefix = ''): Forest {
  const setWords = ir.bitset_words ?? BITSET_WORDS
  const nodes = readNodes(ir, { document, width, prefix, words: setWords })
  return { ...layOut(nodes, setWords), lines: readLines(document, prefix, nodes.leaves.length, width) }
}

/** 1 where a value goes right at a node, by how this model compares: the same decision that the walks of trees.ts make. */
export function goesRight(forest: Forest, node: number, value: number, below: boolean): number {
  const word = forest.nodes[2 * node]!
  const limit = forest.threshold[node]!
  const missing = (word & MISSING_LEFT) ^ 1
  if (value !== value) return missing
  if ((word & CATEGORICAL) !== 0) return categoryRight(forest, word, value, limit)
  if ((word & ZERO_MISSING) !== 0 && Math.abs(value) <= NEAR_ZERO) return missing
  return (below ? value < limit : value <= limit) ? 0 : 1
}

/** 1 where a category goes right. One that no bitset can hold goes as a missing value does, or the other way where the node says so. */
export function categoryRight({ bitsets, words }: Forest, word: number, value: number, limit: number): number {
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
  readonly cover: Float64Array | undefined
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
    cover: document.arrays.has(`${prefix}cover`) ? floats(document, `${prefix}cover`, count) : undefined,
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
function layOut(raw: RawNodes, words: number): Omit<Forest, 'lines'> {
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
    cover: raw.cover === undefined ? undefined : Float64Array.from(order, (old) => raw.cover![old]!),
    words,
  }
}

function readLines(document: NativeDocument, prefix: string, leaves: number, width: number): Lines | undefined {
  if (!document.arrays.has(`${prefix}line_start`)) return undefined
  const start = ints(document, `${prefix}line_start`, leaves + 1)
  const feature = ints(document, `${prefix}line_feature`)
  const coefficient = floats(document, `${prefix}line_coefficient`, feature.length)
  const constant = floats(document, `${prefix}line_constant`, leaves)
  const rising = start.every((place, k) => place >= (k === 0 ? 0 : start[k - 1]!))
  if (!rising || start[0] !== 0 || start[leaves] !== feature.length)
    throw malformed('line_start', `its places do not cover ${feature.length} terms`)
  const lost = feature.find((j) => j < 0 || j >= width)
  if (lost !== undefined) throw malformed('line_feature', `feature ${lost} of ${width}`)
  return { start, feature, coefficient, constant }
}
