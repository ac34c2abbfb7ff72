/** Sums of trees against a walk that is written down as the format describes it: missing values, categories, zeros, lines at leaves. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from '../../../stats/prng.ts'
import type { Prng } from '../../../stats/prng.ts'
import type { TypedArray } from '../form/document.ts'
import type { Summed } from './forest.ts'
import { CATEGORICAL, MISSING_LEFT, openForest, ZERO_MISSING } from './forest.ts'
import { treeScorer } from './trees.ts'

const WIDTH = 4
const OUTSIDE_OTHER = 8

interface Leaf {
  readonly leaf: number
}
interface Fork {
  readonly feature: number
  readonly threshold: number
  readonly missingLeft: boolean
  readonly zeroMissing: boolean
  readonly outsideOther: boolean
  /** Categories that go left; undefined at a node of numbers. */
  readonly categories: ReadonlySet<number> | undefined
  readonly left: Tree
  readonly right: Tree
}
type Tree = Leaf | Fork

const LIMITS = [-3, -1, 0, 0.5, 2, 7]

/** Draws a tree; its leaves are numbered by the caller's counter. */
function draw(random: Prng, depth: number, next: () => number): Tree {
  if (depth === 0 || random.below(5) === 0) return { leaf: next() }
  const categorical = random.below(3) === 0
  return {
    feature: random.below(WIDTH),
    threshold: LIMITS[random.below(LIMITS.length)] ?? 0,
    missingLeft: random.below(2) === 0,
    zeroMissing: !categorical && random.below(4) === 0,
    outsideOther: categorical && random.below(2) === 0,
    categories: categorical ? new Set(Array.from({ length: 20 }, () => random.below(300))) : undefined,
    left: draw(random, depth - 1, next),
    right: draw(random, depth - 1, next),
  }
}

/** The side that the format gives a value. */
function goesLeft(fork: Fork, value: number, compare: 'not_above' | 'below'): boolean {
  if (Number.isNaN(value)) return fork.missingLeft
  if (fork.categories !== undefined) {
    const held = value >= 0 && value < 256
    if (!held) return fork.outsideOther ? !fork.missingLeft : fork.missingLeft
    return fork.categories.has(Math.floor(value))
  }
  if (fork.zeroMissing && Math.abs(value) <= Math.fround(1e-35)) return fork.missingLeft
  return compare === 'below' ? value < fork.threshold : value <= fork.threshold
}

function leafOf(tree: Tree, row: Float64Array, compare: 'not_above' | 'below'): number {
  if ('leaf' in tree) return tree.leaf
  return leafOf(goesLeft(tree, row[tree.feature] ?? 0, compare) ? tree.left : tree.right, row, compare)
}

/** Trees as the arrays of a document; a child's number is greater than its parent's. */
function arraysOf(trees: readonly Tree[], leaves: Float64Array): Map<string, TypedArray> {
  const nodes: { feature: number; threshold: number; left: number; right: number; flags: number }[] = []
  const sets: number[] = []
  const add = (tree: Tree): number => {
    const node = { feature: -1, threshold: 0, left: 0, right: 0, flags: 0 }
    const place = nodes.push(node) - 1
    if ('leaf' in tree) {
      node.left = node.right = tree.leaf
      return place
    }
    node.feature = tree.feature
    node.threshold = tree.threshold
    node.flags =
      (tree.missingLeft ? MISSING_LEFT : 0) |
      (tree.zeroMissing ? ZERO_MISSING : 0) |
      (tree.outsideOther ? OUTSIDE_OTHER : 0)
    if (tree.categories !== undefined) {
      node.flags |= CATEGORICAL
      node.threshold = sets.length / 8
      const words = new Uint32Array(8)
      for (const category of tree.categories) if (category < 256) words[category >> 5]! |= 1 << (category & 31)
      sets.push(...words)
    }
    node.left = add(tree.left)
    node.right = add(tree.right)
    return place
  }
  const roots = trees.map(add)
  return new Map<string, TypedArray>([
    ['roots', Int32Array.from(roots)],
    ['feature', Int32Array.from(nodes, (node) => node.feature)],
    ['threshold', Float64Array.from(nodes, (node) => node.threshold)],
    ['left', Int32Array.from(nodes, (node) => node.left)],
    ['right', Int32Array.from(nodes, (node) => node.right)],
    ['flags', Uint8Array.from(nodes, (node) => node.flags)],
    ['leaves', leaves],
    ['bitsets', Uint32Array.from(sets)],
  ])
}

const VALUES = [
  ...LIMITS,
  Number.NaN,
  -0,
  1e-36,
  -1e-36,
  1e-34,
  0.49,
  255,
  256,
  299,
  1e9,
  -0.5,
  Infinity,
  -Infinity,
  12.7,
]

function rowsOf(count: number): Float64Array {
  const random = prng(77)
  return Float64Array.from({ length: count * WIDTH }, () => VALUES[random.below(VALUES.length)] ?? 0)
}

function summed(trees: number, more: Partial<Summed>): Summed {
  return { trees, leaf_width: 1, base: [0.5], divide: 1, ...more }
}

