/** Links, steps and the small nodes of a graph against the formulas that define them, and values that only definitions give. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from '../../../stats/prng.ts'
import { DOTS } from '../arithmetic/dots.ts'
import { DOT_ORDERS } from '../form/graph-ir.ts'
import type { GraphNode, NumberStepIr } from '../form/graph-ir.ts'
import { murmur3 } from '../text/murmur.ts'
import { gaussRun, pairwise, simpleRun } from './graph-nodes.ts'
import { linearScorer } from './linear.ts'
import { decide, probabilities, regress } from './links.ts'
import { numberStep } from './steps.ts'

function near(found: readonly number[], wanted: readonly number[], off = 1e-15): void {
  assert.equal(found.length, wanted.length)
  for (const [k, want] of wanted.entries())
    assert.ok(Math.abs((found[k] ?? Number.NaN) - want) <= off * Math.max(1, Math.abs(want)), `${found[k]} for ${want}`)
}

const expit = (x: number): number => 1 / (1 + Math.exp(-x))

function shares(link: Parameters<typeof probabilities>[0], raw: number[]): number[] {
  const out = new Float64Array(Math.max(2, raw.length) + 2).fill(9)
  probabilities(link, { raw: Float64Array.of(7, ...raw), rawAt: 1, outputs: raw.length, out, outAt: 1 })
  assert.deepEqual([out[0], out.at(-1)], [9, 9], 'only its own places are written')
  return [...out.subarray(1, 1 + (raw.length === 1 && link !== 'identity' ? 2 : raw.length))]
}

test('links of one score', () => {
  for (const x of [-800, -3.5, -1e-9, 0, 0.7, 20, 800]) {
    near(shares('sigmoid', [x]), [1 - expit(x), expit(x)])
    near(shares('sigmoid2', [x]), [1 - expit(2 * x), expit(2 * x)])
    near(shares('sigmoid32', [x]), [1 - expit(x), expit(x)], 2e-7)
    near(shares('sigmoid_softmax', [x]), [expit(-x), expit(x)], 1e-14)
    near([regress('sigmoid', x)], [expit(x)])
    near([regress('exp', x / 10)], [Math.exp(x / 10)], 1e-15)
    assert.equal(regress('identity', x), x)
  }
  assert.deepEqual([regress('outlier', -1e-300), regress('outlier', 0), regress('outlier', 2)], [-1, 1, 1])
})

test('links of several scores add up to one and keep the order of the scores', () => {
  const random = prng(6)
  for (let round = 0; round < 200; round++) {
    const raw = Array.from({ length: 2 + random.below(5) }, () => (random.uniform() - 0.5) * 40)
    const sum = raw.reduce((total, x) => total + Math.exp(x), 0)
    near(
      shares('softmax', raw),
      raw.map((x) => Math.exp(x) / sum),
      1e-13,
    )
    near(
      shares('softmax32', raw),
      raw.map((x) => Math.exp(x) / sum),
      1e-5,
    )
    const all = raw.reduce((total, x) => total + expit(x), 0)
    near(
      shares('one_vs_rest', raw),
      raw.map((x) => expit(x) / all),
      1e-13,
    )
    near(shares('sigmoid', raw), raw.map(expit))
  }
  near(shares('softmax', [1000, 1000, -1000]), [0.5, 0.5, 0])
  near(shares('one_vs_rest', [-1000, -1000]), [0.5, 0.5])
})

test('a class is decided by the first of the largest scores, or by the sign', () => {
  const raw = Float64Array.of(99, 2, 5, 5, -1)
  assert.equal(decide('largest', raw, 1, 4), 1)
  assert.deepEqual([0, 1e-300, -1].map((x) => decide('positive', Float64Array.of(x), 0, 1)), [0, 1, 0]) // prettier-ignore
  assert.deepEqual([0, -1e-300].map((x) => decide('not_negative', Float64Array.of(x), 0, 1)), [1, 0]) // prettier-ignore
})

const refuse = (value: number | null, expected: string): never => {
  throw new Error(`${value}: ${expected}`)
}
const step = (ir: NumberStepIr) => numberStep(ir, refuse)
const nan = Number.NaN

for (const [ir, pairs] of [
  [{ op: 'subtract', value: 2 }, [[5, 3]]],
  [{ op: 'add', value: 2 }, [[5, 7]]],
  [{ op: 'multiply', value: 2 }, [[5, 10]]],
  [{ op: 'divide', value: 2 }, [[5, 2.5]]],
  [{ op: 'clip', low: -1, high: 1 }, [[-5, -1], [0.5, 0.5], [5, 1], [nan, nan]]], // prettier-ignore
  [{ op: 'impute', missing: nan, value: 7 }, [[nan, 7], [0, 0]]], // prettier-ignore
  [{ op: 'impute', missing: -1, value: 7 }, [[-1, 7], [nan, nan]]], // prettier-ignore
  [{ op: 'is_missing' }, [[nan, 1], [0, 0]]], // prettier-ignore
  [{ op: 'is_missing', value: 0 }, [[0, 1], [-0, 1], [nan, 0]]], // prettier-ignore
  [{ op: 'above', value: 2 }, [[2, 0], [2.1, 1], [nan, 0]]], // prettier-ignore
  [{ op: 'bin', edges: [0, 1, 1, 5] }, [[-1, 0], [0, 1], [1, 3], [4, 3], [5, 4], [9, 4]]], // prettier-ignore
  [{ op: 'interpolate', x: [0, 1, 3], y: [0, 10, 30] }, [[-5, 0], [0.5, 5], [1, 10], [2, 20], [9, 30], [nan, nan]]], // prettier-ignore
  [{ op: 'quantile', x: [0, 1, 1, 2], y: [0, 0.25, 0.75, 1] }, [[0, 0], [1, 0.5], [2, 1], [0.5, 0.125], [-9, 0], [9, 1]]], // prettier-ignore
  [{ op: 'float32' }, [[0.1, Math.fround(0.1)]]],
  [{ op: 'apply', name: 'rint' }, [[0.5, 0], [1.5, 2], [2.5, 2], [-0.5, 0], [-1.5, -2], [2.4, 2]]], // prettier-ignore
  [{ op: 'apply', name: 'trunc' }, [[-1.7, -1]]],
  [{ op: 'apply', name: 'sign' }, [[-3, -1], [0, 0]]], // prettier-ignore
  [{ op: 'apply', name: 'reciprocal' }, [[4, 0.25], [0, Infinity]]], // prettier-ignore
] as readonly (readonly [NumberStepIr, readonly (readonly [number, number])[]])[]) {
  test(`the step ${JSON.stringify(ir)}`, () => {
    const run = step(ir)
    for (const [x, y] of pairs) assert.ok(Object.is(run(x) + 0, y + 0), `${x} gives ${run(x)}, not ${y}`)
  })
}

test('steps that refuse: infinite and missing numbers', () => {
  assert.equal(step({ op: 'finite' })(3), 3)
  for (const x of [Infinity, -Infinity]) assert.throws(() => step({ op: 'finite' })(x), /a finite number/)
  assert.throws(() => step({ op: 'present' })(nan), /null: a number/)
  assert.equal(step({ op: 'present' })(0), 0)
})

test('a bin is the number of edges that are not above, wherever the value lies', () => {
  const random = prng(2)
  for (let round = 0; round < 300; round++) {
    const edges = Array.from({ length: random.below(12) }, () => random.below(20)).sort((a, b) => a - b)
    const run = step({ op: 'bin', edges })
    for (let x = -1; x < 21; x += 0.5) assert.equal(run(x), edges.filter((edge) => edge <= x).length)
  }
})

/** Runs a node over slots; gives the slots it fills. */
function filled(node: object, slots: readonly number[], count: number): number[] {
  const all = Float64Array.of(...slots, ...Array.from({ length: count }, () => 99))
  simpleRun(node as Parameters<typeof simpleRun>[0])(all)
  assert.deepEqual([...all.subarray(0, slots.length)], slots, 'what it reads stays')
  return [...all.subarray(slots.length)]
}

