/** Quality by window and slice: the figures against plain counting, where windows begin, when one is provisional. */
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { openedOnce } from '../../../test/opened.ts'
import { DAY_MS, HOUR_MS } from '../../contract/ids.ts'
import { near } from '../../stats/near.fixture.ts'
import { prng } from '../../stats/prng.ts'
import { openTemporaryStore } from '../../store/open.ts'
import { dbWith } from '../../store/awaited.fixture.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { putLabels } from '../labels/labels.ts'
import { ingest, testDeps } from '../room.fixture.ts'
import type { MonitoringDeps } from '../context/context.ts'
import { performance } from './performance.ts'
import type { PerformanceQuery } from './performance.ts'
import type { PerformanceItem } from './figures.ts'

/** A Wednesday in a month of thirty days. */
const START = Date.UTC(2026, 3, 15)

interface Row {
  readonly et: number
  readonly score: number
  readonly label?: number
  readonly carrier?: unknown
}

let deps: MonitoringDeps
let made = 0

openedOnce(openTemporaryStore, (store) => {
  deps = testDeps(store.db, () => START)
})

/** An endpoint with these rows; its name. */
async function endpoint(rows: readonly Row[]): Promise<string> {
  const name = `e${++made}`
  await addEndpoint(deps.db, name)
  const ids = rows.map((row, i) => ({ ...row, id: `${name}-${i}`, x: [row.carrier ?? 'UA'] }))
  await ingest(deps, name, ids)
  const labels = ids.flatMap(({ id, label }) => (label === undefined ? [] : [{ prediction_id: id, label }]))
  if (labels.length > 0) await putLabels(deps, name, labels)
  return name
}

const ask = (name: string, more: Partial<PerformanceQuery> = {}): Promise<PerformanceItem[]> =>
  performance(deps.db, { endpoint: name, bucket: 'all', ...more }, async () => ['carrier'])
const pick = (items: readonly PerformanceItem[], metric: PerformanceItem['metric']): PerformanceItem =>
  items.find((one) => one.metric === metric) ?? assert.fail(`no ${metric}`)
const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length
const rowAt = (et: number, more: Partial<Row> = {}): Row => ({ et, score: 0.5, ...more })

describe('figures', () => {
  const random = prng(7)
  const rows = Array.from({ length: 300 }, (_, i): Row => {
    const label = random.uniform() < 0.4 ? 1 : 0
    return { et: START + i * 60_000, score: 0.3 * label + 0.7 * random.uniform(), label }
  })
  let items: PerformanceItem[]
  before(async () => (items = await ask(await endpoint(rows))))

  test('are those of plain counting', () => {
    const [ones, zeros] = [1, 0].map((label) => rows.filter((row) => row.label === label))
    const wins = ones!.map(({ score }) =>
      mean(zeros!.map((zero) => (score > zero.score ? 1 : score === zero.score ? 0.5 : 0))),
    )
    near(pick(items, 'roc_auc').estimate ?? 0, mean(wins), 1e-12)
    near(pick(items, 'base_rate').estimate ?? 0, ones!.length / rows.length, 1e-12)
    near(pick(items, 'mean_score').estimate ?? 0, mean(rows.map(({ score }) => score)), 1e-12)
    near(pick(items, 'brier').estimate ?? 0, mean(rows.map(({ score, label }) => (score - label!) ** 2)), 1e-12)
    near(
      pick(items, 'log_loss').estimate ?? 0,
      mean(rows.map(({ score, label }) => -Math.log(label === 1 ? score : 1 - score))),
      1e-9,
    )
    near(
      pick(items, 'accuracy').estimate ?? 0,
      mean(rows.map(({ score, label }) => (score >= 0.5 === (label === 1) ? 1 : 0))),
      1e-12,
    )
  })

  test('of means have the 95 % interval of the normal approximation', () => {
    const of = (values: readonly number[]): [number, number] => {
      const centre = mean(values)
      const sd = Math.sqrt(values.reduce((sum, x) => sum + (x - centre) ** 2, 0) / (values.length - 1))
      const reach = (1.959963984540054 * sd) / Math.sqrt(values.length)
      return [centre - reach, centre + reach]
    }
    const expected = {
      mean_score: of(rows.map(({ score }) => score)),
      brier: of(rows.map(({ score, label }) => (score - label!) ** 2)),
      log_loss: of(rows.map(({ score, label }) => -Math.log(label === 1 ? score : 1 - score))),
    }
    for (const metric of ['mean_score', 'brier', 'log_loss'] as const)
      for (const side of [0, 1] as const)
        near(pick(items, metric).interval?.[side] ?? 0, expected[metric][side], 1e-7, `${metric} ${side}`)
  })

  test('of shares have the interval of Wilson', () => {
    const wilson = (hits: number, n: number): [number, number] => {
      const z = 1.959963984540054
      const middle = (hits + z ** 2 / 2) / (n + z ** 2)
      const reach = (z / (n + z ** 2)) * Math.sqrt((hits * (n - hits)) / n + z ** 2 / 4)
      return [middle - reach, middle + reach]
    }
    const right = rows.filter(({ score, label }) => score >= 0.5 === (label === 1)).length
    const ones = rows.filter((row) => row.label === 1).length
    for (const [metric, hits] of [['accuracy', right] as const, ['base_rate', ones] as const])
      for (const side of [0, 1] as const)
        near(pick(items, metric).interval?.[side] ?? 0, wilson(hits, rows.length)[side], 1e-9, metric)
  })

  test('say how many rows and labels there are, and reach from the first to past the last', () => {
    const { n, labelled, coverage, from, to, version, slice, value } = pick(items, 'roc_auc')
    assert.deepEqual([n, labelled, coverage, version, slice, value], [300, 300, 1, null, null, null])
    assert.deepEqual(
      [from, to],
      [START, START + 299 * 60_000 + 1].map((time) => new Date(time).toISOString()),
    )
  })
})

