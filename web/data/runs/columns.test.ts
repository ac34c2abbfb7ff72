/** Columns, completion, comparison, rows that were typed, signatures, logs and steps. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { axesOf, differing, numberOf } from './comparison.ts'
import { completed, completionAt, narrowedFilter } from './completion.ts'
import { appendLog } from '../log-text.ts'
import { cellOf, columnsOffered, defaultColumns, NEWEST, nextOrder, orderState } from './columns.ts'
import { chosenStep, criticalEdges } from '../pipelines/run-graph.ts'
import { columnsOf } from '../models/signature-columns.ts'
import { fieldsOf, searchOf } from './saved-searches.ts'
import { seedGroups, seedParam } from './seeds.ts'
import { rowOf, textsOf } from '../endpoints/input-row.ts'

const run = { metrics: { auc: 0.77, bad: 'NaN' as const }, params: { seed: '1', kind: 'hist' }, tags: { team: 'x' } }

test('a run offers its metrics and params, system metrics last', () => {
  const offered = columnsOffered({
    metrics: ['system/cpu', 'auc'],
    params: ['seed'],
    tags: ['mlflow.user', 'team'],
  })
  assert.deepEqual(offered, ['metrics.auc', 'params.seed', 'tags.team', 'metrics.system/cpu', 'tags.mlflow.user'])
  assert.deepEqual(defaultColumns([...offered, 'metrics.a', 'metrics.b']), [
    'metrics.auc',
    'metrics.system/cpu',
    'metrics.a',
    'params.seed',
  ])
  assert.deepEqual(
    ['metrics.auc', 'params.seed', 'tags.team', 'metrics.none'].map((column) => cellOf(run, column)),
    [0.77, '1', 'x', undefined],
  )
})

test('the order turns from falling to rising to the newest first; odd names are quoted', () => {
  assert.equal(nextOrder(NEWEST, 'metrics.auc'), 'metrics.auc DESC')
  assert.equal(nextOrder('metrics.auc DESC', 'metrics.auc'), 'metrics.auc ASC')
  assert.equal(nextOrder('metrics.auc ASC', 'metrics.auc'), NEWEST)
  assert.equal(nextOrder(NEWEST, 'metrics.auc.EWR'), 'metrics.`auc.EWR` DESC')
  assert.deepEqual(
    [orderState('metrics.auc DESC', 'metrics.auc'), orderState(NEWEST, 'metrics.auc')],
    ['descending', 'none'],
  )
})

test('completion offers names, then operators, then values or joining words, wherever the caret stands', () => {
  const offered = ['metrics.auc', 'metrics.auc.EWR', 'params.seed']
  const at = (text: string, caret = text.length) => completionAt(text, caret, offered).options
  assert.deepEqual(at('metr'), ['metrics.auc', 'metrics.`auc.EWR`'])
  assert.deepEqual(at('seed'), ['params.seed'])
  assert.deepEqual(at('metrics.auc >'), ['>='])
  assert.deepEqual(at('params.seed '), ['=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN', 'IS NULL', 'IS NOT NULL'])
  assert.deepEqual(at('metrics.auc > '), [])
  assert.deepEqual(at('attributes.status = '), ["'RUNNING'", "'FINISHED'", "'FAILED'", "'KILLED'", "'SCHEDULED'"])
  assert.deepEqual(at('metrics.auc > 0.7 '), ['AND', 'OR'])
  assert.deepEqual(at("params.seed = 'a b' AND (para"), ['params.seed'])
  assert.deepEqual(at('seed AND metrics.auc > 1', 4), ['params.seed'])
})

test('a choice replaces the word at the caret and keeps the rest', () => {
  const text = 'se AND metrics.auc > 1'
  const completion = completionAt(text, 2, ['params.seed'])
  assert.deepEqual(completed(text, 2, completion, 'params.seed'), {
    text: 'params.seed AND metrics.auc > 1',
    caret: 12,
  })
})

test('a filter is narrowed to one group, its value quoted as the grammar can', () => {
  assert.equal(narrowedFilter('', 'params.lr', '0.1'), "params.lr = '0.1'")
  assert.equal(narrowedFilter('metrics.a > 1', 'tags.a.b', "it's"), 'metrics.a > 1 AND tags.`a.b` = "it\'s"')
  assert.equal(narrowedFilter('a = 1 or b = 2', 'params.x', null), '(a = 1 or b = 2) AND params.x IS NULL')
  assert.equal(narrowedFilter('', 'params.x', `'"`), undefined)
})

test('what differs is found from the runs themselves', () => {
  const one = { metrics: { auc: 1 }, params: { a: '1', b: 'x' }, tags: { team: 'x', 'mlflow.user': 'u' } }
  const two = { metrics: { auc: 1, loss: 2 }, params: { a: '2', b: 'x' }, tags: { team: 'x', 'mlflow.user': 'v' } }
  assert.deepEqual(differing([one, two]), { params: ['a'], metrics: ['loss'], tags: [] })
})

test('runs that differ by their seed alone are one group', () => {
  const run = (id: string, params: Record<string, string>) => ({ id, params })
  const runs = [
    run('1', { lr: '0.1', seed: '1' }),
    run('2', { lr: '0.2', seed: '1' }),
    run('3', { lr: '0.1', seed: '2' }),
  ]
  assert.equal(seedParam(['lr', 'random_seed']), 'random_seed')
  assert.equal(seedParam(['lr', 'fold']), 'fold')
  assert.equal(seedParam(['lr', 'seedling']), undefined)
  assert.deepEqual(
    seedGroups(runs, ['lr', 'seed'], 'seed').map(({ label, runs: members }) => [label, members.map(({ id }) => id)]),
    [
      ['lr 0.1', ['1', '3']],
      ['lr 0.2', ['2']],
    ],
  )
  assert.equal(seedGroups(runs.slice(0, 1), ['seed'], 'seed')[0]?.label, 'all')
})

test('only numbers that differ are axes', () => {
  const other = { ...run, params: { seed: '2', kind: 'rf' }, metrics: { auc: 0.75, bad: 1 } }
  assert.deepEqual(axesOf([run, other], { params: ['seed', 'kind'], metrics: ['auc', 'bad'] }), [
    'params.seed',
    'metrics.auc',
  ])
  assert.equal(numberOf(run, 'params.kind'), null)
  const many = Array.from({ length: 9 }, (_, i) => `p${i}`)
  const wide = { params: Object.fromEntries(many.map((key) => [key, '1'])), metrics: { auc: 1, loss: 2 } }
  assert.equal(axesOf([wide], { params: many, metrics: ['auc', 'loss'] }).length, 6)
})

test('typed texts become a row, and wrong ones are named', () => {
  const field = (name: string, kind: 'number' | 'integer' | 'boolean' | 'string') => ({ name, kind, required: true })
  const fields = [
    field('a', 'number'),
    field('b', 'integer'),
    field('c', 'boolean'),
    field('d', 'string'),
    field('e', 'number'),
  ]
  assert.deepEqual(rowOf(fields, { a: '1.5', b: '2.5', c: 'true', d: ' x ' }), {
    row: { a: 1.5, b: null, c: true, d: 'x', e: null },
    faults: { b: 'not a whole number' },
  })
  assert.deepEqual(textsOf(fields, { a: 1.5, b: null, c: true, d: 'x', z: 9 }), {
    a: '1.5',
    b: '',
    c: 'true',
    d: 'x',
    e: '',
  })
})

test('signatures are read as columns or tensors, from JSON or text, and nonsense is none', () => {
  assert.deepEqual(
    columnsOf({
      inputs: '[{"name":"x","type":"double","required":false}]',
      outputs: [{ type: 'tensor', 'tensor-spec': { dtype: 'float64', shape: [-1] } }],
    }),
    [
      { side: 'input', name: 'x', type: 'double', required: false },
      { side: 'output', name: '#1', type: 'float64 [-1]', required: true },
    ],
  )
  assert.deepEqual(columnsOf({ inputs: '{', outputs: 7 }), [])
})

test('a log loses its colours, and its oldest lines beyond what is kept', () => {
  assert.equal(appendLog('a\n', '\u001B[31mred\u001B[0m\n'), 'a\nred\n')
  const long = appendLog('first\n', `${'x'.repeat(399)}\n`.repeat(1200))
  assert.ok(long.length <= 400_100)
  assert.match(long, /^\(earlier lines are in the log file/)
  assert.ok(!long.includes('first'))
})

test('the step that tells most is chosen, and the critical path is strong', () => {
  const steps = [
    { name: 'a', state: 'succeeded', needs: [] },
    { name: 'b', state: 'failed', needs: ['a'] },
    { name: 'c', state: 'skipped', needs: ['a', 'b'] },
  ]
  assert.deepEqual(
    [chosenStep(steps, undefined), chosenStep(steps, 'c'), chosenStep(steps, 'gone'), chosenStep([], undefined)],
    ['b', 'c', 'b', undefined],
  )
  assert.deepEqual(criticalEdges(steps, ['a', 'b']), [
    { from: 'a', to: 'b', strong: true },
    { from: 'a', to: 'c', strong: false },
    { from: 'b', to: 'c', strong: false },
  ])
})

test('a view is saved and opened as it was shown, without the runs that were chosen', () => {
  const search = {
    filter: 'metrics.auc > 0.7',
    order: 'metrics.auc DESC',
    experiment: '1',
    columns: ['metrics.auc'],
    group: 'params.seed',
  }
  assert.deepEqual(searchOf(fieldsOf({ ...search, chosen: ['r'] })), search)
  assert.deepEqual(searchOf(fieldsOf({})), {})
})
