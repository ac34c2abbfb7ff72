/** Drawing: scales, curves, bands, surfaces and graphs, against definitions that are slow and plain. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { property } from '../../test/web/seeded.ts'
import type { Seeded } from '../../test/web/seeded.ts'
import { clockTexts, isolatedPoints, localTime, markTexts, strongMarks } from './scales/axes.ts'
import { halfWidth, meanBand, student95 } from './curves/bands.ts'
import { levelLine, surface } from './scales/contour.ts'
import { interpolated, joinCurves } from './curves/curves.ts'
import type { Curve } from './curves/curves.ts'
import { axisFor } from './scales/domain.ts'
import { layers } from './scales/layers.ts'
import { decades, extent, linear, linePath, logarithmic, ticks } from './scales/scale.ts'
import { shade } from './scales/shade.ts'
import { smooth } from './curves/smoothing.ts'
import type { Value } from './curves/values.ts'

function near(found: number, expected: number, slack = 1e-9): boolean {
  return Math.abs(found - expected) <= slack * Math.max(1, Math.abs(expected))
}

function domainOf(random: Seeded): [number, number] {
  const low = random.number()
  // a domain much narrower than its numbers would test the digits of doubles
  return [low, low + Math.max(Math.abs(low), 1e-9) * (0.01 + random.next() * 100)]
}

test('a straight scale meets both ends, keeps distances in proportion, and can be turned round', () => {
  property(300, (random) => {
    const domain = domainOf(random)
    const range = [random.int(0, 500), random.int(500, 1000)] as const
    const scale = linear(domain, range)
    const back = linear(range, domain)
    assert.ok(near(scale(domain[0]), range[0], 1e-6) && near(scale(domain[1]), range[1], 1e-6))
    const part = random.next()
    const value = domain[0] + part * (domain[1] - domain[0])
    assert.ok(near(scale(value), range[0] + part * (range[1] - range[0]), 1e-3))
    assert.ok(Math.abs(back(scale(value)) - value) <= 1e-6 * Math.max(Math.abs(domain[0]), Math.abs(domain[1])))
  })
})

test('on a logarithmic scale equal factors are equal distances, and nothing lies below the lower end', () => {
  property(200, (random) => {
    const low = 10 ** random.int(-6, 2)
    const scale = logarithmic([low, low * 10 ** random.int(1, 6)], [0, 300])
    const factor = 1 + random.next() * 5
    const [a, b] = [low * (1 + random.next() * 10), low * (1 + random.next() * 10)]
    assert.ok(near(scale(a * factor) - scale(a), scale(b * factor) - scale(b), 1e-6))
    for (const value of [0, -5, low / 2]) assert.equal(scale(value), 0)
  })
})

test('the extent is the least and the greatest finite number', () => {
  property(200, (random) => {
    const values = random.list(10, () =>
      random.pick<number | null | undefined>([random.number(), null, undefined, Number.NaN, Infinity, -Infinity]),
    )
    const finite = values.filter((value): value is number => Number.isFinite(value))
    assert.deepEqual(extent(values), finite.length === 0 ? undefined : [Math.min(...finite), Math.max(...finite)])
  })
})

test('ticks are round, equally far apart, inside the domain, and about as many as wanted', () => {
  property(400, (random) => {
    const domain = domainOf(random)
    const wanted = random.int(2, 8)
    const found = ticks(domain, wanted)
    assert.ok(found.length >= 1 && found.length <= wanted + 1, `${found.length} of ${wanted} in ${domain.join(' to ')}`)
    const slack = (domain[1] - domain[0]) * 1e-6
    assert.ok(
      found.every((tick) => tick >= domain[0] - slack && tick <= domain[1] + slack),
      `${found.join(' ')} in ${domain.join(' to ')}`,
    )
    const steps = found.slice(1).map((tick, i) => tick - (found[i] ?? 0))
    const [step] = steps
    if (step === undefined) return
    assert.ok(steps.every((one) => near(one / step, 1, 1e-6)))
    const lead = step / 10 ** Math.floor(Math.log10(step) + 1e-9)
    assert.ok(
      [1, 2, 5, 10].some((round) => near(lead, round, 1e-6)),
      `${step} is not round`,
    )
  })
})

test('decades are the powers of ten inside', () => {
  assert.deepEqual(decades([1, 1]), [1])
  assert.deepEqual(decades([2, 9]), [])
  assert.deepEqual(decades([1e-3, 1e-1]), [0.001, 0.01, 0.1])
  property(100, (random) => {
    const low = random.next() * 10 ** random.int(-5, 5) + 1e-9
    const high = low * (1 + random.next() * 1e4)
    const expected = Array.from({ length: 40 }, (_, i) => 10 ** (i - 15)).filter(
      (power) => power >= low * (1 - 1e-9) && power <= high * (1 + 1e-9),
    )
    assert.equal(decades([low, high]).length, expected.length, `${low} to ${high}`)
  })
})

test('a path has one move for each unbroken part and one point for each that is given', () => {
  property(200, (random) => {
    const points = random.list(12, () =>
      random.chance(0.3) ? null : ([random.int(0, 99), random.int(0, 99)] as const),
    )
    const path = linePath(points)
    const parts = points.filter((point, i) => point !== null && (points[i - 1] ?? null) === null).length
    assert.equal(path.split('M').length - 1, parts)
    assert.equal(path.split(/[ML]/).length - 1, points.filter((point) => point !== null).length)
  })
})

test('smoothing is the weighted mean of all values before, by its definition', () => {
  property(200, (random) => {
    const amount = random.pick([0.1, 0.5, 0.9, 0.99])
    const values = random.list(15, () =>
      random.pick<Value>([random.int(-100, 100), random.int(-100, 100), null, undefined, Infinity]),
    )
    const smoothed = smooth(values, amount)
    for (const [i, value] of values.entries()) {
      if (typeof value !== 'number' || !Number.isFinite(value)) {
        assert.equal(smoothed[i], value === undefined ? undefined : null)
        continue
      }
      const known = values.slice(0, i + 1).filter((one): one is number => Number.isFinite(one))
      const weights = known.map((_, place) => amount ** (known.length - 1 - place))
      const sum = weights.reduce((all, weight) => all + weight, 0)
      const mean = known.reduce((all, one, place) => all + one * (weights[place] ?? 0), 0) / sum
      assert.ok(near(smoothed[i] ?? Number.NaN, mean, 1e-6), `place ${i}`)
    }
  })
})

function curveOf(random: Seeded): Curve {
  const length = random.int(0, 8)
  const start = random.int(0, 1e6)
  return {
    steps: Array.from({ length }, () => random.int(0, 10)),
    times: Array.from({ length }, (_, i) => start + i * random.int(1, 5000)),
    values: Array.from({ length }, () => random.pick<number | 'NaN'>([random.int(0, 100), 'NaN'])),
  }
}

test('joined curves have every step once, rising, and each curve its last value at it', () => {
  property(300, (random) => {
    const curves = random.list(4, () => curveOf(random))
    const { x, raw } = joinCurves(curves, 0)
    assert.deepEqual(
      x,
      [...new Set(curves.flatMap(({ steps }) => steps))].sort((a, b) => a - b),
    )
    for (const [i, { steps, values }] of curves.entries()) {
      for (const [place, step] of x.entries()) {
        const at = steps.lastIndexOf(step)
        const expected = at < 0 ? undefined : values[at] === 'NaN' ? null : values[at]
        assert.equal(raw[i]?.[place], expected)
      }
    }
  })
})

test('by time each curve begins at zero, in seconds', () => {
  property(100, (random) => {
    const curves = random.list(4, () => curveOf(random)).filter(({ times }) => times.length > 0)
    const { x } = joinCurves(curves, 0, 'time')
    if (curves.length > 0) assert.equal(x[0], 0)
    for (const { times } of curves) {
      for (const time of times) assert.ok(x.includes((time - (times[0] ?? 0)) / 1000))
    }
  })
})

test('between two points a curve lies on the straight line, elsewhere it is unknown', () => {
  property(200, (random) => {
    const x = Array.from({ length: random.int(1, 10) }, (_, i) => i * 2 + random.next())
    const values = x.map(() => random.pick<Value>([random.int(0, 50), null, undefined]))
    const full = interpolated(x, values)
    for (const [i, place] of x.entries()) {
      const value = values[i]
      if (typeof value === 'number') assert.equal(full[i], value)
      if (value !== undefined) continue
      const left = values.findLastIndex((one, at) => at < i && one !== undefined)
      const right = values.findIndex((one, at) => at > i && one !== undefined)
      const [y1, y2] = [values[left], values[right]]
      if (left < 0 || right < 0 || typeof y1 !== 'number' || typeof y2 !== 'number') assert.equal(full[i], undefined)
      else {
        const part = (place - (x[left] ?? 0)) / ((x[right] ?? 0) - (x[left] ?? 0))
        assert.ok(near(full[i] ?? Number.NaN, y1 + part * (y2 - y1)))
      }
    }
  })
})

/** The density of Student's t, not yet divided by its whole. */
function density(t: number, freedom: number): number {
  return (1 + t ** 2 / freedom) ** (-(freedom + 1) / 2)
}

