/** The comparison of runs: what it counts, which runs are repetitions, and which numbers its drawings begin with. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pageMarkup, textOf } from '../../../test/web/components.ts'

type Params = Readonly<Record<string, string>>

const runOf = (id: string, params: Params, metrics: Readonly<Record<string, number>>) => ({
  id,
  name: `run ${id}`,
  params,
  metrics,
  tags: {},
})

/** Two learning rates, two seeds each. */
const RUNS = [
  runOf('a', { lr: '0.1', seed: '1', depth: '3' }, { auc: 0.71, loss: 0.5 }),
  runOf('b', { lr: '0.1', seed: '2', depth: '3' }, { auc: 0.73, loss: 0.4 }),
  runOf('c', { lr: '0.2', seed: '1', depth: '3' }, { auc: 0.75, loss: 0.3 }),
  runOf('d', { lr: '0.2', seed: '2', depth: '3' }, { auc: 0.77, loss: 0.2 }),
]
const DIFFERING = { params: ['lr', 'seed'], metrics: ['auc', 'loss'] }

/** The page of these runs; `search` is the rest of its address. */
function page(
  search = '',
  runs = RUNS,
  differing: { params: string[]; metrics: string[] } = DIFFERING,
): Promise<string> {
  const ids = runs.map(({ id }) => id)
  return pageMarkup('runs/compare', 'ComparePage', {
    at: `/runs/compare?ids=${encodeURIComponent(JSON.stringify(ids))}${search}`,
    route: '/runs/compare',
    data: [[['runs', 'compare', ids], { runs, differing }]],
  })
}

/** What each choice of the page stands at. */
function choices(html: string): Record<string, string> {
  return Object.fromEntries(
    [...html.matchAll(/<label class="row">([^<]+)<select[^>]*>(.*?)<\/select>/g)].map(
      ([, label = '', options = '']) => [
        label.trim(),
        textOf(/<option[^>]* selected=""[^>]*>(.*?)<\/option>/.exec(options)?.[1] ?? ''),
      ],
    ),
  )
}

test('one is one and several are several', async () => {
  const [first] = RUNS.slice(0, 1)
  assert.ok(first !== undefined)
  assert.match(await page('', [first], { params: [], metrics: [] }), /<h1>Comparison of 1 run<\/h1>/)
  assert.match(textOf(await page()), /Comparison of 4 runs .* 2 params and 2 metrics differ/)
  const two = [runOf('a', { lr: '1' }, { auc: 1 }), runOf('b', { lr: '2' }, { auc: 2 })]
  assert.match(textOf(await page('', two, { params: ['lr'], metrics: ['auc'] })), /1 param and 1 metric differ/)
  assert.match(textOf(await page('', two, { params: ['lr'], metrics: [] })), /1 param and 0 metrics differ/)
})

const SEEDS: readonly (readonly [search: string, runs: typeof RUNS, chosen: string, groups: readonly string[]])[] = [
  ['', RUNS, 'seed', ['lr 0.1 ?2 ?0\\.72', 'lr 0.2 ?2 ?0\\.76']],
  ['&seed=none', RUNS, 'no param: show each run', []],
  ['&seed=lr', RUNS, 'lr', ['seed 1 ?2 ?0\\.73', 'seed 2 ?2 ?0\\.75']],
  // no two differ by the seed alone: nothing is a repetition
  ['', RUNS.filter(({ id }) => id === 'a' || id === 'd'), 'no param: show each run', []],
]

test('runs that differ by their seed alone are put together, unless the address says otherwise', async () => {
  for (const [search, runs, chosen, groups] of SEEDS) {
    const html = await page(search, runs)
    assert.equal(choices(html)['Group runs that differ only by'], chosen, search)
    const text = textOf(html)
    for (const group of groups) assert.match(text, new RegExp(group))
    assert.equal(/Repeats over/.test(text), groups.length > 0)
  }
})

test('without params that differ nothing is to be put together', async () => {
  const equal = RUNS.map((run) => ({ ...run, params: {} }))
  assert.doesNotMatch(await page('', equal, { params: [], metrics: ['auc', 'loss'] }), /Group runs that differ/)
})

const AXES: readonly (readonly [search: string, x: string, y: string, colour: string])[] = [
  // a seed decides nothing that one would look for
  ['', 'params.lr', 'metrics.auc', 'metrics.auc'],
  ['&x=metrics.loss', 'metrics.loss', 'metrics.auc', 'metrics.auc'],
  ['&y=metrics.loss&z=params.seed', 'params.lr', 'metrics.loss', 'params.seed'],
]

test('the drawings begin with a param against a metric, and keep what the address asks for', async () => {
  for (const [search, x, y, colour] of AXES) {
    const found = choices(await page(`${search}&seed=none`, RUNS, { params: ['seed', 'lr'], metrics: ['auc', 'loss'] }))
    assert.deepEqual([found['x'], found['y'], found['colour']], [x, y, colour], search)
  }
})

test('numbers that not all runs have, and texts, are no axes', async () => {
  const runs = RUNS.map((run, i) => ({
    ...run,
    params: { ...run.params, kind: i > 1 ? 'big' : 'small', width: i === 0 ? '' : String(i) },
  }))
  const html = await page('&seed=none', runs, { params: ['lr', 'kind', 'width'], metrics: ['auc'] })
  const [, options = ''] = /<label class="row">x<select[^>]*>(.*?)<\/select>/.exec(html) ?? []
  assert.deepEqual(
    [...options.matchAll(/<option[^>]*>(.*?)<\/option>/g)].map(([, text]) => text),
    ['params.lr', 'metrics.auc'],
  )
  assert.match(html, /aria-label="Parallel axes of params\.lr, metrics\.auc"/)
})

const CONTOURS: readonly (readonly [search: string, runs: typeof RUNS, says: RegExp])[] = [
  ['&x=metrics.auc&y=metrics.auc', RUNS, /Choose three different values for x, y and colour\./],
  ['&x=params.lr&y=params.seed', RUNS.slice(0, 3), /A contour needs 4 runs with all three values; 3 have them\./],
]

test('a contour says what it needs', async () => {
  for (const [search, runs, says] of CONTOURS) assert.match(textOf(await page(`${search}&z=metrics.loss`, runs)), says)
})

test('nothing is drawn of one run, or of one number', async () => {
  for (const [runs, differing] of [
    [RUNS.slice(0, 1), DIFFERING],
    [RUNS, { params: [], metrics: ['auc'] }],
  ] as const) {
    const html = await page('', [...runs], { params: [...differing.params], metrics: [...differing.metrics] })
    assert.doesNotMatch(html, /Parallel axes|Scatter|Contour/)
  }
})
