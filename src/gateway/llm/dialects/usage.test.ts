/** Tests of usage and reasons of the end in each dialect, of whole answers and of events. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Usage } from '../records/record.ts'
import type { Dialect } from '../../table/llm.ts'
import { STREAMS } from './translation.fixture.ts'
import { finishOf, mergeUsage, usageOf } from './usage.ts'

function of(input: number, output: number, rest: Partial<Usage> = {}): Usage {
  return { input, output, cache_read: 0, cache_write: 0, reasoning: 0, ...rest }
}

test('usage is read from where each dialect keeps it', () => {
  const chat = {
    prompt_tokens: 9,
    completion_tokens: 4,
    total_tokens: 13,
    prompt_tokens_details: { cached_tokens: 3, cache_write_tokens: 2 },
    completion_tokens_details: { reasoning_tokens: 1 },
  }
  const responses = {
    input_tokens: 9,
    input_tokens_details: { cached_tokens: 3 },
    output_tokens: 4,
    output_tokens_details: { reasoning_tokens: 1 },
    total_tokens: 13,
  }
  const messages = {
    input_tokens: 4,
    cache_read_input_tokens: 3,
    cache_creation_input_tokens: 2,
    output_tokens: 4,
    output_tokens_details: { thinking_tokens: 1 },
  }
  const bedrock = {
    inputTokens: 4,
    outputTokens: 4,
    totalTokens: 13,
    cacheReadInputTokens: 3,
    cacheWriteInputTokens: 2,
  }
  const all = { cache_read: 3, cache_write: 2, reasoning: 1 }
  const cases: [dialect: Dialect, body: unknown, usage: Usage, raw: unknown][] = [
    ['chat', { usage: chat }, of(9, 4, all), chat],
    ['chat', { choices: [], usage: chat }, of(9, 4, all), chat],
    ['completions', { usage: chat }, of(9, 4, all), chat],
    ['responses', { usage: responses }, of(9, 4, { cache_read: 3, reasoning: 1 }), responses],
    ['responses', { response: { usage: responses } }, of(9, 4, { cache_read: 3, reasoning: 1 }), responses],
    ['embeddings', { usage: { prompt_tokens: 8, total_tokens: 8 } }, of(8, 0), { prompt_tokens: 8, total_tokens: 8 }],
    ['messages', { usage: messages }, of(9, 4, all), messages],
    ['messages', { type: 'message_start', message: { usage: messages } }, of(9, 4, all), messages],
    ['messages', { type: 'message_delta', usage: { output_tokens: 7 } }, of(0, 7), { output_tokens: 7 }],
    ['converse', { usage: bedrock }, of(9, 4, { cache_read: 3, cache_write: 2 }), bedrock],
    ['converse', { metadata: { usage: bedrock } }, of(9, 4, { cache_read: 3, cache_write: 2 }), bedrock],
  ]
  for (const [dialect, body, usage, raw] of cases) assert.deepEqual(usageOf(dialect, body), { usage, raw }, dialect)
})

test('of Gemini, thoughts are output and prompts of tools are input', () => {
  const usageMetadata = {
    promptTokenCount: 9,
    cachedContentTokenCount: 3,
    toolUsePromptTokenCount: 2,
    candidatesTokenCount: 4,
    thoughtsTokenCount: 5,
    totalTokenCount: 20,
  }
  assert.deepEqual(usageOf('generate', { usageMetadata })?.usage, of(11, 9, { cache_read: 3, reasoning: 5 }))
})

test('what is no count is as if absent, and nothing is told where no count is', () => {
  const lying = { prompt_tokens: -5, completion_tokens: 2.5, prompt_tokens_details: { cached_tokens: 1 } }
  assert.equal(usageOf('chat', { usage: lying }), undefined)
  assert.deepEqual(usageOf('chat', { usage: { ...lying, completion_tokens: 3 } })?.usage, of(0, 3, { cache_read: 1 }))
  for (const usage of [null, 5, [], {}, { prompt_tokens: '5' }, { prompt_tokens: 1e300 }])
    assert.equal(usageOf('chat', { usage }), undefined, JSON.stringify(usage))
  for (const body of [undefined, null, 'x', [], {}]) assert.equal(usageOf('messages', body), undefined)
  assert.equal(usageOf('count_tokens', { input_tokens: 5 }), undefined)
})

test('a later event replaces what it tells, and nothing is added', () => {
  const start = of(35, 1, { cache_read: 10, cache_write: 5 })
  assert.deepEqual(mergeUsage(start, of(0, 15)), of(35, 15, { cache_read: 10, cache_write: 5 }))
  assert.deepEqual(mergeUsage(start, of(40, 15, { reasoning: 2 })), of(40, 15, { reasoning: 2 }))
  assert.deepEqual(mergeUsage(start, start), start)
  assert.deepEqual(mergeUsage(of(5, 7, { reasoning: 3 }), of(0, 0)), of(5, 7, { reasoning: 3 }))
})

test('an event that tells the cache without the input changes nothing of the input', () => {
  const told = usageOf('messages', { usage: { output_tokens: 15, input_tokens: null, cache_read_input_tokens: 10 } })
  assert.deepEqual(told?.usage, of(0, 15))
})

test('the events of a stream give its usage, whatever the dialect', () => {
  for (const dialect of ['chat', 'messages', 'generate', 'converse'] as const) {
    const told = STREAMS[dialect].flatMap(({ data }) =>
      data === '[DONE]' ? [] : (usageOf(dialect, JSON.parse(data))?.usage ?? []),
    )
    const usage = told.reduce((sum, one) => mergeUsage(sum, one))
    assert.deepEqual([usage.input, usage.output, usage.cache_read], [17, 20, 5], dialect)
  }
})

test('the reason of the end is told as the provider words it', () => {
  const cases: [dialect: Dialect, body: unknown, finish: string | null][] = [
    ['chat', { choices: [{ finish_reason: 'stop' }] }, 'stop'],
    ['chat', { choices: [{ delta: {}, finish_reason: null }] }, null],
    ['chat', { choices: [] }, null],
    ['completions', { choices: [{ finish_reason: 'length' }] }, 'length'],
    ['responses', { status: 'completed', output: [] }, 'completed'],
    [
      'responses',
      { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, output: [] },
      'max_output_tokens',
    ],
    ['responses', { response: { status: 'in_progress', output: [] } }, null],
    ['responses', { type: 'response.output_item.done', item: { status: 'completed' } }, null],
    ['messages', { stop_reason: 'end_turn' }, 'end_turn'],
    ['messages', { delta: { stop_reason: 'tool_use' } }, 'tool_use'],
    ['messages', { delta: { type: 'text_delta', text: 'x' } }, null],
    ['generate', { candidates: [{ finishReason: 'SAFETY' }] }, 'SAFETY'],
    ['generate', { promptFeedback: { blockReason: 'OTHER' } }, 'OTHER'],
    ['converse', { stopReason: 'end_turn' }, 'end_turn'],
    ['embeddings', { data: [] }, null],
    ['chat', null, null],
    ['chat', { choices: 5 }, null],
  ]
  for (const [dialect, body, finish] of cases) assert.equal(finishOf(dialect, body), finish, JSON.stringify(body))
})
