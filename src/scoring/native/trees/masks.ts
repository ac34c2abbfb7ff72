/**
 * Finds the leaves that a row reaches by bits instead of walks: QuickScorer (Lucchese et al., SIGIR 2015), with the bits of all tests
 * that one value decides worked out beforehand.
 */

import type { Forest } from './forest.ts'
import { CATEGORICAL, MISSING_LEFT, ZERO_MISSING } from './forest.ts'

/** Largest table of one model, bytes: what does not stay in the processor's cache is slower than walks. */
const MOST_BYTES = 4 * 1024 * 1024
/** What a visit of a node in a walk costs beside a lane of one feature here. */
const VISIT_COST = 4

/**
 * The leaves of a tree are bits from left to right, in one lane of 32 or in several. What a value says of a feature's tests clears the
 * leaves left of those that send it right; of the bits that stay, the lowest one of a tree is the leaf that the row reaches.
 */
export interface Masks {
  /** First lane of each tree and, behind the last, their number. */
  readonly starts: Int32Array
  /** For each bit of the lanes its leaf's place in the forest. */
  readonly leaves: Int32Array
  /** The lanes of the row in hand. */
  readonly bits: Int32Array
  /** Rows of bits of all features. The first one clears nothing. */
  readonly table: Int32Array
  /** Features that concern most lanes: their rows have a place for every lane. */
  readonly dense: readonly FeatureMasks[]
  readonly sparse: readonly FeatureMasks[]
  /** Where the rows of the dense features begin for the row in hand, filled up to a multiple of four. */
  readonly rows: Int32Array
}

interface FeatureMasks {
  readonly feature: number
  /** Limits in ascending order, each once. */
  readonly limits: Float64Array
  /** The lanes that a row of bits is of. */
  readonly lanes: Int32Array
  /** Where the rows begin: one for each number of limits that send a value right, and a last one for a missing value. */
  readonly start: number
}

/** A node: the leaves on its left are the bits from `from` to before `to`. */
interface Test {
  readonly limit: number
  readonly missingRight: boolean
  readonly from: number
  readonly to: number
}

interface Numbered {
  /** Place of the leaf of each bit. */
  readonly leaves: number[]
  readonly tests: Map<number, Test[]>
  /** Levels of the leaves, summed. */
  levels: number
}

/** The masks of a forest; undefined where it has tests that they cannot hold, or where walks are faster. */
export function openMasks(forest: Forest): Masks | undefined {
  const numbered: Numbered = { leaves: [], tests: new Map(), levels: 0 }
  const starts = [0]
  let visits = 0
  for (const root of forest.roots) {
    const before = numbered.leaves.length
    numbered.levels = 0
    if (!numberLeaves(forest, numbered, root, 0)) return undefined
    visits += numbered.levels / (numbered.leaves.length - before)
    while (numbered.leaves.length % 32 > 0) numbered.leaves.push(0)
    starts.push(numbered.leaves.length / 32)
  }
  const lanes = starts.at(-1) ?? 0
  const plans = [...numbered.tests].map(([feature, tests]) => planOf(feature, tests, lanes))
  const steps = plans.reduce((sum, plan) => sum + plan.lanes.length, 0)
  const size = plans.reduce((sum, plan) => sum + sizeOf(plan), lanes)
  if (4 * size > MOST_BYTES || steps > VISIT_COST * visits) return undefined
  const table = new Int32Array(size).fill(-1)
  let start = lanes
  const features = plans.map((plan): FeatureMasks => {
    const made = { feature: plan.feature, limits: plan.limits, lanes: plan.lanes, start }
    fill(table, plan, start)
    start += sizeOf(plan)
    return made
  })
  const dense = features.filter((one) => one.lanes.length === lanes)
  return {
    starts: Int32Array.from(starts),
    leaves: Int32Array.from(numbered.leaves),
    bits: new Int32Array(lanes),
    table,
    dense,
    sparse: features.filter((one) => one.lanes.length < lanes),
    rows: new Int32Array(4 * Math.max(1, Math.ceil(dense.length / 4))),
  }
}

/** Numbers the leaves under a node from left to right and notes its tests; false where a test is not one of a number with a limit. */
function numberLeaves(forest: Forest, to: Numbered, node: number, level: number): boolean {
  const word = forest.nodes[2 * node]!
  const next = forest.nodes[2 * node + 1]!
  if (word < 0) {
    to.leaves.push(next)
    to.levels += level
    return true
  }
  const limit = forest.threshold[node]!
  if ((word & (CATEGORICAL | ZERO_MISSING)) !== 0 || limit !== limit) return false
  const from = to.leaves.length
  if (!numberLeaves(forest, to, next, level + 1)) return false
  const test: Test = { limit, missingRight: (word & MISSING_LEFT) === 0, from, to: to.leaves.length }
  const known = to.tests.get(word >> 4)
  if (known === undefined) to.tests.set(word >> 4, [test])
  else known.push(test)
  return numberLeaves(forest, to, next + 1, level + 1)
}

