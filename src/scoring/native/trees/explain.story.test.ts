import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { Problem } from '../../../contract/errors.ts'
import { BOOSTED, SHAP } from '../../../../test/clients/packages.ts'
import { testEnv } from '../../../../test/python-env.ts'
import type { NativeValue } from '../nodes/blocks.ts'
import type { TypedArray } from '../form/document.ts'
import { TreeExplainer } from './explain.ts'
import type { Summed } from './forest.ts'
import { goesRight, openForest } from './forest.ts'
import { loadNative } from '../load.ts'
import { NativeModel } from '../model.ts'
import { legendre } from './quadrature.ts'

const script = join(import.meta.dirname, '../../../../python/tests/make_shap.py')

/** A repeatable stream of numbers in [0, 1). */
function stream(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** Random trees over few features, so that paths meet the same feature again; one output a tree in turn. */
function randomForest(seed: number, depth: number, features: number): { ir: Summed; arrays: Map<string, TypedArray> } {
  const random = stream(seed)
  const nodes = { feature: [], threshold: [], left: [], right: [], flags: [], cover: [] } as Record<string, number[]>
  const leaves: number[] = []
  const roots: number[] = []
  const grow = (level: number, cover: number): number => {
    const node = nodes['feature']!.length
    const leaf = level === depth || random() < 0.15
    for (const key of Object.keys(nodes)) nodes[key]!.push(0)
    nodes['cover']![node] = cover
    if (leaf) {
      nodes['feature']![node] = -1
      nodes['left']![node] = nodes['right']![node] = leaves.push(random() * 10 - 5) - 1
      return node
    }
    nodes['feature']![node] = Math.floor(random() * features)
    nodes['threshold']![node] = random()
    nodes['flags']![node] = random() < 0.5 ? 1 : 0
    // Now and then all the weight goes one way, as pruned and weighted trees have it.
    const share = random() < 0.1 ? 0 : random()
    nodes['left']![node] = grow(level + 1, cover * share)
    nodes['right']![node] = grow(level + 1, cover * (1 - share))
    return node
  }
  for (let t = 0; t < 4; t++) roots.push(grow(0, 100))
  const arrays = new Map<string, TypedArray>([
    ['roots', Int32Array.from(roots)],
    ['feature', Int32Array.from(nodes['feature']!)],
    ['threshold', Float64Array.from(nodes['threshold']!)],
    ['left', Int32Array.from(nodes['left']!)],
    ['right', Int32Array.from(nodes['right']!)],
    ['flags', Uint8Array.from(nodes['flags']!)],
    ['cover', Float64Array.from(nodes['cover']!)],
    ['leaves', Float64Array.from(leaves)],
    ['bitsets', new Uint32Array(0)],
  ])
  return { ir: { trees: 4, leaf_width: 1, base: [0.5, -1], divide: 2 }, arrays }
}

/** The value of a set of known features: what the row decides where the feature is known, the mean by weight where it is not. */
function valueOf(tree: { ir: Summed; arrays: Map<string, TypedArray> }, x: Float64Array, known: number): number[] {
  const forest = openForest(tree.ir, { json: {}, arrays: tree.arrays, bytes: 0 }, x.length)
  const { nodes, leaves } = forest
  const cover = forest.cover!
  const mean = (node: number): number => {
    const word = nodes[2 * node]!
    const child = nodes[2 * node + 1]!
    if (word < 0) return leaves[child]!
    if (((known >> (word >> 4)) & 1) === 1) return mean(child + goesRight(forest, node, x[word >> 4]!, false))
    const weight = (at: number): number => (cover[node] === 0 ? 0 : cover[at]! / cover[node]!)
    return weight(child) * mean(child) + weight(child + 1) * mean(child + 1)
  }
  const sums = [...tree.ir.base]
  for (const [t, root] of forest.roots.entries()) sums[t % 2] = sums[t % 2]! + mean(root)
  return sums.map((sum) => sum / tree.ir.divide)
}

/** Shapley values by their definition, over all sets of features. */
function byDefinition(tree: ReturnType<typeof randomForest>, x: Float64Array): number[][] {
  const m = x.length
  const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1))
  const values = Array.from({ length: 1 << m }, (_, known) => valueOf(tree, x, known))
  return [0, 1].map((k) =>
    Array.from({ length: m }, (_, i) => {
      let sum = 0
      for (let known = 0; known < 1 << m; known++) {
        if (((known >> i) & 1) === 1) continue
        const size = known.toString(2).replaceAll('0', '').length
        const weight = (factorial(size) * factorial(m - size - 1)) / factorial(m)
        sum += weight * (values[known | (1 << i)]![k]! - values[known]![k]!)
      }
      return sum
    }),
  )
}

