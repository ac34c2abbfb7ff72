/** Samplers, against what can be counted, integrated or solved by hand, and against drawing evenly. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Dimension, Method } from '../../../contract/pipelines/studies.ts'
import { prng } from '../../../stats/prng.ts'
import { factorOf, logDeterminant, solveLower, solveUpper } from './cholesky.ts'
import { gridPoints, gridSize } from './grid.ts'
import { densityOf } from './parzen.ts'
import { suggest } from './samplers.ts'
import { drawEvenly, pointOf, valuesAt, type Known, type Observation, type Vector } from './space.ts'
import { fitSurrogate } from './surrogate.ts'

const float = (min: number, max: number, log = false): Dimension => ({ kind: 'float', min, max, log, points: null })
const int = (min: number, max: number, log = false): Dimension => ({ kind: 'int', min, max, log, points: null })
const choice = (...choices: unknown[]): Dimension => ({ kind: 'choice', choices })
const all = (): boolean => true

/** The best loss of a search of so many trials, four at once. */
function search(method: Method, dimensions: readonly Dimension[], loss: (at: Vector) => number, seed = 1): Vector[] {
  const told: Observation[] = []
  while (told.length < 40) {
    const open: Vector[] = []
    for (let i = 0; i < 4; i++) {
      const asked = { method, seed, number: told.length + i, position: 0 }
      const found = suggest(dimensions, { told, open: [...open], allows: all }, asked)
      assert.ok(found)
      open.push(found.at)
    }
    told.push(...open.map((at) => ({ at, loss: loss(at), stopped: null })))
  }
  return told.toSorted((a, b) => a.loss - b.loss).map((one) => one.at)
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

describe('points', () => {
  test('have values by name, and are found by them', () => {
    const space = { lr: float(0.01, 1), act: choice('relu', true, 3) }
    const values = valuesAt(space, [0.5, 2])
    assert.deepEqual(values, { lr: 0.5, act: 3 })
    assert.deepEqual(pointOf(space, values), [0.5, 2])
    assert.equal(pointOf(space, { lr: 2, act: 3 }), undefined)
    assert.equal(pointOf(space, { lr: 0.5, act: 'gone' }), undefined)
  })

  test('drawn evenly on a logarithm lie in each decade alike, ints at their ends as often as between', () => {
    const random = prng(3)
    const drawn = Array.from({ length: 4000 }, () =>
      drawEvenly([float(1e-4, 1, true), int(1, 4), choice('a', 'b')], random),
    )
    for (const decade of [-4, -3, -2, -1]) {
      const share = drawn.filter(([lr = 0]) => Math.floor(Math.log10(lr)) === decade).length / 4000
      assert.ok(Math.abs(share - 0.25) < 0.03, `${decade}: ${share}`)
    }
    for (const whole of [1, 2, 3, 4]) {
      const share = drawn.filter(([, n]) => n === whole).length / 4000
      assert.ok(Math.abs(share - 0.25) < 0.03, `${whole}: ${share}`)
    }
    const first = drawn.filter(([, , c]) => c === 0).length / 4000
    assert.ok(Math.abs(first - 0.5) < 0.03)
  })
})

describe('a grid', () => {
  const dimensions: Dimension[] = [choice('a', 'b'), int(1, 3), { ...float(1, 100, true), points: 3 } as Dimension]

  test('has every combination once, the last turning fastest', () => {
    assert.equal(gridSize(dimensions), 18)
    const points = Array.from(gridPoints(dimensions, 0), ({ at }) => at)
    assert.equal(points.length, 18)
    assert.equal(new Set(points.map(String)).size, 18)
    assert.deepEqual(
      points.slice(0, 4).map((at) => at.map((x) => Math.round(x))),
      [
        [0, 1, 1],
        [0, 1, 10],
        [0, 1, 100],
        [0, 2, 1],
      ],
    )
    assert.deepEqual([...gridPoints(dimensions, 18)], [])
    assert.deepEqual([...gridPoints(dimensions, 16)][1]?.at, points[17])
  })

  test('is endless with a float of which nobody says the points', () => {
    assert.equal(gridSize([float(0, 1)]), Infinity)
  })

  test('is looked through to its end in a moment, where nothing is allowed', () => {
    const known: Known = { told: [], open: [], allows: () => false }
    const asked = { method: 'grid', seed: 0, number: 0, position: 0 } as const
    assert.equal(suggest([int(1, 100_000)], known, asked), undefined)
  })

  test('goes on behind what is not allowed', () => {
    const known: Known = { told: [], open: [], allows: ([c, n]) => c === 1 && n === 3 }
    const asked = { method: 'grid', seed: 0, number: 0 } as const
    const first = suggest(dimensions, known, { ...asked, position: 0 })
    assert.deepEqual([first?.at.slice(0, 2), first?.next], [[1, 3], 16])
    assert.equal(suggest(dimensions, known, { ...asked, position: 18 }), undefined)
  })
})

describe('densities', () => {
  test('of numbers, ints and choices have the sum 1 over their space', () => {
    const dimensions = [int(1, 5), choice('a', 'b', 'c')]
    const density = densityOf(
      dimensions,
      [
        [2, 0],
        [5, 2],
      ],
      [1, 0.5],
    )
    const sum = [1, 2, 3, 4, 5].flatMap((n) => [0, 1, 2].map((c) => Math.exp(density.logAt([n, c]))))
    assert.ok(Math.abs(sum.reduce((a, b) => a + b, 0) - 1) < 1e-6)
    const line = densityOf([float(-2, 3)], [[-2], [1]], [1, 1])
    const steps = 20_000
    const area = Array.from(
      { length: steps },
      (_, i) => Math.exp(line.logAt([-2 + (5 * (i + 0.5)) / steps])) * (5 / steps),
    )
    assert.ok(Math.abs(area.reduce((a, b) => a + b, 0) - 1) < 1e-4)
  })

  test('are drawn as they say', () => {
    const dimensions = [int(1, 5), choice('a', 'b', 'c')]
    const density = densityOf(
      dimensions,
      [
        [2, 0],
        [2, 0],
        [5, 2],
      ],
      [1, 1, 1],
    )
    const random = prng(5)
    const drawn = Array.from({ length: 20_000 }, () => String(density.draw(random)))
    for (const at of [
      [2, 0],
      [5, 2],
      [3, 1],
    ]) {
      const share = drawn.filter((one) => one === String(at)).length / 20_000
      assert.ok(Math.abs(share - Math.exp(density.logAt(at))) < 0.015, String(at))
    }
  })
})

test('a factor gives the matrix back, solves it, and knows its determinant', () => {
  const matrix = [
    [4, 2, 1],
    [2, 5, 3],
    [1, 3, 6],
  ]
  const factor = factorOf(3, (i, j) => matrix[i]?.[j] ?? 0)
  assert.ok(factor)
  const x = solveUpper(factor, solveLower(factor, [1, 2, 3]))
  for (const [i, row] of matrix.entries())
    assert.ok(Math.abs(row.reduce((sum, one, j) => sum + one * (x[j] ?? 0), 0) - (i + 1)) < 1e-12)
  // by Sarrus: 4·(30 − 9) − 2·(12 − 3) + 1·(6 − 5)
  assert.ok(Math.abs(logDeterminant(factor) - Math.log(67)) < 1e-12)
  assert.equal(
    factorOf(2, () => 1),
    undefined,
  )
})

test('a process goes through what it knows, doubts what is far, and what it believes changes no mean there', () => {
  const points = [[0.1], [0.5], [0.9]]
  const surrogate = fitSurrogate([float(0, 1)], points, { losses: [1, -1, 1], random: prng(1) })
  for (const [i, at] of points.entries()) {
    assert.ok(Math.abs(surrogate.at(at).mean - ([1, -1, 1][i] ?? 0)) < 0.05)
    assert.ok(surrogate.at(at).sd < surrogate.at([0.3]).sd)
  }
  const before = surrogate.at([0.3])
  const after = surrogate.believing([0.3]).at([0.3])
  assert.ok(Math.abs(before.mean - after.mean) < 1e-3)
  assert.ok(after.sd < before.sd / 5)
})

for (const method of ['gp', 'tpe'] as const) {
  describe(method, () => {
    const dimensions = [float(-10, 10), float(1e-5, 1, true), choice('a', 'b', 'c')]
    const loss = ([x = 0, lr = 1, c = 0]: Vector): number =>
      (x - 3) ** 2 + (Math.log10(lr) + 2) ** 2 + (c === 1 ? 0 : 2)
    const bests = (by: Method): number[] =>
      [1, 2, 3, 4, 5, 6, 7].map((seed) => loss(search(by, dimensions, loss, seed)[0] ?? []))

    test('finds better points than drawing evenly', () => {
      const [own, even] = [median(bests(method)), median(bests('random'))]
      assert.ok(own < even / 2, `${own} beside ${even}`)
    })

    test('says the same for the same seed, number and knowledge, and another for another seed', () => {
      assert.deepEqual(search(method, dimensions, loss, 3), search(method, dimensions, loss, 3))
      assert.notDeepEqual(search(method, dimensions, loss, 3), search(method, dimensions, loss, 4))
    })

    test('asks only what is allowed, also where the best is not, and nothing where nothing is', () => {
      const told = search(method, dimensions, loss).map((at) => ({ at, loss: loss(at), stopped: null }))
      const asked = { method, seed: 1, position: 0 }
      for (let number = 0; number < 20; number++) {
        const known = { told, open: [], allows: ([x = 0]: Vector) => x < 2 }
        assert.ok((suggest(dimensions, known, { ...asked, number })?.at[0] ?? 9) < 2)
      }
      assert.equal(suggest(dimensions, { told, open: [], allows: () => false }, { ...asked, number: 0 }), undefined)
    })

    test('stays in its bounds, with one value a dimension, and where every point was asked', () => {
      const narrow = [int(3, 3), choice('only'), float(1, 1)]
      const told = Array.from({ length: 30 }, () => ({ at: [3, 0, 1], loss: 1, stopped: null }))
      const found = suggest(narrow, { told, open: [], allows: all }, { method, seed: 1, number: 30, position: 0 })
      assert.deepEqual(found?.at, [3, 0, 1])
    })

    test('goes on where losses are all equal, huge, or of trials that were stopped', () => {
      const random = prng(9)
      for (const losses of [
        () => 1,
        () => 1e300 * random.uniform(),
        () => -1e-300 * random.uniform(),
        () => (random.uniform() < 0.5 ? -1.7e308 : 1.7e308) * random.uniform(),
      ]) {
        const told = Array.from({ length: 25 }, (_, i) => ({
          at: drawEvenly(dimensions, random),
          loss: losses(),
          stopped: i % 2 === 0 ? 3 : null,
        }))
        const found = suggest(
          dimensions,
          { told, open: [[0, 0.1, 1]], allows: all },
          { method, seed: 1, number: 25, position: 0 },
        )
        assert.ok(found !== undefined && found.at.every(Number.isFinite), String(found?.at))
      }
    })
  })
}

test('four at once are not four times the same', () => {
  const dimensions = [float(0, 1)]
  const told = Array.from({ length: 12 }, (_, i) => ({ at: [i / 11], loss: (i / 11 - 0.4) ** 2, stopped: null }))
  const open: Vector[] = []
  for (let number = 12; number < 16; number++) {
    const found = suggest(
      dimensions,
      { told, open: [...open], allows: all },
      { method: 'gp', seed: 1, number, position: 0 },
    )
    open.push(found?.at ?? [])
  }
  assert.equal(new Set(open.map(String)).size, 4)
})
