/** Importance of params, against variances that can be integrated by hand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Dimension } from '../../contract/pipelines/studies.ts'
import { prng } from '../../stats/prng.ts'
import { sharesOf } from './importance.ts'
import { drawEvenly, type Vector } from './sampling/space.ts'

const float: Dimension = { kind: 'float', min: 0, max: 1, log: false, points: null }

function shares(dimensions: readonly Dimension[], loss: (at: Vector) => number, count = 300): number[] {
  const random = prng(7)
  const points = Array.from({ length: count }, () => drawEvenly(dimensions, random)).map((at) => ({
    at,
    loss: loss(at),
  }))
  return sharesOf(dimensions, points) ?? []
}

function near(actual: readonly number[], expected: readonly number[], within: number): void {
  for (const [i, one] of expected.entries())
    assert.ok(
      Math.abs((actual[i] ?? Number.NaN) - one) < within,
      `${actual.join(', ')}, expected ${expected.join(', ')}`,
    )
}

test('of a sum each param has its own variance: 3x + y + 0z gives 9 to 1 to 0', () => {
  near(
    shares([float, float, float], ([x = 0, y = 0]) => 3 * x + y),
    [0.9, 0.1, 0],
    0.05,
  )
})

test('of a choice and a number: 2 where it is the first of four, beside x', () => {
  // variance of the choice 4·(1/4)·(3/4) = 3/4, of x 1/12
  const dimensions: Dimension[] = [{ kind: 'choice', choices: ['a', 'b', 'c', 'd'] }, float]
  near(
    shares(dimensions, ([c = 0, x = 0]) => (c === 0 ? 2 : 0) + x),
    [0.9, 0.1],
    0.05,
  )
})

test('what two params do only together is of neither', () => {
  // (x − ½)(y − ½) has no main effects
  const [x = 1, y = 1] = shares([float, float], ([a = 0, b = 0]) => (a - 0.5) * (b - 0.5), 400)
  assert.ok(x < 0.2 && y < 0.2, `${x}, ${y}`)
})

test('on a logarithm a param matters by its decades', () => {
  const log: Dimension = { kind: 'float', min: 1e-4, max: 1, log: true, points: null }
  near(
    shares([log, float], ([lr = 1, x = 0]) => Math.log10(lr) + 4 * x),
    [0.5, 0.5],
    0.06,
  )
})

test('it does not matter where most points lie', () => {
  const random = prng(3)
  // nine of ten points have x near 0
  const points = Array.from({ length: 400 }, (_, i) => [
    i % 10 === 0 ? random.uniform() : random.uniform() / 20,
    random.uniform(),
  ])
  const told = points.map((at) => ({ at, loss: 3 * (at[0] ?? 0) + (at[1] ?? 0) }))
  near(sharesOf([float, float], told) ?? [], [0.9, 0.1], 0.1)
})

test('nothing is said of few points, or where all are equally good', () => {
  assert.equal(
    sharesOf(
      [float],
      Array.from({ length: 9 }, (_, i) => ({ at: [i / 9], loss: i })),
    ),
    undefined,
  )
  assert.equal(
    sharesOf(
      [float],
      Array.from({ length: 50 }, (_, i) => ({ at: [i / 50], loss: 1 })),
    ),
    undefined,
  )
})

test('the size of the losses changes nothing, from the smallest to all that a double holds', () => {
  const loss = ([x = 0, y = 0]: Vector): number => 3 * x + y
  const expected = shares([float, float, float], loss)
  near(
    shares([float, float, float], (at) => 1e-9 * loss(at)),
    expected,
    1e-3,
  )
  near(
    shares([float, float, float], (at) => 8e307 * (loss(at) - 2)),
    expected,
    1e-3,
  )
})
