/** Completion of a filter wherever the caret stands: what is offered fits, and a choice changes nothing but its word. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { property } from '../../../test/web/seeded.ts'
import { completed, completionAt, filterName, narrowedFilter } from './completion.ts'

const OFFERED = ['metrics.auc', 'metrics.val auc', 'params.learning_rate', 'params.lr', 'tags.team']

function options(text: string, caret = text.length): readonly string[] {
  return completionAt(text, caret, OFFERED).options
}

test('an empty filter offers every column first, then attributes, NOT and a parenthesis', () => {
  const offered = options('')
  assert.deepEqual(offered.slice(0, 5), [
    'metrics.auc',
    'metrics.`val auc`',
    'params.learning_rate',
    'params.lr',
    'tags.team',
  ])
  assert.ok(offered.includes('attributes.status') && offered.includes('NOT') && offered.includes('('))
})

test('a name comes again after AND, OR, NOT and an opened parenthesis', () => {
  for (const before of ['metrics.auc > 1 AND ', 'metrics.auc > 1 or ', 'NOT ', '(', 'metrics.auc > 1 AND (']) {
    assert.ok(options(before).includes('params.lr'), before)
  }
})

test('operators fit the kind of the name', () => {
  assert.deepEqual(options('metrics.auc '), ['>', '>=', '<', '<=', '=', '!='])
  assert.deepEqual(options('attributes.start_time '), ['>', '>=', '<', '<=', '=', '!='])
  assert.ok(options('params.lr ').includes('IS NULL'))
  assert.ok(!options('attributes.status ').includes('IS NULL'), 'a state is never absent')
  assert.ok(!options('params.lr ').includes('>'), 'params are text')
})

test('states are offered for the status alone', () => {
  assert.ok(options('attributes.status = ').includes("'FAILED'"))
  assert.deepEqual(options('attributes.run_name = '), [])
  assert.deepEqual(options('params.lr LIKE '), [])
})

test('after a value only joins are offered', () => {
  for (const done of [
    'metrics.auc > 0.7 ',
    "params.lr = 'a b' ",
    'tags.team = "x AND y" ',
    'metrics.`val auc` > 1 ',
    'params.lr IS NULL ',
  ]) {
    assert.deepEqual(options(done), ['AND', 'OR'], done)
  }
})

test('what begins with the typed letters comes before what merely holds them', () => {
  const offered = ['params.alpha_metrics', 'metrics.loss', 'metrics.auc']
  assert.deepEqual(completionAt('metr', 4, offered).options, ['metrics.loss', 'metrics.auc', 'params.alpha_metrics'])
})

test('one letter is too little to look inside names', () => {
  assert.deepEqual(options('l'), [])
  assert.ok(options('lr').includes('params.lr'))
})

test('letters count without their case and without backquotes', () => {
  assert.deepEqual(options('METRICS.VAL'), ['metrics.`val auc`'])
  assert.deepEqual(options('metrics.`val a'), ['metrics.`val auc`'])
})

test('what is typed whole is not offered again', () => {
  assert.deepEqual(options('params.lr'), [])
  assert.ok(options('params.l').includes('params.lr'))
})

test('at most 30 are offered', () => {
  const offered = Array.from({ length: 100 }, (_, i) => `metrics.m${i}`)
  assert.equal(completionAt('', 0, offered).options.length, 30)
})

test('a choice changes only the word at the caret and puts the caret behind it', () => {
  property(400, (random) => {
    const words = ['metrics.auc', '>', '0.5', 'AND', 'par', "'a b'", 'OR', '(', 'NOT']
    const text = random.list(6, () => random.pick(words)).join(' ')
    const caret = random.int(0, text.length)
    const completion = completionAt(text, caret, OFFERED)
    assert.ok(completion.from >= 0 && completion.from <= caret, 'the word begins at or before the caret')
    const [choice] = completion.options
    if (choice === undefined) return
    const next = completed(text, caret, completion, choice)
    assert.equal(next.text.slice(0, completion.from), text.slice(0, completion.from), 'what is before stays')
    assert.equal(next.text.slice(completion.from, next.caret), `${choice} `)
    assert.equal(next.text.slice(next.caret), text.slice(caret).trimStart(), 'what is behind stays')
  })
})

test('any text is completed without a failure', () => {
  property(500, (random) => {
    const text = random.text(30)
    const caret = random.int(0, text.length)
    const { from, options: found } = completionAt(text, caret, OFFERED)
    assert.ok(from >= 0 && from <= caret)
    assert.equal(new Set(found).size, found.length, 'nothing is offered twice')
  })
})

test('a name is quoted unless it is one plain word', () => {
  assert.deepEqual(
    ['metrics.auc', 'params.a_1', 'params.a-1', 'metrics.val/auc', 'tags.mlflow.user', 'params.é', 'params.a b'].map(
      filterName,
    ),
    [
      'metrics.auc',
      'params.a_1',
      'params.`a-1`',
      'metrics.`val/auc`',
      'tags.`mlflow.user`',
      'params.`é`',
      'params.`a b`',
    ],
  )
})

test('a filter of blanks is no filter', () => {
  assert.equal(narrowedFilter('   ', 'params.lr', '1'), "params.lr = '1'")
})
