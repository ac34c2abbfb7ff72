/** Scales, ticks, smoothing, joined curves, places of a graph, shades. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { versionColour } from '../data/colours.ts'
import { halfWidth, meanBand, student95 } from './curves/bands.ts'
import { levelLine, surface } from './scales/contour.ts'
import { interpolated, joinCurves } from './curves/curves.ts'
import { clockTexts, isolatedPoints, markTexts, strongMarks } from './scales/axes.ts'
import { axisFor } from './scales/domain.ts'
import { layers } from './scales/layers.ts'
import { decades, extent, linear, linePath, logarithmic, ticks } from './scales/scale.ts'
import { shade } from './scales/shade.ts'
import { smooth } from './curves/smoothing.ts'

test('scales map domains to ranges', () => {
  assert.deepEqual([0, 5, 10].map(linear([0, 10], [100, 0])), [100, 50, 0])
  assert.equal(linear([3, 3], [0, 10])(3), 5)
  assert.deepEqual([1, 10, 100, -4].map(logarithmic([1, 100], [0, 2])), [0, 1, 2, 0])
  assert.deepEqual(extent([3, null, Number.NaN, -1, undefined]), [-1, 3])
  assert.equal(extent([null]), undefined)
})

test('ticks are round and inside the domain', () => {
  assert.deepEqual(ticks([0.72, 0.78], 4), [0.72, 0.74, 0.76, 0.78])
  assert.deepEqual(ticks([0, 100], 5), [0, 20, 40, 60, 80, 100])
  assert.deepEqual(ticks([5, 5]), [5])
  assert.deepEqual(decades([0.5, 1200]), [1, 10, 100, 1000])
})

test('ticks end where a step is too small for a number as large, as of times in nanoseconds', () => {
  // doubles lie 256 apart there
  for (const width of [256, 512, 1024, 4096]) {
    const [low, high] = [1.7e18, 1.7e18 + width]
    const found = ticks([low, high], 4)
    assert.ok(found.length > 0 && found.length <= 5, `${found.length}`)
    assert.ok(
      found.every((tick, i) => tick >= low && tick <= high && tick > (found[i - 1] ?? 0)),
      found.join(' '),
    )
  }
  assert.deepEqual(ticks([1e16, 1e16 + 2], 4), [1e16, 1e16 + 2])
})

test('a missing point breaks the line', () => {
  assert.equal(linePath([[0, 1], [1, 2], null, [3, 4], [4, 5]]), 'M0.0 1.0L1.0 2.0M3.0 4.0L4.0 5.0')
})

test('smoothing of a constant is that constant, its first value is kept, and gaps stay', () => {
  assert.deepEqual(
    smooth([2, 2, 2], 0.9).map((value) => Number(value?.toFixed(9))),
    [2, 2, 2],
  )
  const smoothed = smooth([1, null, 3], 0.5)
  assert.equal(smoothed[0], 1)
  assert.equal(smoothed[1], null)
  assert.ok(Math.abs((smoothed[2] ?? 0) - (0.25 * 1 + 0.5 * 3) / 0.75) < 1e-12)
  assert.deepEqual(smooth([1, 5], 0), [1, 5])
})

test('histories of several runs share one axis of steps', () => {
  const joined = joinCurves(
    [
      { steps: [2, 0], times: [900, 500], values: [5, 1] },
      { steps: [1, 2], times: [0, 2000], values: ['NaN', 7] },
    ],
    0,
  )
  assert.deepEqual(joined.x, [0, 1, 2])
  assert.deepEqual(joined.raw, [
    [1, undefined, 5],
    [undefined, null, 7],
  ])
  const timed = joinCurves([{ steps: [0, 1], times: [5000, 6500], values: [1, 2] }], 0, 'time')
  assert.deepEqual(timed.x, [0, 1.5])
})

test('a graph is laid out by its longest paths, with few crossings, and survives a cycle', () => {
  const places = layers(
    ['a', 'b', 'c', 'd'],
    [
      { from: 'a', to: 'c' },
      { from: 'b', to: 'd' },
      { from: 'c', to: 'd' },
      { from: 'gone', to: 'd' },
    ],
  )
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((id) => places.get(id)?.column),
    [0, 0, 1, 2],
  )
  assert.deepEqual(
    ['a', 'b'].map((id) => places.get(id)?.row),
    [0, 1],
  )
  assert.equal(
    layers(
      ['x', 'y'],
      [
        { from: 'x', to: 'y' },
        { from: 'y', to: 'x' },
      ],
    ).size,
    2,
  )
})

test('a shade is full at the top and beyond', () => {
  assert.match(shade(1, 2), / 50%,/)
  assert.match(shade(-9, 2), / 100%,/)
})

test('neighbouring versions have different colours, and a version keeps its own', () => {
  const colours = ['1', '2', '3', '4', '5', '6'].map(versionColour)
  assert.equal(new Set(colours).size, 6)
  assert.equal(versionColour('7'), versionColour('1'))
  assert.equal(versionColour('blue'), versionColour('blue'))
})

test('a curve is filled between its points, not beyond them nor across NaN', () => {
  const gaps = [undefined, 1, undefined, 3, null, undefined, 9]
  assert.deepEqual(interpolated([0, 1, 2, 5, 6, 7, 8], gaps), [undefined, 1, 1.5, 3, undefined, undefined, 9])
})

test('repetitions become a mean with its interval', () => {
  const band = meanBand([
    [1, 4, 5],
    [3, undefined, 5],
    [2, null, 5],
  ])
  assert.deepEqual(band.mean, [2, 4, 5])
  assert.deepEqual(band.low[1], null)
  // t of 2 degrees of freedom times s / √n
  assert.ok(Math.abs((band.high[0] ?? 0) - (2 + 4.303 / Math.sqrt(3))) < 1e-9)
  assert.equal(band.high[2], 5)
  assert.equal(halfWidth([1, 1], 1), 0)
  assert.ok(Math.abs(student95(60) - 2.0003) < 0.002)
  assert.ok(Number.isNaN(student95(0)))
})

test('a surface passes through its spots, and a level line lies between lower and higher ones', () => {
  const spots = [
    { x: 0, y: 0, z: 0 },
    { x: 0, y: 1, z: 0 },
    { x: 1, y: 0, z: 10 },
    { x: 1, y: 1, z: 10 },
  ]
  const made = surface(spots, 11, 5)
  assert.equal(made.values.length, 55)
  assert.ok(Math.abs(made.values[0] ?? 9) < 1e-6 && Math.abs((made.values[54] ?? 0) - 10) < 1e-6)
  assert.ok(made.values.every((value) => value >= 0 && value <= 10))
  const line = levelLine(made, 5)
  assert.equal(line.length, 4)
  for (const [x1, , x2] of line) assert.ok(Math.abs(x1 - 5) < 0.51 && Math.abs(x2 - 5) < 0.51, `${x1} ${x2}`)
  assert.deepEqual(levelLine(made, 11), [])
})

test('an axis has room, and is logarithmic where its numbers span two orders of magnitude', () => {
  const plain = axisFor([0, 10, null])
  assert.deepEqual([plain.log, plain.domain], [false, [-0.6, 10.6]])
  const wide = axisFor([0.001, 0.1, 10], 0)
  assert.deepEqual([wide.log, wide.marks(3)], [true, [0.001, 0.1, 10]])
  assert.ok(Math.abs(wide.place([0, 100])(0.1) - 50) < 1e-9)
  assert.equal(axisFor([-1, 1000]).log, false)
  assert.deepEqual(axisFor([]).domain, [-0.06, 1.06])
})

test('marks of an axis are told apart, whatever their size', () => {
  assert.deepEqual(markTexts([0, 0.0002, 0.0004]), ['0.0000', '0.0002', '0.0004'])
  assert.deepEqual(markTexts([0, 0.25, 0.5]), ['0.00', '0.25', '0.50'])
  assert.deepEqual(markTexts([0, 2.5, 5]), ['0.0', '2.5', '5.0'])
  assert.deepEqual(markTexts([0, null, 10_000], ' ms'), ['0 ms', '', '10,000 ms'])
  assert.deepEqual(markTexts([0, 2e-9]), ['0', '2.00e-9'])
  assert.deepEqual(markTexts([0, 2e9]), ['0', '2.00e+9'])
})

test('marks of time tell the day once, and again where it changes', () => {
  const noon = Date.parse('2026-05-03T12:00:00') / 1000
  assert.deepEqual(clockTexts([noon, noon + 300, noon + 86_400]), ['12:00\n05-03', '12:05', '12:00\n05-04'])
  assert.deepEqual(clockTexts([noon, noon + 86_400]), ['05-03', '05-04'])
  assert.deepEqual(clockTexts([noon, noon + 5]), ['12:00:00\n05-03', '12:00:05'])
})

test('a logarithmic axis has lines at powers of ten where these suffice', () => {
  assert.deepEqual(strongMarks([0.1, 0.2, 1, 5, 10]), [0.1, null, 1, null, 10])
  assert.deepEqual(strongMarks([1, 2, 5, 10]), [1, 2, 5, 10])
})

test('a point between breaks is a point of its own', () => {
  assert.deepEqual(isolatedPoints([1, null, 2, 3, null, 4]), [0, 5])
  assert.deepEqual(isolatedPoints([null, undefined, 7, undefined, null]), [2])
  assert.deepEqual(isolatedPoints([1, undefined, 2]), [])
  assert.deepEqual(isolatedPoints([5]), [0])
})