/** Simpson's rule over t = tan(u), so that the tails are finite. */
function mass(from: number, to: number, freedom: number): number {
  const steps = 20_000
  const [a, b] = [Math.atan(from), Math.atan(to)]
  let sum = 0
  for (let i = 0; i <= steps; i += 1) {
    const u = a + ((b - a) * i) / steps
    const t = Math.tan(u)
    const factor = i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2
    sum += factor * density(t, freedom) * (1 + t ** 2)
  }
  return (sum * (b - a)) / steps / 3
}

test('Student’s t holds 95 % of its density, by integration, for few and for many degrees of freedom', () => {
  const end = Math.tan(Math.PI / 2 - 1e-6)
  for (const freedom of [1, 2, 3, 5, 10, 20, 30, 31, 40, 60, 120]) {
    const t = student95(freedom)
    const share = mass(-t, t, freedom) / mass(-end, end, freedom)
    assert.ok(Math.abs(share - 0.95) < 0.0005, `${freedom} degrees: ${share}`)
  }
  assert.ok(near(student95(1e6), 1.959964, 1e-5))
})

test('a band is the mean with its interval where two or more curves have a value', () => {
  property(200, (random) => {
    const places = random.int(1, 6)
    const curves = random.list(5, () =>
      Array.from({ length: places }, () =>
        random.pick<Value>([random.int(0, 100), random.int(0, 100), null, undefined]),
      ),
    )
    const band = meanBand(curves)
    if (curves.length === 0) return assert.deepEqual(band, { mean: [], low: [], high: [] })
    for (let i = 0; i < places; i += 1) {
      const values = curves.map((curve) => curve[i]).filter((value) => typeof value === 'number')
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length
      if (values.length === 0) assert.deepEqual([band.mean[i], band.low[i], band.high[i]], [null, null, null])
      else assert.ok(near(band.mean[i] ?? Number.NaN, mean))
      if (values.length === 1) assert.deepEqual([band.low[i], band.high[i]], [null, null])
      if (values.length < 2) continue
      const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))
      const half = (student95(values.length - 1) * deviation) / Math.sqrt(values.length)
      assert.ok(near(halfWidth(values, mean), half))
      assert.ok(
        near((band.high[i] ?? Number.NaN) - mean, half, 1e-6) && near(mean - (band.low[i] ?? Number.NaN), half, 1e-6),
      )
    }
  })
})