test('a certain score that is wrong has a large loss and no infinite one', async () => {
  const items = await ask(
    await endpoint([rowAt(START, { score: 1, label: 0 }), rowAt(START + 1, { score: 0, label: 1 })]),
  )
  near(pick(items, 'log_loss').estimate ?? 0, -Math.log(1e-15), 0.01)
  assert.deepEqual([pick(items, 'brier').estimate, pick(items, 'roc_auc').estimate], [1, 0])
  for (const side of pick(items, 'log_loss').interval ?? [0]) near(side, -Math.log(1e-15), 0.1)
})

test('labels that are no classes give the mean score alone; scores at 0 and 1 are probabilities', async () => {
  const metrics = async (rows: readonly Row[]) => (await ask(await endpoint(rows))).map((one) => one.metric)
  assert.deepEqual(await metrics([rowAt(START, { label: 2.5 }), rowAt(START + 1, { label: 1 })]), ['mean_score'])
  const all = ['roc_auc', 'log_loss', 'brier', 'accuracy', 'base_rate', 'mean_score']
  assert.deepEqual(await metrics([rowAt(START, { score: 0, label: 0 }), rowAt(START + 1, { score: 1, label: 1 })]), all)
  assert.deepEqual(await metrics([rowAt(START, { score: -0.1, label: 0 }), rowAt(START + 1, { label: 1 })]), [
    'roc_auc',
    'base_rate',
    'mean_score',
  ])
  assert.deepEqual(await metrics([rowAt(START, { score: 1.1, label: 0 }), rowAt(START + 1, { label: 1 })]), [
    'roc_auc',
    'base_rate',
    'mean_score',
  ])
})

test('what cannot be computed is null and no number', async () => {
  const items = await ask(await endpoint([rowAt(START)]))
  assert.deepEqual(
    items.map(({ metric, estimate, interval }) => [metric, estimate, interval]),
    [
      ['roc_auc', null, null],
      ['log_loss', null, null],
      ['brier', null, null],
      ['accuracy', null, [0, 1]],
      ['base_rate', null, [0, 1]],
      ['mean_score', 0.5, null],
    ],
  )
})

