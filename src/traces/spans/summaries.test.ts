/** What one request of spans says of its traces, and what each convention says of a call of a model. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { otlpRequest } from '../../../test/otlp.ts'
import type { Sent, SentSpan } from '../../../test/otlp.ts'
import { aggregate } from '../figures/aggregate.ts'
import { readExport } from '../otlp/export-request.fixture.ts'
import { KEYS, understood } from './conventions.ts'
import { SPAN_COLUMNS, summarise } from './rows.ts'
import type { SpanSummary } from './rows.ts'
import type { Value } from './values.ts'

const [A, B] = ['0a'.repeat(16), '0b'.repeat(16)]
const [ROOT, CHILD, OTHER] = ['01', '02', '03'].map((byte) => byte.repeat(8)) as [string, string, string]
const MS = 1_000_000n

const span = (id: string, more: Partial<SentSpan> = {}): SentSpan => ({
  trace: A,
  id,
  name: 'n',
  start: 5n * MS,
  ...more,
})
const child = (id: string, more: Partial<SentSpan> = {}) => span(id, { parent: ROOT, ...more })
const read = (spans: readonly SentSpan[], resource: Record<string, Sent> = {}) =>
  summarise(readExport(otlpRequest(spans, resource)).spans)
const one = (spans: readonly SentSpan[], resource?: Record<string, Sent>): SpanSummary => {
  const [summary, ...others] = read(spans, resource)
  assert.ok(summary !== undefined && others.length === 0)
  return summary
}
const rowOf = (spans: readonly SentSpan[], id = ROOT): Record<string, unknown> => {
  const values = one(spans).rows.get(id) ?? []
  return Object.fromEntries(SPAN_COLUMNS.map((column, at) => [column, values[at]]))
}

describe('of a trace', () => {
  test('traces come by their ids, whatever the order of their spans', () => {
    const spans = [span(ROOT, { trace: B }), span(ROOT), span(CHILD, { trace: B, parent: ROOT })]
    assert.deepEqual(
      read(spans).map((trace) => [trace.trace_id, [...trace.rows.keys()]]),
      [
        [`tr-${A}`, [ROOT]],
        [`tr-${B}`, [ROOT, CHILD]],
      ],
    )
  })

  test('it reaches from the first start to the last end; without an end it has none', () => {
    const spans = [
      child(CHILD, { start: 7n * MS + 999_999n, end: 20n * MS }),
      child(OTHER, { start: 2n * MS + 1n, end: 3n * MS }),
      span(ROOT, { start: 5n * MS, end: 19n * MS + 999_999n }),
    ]
    assert.deepEqual([one(spans).start_ms, one(spans).end_ms], [2, 20])
    assert.deepEqual([one([child(CHILD)]).start_ms, one([child(CHILD)]).end_ms], [5, null])
    assert.equal(one([child(CHILD), child(OTHER, { end: 9n * MS })]).end_ms, 9)
  })

  test('its name, state and texts are those of the root', () => {
    const attributes = { 'mlflow.spanInputs': '"asked"', 'mlflow.spanOutputs': '"answered"' }
    const others = { 'mlflow.spanInputs': '"deep"' }
    const trace = one([
      child(CHILD, { name: 'below', status: 2, attributes: others }),
      span(ROOT, { name: 'top', attributes }),
    ])
    assert.deepEqual([trace.name, trace.state, trace.rooted], ['top', 'OK', true])
    assert.deepEqual([trace.request_preview, trace.response_preview], ['"asked"', '"answered"'])
    const part = one([child(CHILD, { name: 'below', status: 2 })])
    assert.deepEqual([part.name, part.state, part.rooted, part.request_preview], [null, 'IN_PROGRESS', false, null])
    for (const [status, state] of [
      [0, 'OK'],
      [1, 'OK'],
      [2, 'ERROR'],
      [9, 'OK'],
    ] as const) {
      assert.equal(one([span(ROOT, { status })]).state, state)
    }
    assert.equal(one([span(ROOT, { name: 'x'.repeat(1001) })]).name?.length, 1000)
  })

  test('tags of the root are the trace’s, those that the server sets are not', () => {
    const tagged = {
      'mlflow.traceTag.team': 'a',
      'mlflow.traceTag.n': 5n,
      'mlflow.traceTag.flag': true,
      'mlflow.traceTag.mlflow.traceName': 'named',
      'mlflow.traceTag.mlflow.trace.spansLocation': 'x',
      'mlflow.traceTag.mlflow.artifactLocation': 'x',
      'mlflow.traceTag.mlflow.trace.other': 'x',
      'mlflow.traceTag.empty': '',
      [`mlflow.traceTag.${'k'.repeat(250)}`]: 'v'.repeat(8001),
      [`mlflow.traceTag.${'k'.repeat(251)}`]: 'v',
    }
    const trace = one([
      child(CHILD, { attributes: { 'mlflow.traceTag.below': 'x' } }),
      span(ROOT, { attributes: tagged }),
    ])
    assert.equal(trace.name, 'named')
    assert.deepEqual(
      [...trace.tags],
      [
        ['team', 'a'],
        ['n', '5'],
        ['flag', 'true'],
        ['k'.repeat(250), 'v'.repeat(8000)],
      ],
    )
  })

  test('sessions and users are the first that a span names', () => {
    const named = (attributes: Record<string, Sent>) =>
      Object.fromEntries(
        one([child(CHILD, { attributes }), child(OTHER, { attributes: { 'session.id': 'late', 'user.id': 'late' } })])
          .metadata,
      )
    assert.deepEqual(named({ 'session.id': 's', 'gen_ai.conversation.id': 'c', 'user.id': 'u' }), {
      'mlflow.trace.session': 's',
      'mlflow.trace.user': 'u',
    })
    assert.equal(named({ 'gen_ai.conversation.id': 'c' })['mlflow.trace.session'], 'c')
    assert.equal(named({ 'session.id': '' })['mlflow.trace.session'], 'late')
  })

  test('the resource is told apart from tags, without what exporters and MLflow say of themselves', () => {
    const resource = { 'service.name': 'shop', 'telemetry.sdk.name': 'x', 'mlflow.x': 'x', 'host.cpus': 4n }
    const trace = one([span(ROOT)], resource)
    assert.deepEqual(
      [...trace.resource],
      [
        ['service.name', 'shop'],
        ['host.cpus', '4'],
      ],
    )
    assert.deepEqual([...trace.tags], [])
    const mlflow = { 'mlflow.traceRequestId': '"tr-1"' }
    const content = (attributes: Record<string, Sent>, id = ROOT) =>
      String(
        one([id === ROOT ? span(ROOT, { attributes }) : child(id, { attributes })], resource)
          .rows.get(id)
          ?.at(-1),
      )
    assert.match(content({}), /"service\.name":"shop"/)
    assert.doesNotMatch(content(mlflow), /service\.name/, 'MLflow’s own spans stay what they were')
    assert.doesNotMatch(content({}, CHILD), /service\.name/)
    assert.match(content({ 'service.name': 'own' }), /"service\.name":"own"/)
  })
})

describe('of a span', () => {
  test('a row has its times in microseconds, its names, its tokens and its costs', () => {
    const attributes = {
      'mlflow.spanType': '"LLM"',
      'mlflow.llm.model': '"m-1"',
      'mlflow.llm.provider': '"acme"',
      'mlflow.chat.tokenUsage': '{"input_tokens": 3, "output_tokens": 4}',
      'mlflow.llm.cost': '{"input_cost": 0.5, "output_cost": 1, "other": "x"}',
    }
    const { content, ...row } = rowOf([span(ROOT, { start: 7_999n, end: 9_000n, status: 2, attributes })])
    assert.deepEqual(row, {
      trace_id: `tr-${A}`,
      span_id: ROOT,
      parent_id: null,
      name: 'n',
      type: 'LLM',
      status: 'ERROR',
      start_us: 7,
      end_us: 9,
      model: 'm-1',
      provider: 'acme',
      usage: '{"input_tokens":3,"output_tokens":4}',
      input_cost: 0.5,
      output_cost: 1,
      total_cost: null,
    })
    assert.equal((JSON.parse(String(content)) as Record<string, unknown>)['span_id'], ROOT)
    assert.equal(one([span(ROOT, { attributes })]).counts, true)
  })

  test('one of which nothing is said has no end, no type and no model, and counts nothing', () => {
    const row = rowOf([child(CHILD, { end: 0n })], CHILD)
    assert.deepEqual(
      [row['parent_id'], row['type'], row['status'], row['end_us'], row['model'], row['usage'], row['input_cost']],
      [ROOT, 'UNKNOWN', 'UNSET', null, null, null, null],
    )
    assert.equal(one([child(CHILD)]).counts, false)
  })

  test('names of models are cut to 250 characters, times to what a number holds', () => {
    const row = rowOf([span(ROOT, { start: 2n ** 64n - 1n, attributes: { 'mlflow.llm.model': 'm'.repeat(251) } })])
    assert.deepEqual([String(row['model']).length, row['start_us']], [250, Number.MAX_SAFE_INTEGER])
  })

  test('one that is sent twice in a request is there once, as it was last', () => {
    const { rows } = one([child(CHILD, { name: 'first' }), child(CHILD, { name: 'last' })])
    assert.deepEqual([rows.size, rows.get(CHILD)?.[3]], [1, 'last'])
  })
})

describe('what conventions say', () => {
  const said = (attributes: Record<string, Value>) => understood(new Map(Object.entries(attributes)), 'tr-1')
  const usage = (...counts: readonly (readonly [string, bigint])[]) => new Map(counts)

  const tokens: readonly (readonly [string, Record<string, Value>, Value | undefined])[] = [
    [
      'OpenInference',
      {
        'llm.token_count.prompt': 3n,
        'llm.token_count.completion': 4n,
        'llm.token_count.total': 9n,
        'llm.token_count.prompt_details.cache_read': 1n,
        'llm.token_count.prompt_details.cache_write': 2n,
      },
      usage(
        ['input_tokens', 3n],
        ['output_tokens', 4n],
        ['total_tokens', 9n],
        ['cache_read_input_tokens', 1n],
        ['cache_creation_input_tokens', 2n],
      ),
    ],
    [
      'GenAI',
      {
        'gen_ai.usage.input_tokens': 3n,
        'gen_ai.usage.output_tokens': 4n,
        'gen_ai.usage.cache_read.input_tokens': 1n,
        'gen_ai.usage.cache_creation.input_tokens': 2n,
      },
      usage(
        ['input_tokens', 3n],
        ['output_tokens', 4n],
        ['total_tokens', 7n],
        ['cache_read_input_tokens', 1n],
        ['cache_creation_input_tokens', 2n],
      ),
    ],
    [
      'Traceloop',
      { 'gen_ai.usage.prompt_tokens': 3n, 'gen_ai.usage.completion_tokens': 4n, 'llm.usage.total_tokens': 8n },
      usage(['input_tokens', 3n], ['output_tokens', 4n], ['total_tokens', 8n]),
    ],
    [
      'Vercel',
      { 'ai.usage.promptTokens': 3, 'ai.usage.completionTokens': '4' },
      usage(['input_tokens', 3n], ['output_tokens', 4n], ['total_tokens', 7n]),
    ],
    ['input alone', { 'gen_ai.usage.input_tokens': 3n }, usage(['input_tokens', 3n])],
    ['a total alone', { 'llm.usage.total_tokens': 3n }, usage(['total_tokens', 3n])],
    ['caches alone', { 'gen_ai.usage.cache_read.input_tokens': 3n }, undefined],
    [
      'no counts',
      { 'gen_ai.usage.input_tokens': -1n, 'gen_ai.usage.output_tokens': 0.5, 'ai.usage.promptTokens': 'few' },
      undefined,
    ],
    [
      'what MLflow says itself',
      { 'mlflow.chat.tokenUsage': '{"input_tokens": 1}', 'gen_ai.usage.input_tokens': 3n },
      usage(['input_tokens', 1n]),
    ],
  ]
  for (const [what, attributes, expected] of tokens) {
    test(`tokens: ${what}`, () => assert.deepEqual(said(attributes).get(KEYS.usage), expected))
  }

  const names: readonly (readonly [string, keyof typeof KEYS, Record<string, Value>, Value | undefined])[] = [
    [
      'the model that answered goes before the one that was asked',
      'model',
      { 'gen_ai.request.model': 'b', 'gen_ai.response.model': 'a' },
      'a',
    ],
    ['OpenInference’s model of embeddings', 'model', { 'embedding.model_name': 'e' }, 'e'],
    ['Vercel’s model', 'model', { 'ai.model.id': 'v' }, 'v'],
    ['a model that a request names', 'model', { 'mlflow.spanInputs': '{"model": "r"}' }, 'r'],
    ['a model that a reply names', 'model', { 'mlflow.spanOutputs': '{"model": "o"}' }, 'o'],
    ['a model that is no text', 'model', { 'mlflow.spanInputs': '{"model": 5}' }, undefined],
    ['Traceloop’s provider', 'provider', { 'gen_ai.system': 'acme' }, 'acme'],
    ['Vercel’s provider', 'provider', { 'ai.model.provider': 'acme' }, 'acme'],
    ['tools', 'tools', { 'gen_ai.tool.definitions': '[1]' }, [1n]],
    ['OpenInference’s inputs', 'inputs', { 'input.value': '{"a": 1}' }, new Map([['a', 1n]])],
    ['inputs that are no JSON', 'inputs', { 'input.value': '{a' }, '{a'],
    ['arguments of a tool', 'inputs', { 'gen_ai.tool.call.arguments': '"x"' }, 'x'],
    ['Traceloop’s arguments, by any number', 'inputs', { 'gen_ai.completion.3.tool_calls.12.arguments': 'z' }, 'z'],
    ['Traceloop’s answers', 'outputs', { 'gen_ai.completion.0.content': 'y' }, 'y'],
    ['an empty text says nothing', 'outputs', { 'output.value': '', 'ai.response.text': 'w' }, 'w'],
    ['an unknown kind', 'type', { 'openinference.span.kind': 'toString' }, undefined],
    ['the kind of an agent', 'type', { 'gen_ai.operation.name': 'invoke_agent' }, 'AGENT'],
    ['a kind in quotes', 'type', { 'traceloop.span.kind': '"workflow"' }, 'WORKFLOW'],
  ]
  for (const [what, key, attributes, expected] of names) {
    test(what, () => assert.deepEqual(said(attributes).get(KEYS[key]), expected))
  }
})

test('extremes, means and percentiles of values in any order, each as often as it occurs', () => {
  const values = [
    { value: 10, weight: 1 },
    { value: -5, weight: 2 },
    { value: 3, weight: 1 },
  ]
  const kinds = (['MIN', 'MAX', 'AVG', 'SUM', 'COUNT'] as const).map((aggregation_type) => ({ aggregation_type }))
  const at = (percentile_value: number) => ({ aggregation_type: 'PERCENTILE', percentile_value }) as const
  // -5, -5, 3, 10: half-way between the second and the third is -1
  assert.deepEqual(aggregate(values, [...kinds, at(0), at(50), at(100)]), {
    MIN: -5,
    MAX: 10,
    AVG: 0.75,
    SUM: 3,
    COUNT: 4,
    'P0.0': -5,
    'P50.0': -1,
    'P100.0': 10,
  })
})
