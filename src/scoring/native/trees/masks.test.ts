import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from '../../../stats/prng.ts'
import type { Prng } from '../../../stats/prng.ts'
import type { TypedArray } from '../form/document.ts'
import type { Summed } from './forest.ts'
import { MISSING_LEFT, openForest, ZERO_MISSING } from './forest.ts'
import { openMasks } from './masks.ts'
import { treeScorer } from './trees.ts'

const WIDTH = 12
const LIMITS = [Number.NEGATIVE_INFINITY, -1, 0, 1e-300, 0.5, 2, 2.0000000000000004, 7, Number.POSITIVE_INFINITY]

interface Drawn {
  readonly feature: number[]
  readonly threshold: number[]
  readonly left: number[]
  readonly right: number[]
  readonly flags: number[]
  readonly leaves: number[]
}

/** Draws a tree of so many leaves and gives its root. The first features are tested often, the last ones seldom. */
function draw(random: Prng, to: Drawn, leaves: number): number {
  const node = to.feature.length
  const leaf = leaves === 1
  const feature = random.below(10) < 9 ? random.below(3) : 3 + random.below(WIDTH - 3)
  to.feature.push(leaf ? -1 : feature)
  to.threshold.push(leaf ? 0 : (LIMITS[random.below(LIMITS.length)] ?? 0))
  to.flags.push(!leaf && random.below(2) === 0 ? MISSING_LEFT : 0)
  to.left.push(to.leaves.length)
  to.right.push(to.leaves.length)
  if (leaf) to.leaves.push(random.below(1e6) / 7 - 5e4)
  else {
    const first = 1 + random.below(leaves - 1)
    to.left[node] = draw(random, to, first)
    to.right[node] = draw(random, to, leaves - first)
  }
  return node
}

/** A forest of trees of so many leaves. */
function forestOf(seed: number, sizes: readonly number[], ir: Summed, flag = 0) {
  const random = prng(seed)
  const drawn: Drawn = { feature: [], threshold: [], left: [], right: [], flags: [], leaves: [] }
  const roots = sizes.map((size) => draw(random, drawn, size))
  drawn.flags[0]! |= flag
  const arrays = new Map<string, TypedArray>([
    ['roots', Int32Array.from(roots)],
    ['feature', Int32Array.from(drawn.feature)],
    ['threshold', Float64Array.from(drawn.threshold)],
    ['left', Int32Array.from(drawn.left)],
    ['right', Int32Array.from(drawn.right)],
    ['flags', Uint8Array.from(drawn.flags)],
    ['leaves', Float64Array.from(drawn.leaves)],
    ['bitsets', new Uint32Array(8)],
  ])
  return openForest(ir, { json: {}, arrays, bytes: 0 }, WIDTH)
}

function ofTrees(trees: number, more: Partial<Summed> = {}): Summed {
  return { trees, leaf_width: 1, base: [0.1], divide: 1, ...more }
}

/** Rows of values at, beside and far from the limits, missing ones among them. */
function rowsOf(count: number): Float64Array {
  const random = prng(9)
  const values = [...LIMITS, Number.NaN, -0, 0.49999999999999994, 100, -100]
  return Float64Array.from({ length: count * WIDTH }, () => values[random.below(values.length)] ?? 0)
}

const small = Array.from({ length: 40 }, (_, i) => 1 + ((i * 7) % 32))
const large = Array.from({ length: 30 }, (_, i) => 20 + i * 3)
const cases: Record<string, readonly [readonly number[], Summed]> = {
  'trees of at most 32 leaves': [small, ofTrees(40)],
  'trees of more leaves': [large, ofTrees(30)],
  'a limit that goes right': [small, ofTrees(40, { compare: 'below' })],
  'sums in float32': [small, ofTrees(40, { sum: 'float32' })],
  'several outputs and a mean': [small, ofTrees(40, { base: [1, 2, 3], divide: 40 })],
}

for (const [name, [sizes, ir]] of Object.entries(cases)) {
  test(`many rows get the bits that each gets alone: ${name}`, () => {
    const forest = forestOf(sizes.length, sizes, ir)
    const masks = openMasks(forest)
    assert.ok(masks !== undefined && masks.dense.length > 0 && masks.sparse.length > 0)
    const outputs = ir.base.length
    const x = rowsOf(300)
    const scorer = treeScorer(ir, forest, WIDTH)
    const [together, alone] = [new Float64Array(300 * outputs), new Float64Array(300 * outputs)]
    scorer.many(x, 300, together)
    for (let r = 0; r < 300; r++)
      scorer.one(x.subarray(r * WIDTH, (r + 1) * WIDTH), alone.subarray(r * outputs, (r + 1) * outputs))
    assert.deepEqual(together, alone)
    assert.ok(new Set(alone).size > 100)
  })
}

test('trees where zero is missing, and those that would take too large a table, are walked', () => {
  assert.equal(openMasks(forestOf(1, [2, 30], ofTrees(2), ZERO_MISSING)), undefined)
  assert.equal(openMasks(forestOf(1, Array.from({ length: 60 }, () => 500), ofTrees(60))), undefined) // prettier-ignore
})
