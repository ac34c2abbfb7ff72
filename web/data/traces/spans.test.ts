import assert from 'node:assert/strict'
import { test } from 'node:test'
import { traceDuration, parents, spanParts, plainText, visibleSpans } from './spans.ts'

const span = (id: string, parent_id: string | null, offset_us: number, duration_us: number | null) => ({
  id,
  parent_id,
  depth: parent_id === null ? 0 : 1,
  offset_us,
  duration_us,
})
const tree = [span('a', null, 0, 90), span('b', 'a', 10, 20), span('c', 'b', 12, 5), span('d', 'a', 40, null)]

test('folding hides everything below, not beside', () => {
  const shown = (...folded: string[]) => visibleSpans(tree, new Set(folded)).map((one) => one.id)
  assert.deepEqual(shown(), ['a', 'b', 'c', 'd'])
  assert.deepEqual(shown('b'), ['a', 'b', 'd'])
  assert.deepEqual(shown('a'), ['a'])
  assert.deepEqual([...parents(tree)], ['a', 'b'])
})

test('a trace is as long as its last end', () => {
  assert.equal(traceDuration(tree), 90)
  assert.equal(traceDuration([span('x', null, 7, null)]), 7)
  assert.equal(traceDuration([]), 1)
})

test('inputs and outputs stand apart, texts of JSON are laid out', () => {
  const { inputs, outputs, others } = spanParts({
    'mlflow.spanInputs': { q: 1 },
    'mlflow.spanOutputs': 'done',
    'mlflow.spanType': 'LLM',
    model: 'm',
  })
  assert.deepEqual([inputs, outputs, others], [{ q: 1 }, 'done', [['model', 'm']]])
  assert.equal(plainText({ q: 1 }), '{\n  "q": 1\n}')
  assert.equal(plainText('{"q":1}'), '{\n  "q": 1\n}')
  assert.equal(plainText('"said"'), 'said')
  assert.equal(plainText('{no json'), '{no json')
  assert.equal(plainText('plain'), 'plain')
  assert.equal(plainText(undefined), '')
})