test('a surface stays within its spots and passes through each of them', () => {
  property(100, (random) => {
    const [columns, rows] = [5, 9]
    const spots = Array.from({ length: random.int(1, 6) }, () => ({
      x: random.int(0, columns - 1) / (columns - 1),
      y: random.int(0, rows - 1) / (rows - 1),
      z: random.int(-100, 100),
    })).filter((spot, i, all) => all.findIndex(({ x, y }) => x === spot.x && y === spot.y) === i)
    const { values } = surface(spots, columns, rows)
    const heights = spots.map(({ z }) => z)
    assert.ok(values.every((value) => value >= Math.min(...heights) - 1e-6 && value <= Math.max(...heights) + 1e-6))
    for (const { x, y, z } of spots) {
      const at = Math.round(y * (rows - 1)) * columns + Math.round(x * (columns - 1))
      assert.ok(Math.abs((values[at] ?? Number.NaN) - z) < 1e-3, `${values[at]} at a spot of ${z}`)
    }
  })
})

test('a level line separates what is higher from what is lower', () => {
  property(150, (random) => {
    const [columns, rows] = [random.int(2, 6), random.int(2, 6)]
    const values = Array.from({ length: columns * rows }, () => random.int(0, 20))
    const level = random.int(0, 20) + 0.5
    const pieces = levelLine({ columns, rows, values }, level)
    const at = (column: number, row: number): number => values[row * columns + column] ?? 0
    for (const [x1, y1, x2, y2] of pieces) {
      for (const [x, y] of [
        [x1, y1],
        [x2, y2],
      ] as const) {
        // every end lies on an edge between two crossings of the grid, where the line between them has the level
        const [column, row] = [Math.floor(x), Math.floor(y)]
        const found = Number.isInteger(x)
          ? at(x, row) + (y - row) * (at(x, Math.min(rows - 1, row + 1)) - at(x, row))
          : at(column, y) + (x - column) * (at(column + 1, y) - at(column, y))
        assert.ok(near(found, level, 1e-6), `${found} instead of ${level}`)
      }
    }
    const mixed = values.some((value) => value > level) && values.some((value) => value < level)
    assert.equal(pieces.length > 0, mixed)
  })
})

