/**
 * Explains sums of trees by SHAP values: what each feature adds to the score of a row, path-dependent as the library `shap` defines it.
 *
 * A Shapley value of one leaf is an integral: with z the share of training weight that follows a feature's splits to the leaf and o whether
 * the row follows them, feature i gets v (o_i - z_i) ∫ Π_{j≠i} (o_j t + z_j (1 - t)) dt over [0, 1], for |S|! (m - |S| - 1)! / m! is
 * ∫ t^|S| (1 - t)^(m - 1 - |S|) dt. The integrand is a polynomial of degree m - 1, so a Gauss rule of ⌈m / 2⌉ points gives it exactly.
 * The products are carried down a tree and the sums of leaves up again, once per point: time nodes × points. Trees whose paths meet at most
 * six features, which is what boosting mostly grows, take three points and a loop of their own.
 *
 * Sources: S. Lundberg et al., From local explanations to global understanding with explainable AI for trees, Nature MI 2 (2020), for the
 * values; P. Yu et al., Linear TreeShap, NeurIPS 2022, for carrying products of paths that meet a feature again.
 */

import type { Forest, Summed } from './forest.ts'
import { goesRight } from './forest.ts'
import { legendre } from './quadrature.ts'

/** Shares of weight below this count as this, so that nothing is divided by zero. */
const LEAST_SHARE = 1e-150

/** Points for trees of up to six features on a path: they have loops without an inner loop. */
const FEW = 3

/** One tree, prepared. Nodes are counted from its root; `from` is the root's place in the forest. */
interface Tree {
  readonly from: number
  readonly size: number
  readonly points: number
  /** Where its nodes begin in the arrays that hold a value per node and point. */
  readonly at: number
  /** Points as t / (1 - t). */
  readonly odds: Float64Array
  /** Weights of the rule times (1 - t)^(m - 1), by the number m of features on a leaf's path; m × points. */
  readonly scale: Float64Array
}

/** What of the nodes of a forest the explanation needs. */
interface Paths {
  /** Parent of a node, and its feature; -1 for a root. */
  readonly parent: Int32Array
  readonly feature: Int32Array
  /** The node up to which a split on the same feature led before; -1: none. */
  readonly before: Int32Array
  /** Features on the path to a node. */
  readonly depth: Uint16Array
  /** Share of the weight of all splits on a node's feature so far. */
  readonly share: Float64Array
  /** Whether a split on the same feature follows below. */
  readonly again: Uint8Array
  /** Per node and point: (1 - share) / (share + odds), the part of a feature whose splits the row follows. */
  readonly gain: Float64Array
}

/** Room for the one row in hand, node × point. */
interface Scratch {
  readonly down: Float64Array
  readonly up: Float64Array
  readonly below: Float64Array
  /** Whether the row follows all splits on the feature that leads to a node. */
  readonly follows: Uint8Array
}

/** What the ways up and down share. */
interface Work {
  readonly paths: Paths
  readonly row: Scratch
}

/** Explains rows of features. One row at a time: it reuses its scratch arrays. */
export class TreeExplainer {
  /** The mean score over the training weight, one an output: what the contributions are added to. */
  readonly base: Float64Array
  /** Bytes of memory the prepared arrays take. */
  readonly bytes: number
  readonly #forest: Forest
  readonly #ir: Summed
  readonly #trees: readonly Tree[]
  readonly #work: Work

