/** Columns, completion, comparison, rows that were typed, signatures, logs and steps. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { axesOf, numberOf } from './comparison.ts'
import { completions } from './completion.ts'
import { appendLog } from './log-text.ts'
import { cellOf, columnsOffered, defaultColumns, NEWEST, nextOrder, orderState } from './run-columns.ts'
import { chosenStep, criticalEdges } from './run-graph.ts'
import { columnsOf } from './signature-columns.ts'
import { rowOf } from './try-row.ts'

const run = { metrics: { auc: 0.77, bad: 'NaN' as const }, params: { seed: '1', kind: 'hist' }, tags: { team: 'x' } }

test('a run offers its metrics and params, system metrics last', () => {
  const offered = columnsOffered({ metrics: [{ key: 'system/cpu' }, { key: 'auc' }], params: { seed: '1' } })
  assert.deepEqual(offered, ['metrics.auc', 'params.seed', 'metrics.system/cpu'])
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

test('completion offers names, then operators, then joining words', () => {
  assert.deepEqual(completions('metr', ['metrics.auc', 'params.seed']), ['metrics.auc '])
  assert.deepEqual(completions('metrics.auc >', ['metrics.auc']), ['metrics.auc >= '])
  assert.deepEqual(completions('metrics.auc > ', ['metrics.auc']), [])
  assert.deepEqual(completions('metrics.auc > 0.7 ', ['metrics.auc']), [
    'metrics.auc > 0.7 AND ',
    'metrics.auc > 0.7 OR ',
  ])
  assert.deepEqual(completions('metrics.auc > 0.7 AND pa', ['params.seed']), ['metrics.auc > 0.7 AND params.seed '])
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