test('votes, means, products, picks, medians and powers', () => {
  assert.deepEqual(
    filled({ op: 'votes', from: [0, 1, 2], to: 3, outputs: 3, weights: [1, 2, 4] }, [2, 0, 2], 3),
    [2, 0, 5],
  )
  assert.deepEqual(filled({ op: 'votes', from: [0, 1], to: 2, outputs: 2, weights: [] }, [1, 1], 2), [0, 2])
  const mean = { op: 'mean', from: [0, 1, 2, 3], to: 4, outputs: 2, weights: [1, 3], divide: 4 }
  assert.deepEqual(filled(mean, [1, 2, 5, 6], 2), [(1 + 15) / 4, (2 + 18) / 4])
  assert.deepEqual(
    filled({ op: 'product', from: [0], to: 3, terms: [[0, 1, 2], [], [2, 2]] }, [2, 3, 5], 3),
    [30, 1, 25],
  )
  assert.deepEqual(filled({ op: 'pick', from: [0], to: 1, values: [7, 8, 9] }, [2], 1), [9])
  assert.deepEqual(filled({ op: 'median', from: [0, 1, 2], to: 3, weights: [1, 1, 1] }, [9, 1, 5], 1), [5])
  assert.deepEqual(filled({ op: 'median', from: [0, 1, 2], to: 3, weights: [5, 1, 1] }, [9, 1, 5], 1), [9])
  assert.deepEqual(filled({ op: 'power', from: [0], to: 1, offset: -0.5 }, [3], 1), [-(2 ** -3) + 0.5])
  assert.deepEqual(filled({ op: 'decide', from: [0, 1, 2], to: 3, rule: 'largest' }, [1, 3, 2], 1), [1])
})