  /** Prepares a forest with the training weights of its nodes. */
  constructor(ir: Summed, forest: Forest, cover: Float64Array) {
    this.#ir = ir
    this.#forest = forest
    const paths = findPaths(forest, cover)
    this.#trees = prepareTrees(forest, paths.depth)
    const gain = gains(this.#trees, paths.share)
    this.base = means(ir, forest, cover, paths.parent)
    const most = Math.max(1, ...this.#trees.map((tree) => tree.size * tree.points))
    const room = (): Float64Array => new Float64Array(most)
    const row = { down: room(), up: room(), below: room(), follows: new Uint8Array(most) }
    this.#work = { paths: { ...paths, gain }, row }
    this.bytes = cover.length * 23 + gain.byteLength + most * 25
  }

  /** Adds to `out`, row-major outputs × columns, what each column of the row x contributes. `out` must be zero. */
  explain(x: Float64Array, out: Float64Array): void {
    const { divide, leaf_width: width, base } = this.#ir
    const columns = out.length / base.length
    for (let t = 0; t < this.#trees.length; t++) {
      const tree = this.#trees[t]!
      this.#follow(tree, x)
      if (tree.points === FEW) downFew(tree, this.#work)
      else downMany(tree, this.#work)
      for (let k = 0; k < width; k++) {
        this.#leaves(tree, k)
        const to = (width === 1 ? t % base.length : k) * columns
        if (tree.points === FEW) upFew(tree, this.#work, out, to)
        else upMany(tree, this.#work, out, to)
      }
    }
    if (divide !== 1) for (let j = 0; j < out.length; j++) out[j] = out[j]! / divide
  }

  /** Notes for every node whether the row follows all splits on the feature that leads to it. */
  #follow({ from, size }: Tree, x: Float64Array): void {
    const forest = this.#forest
    const { nodes } = forest
    const { before } = this.#work.paths
    const { follows } = this.#work.row
    const below = this.#ir.compare === 'below'
    for (let i = 0; i < size; i++) {
      const word = nodes[2 * (from + i)]!
      if (word < 0) continue
      const right = goesRight(forest, from + i, x[word >> 4]!, below)
      const child = nodes[2 * (from + i) + 1]!
      const above = before[child]!
      const may = above < 0 ? 1 : follows[above - from]!
      follows[child - from] = may & (right ^ 1)
      follows[child - from + 1] = may & right
    }
  }

  /** Begins the way up: each leaf's product times its value, zero elsewhere. */
  #leaves({ from, size, points, scale }: Tree, k: number): void {
    const { nodes, leaves } = this.#forest
    const { depth } = this.#work.paths
    const { down, up, below } = this.#work.row
    const width = this.#ir.leaf_width
    below.fill(0, 0, size * points)
    for (let i = 0; i < size; i++) {
      const at = i * points
      if (nodes[2 * (from + i)]! >= 0) {
        for (let q = 0; q < points; q++) up[at + q] = 0
        continue
      }
      const value = leaves[nodes[2 * (from + i) + 1]! * width + k]!
      const weights = depth[from + i]! * points
      for (let q = 0; q < points; q++) up[at + q] = down[at + q]! * scale[weights + q]! * value
    }
  }
}

/** Carries the products of the path factors z + o t / (1 - t) from the root to the leaves, three points. */
function downFew({ from, size, odds }: Tree, { paths, row }: Work): void {
  const { parent, before, share } = paths
  const { down, follows } = row
  const a = odds[0]!
  const b = odds[1]!
  const c = odds[2]!
  down[0] = down[1] = down[2] = 1
  for (let i = 1; i < size; i++) {
    const node = from + i
    const at = 3 * (parent[node]! - from)
    const to = 3 * i
    const z = share[node]!
    const o = follows[i]!
    const above = before[node]!
    if (above < 0) {
      down[to] = down[at]! * (z + o * a)
      down[to + 1] = down[at + 1]! * (z + o * b)
      down[to + 2] = down[at + 2]! * (z + o * c)
      continue
    }
    const y = share[above]!
    const p = follows[above - from]!
    down[to] = (down[at]! * (z + o * a)) / (y + p * a)
    down[to + 1] = (down[at + 1]! * (z + o * b)) / (y + p * b)
    down[to + 2] = (down[at + 2]! * (z + o * c)) / (y + p * c)
  }
}

/** As downFew, for any number of points. */
function downMany(tree: Tree, { paths, row }: Work): void {
  const { parent, before, share } = paths
  const { down, follows } = row
  const { from, size, points, odds } = tree
  for (let q = 0; q < points; q++) down[q] = 1
  for (let i = 1; i < size; i++) {
    const node = from + i
    const at = points * (parent[node]! - from)
    const to = points * i
    const above = before[node]!
    const z = share[node]!
    const o = follows[i]!
    if (above < 0) for (let q = 0; q < points; q++) down[to + q] = down[at + q]! * (z + o * odds[q]!)
    else {
      const y = share[above]!
      const p = follows[above - from]!
      for (let q = 0; q < points; q++) down[to + q] = (down[at + q]! * (z + o * odds[q]!)) / (y + p * odds[q]!)
    }
  }
}

/**
 * Carries the sums of leaves up and gives every split's feature its part, three points. Leaves under a later split on the same feature
 * count there, not here: `below` takes them off.
 */
function upFew({ from, size, at: start }: Tree, { paths, row }: Work, out: Float64Array, to: number): void {
  const { parent, feature, before, again, gain } = paths
  const { up, below, follows } = row
  for (let i = size - 1; i > 0; i--) {
    const node = from + i
    const at = 3 * i
    const a = up[at]!
    const b = up[at + 1]!
    const c = up[at + 2]!
    let x = a
    let y = b
    let z = c
    if (again[node] === 1) {
      x -= below[at]!
      y -= below[at + 1]!
      z -= below[at + 2]!
    }
    const j = to + feature[node]!
    if (follows[i] === 0) out[j] = out[j]! - (x + y + z)
    else {
      const g = start + at
      out[j] = out[j]! + (x * gain[g]! + y * gain[g + 1]! + z * gain[g + 2]!)
    }
    const above = before[node]!
    if (above >= 0) {
      const earlier = 3 * (above - from)
      below[earlier] = below[earlier]! + a
      below[earlier + 1] = below[earlier + 1]! + b
      below[earlier + 2] = below[earlier + 2]! + c
    }
    const higher = 3 * (parent[node]! - from)
    up[higher] = up[higher]! + a
    up[higher + 1] = up[higher + 1]! + b
    up[higher + 2] = up[higher + 2]! + c
  }
}

/** As upFew, for any number of points. */
function upMany(tree: Tree, { paths, row }: Work, out: Float64Array, to: number): void {
  const { from, size, points, at: start } = tree
  const { parent, feature, before, gain } = paths
  const { up, below, follows } = row
  for (let i = size - 1; i > 0; i--) {
    const node = from + i
    const at = points * i
    const on = follows[i] === 1
    const above = before[node]!
    const higher = points * (parent[node]! - from)
    let sum = 0
    for (let q = 0; q < points; q++) {
      const here = up[at + q]!
      sum += (here - below[at + q]!) * (on ? gain[start + at + q]! : -1)
      up[higher + q] = up[higher + q]! + here
      if (above >= 0) below[points * (above - from) + q] = below[points * (above - from) + q]! + here
    }
    out[to + feature[node]!] = out[to + feature[node]!]! + sum
  }
}

function findPaths(forest: Forest, cover: Float64Array): Omit<Paths, 'gain'> {
  const { nodes } = forest
  const count = cover.length
  const parent = new Int32Array(count).fill(-1)
  const feature = new Int32Array(count).fill(-1)
  const before = new Int32Array(count).fill(-1)
  const depth = new Uint16Array(count)
  const share = new Float64Array(count).fill(1)
  const again = new Uint8Array(count)
  for (let node = 0; node < count; node++) {
    const word = nodes[2 * node]!
    if (word < 0) continue
    let above = node
    while (above >= 0 && feature[above] !== word >> 4) above = parent[above]!
    if (above >= 0) again[above] = 1
    for (const child of [nodes[2 * node + 1]!, nodes[2 * node + 1]! + 1]) {
      parent[child] = node
      feature[child] = word >> 4
      before[child] = above
      depth[child] = depth[node]! + (above < 0 ? 1 : 0)
      share[child] = Math.max(LEAST_SHARE, part(cover, child, node) * (above < 0 ? 1 : share[above]!))
    }
  }
  return { parent, feature, before, depth, share, again }
}

/** The share of a node's training weight that goes to a child. */
function part(cover: Float64Array, child: number, node: number): number {
  return cover[node]! > 0 ? cover[child]! / cover[node]! : 0
}

function prepareTrees({ roots, nodes }: Forest, depth: Uint16Array): Tree[] {
  let at = 0
  return Array.from(roots, (from, t) => {
    const size = (roots[t + 1] ?? nodes.length / 2) - from
    const most = depth.subarray(from, from + size).reduce((sum, m) => Math.max(sum, m), 0)
    const points = Math.max(FEW, Math.ceil(most / 2))
    const rule = legendre(points)
    const scale = Float64Array.from({ length: (most + 1) * points }, (_, i) => {
      const [m, q] = [Math.floor(i / points), i % points]
      return rule.weights[q]! * (1 - rule.points[q]!) ** Math.max(0, m - 1)
    })
    const tree = { from, size, points, at, odds: rule.points.map((t) => t / (1 - t)), scale }
    at += size * points
    return tree
  })
}

function gains(trees: readonly Tree[], share: Float64Array): Float64Array {
  const gain = new Float64Array(trees.reduce((sum, tree) => sum + tree.size * tree.points, 0))
  for (const { from, size, points, at, odds } of trees) {
    for (let i = 0; i < size * points; i++) {
      const z = share[from + Math.floor(i / points)]!
      gain[at + i] = (1 - z) / (z + odds[i % points]!)
    }
  }
  return gain
}

/** The mean score by the training weights: the base of the model, and of every leaf its value times the share of weight that reaches it. */
function means(ir: Summed, { roots, nodes, leaves }: Forest, cover: Float64Array, parent: Int32Array): Float64Array {
  const base = Float64Array.from(ir.base)
  const reach = new Float64Array(cover.length)
  let tree = -1
  for (let node = 0; node < cover.length; node++) {
    if (node === roots[tree + 1]) tree++
    const up = parent[node]!
    reach[node] = up < 0 ? 1 : reach[up]! * part(cover, node, up)
    if (nodes[2 * node]! >= 0) continue
    const leaf = nodes[2 * node + 1]! * ir.leaf_width
    for (let k = 0; k < ir.leaf_width; k++) {
      const output = ir.leaf_width === 1 ? tree % base.length : k
      base[output] = base[output]! + reach[node]! * leaves[leaf + k]!
    }
  }
  return base.map((value) => value / ir.divide)
}