/** A graph without cycles: edges lead from earlier names to later ones. */
function graphOf(random: Seeded): { ids: string[]; edges: { from: string; to: string }[] } {
  const ids = Array.from({ length: random.int(1, 9) }, (_, i) => `n${i}`)
  const edges = ids.flatMap((to, i) =>
    ids
      .slice(0, i)
      .filter(() => random.chance(0.3))
      .map((from) => ({ from, to })),
  )
  return { ids: random.chance(0.5) ? ids : ids.toReversed(), edges }
}

test('a node stands one column behind the last of what leads to it', () => {
  property(300, (random) => {
    const { ids, edges } = graphOf(random)
    const places = layers(ids, edges)
    assert.equal(places.size, ids.length)
    for (const id of ids) {
      const before = edges.filter(({ to }) => to === id).map(({ from }) => places.get(from)?.column ?? Number.NaN)
      assert.equal(places.get(id)?.column, before.length === 0 ? 0 : Math.max(...before) + 1)
    }
  })
})

test('no two nodes stand at one place, and rows have no gaps', () => {
  property(200, (random) => {
    const { ids, edges } = graphOf(random)
    const byColumn = Map.groupBy(layers(ids, edges).values(), ({ column }) => column)
    for (const inside of byColumn.values()) {
      const rows = inside.map(({ row }) => row).sort((a, b) => a - b)
      assert.deepEqual(
        rows,
        rows.map((_, i) => i),
      )
    }
  })
})

test('edges in circles, to nowhere and from a node to itself leave a place for every node', () => {
  property(200, (random) => {
    const ids = ['a', 'b', 'c', 'd']
    const edges = random.list(10, () => ({ from: random.pick([...ids, 'gone']), to: random.pick([...ids, 'gone']) }))
    const places = layers(ids, edges)
    assert.deepEqual([...places.keys()].toSorted(), ids)
    assert.ok([...places.values()].every(({ column, row }) => column >= 0 && column < 4 && row >= 0 && row < 4))
  })
  assert.equal(layers([], []).size, 0)
})

