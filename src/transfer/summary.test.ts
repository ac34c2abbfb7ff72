/** What the points of a metric come to, held against all of them sorted. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addPoint, latestRows } from './summary.ts'
import type { Point, Summaries } from './summary.ts'

function rowsOf(points: readonly Point[]): Record<string, Record<string, unknown>> {
  const summaries: Summaries = new Map()
  for (const point of points) addPoint(summaries, point)
  return Object.fromEntries(latestRows(summaries, 'r1', '7').map((row) => [String(row['key']), row]))
}

function point(step: number, value: number, more: Partial<Point> = {}): Point {
  return { key: 'loss', timestamp: 1000 + step, step, value, is_nan: 0, ...more }
}

const NAN = { value: 0, is_nan: 1 } as const

describe('the summary of a metric', () => {
  it('has the last, the first, the least and the greatest, in whatever order points come', () => {
    const points = [point(0, 5), point(1, -2), point(2, 9), point(3, 4)]
    for (const order of [points, points.toReversed(), [points[2], points[0], points[3], points[1]] as Point[]])
      assert.deepEqual(rowsOf(order), {
        loss: {
          ...point(3, 4),
          run_id: 'r1',
          experiment_id: '7',
          min_value: -2,
          max_value: 9,
          first_value: 5,
          first_step: 0,
          first_timestamp: 1000,
        },
      })
  })

  it('takes no NaN for the least, the greatest or the first, and may have one as the last', () => {
    const { loss } = rowsOf([point(0, 0, NAN), point(1, 3), point(2, 2), point(3, 0, NAN)])
    assert.deepEqual(
      [loss?.['step'], loss?.['is_nan'], loss?.['first_step'], loss?.['min_value'], loss?.['max_value']],
      [3, 1, 1, 2, 3],
    )
  })

  it('of NaN alone has neither least nor greatest nor first', () => {
    const { loss } = rowsOf([point(0, 0, NAN)])
    const names = ['min_value', 'max_value', 'first_value', 'first_step', 'first_timestamp']
    assert.deepEqual(
      names.map((name) => loss?.[name]),
      [null, null, null, null, null],
    )
  })

  it('keeps zero and infinity as values', () => {
    const { loss } = rowsOf([point(0, 0), point(1, Infinity), point(2, -Infinity)])
    assert.deepEqual([loss?.['first_value'], loss?.['min_value'], loss?.['max_value']], [0, -Infinity, Infinity])
  })

  it('is one for each key', () => {
    const found = rowsOf([point(0, 1), point(0, 2, { key: 'auc' }), point(1, 3)])
    assert.deepEqual(
      Object.entries(found).map(([key, row]) => [key, row['value'], row['first_value']]),
      [
        ['loss', 3, 1],
        ['auc', 2, 2],
      ],
    )
  })

  it('of no points is no row', () => {
    assert.deepEqual(rowsOf([]), {})
  })
})