describe('windows', () => {
  const starts = async (bucket: PerformanceQuery['bucket'], times: readonly number[]) =>
    (await ask(await endpoint(times.map((et) => rowAt(et))), { bucket }))
      .filter((one) => one.metric === 'mean_score')
      .map(({ from, to, n }) => `${from.slice(0, 10)} ${to.slice(0, 10)} ${n}`)
  const at = (day: number, hour: number, month = 3): number => Date.UTC(2026, month, day, hour)

  test('of a day begin at midnight in UTC', async () => {
    assert.deepEqual(await starts('day', [at(15, 0), at(15, 23), at(16, 0), at(18, 12)]), [
      '2026-04-15 2026-04-16 2',
      '2026-04-16 2026-04-17 1',
      '2026-04-18 2026-04-19 1',
    ])
  })

  test('of a week begin on Monday', async () => {
    assert.deepEqual(await starts('week', [at(12, 23), at(13, 0), at(19, 23), at(20, 0)]), [
      '2026-04-06 2026-04-13 1',
      '2026-04-13 2026-04-20 2',
      '2026-04-20 2026-04-27 1',
    ])
  })

  test('of a month are as long as the month, December too', async () => {
    assert.deepEqual(await starts('month', [at(30, 23), at(1, 0, 4), at(31, 23, 11)]), [
      '2026-04-01 2026-05-01 1',
      '2026-05-01 2026-06-01 1',
      '2026-12-01 2027-01-01 1',
    ])
  })

  test('of everything reach as far as was asked', async () => {
    const name = await endpoint([rowAt(START), rowAt(START + DAY_MS), rowAt(START + 2 * DAY_MS)])
    const [item] = await ask(name, { from: START + HOUR_MS, to: START + 2 * DAY_MS })
    assert.deepEqual([item?.n, item?.from, item?.to], [1, '2026-04-15T01:00:00.000Z', '2026-04-17T00:00:00.000Z'])
  })
})

describe('a window is provisional', () => {
  const covered = (labels: number, n = 100): Promise<string> =>
    endpoint(Array.from({ length: n }, (_, i) => rowAt(START + i * 1000, i < labels ? { label: i % 2 } : {})))
  const provisional = async (name: string, due?: number): Promise<boolean> =>
    pick(await ask(name, due === undefined ? {} : { due }), 'mean_score').provisional

  test('below 95 labels of 100 rows', async () => {
    assert.equal(await provisional(await covered(94)), true)
    assert.equal(await provisional(await covered(95)), false)
  })

  test('while a row of it is not due; a row is due at its time', async () => {
    const name = await covered(100)
    assert.equal(await provisional(name, START + 98_999), true)
    assert.equal(await provisional(name, START + 99_000), false)
  })
})

describe('slices', () => {
  test('are told with most rows first, by name where as many, at most fifty, and none for rows without a value', async () => {
    const carriers = [...Array.from({ length: 60 }, (_, i) => `c${String(i).padStart(2, '0')}`), 'big', 'big', null, 7]
    const items = await ask(
      await endpoint(carriers.map((carrier, i) => rowAt(START + i, { carrier: carrier ?? [] }))),
      { slice: 'carrier' },
    )
    const scores = items.filter((one) => one.metric === 'mean_score')
    assert.equal(scores.length, 50)
    assert.deepEqual(
      scores.slice(0, 3).map(({ slice, value, n }) => [slice, value, n]),
      [
        ['carrier', 'big', 2],
        ['carrier', '7', 1],
        ['carrier', 'c00', 1],
      ],
    )
    assert.ok(scores.every(({ value }) => value !== ''))
  })
})

