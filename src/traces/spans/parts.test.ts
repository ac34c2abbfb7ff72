/** The small parts: conventions, previews, sums over trees, the order of spans, times, percentiles. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aggregate } from '../figures/aggregate.ts'
import { understood } from './conventions.ts'
import { measures } from '../figures/correlation.ts'
import { previewOf } from './preview.ts'
import { readDuration, readTimestamp, writeDuration, writeTimestamp } from '../otlp/time.ts'
import type { StoredSpan } from './span.ts'
import { treeOf } from './tree.ts'
import { sumUsage } from './usage.ts'
import { readValue } from './values.ts'
import type { Value, ValueMap } from './values.ts'

const said = (entries: Record<string, Value>) => understood(new Map(Object.entries(entries)), 'tr-1')

test('other conventions are said in MLflow’s attributes too, and theirs stay', () => {
  const chat = said({
    'gen_ai.operation.name': 'chat',
    'gen_ai.input.messages': '[{"role":"user","content":"hi"}]',
    'gen_ai.output.messages': 'plain',
    'gen_ai.usage.input_tokens': 3n,
    'gen_ai.usage.output_tokens': '4',
    'gen_ai.request.model': 'm-1',
    'gen_ai.provider.name': 'acme',
  })
  assert.equal(chat.get('mlflow.spanType'), 'CHAT_MODEL')
  assert.deepEqual(chat.get('mlflow.spanInputs'), [
    new Map([
      ['role', 'user'],
      ['content', 'hi'],
    ]),
  ])
  assert.equal(chat.get('mlflow.spanOutputs'), 'plain')
  assert.deepEqual(
    chat.get('mlflow.chat.tokenUsage'),
    new Map([
      ['input_tokens', 3n],
      ['output_tokens', 4n],
      ['total_tokens', 7n],
    ]),
  )
  assert.deepEqual([chat.get('mlflow.llm.model'), chat.get('mlflow.llm.provider')], ['m-1', 'acme'])
  assert.equal(chat.get('gen_ai.operation.name'), 'chat')
  assert.equal(said({ 'openinference.span.kind': 'RETRIEVER' }).get('mlflow.spanType'), 'RETRIEVER')
  assert.equal(said({ 'traceloop.span.kind': 'tool', 'gen_ai.prompt.0.content': 'x' }).get('mlflow.spanInputs'), 'x')
  assert.equal(said({ 'ai.operationId': 'ai.toolCall' }).get('mlflow.spanType'), 'TOOL')
  assert.equal(said({ 'mlflow.spanType': 'UNKNOWN', 'traceloop.span.kind': 'task' }).get('mlflow.spanType'), 'TASK')
  assert.equal(said({ 'mlflow.spanType': 'LLM', 'traceloop.span.kind': 'task' }).get('mlflow.spanType'), 'LLM')
})

test('MLflow’s packed attributes are unpacked; text of others stays text', () => {
  const packed = said({
    'mlflow.traceRequestId': '"tr-9"',
    'mlflow.spanInputs': '{"a": 1.0}',
    n: '5',
    word: '"5"',
    odd: '{',
  })
  assert.deepEqual(packed.get('mlflow.spanInputs'), new Map([['a', 1]]))
  assert.deepEqual([packed.get('n'), packed.get('word'), packed.get('odd')], [5n, '5', '{'])
  assert.equal(packed.get('mlflow.traceRequestId'), 'tr-1')
  const plain = said({ 'mlflow.traceRequestId': 'tr-9', json: '{"not": "parsed"}', n: '5' })
  assert.deepEqual([plain.get('json'), plain.get('n')], ['{"not": "parsed"}', '5'])
})

test('a preview is the last message of the role, else JSON, cut to 1000 characters', () => {
  const value = (json: string) => readValue(json)
  const messages = value(
    '{"messages":[{"role":"user","content":"one"},{"role":"user","content":"two"},{"role":"assistant","content":"x"}]}',
  )
  assert.equal(previewOf(messages, 'user'), 'two')
  assert.equal(
    previewOf(
      value('{"choices":[{"message":{"role":"assistant","content":[{"type":"text","text":"yes"}]}}]}'),
      'assistant',
    ),
    'yes',
  )
  assert.equal(previewOf(value('{"request":{"input":[{"role":"user","content":"deep"}]}}'), 'user'), 'deep')
  assert.equal(previewOf(value('{"messages":[]}'), 'user'), '{"messages": []}')
  assert.equal(previewOf('word', 'user'), '"word"')
  assert.equal(previewOf(null, 'user'), null)
  const long = previewOf('x'.repeat(5000), 'user') ?? ''
  assert.deepEqual([long.length, long.slice(-3)], [1000, '...'])
})

test('numbers of a child below a parent that has some count once; circles end', () => {
  const node = (span_id: string, parent_id: string | null, n?: number) => ({
    span_id,
    parent_id,
    numbers: n === undefined ? undefined : { n },
  })
  assert.deepEqual(sumUsage([node('a', null), node('b', 'a', 1), node('c', 'a', 2), node('d', 'c', 2)], ['n']), {
    n: 3,
  })
  assert.deepEqual(sumUsage([node('a', null, 5), node('b', 'a', 1)], ['n']), { n: 5 })
  assert.deepEqual(sumUsage([node('b', 'missing', 1)], ['n', 'm'], ['s']), { n: 1, m: 0 })
  assert.equal(sumUsage([node('a', null)], ['n']), undefined)
  assert.equal(sumUsage([node('a', 'b', 1), node('b', 'a', 1)], ['n']), undefined)
})

test('each span stands below its parent, once, whatever it names as parent', () => {
  const span = (span_id: string, parent_id: string | null) => ({ span_id, parent_id }) as StoredSpan
  const order = (spans: StoredSpan[]) =>
    treeOf(spans)
      .map(({ span: one, depth }) => one.span_id + depth)
      .join(' ')
  assert.equal(order([span('r', null), span('a', 'r'), span('b', 'r'), span('c', 'a')]), 'r0 a1 c2 b1')
  assert.equal(order([span('x', 'gone'), span('y', 'x')]), 'x0 y1')
  assert.equal(order([span('a', 'b'), span('b', 'a'), span('s', 's')]), 'a0 b1 s0')
})

test('times and durations of protobuf’s JSON', () => {
  assert.equal(readTimestamp('2023-11-14T22:13:20.123456789Z', 'f'), 1_700_000_000_123)
  assert.equal(readTimestamp('2023-11-14T23:13:20+01:00', 'f'), 1_700_000_000_000)
  assert.equal(writeTimestamp(1_700_000_000_001), '2023-11-14T22:13:20.001Z')
  assert.equal(writeTimestamp(1e300), '9999-12-31T23:59:59.999Z')
  assert.deepEqual(
    [readDuration('1.5s', 'f'), readDuration('-0.000999s', 'f'), readDuration('2s', 'f')],
    [1500, -0, 2000],
  )
  assert.equal(writeDuration(1), '0.001s')
  for (const bad of ['', '1.5', 'soon', '1e3s']) assert.throws(() => readDuration(bad, 'f'), /expected seconds|Invalid/)
  for (const bad of ['', 'yesterday', '2023-13-01T00:00:00Z']) assert.throws(() => readTimestamp(bad, 'f'))
})

test('percentiles are linear between neighbours, also of values that occur often', () => {
  const values = [
    { value: 10, weight: 3 },
    { value: 20, weight: 1 },
  ]
  const at = (percentile_value: number) =>
    Object.values(aggregate(values, [{ aggregation_type: 'PERCENTILE', percentile_value }]))[0]
  assert.deepEqual([at(0), at(50), at(100)], [10, 10, 20])
  assert.ok(Math.abs((at(90) ?? 0) - 17) < 1e-9)
  assert.deepEqual(aggregate(values, [{ aggregation_type: 'SUM' }, { aggregation_type: 'COUNT' }]), {
    SUM: 50,
    COUNT: 4,
  })
  assert.deepEqual(aggregate([], [{ aggregation_type: 'COUNT' }]), {})
})

test('how much two filters go together, from counts', () => {
  assert.deepEqual(measures({ both: 0, first: 0, second: 3, none: 1 }), {})
  assert.equal(measures({ both: 5, first: 0, second: 0, none: 0 }).npmi, 1)
  assert.equal(measures({ both: 0, first: 2, second: 2, none: 2 }).npmi, -1)
  const { npmi } = measures({ both: 6, first: 0, second: 1, none: 3 })
  assert.ok(npmi !== undefined && Math.abs(npmi - Math.log(10 / 7) / Math.log(10 / 6)) < 1e-12)
  const even = measures({ both: 1, first: 1, second: 1, none: 1 })
  assert.ok(Math.abs(even.npmi ?? 1) < 1e-12 && Math.abs(even.npmi_smoothed ?? 1) < 1e-12)
})

const EMPTY: ValueMap = new Map()
test('a span without attributes is of an unknown type and names its trace', () => {
  assert.deepEqual([...understood(EMPTY, 'tr-1')], [['mlflow.traceRequestId', 'tr-1']])
})
