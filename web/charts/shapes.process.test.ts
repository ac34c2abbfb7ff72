/** Small drawings against places computed by hand: curves the size of a word, planes of two numbers, axes of values. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { component, drawn, textOf } from '../../test/web/components.ts'
import type { Component } from '../../test/web/components.ts'

const chart = async (path: string, name: string, props: Record<string, unknown>): Promise<string> =>
  drawn(await component(`charts/${path}.tsx`, name), props)

interface Spark {
  readonly x: readonly number[]
  readonly values: readonly (number | 'NaN')[]
  readonly path: string
  /** The dot at its last number; undefined = none. */
  readonly dot?: readonly [x: string, y: string]
}

// 96 by 22 px with an edge of 2: places from 2 to 94, and from 20 up to 2
const SPARKS: Readonly<Record<string, Spark>> = {
  'a rise': { x: [0, 1, 2], values: [0, 1, 2], path: 'M2.0 20.0L48.0 11.0L94.0 2.0', dot: ['94', '2'] },
  'a fall over uneven steps': {
    x: [0, 10, 40],
    values: [3, 2, 1],
    path: 'M2.0 2.0L25.0 11.0L94.0 20.0',
    dot: ['94', '20'],
  },
  'a gap': { x: [0, 1, 2, 3], values: [0, 'NaN', 2, 4], path: 'M2.0 20.0M63.3 11.0L94.0 2.0', dot: ['94', '2'] },
  'an end without a number': { x: [0, 1], values: [5, 'NaN'], path: 'M2.0 11.0', dot: ['2', '11'] },
  'one value': { x: [7], values: [5], path: 'M48.0 11.0', dot: ['48', '11'] },
  'the same value': { x: [0, 1], values: [5, 5], path: 'M2.0 11.0L94.0 11.0', dot: ['94', '11'] },
  'no numbers': { x: [0, 1], values: ['NaN', 'NaN'], path: '' },
  nothing: { x: [], values: [], path: '' },
}

for (const [what, { x, values, path, dot }] of Object.entries(SPARKS)) {
  test(`a small curve of ${what} goes through its places`, async () => {
    const html = await chart('sparkline', 'Sparkline', { label: 'auc by step', x, values })
    assert.match(html, /role="img" aria-label="auc by step"/)
    assert.equal(/<path d="([^"]*)"/.exec(html)?.[1], path)
    assert.deepEqual(/<circle cx="([^"]*)" cy="([^"]*)"/.exec(html)?.slice(1), dot)
  })
}

interface PlaneFound {
  readonly across: { readonly log: boolean }
  readonly up: { readonly log: boolean }
  readonly x: (value: number) => number
  readonly y: (value: number) => number
}
type Points = readonly { readonly x: number | null; readonly y: number | null }[]

/** The function of the file beside its components, whose types are not known here. */
async function plane(points: Points, width: number, height: number): Promise<PlaneFound> {
  const planeOf = (await component('charts/plane.tsx', 'planeOf')) as unknown as (...given: unknown[]) => PlaneFound
  return planeOf(points, width, height)
}

const near = (found: number, expected: number): boolean => Math.abs(found - expected) < 1e-6

test('points of a plane lie between its edges with 6 % of room, the greater to the right and above', async () => {
  const points = [
    { x: 0, y: 10 },
    { x: 100, y: 20 },
    { x: 50, y: null },
  ]
  // 64 and 16 px of edges beside 420 px, 16 and 40 px above and below 240 px
  const { x, y, across, up } = await plane(points, 500, 296)
  const room = 0.06 / 1.12
  assert.ok(near(x(0), 64 + 420 * room) && near(x(100), 484 - 420 * room))
  assert.ok(near(y(10), 256 - 240 * room) && near(y(20), 16 + 240 * room))
  assert.deepEqual([across.log, up.log], [false, false])
})

test('an axis is logarithmic from a hundredfold on, and a missing number counts for nothing', async () => {
  const logs = async (xs: readonly (number | null)[]): Promise<boolean> =>
    (
      await plane(
        xs.map((x) => ({ x, y: 1 })),
        500,
        300,
      )
    ).across.log
  assert.deepEqual(
    await Promise.all([logs([1, 99]), logs([1, 100]), logs([0, 1000]), logs([-1, 1000]), logs([null, 5, 6]), logs([])]),
    [false, true, false, false, false, false],
  )
  const { x } = await plane(
    [0.01, 0.1, 1].map((value) => ({ x: value, y: 1 })),
    500,
    300,
  )
  assert.ok(near(x(0.1) - x(0.01), x(1) - x(0.1)), 'equal factors are equally far apart')
})

test('an axis has a line and a text at each mark, and says where it is logarithmic', async () => {
  const axis = await chart('value-axis', 'ValueAxis', {
    marks: [0, 5],
    y: (value: number) => 100 - value,
    from: 40,
    to: 200,
    text: (mark: number) => `${mark} ms`,
  })
  assert.deepEqual(
    [
      ...axis.matchAll(/<line x1="40" x2="200" y1="(\d+)" y2="(\d+)"><\/line><text x="34" y="(\d+)"[^>]*>([^<]*)</g),
    ].map((found) => found.slice(1)),
    [
      ['100', '100', '104', '0 ms'],
      ['95', '95', '99', '5 ms'],
    ],
  )
  const Axes: Component = await component('charts/plane.tsx', 'PlaneAxes')
  const named = async (xs: readonly number[], ys: readonly number[]): Promise<string> => {
    const points = xs.map((x, i) => ({ x, y: ys[i] ?? null }))
    const found = await plane(points, 500, 300)
    return textOf(await drawn(Axes, { plane: { ...found, width: 500, height: 300 }, x: 'lr', y: 'auc', marks: 4 }))
  }
  assert.match(await named([1, 1000], [1, 2]), /lr, logarithmicauc$/)
  assert.match(await named([1, 2], [1, 1000]), /lrauc, logarithmic$/)
})