test('a large window, whose figures a thread computes, has those of plain counting, by slice too', async () => {
  const rows = Array.from({ length: 5004 }, (_, i): Row => {
    const label = i % 4 === 0 ? {} : { label: i % 3 === 0 ? 1 : 0 }
    return { et: START + i * HOUR_MS, score: (i % 7) / 10, carrier: ['UA', 'AA', ''][i % 3], ...label }
  })
  const name = await endpoint(rows)
  const [items, again] = await Promise.all([ask(name), ask(name)])
  assert.equal(items[0], again[0], 'two who ask at once share them')
  const labelled = rows.filter((row) => row.label !== undefined)
  const base = pick(items, 'base_rate')
  assert.deepEqual([base.n, base.labelled, base.from], [5004, labelled.length, new Date(START).toISOString()])
  near(base.estimate ?? 0, mean(labelled.map(({ label }) => label!)), 1e-12)
  near(pick(items, 'brier').estimate ?? 0, mean(labelled.map(({ score, label }) => (score - label!) ** 2)), 1e-12)
  near(pick(items, 'mean_score').estimate ?? 0, mean(rows.map(({ score }) => score)), 1e-12)
  const slices = (await ask(name, { slice: 'carrier' })).filter((one) => one.metric === 'base_rate')
  assert.deepEqual(
    slices.map(({ value, n, estimate }) => [value, n, estimate]),
    [
      ['AA', 1668, 0],
      ['UA', 1668, 1],
    ],
  )
})

test('figures of a window change with its rows and labels, and with what is due', async () => {
  const name = await endpoint([rowAt(START, { label: 1 }), rowAt(START + 1, { label: 0 })])
  const first = await ask(name)
  assert.equal(await ask(name).then((items) => items[0]), first[0], 'what did not change is not computed again')
  await ingest(deps, name, [{ id: `${name}-more`, et: START + 2, score: 0.9, x: ['UA'] }])
  const second = pick(await ask(name), 'mean_score')
  assert.deepEqual([second.n, second.labelled], [3, 2])
  await putLabels(deps, name, [{ prediction_id: `${name}-more`, label: 1 }])
  assert.equal(pick(await ask(name), 'mean_score').labelled, 3)
  assert.deepEqual(await ask(name, { version: '2' }), [])
  assert.equal(pick(await ask(name, { version: '1' }), 'mean_score').version, '1')
})

describe('figures of windows that did not change are kept', () => {
  /** Asks the same database as one that nothing was asked of yet. */
  const asking = () => {
    const fresh = dbWith(deps.db, {})
    return (name: string, more: Partial<PerformanceQuery>) =>
      performance(fresh, { endpoint: name, bucket: 'day', ...more }, async () => ['carrier'])
  }
  const same = (a: readonly PerformanceItem[], b: readonly PerformanceItem[]): boolean[] =>
    a.map((item, i) => item === b[i])

  test('two thousand of them; one more takes their place', async () => {
    const name = await endpoint(Array.from({ length: 2001 }, (_, day) => rowAt(START - day * DAY_MS)))
    const asked = asking()
    const first = await asked(name, { from: START - 1999 * DAY_MS })
    assert.equal(first.filter((one) => one.metric === 'mean_score').length, 2000)
    assert.ok(same(first, await asked(name, { from: START - 1999 * DAY_MS })).every(Boolean))
    const [before] = await asked(name, { from: START })
    assert.equal((await asked(name, { from: START }))[0], before)
    assert.notEqual((await asked(name, { from: START - 1999 * DAY_MS }))[0], first[0])
  })

  test('however much later labels are due than the last day of the window ends', async () => {
    const name = await endpoint([rowAt(START), rowAt(START + DAY_MS)])
    const asked = asking()
    const end = START + 2 * DAY_MS
    const at = (due: number) => asked(name, { due, bucket: 'all' })
    const [item] = await at(end)
    assert.equal((await at(end + 9 * HOUR_MS))[0], item)
    assert.notEqual((await at(end - 1))[0], item)
  })

  test('of each endpoint, version, slice and time by itself', async () => {
    const rows = [rowAt(START, { label: 1 }), rowAt(START + 1, { label: 0, carrier: 'AA' })]
    const [name, other] = [await endpoint(rows), await endpoint(rows.slice(1))]
    const asked = asking()
    const n = async (of: string, more: Partial<PerformanceQuery> = {}) =>
      (await asked(of, more)).filter((one) => one.metric === 'mean_score').map((one) => one.n)
    assert.deepEqual([await n(name), await n(other), await n(name, { slice: 'carrier' })], [[2], [1], [1, 1]])
    assert.deepEqual(
      [await n(name, { from: START + 1 }), await n(name, { version: '2' }), await n(name)],
      [[1], [], [2]],
    )
  })
})