test('an axis holds all its numbers, with room where it is asked for', () => {
  property(300, (random) => {
    const values = random.list(8, () =>
      random.pick<number | null | undefined>([random.number(), random.int(1, 1000), null, undefined]),
    )
    const axis = axisFor(values)
    const place = axis.place([0, 100])
    const finite = values.filter((value) => typeof value === 'number')
    for (const value of finite) assert.ok(place(value) > 0 && place(value) < 100, `${value} at ${place(value)}`)
    const spread = Math.max(...finite) / Math.min(...finite)
    assert.equal(axis.log, finite.length > 0 && Math.min(...finite) > 0 && spread >= 100)
    const bare = axisFor(values, 0)
    if (finite.length > 0) assert.deepEqual(bare.domain, [Math.min(...finite), Math.max(...finite)])
  })
})

test('marks of an axis are inside it and not many more than wanted', () => {
  property(200, (random) => {
    const values = random.list(8, () => random.next() * 10 ** random.int(-3, 6))
    const axis = axisFor(values)
    const marks = axis.marks(5)
    const slack = (axis.domain[1] - axis.domain[0]) * 1e-6
    assert.ok(marks.length <= 6)
    assert.ok(marks.every((mark) => mark >= axis.domain[0] - slack && mark <= axis.domain[1] + slack))
  })
})

test('texts of marks are as many as the marks, told apart, and read back near enough', () => {
  property(300, (random) => {
    const step = random.pick([1, 2, 5]) * 10 ** random.int(-5, 5)
    const first = random.int(-50, 50) * step
    const marks = Array.from({ length: random.int(2, 7) }, (_, i) => first + i * step)
    const texts = markTexts(marks)
    assert.equal(new Set(texts).size, marks.length, texts.join(' | '))
    for (const [i, text] of texts.entries())
      assert.ok(Math.abs(Number(text.replaceAll(',', '')) - (marks[i] ?? 0)) < step / 2, text)
  })
})

test('clock texts name the day at the first mark and wherever it changes', () => {
  const start = new Date(2026, 4, 3, 22, 0, 0).getTime() / 1000
  const marks = Array.from({ length: 6 }, (_, i) => start + i * 3600)
  const texts = clockTexts(marks)
  assert.deepEqual(
    texts.map((text) => text.includes('\n')),
    [true, false, true, false, false, false],
  )
  assert.equal(localTime(start), '2026-05-03 22:00:00')
})

test('strong marks are powers of ten where there are three, otherwise all', () => {
  assert.deepEqual(strongMarks([1, 3, 10, 30, 100]), [1, null, 10, null, 100])
  assert.deepEqual(strongMarks([2, 4, 8]), [2, 4, 8])
  assert.deepEqual(strongMarks([]), [])
})

test('a point is isolated when neither neighbour that has a place has a value', () => {
  property(200, (random) => {
    const values = random.list(10, () => random.pick<Value>([1, null, undefined]))
    const kept = values.map((value, place) => ({ value, place })).filter(({ value }) => value !== undefined)
    const expected = kept
      .filter(
        ({ value }, i) =>
          value !== null && (kept[i - 1]?.value ?? null) === null && (kept[i + 1]?.value ?? null) === null,
      )
      .map(({ place }) => place)
    assert.deepEqual(isolatedPoints(values), expected)
  })
})

test('a shade grows with the effect, whatever its sign, and is full at the top', () => {
  const strength = (value: number): number => Number(/ (\d+)%/.exec(shade(value, 2))?.[1])
  assert.deepEqual([0, 0.5, 1, 2, 5, -1, -9].map(strength), [0, 25, 50, 100, 100, 50, 100])
})