test('shares: one probability becomes two, more are divided by their sum, none are equal', () => {
  assert.deepEqual(filled({ op: 'shares', from: [0], to: 1 }, [0.25], 2), [0.75, 0.25])
  assert.deepEqual(filled({ op: 'shares', from: [0, 1], to: 2 }, [1, 3], 2), [0.25, 0.75])
  assert.deepEqual(filled({ op: 'shares', from: [0, 1, 2, 3], to: 4 }, [0, 0, 0, 0], 4), [0.25, 0.25, 0.25, 0.25])
})

test('norms: a row is divided by its length, a row of zeros stays', () => {
  for (const sparse of [true, false]) {
    const of = (norm: string, row: number[]): number[] =>
      filled({ op: 'normal', from: [0, 1], to: 2, norm, order: 'sequential', sparse }, row, 2)
    near(of('l2', [3, -4]), [0.6, -0.8])
    near(of('l1', [3, -1]), [0.75, -0.25])
    near(of('max', [3, -4]), [0.75, -1])
    assert.deepEqual(of('l2', [0, 0]), [0, 0])
  }
})

test('naive Bayes: prior and the likelihood of each feature under its normal distribution', () => {
  const [theta, variance] = [Float64Array.of(0, 1, 2, 3), Float64Array.of(1, 2, 3, 4)]
  const constant = Float64Array.from([0, 1], (k) => -0.5 * [0, 1].reduce((sum, j) => sum + Math.log(2 * Math.PI * variance[2 * k + j]!), 0)) // prettier-ignore
  const arrays = new Map([['gtheta', theta], ['gvar', variance], ['gconstant', constant]]) // prettier-ignore
  const node = { op: 'gauss', arrays: 'g', from: [0, 1], to: 2, prior: [Math.log(0.3), Math.log(0.7)] } as const
  const slots = Float64Array.of(0.5, -1, 0, 0)
  gaussRun(node as unknown as Extract<GraphNode, { op: 'gauss' }>, { json: {}, arrays, bytes: 0 }).run(slots)
  const density = (x: number, m: number, v: number): number =>
    Math.exp(-((x - m) ** 2) / (2 * v)) / Math.sqrt(2 * Math.PI * v)
  near([...slots.subarray(2)], [
    Math.log(0.3 * density(0.5, 0, 1) * density(-1, 1, 2)),
    Math.log(0.7 * density(0.5, 2, 3) * density(-1, 3, 4)),
  ], 1e-14) // prettier-ignore
})

test('every order of adding gives the dot product, and the sum by pairs the sum', () => {
  const random = prng(12)
  for (let n = 0; n < 140; n++) {
    const x = Float64Array.from({ length: n + 3 }, () => random.below(2001) - 1000)
    const c = Float64Array.from({ length: n + 5 }, () => random.below(2001) - 1000)
    let exact = 0
    for (let i = 0; i < n; i++) exact += x[i + 3]! * c[i + 5]!
    // whole numbers of this size are added without rounding, in any order
    for (const order of DOT_ORDERS) assert.equal(DOTS[order](x, 3, c, { from: 5, n }), exact, `${order} of ${n}`)
    assert.equal(pairwise(x, 3, n), x.subarray(3).reduce((sum, value) => sum + value, 0)) // prettier-ignore
  }
  const large = Float64Array.from({ length: 1000 }, (_, i) => i)
  assert.equal(pairwise(large, 0, 1000), 499_500)
})

test('a linear model: coefficients by output, the intercept added last; rows alone and together', () => {
  const arrays = new Map([['coefficients', Float64Array.of(1, 2, 3, 4)]])
  const ir = { orders: ['sequential', 'fused'], intercept: [10, 20] } as const
  const scorer = linearScorer(
    { orders: [...ir.orders], intercept: [...ir.intercept] },
    { json: {}, arrays, bytes: 0 },
    2,
  )
  const out = new Float64Array(4)
  scorer.many(Float64Array.of(1, 1, 2, -1), 2, out)
  assert.deepEqual([...out], [13, 27, 10, 22])
  const one = new Float64Array(2)
  scorer.one(Float64Array.of(2, -1), one)
  assert.deepEqual([...one], [10, 22])
  const short = { json: {}, arrays, bytes: 0 }
  assert.throws(() => linearScorer({ orders: ['fused'], intercept: [0] }, short, 2), { code: 'unprocessable' })
})

/** Published values of MurmurHash3_x86_32 with seed 0. */
for (const [text, hash] of [
  ['', 0],
  ['test', 0xba6bd213],
  ['Hello, world!', 0xc0363e43],
  ['The quick brown fox jumps over the lazy dog', 0x2e4ff723],
  ['foo', -156908512],
] as const) {
  test(`MurmurHash3 of ${JSON.stringify(text)}`, () => assert.equal(murmur3(text), hash | 0))
}