for (const [name, more, zeros] of [
  ['one score', {}, true],
  ['below goes left', { compare: 'below' }, false],
  ['a mean of three scores a leaf', { base: [0, 0, 0], leaf_width: 3, divide: 25 }, true],
  ['trees in turn for two scores', { base: [0.1, -0.1] }, true],
  ['sums in float32', { sum: 'float32', base: [Math.fround(0.1)] }, true],
] as const satisfies readonly (readonly [string, Partial<Summed>, boolean])[]) {
  test(`trees against the walk that the format describes: ${name}`, () => {
    const random = prng(name.length)
    let leaves = 0
    const trees = Array.from({ length: 25 }, () => draw(random, 6, () => leaves++)).map((tree) =>
      zeros ? tree : plain(tree),
    )
    const ir = summed(25, more)
    const width = ir.leaf_width
    const values = Float64Array.from({ length: leaves * width }, () => Math.fround(random.uniform() - 0.5))
    const forest = openForest(ir, { json: {}, arrays: arraysOf(trees, values), bytes: 0 }, WIDTH)
    const scorer = treeScorer(ir, forest, WIDTH)
    const rows = rowsOf(200)
    const outputs = ir.base.length
    const found = new Float64Array(200 * outputs)
    scorer.many(rows, 200, found)
    const one = new Float64Array(outputs)
    for (let r = 0; r < 200; r++) {
      const row = rows.subarray(r * WIDTH, (r + 1) * WIDTH)
      const want = [...ir.base]
      for (const [t, tree] of trees.entries()) {
        const leaf = leafOf(tree, row, ir.compare ?? 'not_above')
        for (let k = 0; k < outputs; k++) {
          if (width === 1 && k !== t % outputs) continue
          const sum = (want[k] ?? 0) + (values[leaf * width + (width === 1 ? 0 : k)] ?? 0)
          want[k] = ir.sum === 'float32' ? Math.fround(sum) : sum
        }
      }
      scorer.one(row, one)
      const wanted = want.map((sum) => sum / ir.divide)
      assert.deepEqual([...one], wanted, `row ${r} alone`)
      assert.deepEqual([...found.subarray(r * outputs, (r + 1) * outputs)], wanted, `row ${r} among others`)
    }
  })
}

/** The same tree without nodes where zero is missing, which the other comparison does not know. */
function plain(tree: Tree): Tree {
  if ('leaf' in tree) return tree
  return { ...tree, zeroMissing: false, left: plain(tree.left), right: plain(tree.right) }
}

test('a leaf that is a line: constant and terms, or the plain value where a feature is missing', () => {
  const tree: Tree = {
    feature: 0,
    threshold: 0,
    missingLeft: true,
    zeroMissing: false,
    outsideOther: false,
    categories: undefined,
    left: { leaf: 0 },
    right: { leaf: 1 },
  }
  const arrays = arraysOf([tree], Float64Array.of(100, 200))
  const line = (start: number[], feature: number[]): Map<string, TypedArray> =>
    new Map<string, TypedArray>([
      ...arrays,
      ['line_start', Int32Array.from(start)],
      ['line_feature', Int32Array.from(feature)],
      ['line_coefficient', Float64Array.of(2, 3)],
      ['line_constant', Float64Array.of(10, 20)],
    ])
  const ir = summed(1, { base: [1] })
  const open = (with_: Map<string, TypedArray>) => openForest(ir, { json: {}, arrays: with_, bytes: 0 }, WIDTH)
  const scorer = treeScorer(ir, open(line([0, 0, 2], [1, 2])), WIDTH)
  const out = new Float64Array(3)
  const nan = Number.NaN
  scorer.many(Float64Array.of(-1, 5, 6, 0, 1, 5, 6, 0, 1, 5, nan, 0), 3, out)
  assert.deepEqual([...out], [1 + 10, 1 + 20 + 2 * 5 + 3 * 6, 1 + 200])
  for (const [start, feature] of [
    [
      [0, 1, 0],
      [1, 2],
    ],
    [
      [0, 0, 1],
      [1, 2],
    ],
    [
      [1, 1, 2],
      [1, 2],
    ],
    [
      [0, 0, 2],
      [1, WIDTH],
    ],
    [
      [0, 0, 2],
      [-1, 2],
    ],
    [
      [0, 2],
      [1, 2],
    ],
  ] as const)
    assert.throws(() => open(line([...start], [...feature])), { code: 'unprocessable' })
})

const SMALL: Tree = {
  feature: 1,
  threshold: 0,
  missingLeft: false,
  zeroMissing: false,
  outsideOther: false,
  categories: new Set([1]),
  left: { leaf: 0 },
  right: { leaf: 1 },
}
for (const [what, name, place, value] of [
  ['a root that is no node', 'roots', 0, 3],
  ['a root below 0', 'roots', 0, -1],
  ['a feature beyond the row', 'feature', 0, WIDTH],
  ['a child that is its own parent', 'left', 0, 0],
  ['a child beyond all nodes', 'right', 0, 3],
  ['a leaf beyond all leaves', 'left', 1, 2],
  ['a leaf below 0', 'left', 2, -1],
  ['a set that is not there', 'threshold', 0, 1],
  ['half a set', 'threshold', 0, 0.5],
] as const) {
  test(`a damaged forest is refused: ${what}`, () => {
    const arrays = arraysOf([SMALL], Float64Array.of(1, 2))
    const array = arrays.get(name)
    assert.ok(array !== undefined)
    array[place] = value
    const open = () => openForest(summed(1, {}), { json: {}, arrays, bytes: 0 }, WIDTH)
    assert.throws(open, { code: 'unprocessable' })
  })
}

test('a forest of arrays of other lengths or types is refused', () => {
  for (const [name, array] of [
    ['threshold', new Float64Array(2)],
    ['flags', new Uint8Array(9)],
    ['left', new Float64Array(3)],
    ['roots', Int32Array.of(0, 0)],
  ] as const) {
    const arrays = new Map(arraysOf([SMALL], Float64Array.of(1, 2))).set(name, array)
    assert.throws(
      () => openForest(summed(1, {}), { json: {}, arrays, bytes: 0 }, WIDTH),
      { code: 'unprocessable' },
      name,
    )
  }
})
