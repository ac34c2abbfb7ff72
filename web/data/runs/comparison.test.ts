/** What compared runs differ in and which of their numbers can be drawn, against slow and plain definitions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { property } from '../../../test/web/seeded.ts'
import type { Seeded } from '../../../test/web/seeded.ts'
import { axesOf, differing, drawableAxes, keysOf, numberOf } from './comparison.ts'
import type { NamedRun } from './comparison.ts'

const KEYS = ['a', 'b', 'c', 'mlflow.user', 'x.y']

function runOf(random: Seeded): NamedRun {
  const some = <T>(make: () => T): Record<string, T> =>
    Object.fromEntries(KEYS.filter(() => random.chance(0.7)).map((key) => [key, make()]))
  return {
    metrics: some(() => random.pick<number | 'NaN'>([0, 1, 2.5, 'NaN'])),
    params: some(() => random.pick(['1', '2', 'x', '', '1e-3', 'NaN', 'Infinity'])),
    tags: some(() => random.pick(['red', 'blue'])),
  }
}

function runsOf(random: Seeded): NamedRun[] {
  return [runOf(random), ...random.list(4, () => runOf(random))]
}

test('a key differs exactly where two runs do not have one value of it', () => {
  property(300, (random) => {
    const runs = runsOf(random)
    const found = differing(runs)
    for (const kind of ['params', 'metrics', 'tags'] as const) {
      const expected = KEYS.filter((key) =>
        runs.some((one) => runs.some((other) => one[kind][key] !== other[kind][key])),
      )
      const wanted = kind === 'tags' ? expected.filter((key) => !key.startsWith('mlflow.')) : expected
      assert.deepEqual(found[kind], wanted.toSorted(), kind)
    }
  })
})

test('one run differs in nothing, and no run neither', () => {
  assert.deepEqual(differing([]), { params: [], metrics: [], tags: [] })
  const run = { metrics: { a: 1 }, params: { b: '2' }, tags: { c: '3' } }
  assert.deepEqual(differing([run]), { params: [], metrics: [], tags: [] })
  assert.deepEqual(differing([run, structuredClone(run)]), { params: [], metrics: [], tags: [] })
})

test('all keys of a kind are listed once, those that differ first', () => {
  property(200, (random) => {
    const runs = runsOf(random)
    const first = differing(runs)
    for (const kind of ['params', 'metrics'] as const) {
      const keys = keysOf(runs, kind, first[kind])
      assert.deepEqual(keys.slice(0, first[kind].length), first[kind])
      assert.deepEqual(keys.toSorted(), [...new Set(runs.flatMap((run) => Object.keys(run[kind])))].sort())
    }
  })
})

test('an axis is drawn where every run has a finite number', () => {
  property(300, (random) => {
    const runs = runsOf(random)
    const found = differing(runs)
    const finite = (value: number | string | undefined): boolean =>
      value !== undefined && value !== '' && value !== 'NaN' && Number.isFinite(Number(value))
    const expected = [
      ...found.params.filter((key) => runs.every((run) => finite(run.params[key]))).map((key) => `params.${key}`),
      ...found.metrics.filter((key) => runs.every((run) => finite(run.metrics[key]))).map((key) => `metrics.${key}`),
    ]
    assert.deepEqual(drawableAxes(runs, found), expected)
  })
})

test('at most eight axes are shown, of both kinds where there are both', () => {
  const names = (kind: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${kind}${i}`)
  for (const [params, metrics] of [
    [0, 20],
    [20, 0],
    [20, 20],
    [4, 4],
    [2, 20],
    [20, 2],
  ] as const) {
    const found = { params: names('p', params), metrics: names('m', metrics) }
    const run = {
      params: Object.fromEntries(found.params.map((key) => [key, '1'])),
      metrics: Object.fromEntries(found.metrics.map((key) => [key, 1])),
    }
    const axes = axesOf([run, run], found)
    assert.ok(axes.length <= 8, `${params} params and ${metrics} metrics`)
    if (params > 0) assert.ok(axes.some((axis) => axis.startsWith('params.')))
    if (metrics > 0) assert.ok(axes.some((axis) => axis.startsWith('metrics.')))
  }
})

test('numbers of params are read from text, and what is none is null', () => {
  const run = {
    metrics: { auc: 0, bad: 'NaN' as const },
    params: { lr: '1e-3', hex: '0x10', word: 'ten', none: '', inf: 'Infinity', 'a.b': '2' },
  }
  assert.deepEqual(
    [
      'params.lr',
      'params.word',
      'params.none',
      'params.inf',
      'params.gone',
      'params.a.b',
      'metrics.auc',
      'metrics.bad',
      'metrics.gone',
    ].map((axis) => numberOf(run, axis)),
    [0.001, null, null, null, null, 2, 0, null, null],
  )
})