for (const [depth, features] of [
  [1, 2],
  [4, 3],
  [6, 6],
  [9, 8],
] as const) {
  // prettier-ignore
  test(`contributions are Shapley values by their definition: depth ${depth}, ${features} features`, () => {
    for (let seed = 1; seed <= 12; seed++) {
      const tree = randomForest(seed * 7919, depth, features)
      const forest = openForest(tree.ir, { json: {}, arrays: tree.arrays, bytes: 0 }, features)
      const explainer = new TreeExplainer(tree.ir, forest, forest.cover!)
      const random = stream(seed)
      const x = Float64Array.from({ length: features }, () => (random() < 0.2 ? NaN : random()))
      const out = new Float64Array(2 * features)
      explainer.explain(x, out)
      const want = byDefinition(tree, x).flat()
      const off = Math.max(...want.map((value, j) => Math.abs(value - out[j]!)))
      assert.ok(off < 1e-12, `seed ${seed}: off by ${off}`)
      const bases = valueOf(tree, x, 0)
      assert.ok(bases.every((value, k) => Math.abs(value - explainer.base[k]!) < 1e-12))
    }
  })
}

test('a rule of n points integrates polynomials of degree 2n - 1', () => {
  for (const n of [1, 2, 3, 5, 10, 20]) {
    const { points, weights } = legendre(n)
    for (const degree of [0, n, 2 * n - 1]) {
      const sum = points.reduce((total, t, k) => total + weights[k]! * t ** degree, 0)
      assert.ok(Math.abs(sum - 1 / (degree + 1)) < 1e-14, `${n} points, degree ${degree}`)
    }
  }
})

interface Case {
  readonly rows: NativeValue[][]
  /** By row, input and output. */
  readonly values: number[][][]
  readonly base: number[] | null
  readonly tolerance: number
}

test('contributions equal those of the library shap', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'shap-'))
  after(() => rmSync(root, { recursive: true }))
  const python = await testEnv([...BOOSTED.newest, SHAP], 'once')
  await promisify(execFile)(python, ['-B', script, root], { maxBuffer: 1e8 })
  const names = JSON.parse(readFileSync(join(root, 'names.json'), 'utf8')) as string[]
  assert.ok(names.length >= 17)
  for (const name of names) {
    await t.test(name, () => {
      const model = loadNative(join(root, name, 'native'))
      const { rows, values, base, tolerance } = JSON.parse(readFileSync(join(root, name, 'shap.json'), 'utf8')) as Case
      assert.ok(rows.length >= 50)
      for (const [r, row] of rows.entries()) {
        const { base: start, contributions } = model.explainRow(row)
        const { raw } = model.predictRow(row)
        const shown = values[r]![0]!.length
        for (const [k, ours] of contributions.entries()) {
          // Where shap gives both classes of two, ours is the second.
          const at = shown === contributions.length ? k : shown - 1
          const off = Math.max(...[...ours].map((value, j) => Math.abs(value - values[r]![j]![at]!)))
          assert.ok(off <= tolerance, `row ${r}, output ${k}: off by ${off}`)
          const whole = ours.reduce((sum, value) => sum + value, start[k]!)
          assert.ok(Math.abs(whole - raw[k]!) <= (model.estimator.startsWith('xgboost') ? 1e-4 : 1e-9))
          if (base !== null)
            assert.ok(Math.abs(base[base.length === contributions.length ? k : 0]! - start[k]!) <= 1e-9)
        }
      }
    })
  }
})

test('a model that is no sum of trees says so', () => {
  const json = {
    format: 'slipway.native/1', estimator: 'L', output: 'predict', classes: null, versions: {}, tables: [], width: 1,
    inputs: [{ name: 'a', kind: 'number', float32: false, required: false, missing: 'nan' }],
    blocks: [{ input: 0, steps: [] }],
    model: { type: 'linear', outputs: 1, orders: ['sequential'], intercept: [0], missing: 'error', infinite: 'error', link: 'identity', decide: null },
  } // prettier-ignore
  const document = { json, arrays: new Map([['coefficients', Float64Array.of(1)]]), bytes: 0 }
  const model = new NativeModel(document)
  assert.match(model.unexplained ?? '', /the model is linear/)
  assert.throws(
    () => model.explainRow([1]),
    (fault) => fault instanceof Problem && fault.code === 'unprocessable',
  )
})