interface Plan {
  readonly feature: number
  readonly tests: readonly Test[]
  readonly limits: Float64Array
  readonly lanes: Int32Array
}

/** `all` = the number of lanes. */
function planOf(feature: number, tests: readonly Test[], all: number): Plan {
  const limits = [...new Set(tests.map(({ limit }) => limit))].sort((a, b) => a - b)
  const some = new Set(tests.flatMap(({ from, to }) => lanesBetween(from, to)))
  const lanes = some.size > all / 2 ? Int32Array.from({ length: all }, (_, i) => i) : Int32Array.from(some)
  return { feature, tests, limits: Float64Array.from(limits), lanes }
}

function sizeOf({ limits, lanes }: Plan): number {
  return (limits.length + 2) * lanes.length
}

function lanesBetween(from: number, to: number): number[] {
  const first = from >> 5
  return Array.from({ length: ((to - 1) >> 5) - first + 1 }, (_, i) => first + i)
}

function fill(table: Int32Array, { tests, limits, lanes }: Plan, start: number): void {
  const width = lanes.length
  const places = new Map([...lanes].map((lane, j) => [lane, j]))
  const ranks = new Map([...limits].map((limit, k) => [limit, k + 1]))
  const missing = limits.length + 1
  for (const { limit, missingRight, from, to } of tests) {
    for (const lane of lanesBetween(from, to)) {
      const kept = ~bitsBetween(from - 32 * lane, to - 32 * lane)
      const at = start + places.get(lane)!
      table[at + ranks.get(limit)! * width]! &= kept
      if (missingRight) table[at + missing * width]! &= kept
    }
  }
  for (let at = start + width; at < start + missing * width; at++) table[at]! &= table[at - width]!
}

/** Bits from `from` to before `to`, as far as they lie in a lane. */
function bitsBetween(from: number, to: number): number {
  const high = to >= 32 ? -1 : (1 << to) - 1
  return from <= 0 ? high : high & -(1 << from)
}

/** Fills the lanes for the row at `from`. `below` = a value goes left only below a limit, else also where it equals it. */
export function markLeaves(masks: Masks, x: Float64Array, from: number, below: boolean): void {
  const { bits, table, dense, sparse, rows } = masks
  for (let f = 0; f < dense.length; f++) rows[f] = rowOf(dense[f]!, x, from, below)
  const lanes = bits.length
  for (let g = 0; g < rows.length; g += 4) {
    const [a, b, c, d] = [rows[g]!, rows[g + 1]!, rows[g + 2]!, rows[g + 3]!]
    if (g === 0) for (let j = 0; j < lanes; j++) bits[j] = table[a + j]! & table[b + j]! & table[c + j]! & table[d + j]!
    else for (let j = 0; j < lanes; j++) bits[j]! &= table[a + j]! & table[b + j]! & table[c + j]! & table[d + j]!
  }
  for (let f = 0; f < sparse.length; f++) {
    const own = sparse[f]!.lanes
    const at = rowOf(sparse[f]!, x, from, below)
    for (let j = 0; j < own.length; j++) bits[own[j]!]! &= table[at + j]!
  }
}

/** Where the row of bits begins for the value of a feature. */
function rowOf({ feature, limits, lanes, start }: FeatureMasks, x: Float64Array, from: number, below: boolean): number {
  const value = x[from + feature]!
  const rank = value !== value ? limits.length + 1 : below ? notAbove(limits, value) : before(limits, value)
  return start + rank * lanes.length
}

/** The leaf that the marked row reaches in a tree, by its place in the forest. */
export function markedLeaf({ starts, bits, leaves }: Masks, tree: number): number {
  let lane = starts[tree]!
  while (bits[lane] === 0) lane++
  const word = bits[lane]!
  return leaves[32 * lane + 31 - Math.clz32(word & -word)]!
}

/** How many limits are below the value. Without branches, which no processor could foretell. */
function before(limits: Float64Array, value: number): number {
  let low = 0
  let left = limits.length
  while (left > 1) {
    const half = left >>> 1
    low += half * +(limits[low + half - 1]! < value)
    left -= half
  }
  return low + +(limits[low]! < value)
}

/** How many limits are not above the value. */
function notAbove(limits: Float64Array, value: number): number {
  let low = 0
  let left = limits.length
  while (left > 1) {
    const half = left >>> 1
    low += half * +(limits[low + half - 1]! <= value)
    left -= half
  }
  return low + +(limits[low]! <= value)
}
