/** The curve of the evidence: a point for each look with new measurements, few enough to draw. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GateState } from '../../contract/rollout.ts'
import { growCurve } from './curve.ts'
import type { Series } from './curve.ts'

const gate = (n: number, more: Partial<GateState> = {}): GateState => ({
  gate: 'error_rate',
  slice: null,
  status: 'waiting',
  evidence: n,
  boundary: 50,
  n,
  n_min: 0,
  candidate: null,
  stable: null,
  interval: null,
  reason: '',
  ...more,
})
const grown = (looks: readonly (readonly GateState[])[]): Series[] =>
  JSON.parse(looks.reduce((curve, gates) => growCurve(curve, gates), '[]')) as Series[]

test('a look with nothing new adds nothing, and the boundary is the newest', () => {
  assert.deepEqual(
    grown([[gate(0)], [gate(3)], [gate(3, { evidence: 9 })], [gate(4, { evidence: 1.23456, boundary: 60 })]]),
    [
      {
        gate: 'error_rate',
        slice: null,
        boundary: 60,
        points: [
          { n: 3, evidence: 3 },
          { n: 4, evidence: 1.235 },
        ],
      },
    ],
  )
})

test('a gate and each of its slices have their own', () => {
  const series = grown([[gate(1), gate(2, { slice: 'c=UA' }), gate(3, { gate: 'latency' })], [gate(5)]])
  assert.deepEqual(
    series.map(({ gate: name, slice, points }) => [name, slice, points.length]),
    [
      ['error_rate', null, 2],
      ['error_rate', 'c=UA', 1],
      ['latency', null, 1],
    ],
  )
})

test('has three hundred points at most: every second one goes, the newest stays', () => {
  const points = (n: number) =>
    grown(Array.from({ length: n }, (_, i) => [gate(i + 1)]))[0]?.points.map((one) => one.n) ?? []
  assert.equal(points(300).length, 300)
  const thinned = points(301)
  assert.deepEqual([thinned.length, thinned[0], thinned[1], thinned.at(-1)], [151, 1, 3, 301])
  assert.ok(points(2000).length <= 300 && points(2000).at(-1) === 2000)
})

test('of twenty-four gates and slices at most; evidence beyond every number is the greatest one', () => {
  const many = grown([Array.from({ length: 30 }, (_, i) => gate(1, { slice: `c=${i}` }))])
  assert.deepEqual([many.length, many.at(-1)?.slice], [24, 'c=23'])
  const [only] = grown([[gate(1, { evidence: Number.MAX_VALUE })]])
  assert.equal(only?.points[0]?.evidence, Number.MAX_VALUE)
})
