/** Tests of translated whole answers against those written by hand from the references of the providers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type Anthropic from '@anthropic-ai/sdk'
import type OpenAI from 'openai'
import { Problem } from '../../../contract/errors.ts'
import type { Dialect } from '../../table/llm.ts'
import type { Json } from './dialects.ts'
import { asked, pair, request } from './translation.fixture.ts'

function reply(of: [client: Dialect, upstream: Dialect], body: object, asking: Json = {}) {
  return pair(...of).reply({ ...body }, asked(asking))
}

const MESSAGE = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-x',
  content: [
    { type: 'thinking', thinking: 'Hmm.', signature: 'sig' },
    { type: 'redacted_thinking', data: 'opaque' },
    { type: 'text', text: 'I ' },
    { type: 'text', text: 'add.', citations: null },
    { type: 'tool_use', id: 'toolu_1', name: 'sum', input: { a: 1 } },
    { type: 'tool_use', id: 'toolu_2', name: 'now', input: {} },
  ],
  stop_reason: 'tool_use',
  stop_sequence: null,
  usage: { input_tokens: 10, cache_read_input_tokens: 5, cache_creation_input_tokens: 2, output_tokens: 20 },
}

const CHAT_USAGE = {
  prompt_tokens: 17,
  completion_tokens: 20,
  total_tokens: 37,
  prompt_tokens_details: { cached_tokens: 5 },
  completion_tokens_details: { reasoning_tokens: 0 },
}

test('an answer of Anthropic is a chat completion, its signed thoughts in a field of their own', () => {
  const { body, lost } = reply(['chat', 'messages'], MESSAGE)
  const expected: OpenAI.ChatCompletion = {
    id: 'msg_1',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'house',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: 'I add.',
          refusal: null,
          tool_calls: [
            { id: 'toolu_1', type: 'function', function: { name: 'sum', arguments: '{"a":1}' } },
            { id: 'toolu_2', type: 'function', function: { name: 'now', arguments: '{}' } },
          ],
        },
        logprobs: null,
        finish_reason: 'tool_calls',
      },
    ],
    usage: CHAT_USAGE,
  }
  const [choice] = expected.choices
  const kept = {
    reasoning_content: 'Hmm.',
    slipway: {
      reasoning: [
        { text: 'Hmm.', signature: 'sig' },
        { redacted: true, signature: 'opaque' },
      ],
    },
  }
  assert.deepEqual(body, { ...expected, choices: [{ ...choice, message: { ...choice?.message, ...kept } }] })
  assert.deepEqual(lost, [])
})

test('a client of chat that sends the answer back proves the thoughts to Anthropic', () => {
  const { body } = reply(['chat', 'messages'], MESSAGE)
  const message = (body['choices'] as { message: Json }[])[0]?.message
  const again = request(['chat', 'messages'], { max_tokens: 1, messages: [{ role: 'user', content: 'hi' }, message] })
  assert.deepEqual((again.body['messages'] as Json[])[1], {
    role: 'assistant',
    content: [
      { type: 'thinking', thinking: 'Hmm.', signature: 'sig' },
      { type: 'redacted_thinking', data: 'opaque' },
      { type: 'text', text: 'I add.' },
      { type: 'tool_use', id: 'toolu_1', name: 'sum', input: { a: 1 } },
      { type: 'tool_use', id: 'toolu_2', name: 'now', input: {} },
    ],
  })
  assert.deepEqual(again.lost, [])
})

test('a client of responses that sends the items back proves the thoughts to Anthropic', () => {
  const { body, lost } = reply(['responses', 'messages'], MESSAGE)
  assert.deepEqual(lost, [])
  const items = body['output'] as Json[]
  const again = request(['responses', 'messages'], {
    max_output_tokens: 1,
    input: [{ role: 'user', content: 'hi' }, ...items],
  })
  assert.deepEqual((again.body['messages'] as Json[])[1], {
    role: 'assistant',
    content: [
      { type: 'thinking', thinking: 'Hmm.', signature: 'sig' },
      { type: 'redacted_thinking', data: 'opaque' },
      { type: 'text', text: 'I ' },
      { type: 'text', text: 'add.' },
      { type: 'tool_use', id: 'toolu_1', name: 'sum', input: { a: 1 } },
      { type: 'tool_use', id: 'toolu_2', name: 'now', input: {} },
    ],
  })
  assert.deepEqual(again.lost, [])
})

const COMPLETION = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'gpt',
  system_fingerprint: 'fp',
  choices: [
    {
      index: 0,
      message: {
        role: 'assistant',
        content: 'I add.',
        refusal: null,
        annotations: [],
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'sum', arguments: '{"a": 1}' } }],
      },
      logprobs: null,
      finish_reason: 'tool_calls',
    },
  ],
  usage: { ...CHAT_USAGE, completion_tokens_details: { reasoning_tokens: 3 } },
}

test('a chat completion is a message of Anthropic', () => {
  const { body, lost } = reply(['messages', 'chat'], COMPLETION)
  const content: Anthropic.Message['content'] = [
    { type: 'text', text: 'I add.', citations: null },
    { type: 'tool_use', id: 'call_1', name: 'sum', input: { a: 1 }, caller: { type: 'direct' } },
  ]
  assert.deepEqual(body, {
    id: 'chatcmpl-1',
    type: 'message',
    role: 'assistant',
    model: 'house',
    content: content.map((block) => {
      if (block.type !== 'tool_use') return block
      const { caller: _, ...rest } = block
      return rest
    }),
    stop_reason: 'tool_use',
    stop_sequence: null,
    stop_details: null,
    usage: {
      input_tokens: 12,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 5,
      output_tokens: 20,
      output_tokens_details: { thinking_tokens: 3 },
    },
  })
  assert.deepEqual(lost, [])
})

test('a chat completion is a response, which repeats what was asked', () => {
  const asking = { model: 'house', input: 'hi', temperature: 0.5, tools: [{ type: 'function', name: 'sum' }] }
  const { body, lost } = reply(['responses', 'chat'], COMPLETION, asking)
  assert.deepEqual(body, {
    id: 'chatcmpl-1',
    object: 'response',
    created_at: 1_700_000_000,
    status: 'completed',
    error: null,
    incomplete_details: null,
    model: 'house',
    output: [
      {
        id: 'msg_id1_0',
        type: 'message',
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text: 'I add.', annotations: [], logprobs: [] }],
      },
      {
        id: 'fc_id1_1',
        type: 'function_call',
        status: 'completed',
        call_id: 'call_1',
        name: 'sum',
        arguments: '{"a": 1}',
      },
    ],
    previous_response_id: null,
    store: false,
    truncation: 'disabled',
    instructions: null,
    max_output_tokens: null,
    metadata: {},
    parallel_tool_calls: true,
    reasoning: { effort: null, summary: null },
    temperature: 0.5,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [{ type: 'function', name: 'sum' }],
    top_p: null,
    usage: {
      input_tokens: 17,
      input_tokens_details: { cached_tokens: 5, cache_write_tokens: 0 },
      output_tokens: 20,
      output_tokens_details: { reasoning_tokens: 3 },
      total_tokens: 37,
    },
  })
  assert.deepEqual(lost, [])
})

const CANDIDATES = {
  candidates: [
    {
      content: {
        role: 'model',
        parts: [
          { text: 'Hmm.', thought: true },
          { text: 'I add.' },
          { functionCall: { name: 'sum', args: { a: 1 } }, thoughtSignature: 'c2ln' },
          { functionCall: { id: 'own', name: 'now' } },
        ],
      },
      finishReason: 'STOP',
      index: 0,
      safetyRatings: [],
    },
    { content: { role: 'model', parts: [{ text: 'Cut' }] }, finishReason: 'MAX_TOKENS', index: 1 },
  ],
  usageMetadata: { promptTokenCount: 17, candidatesTokenCount: 17, thoughtsTokenCount: 3, cachedContentTokenCount: 5 },
  modelVersion: 'gemini',
  responseId: 'g1',
}

test('an answer of Gemini is a chat completion with all its candidates', () => {
  const { body, lost } = reply(['chat', 'generate'], CANDIDATES)
  assert.deepEqual(body['choices'], [
    {
      index: 0,
      message: {
        role: 'assistant',
        content: 'I add.',
        refusal: null,
        reasoning_content: 'Hmm.',
        tool_calls: [
          {
            id: 'call_id1_0_0',
            type: 'function',
            function: { name: 'sum', arguments: '{"a":1}' },
            extra_content: { google: { thought_signature: 'c2ln' } },
          },
          { id: 'own', type: 'function', function: { name: 'now', arguments: '{}' } },
        ],
      },
      logprobs: null,
      finish_reason: 'tool_calls',
    },
    {
      index: 1,
      message: { role: 'assistant', content: 'Cut', refusal: null },
      logprobs: null,
      finish_reason: 'length',
    },
  ])
  assert.deepEqual(body['usage'], { ...CHAT_USAGE, completion_tokens_details: { reasoning_tokens: 3 } })
  assert.deepEqual(lost, ['candidates[0].safetyRatings'])
  assert.deepEqual(reply(['messages', 'generate'], CANDIDATES).lost, [
    'candidates[0].content.parts[2].thoughtSignature',
    'candidates[0].safetyRatings',
    'candidates[1].content.parts[0]',
  ])
  assert.ok(
    reply(['responses', 'generate'], CANDIDATES).lost.includes('candidates[0].content.parts[2].thoughtSignature'),
  )
})

test('a prompt that Gemini blocked is an answer that a filter ended', () => {
  const blocked = { promptFeedback: { blockReason: 'SAFETY' }, usageMetadata: { promptTokenCount: 3 } }
  const { body } = reply(['chat', 'generate'], blocked)
  const [choice] = body['choices'] as Json[]
  assert.equal(choice?.['finish_reason'], 'content_filter')
  assert.equal(reply(['messages', 'generate'], blocked).body['stop_reason'], 'refusal')
})

test('a chat completion is an answer of Gemini', () => {
  const { body, lost } = reply(['generate', 'chat'], COMPLETION)
  assert.deepEqual(body, {
    candidates: [
      {
        content: {
          role: 'model',
          parts: [{ text: 'I add.' }, { functionCall: { id: 'call_1', name: 'sum', args: { a: 1 } } }],
        },
        finishReason: 'STOP',
        index: 0,
      },
    ],
    usageMetadata: {
      promptTokenCount: 17,
      candidatesTokenCount: 17,
      totalTokenCount: 37,
      cachedContentTokenCount: 5,
      thoughtsTokenCount: 3,
    },
    modelVersion: 'house',
    responseId: 'chatcmpl-1',
  })
  assert.deepEqual(lost, [])
})

test('a chat completion is a completion', () => {
  const { body, lost } = reply(['completions', 'chat'], COMPLETION)
  assert.deepEqual(body['choices'], [{ text: 'I add.', index: 0, logprobs: null, finish_reason: 'stop' }])
  assert.equal(body['object'], 'text_completion')
  assert.deepEqual(lost, ['choices[0].message.tool_calls[0].function.arguments'])
})

const CONVERSED = {
  output: {
    message: {
      role: 'assistant',
      content: [
        { reasoningContent: { reasoningText: { text: 'Hmm.', signature: 'sig' } } },
        { text: 'I add.' },
        { toolUse: { toolUseId: 'tooluse_1', name: 'sum', input: { a: 1 } } },
        { citationsContent: {} },
      ],
    },
  },
  stopReason: 'tool_use',
  usage: { inputTokens: 10, outputTokens: 20, totalTokens: 37, cacheReadInputTokens: 5, cacheWriteInputTokens: 2 },
  metrics: { latencyMs: 7 },
}

test('an answer of Bedrock is a message of Anthropic and a chat completion', () => {
  const { body, lost } = reply(['messages', 'converse'], CONVERSED)
  assert.deepEqual(body['content'], [
    { type: 'thinking', thinking: 'Hmm.', signature: 'sig' },
    { type: 'text', text: 'I add.', citations: null },
    { type: 'tool_use', id: 'tooluse_1', name: 'sum', input: { a: 1 } },
  ])
  assert.deepEqual([body['id'], body['stop_reason']], ['id1', 'tool_use'])
  assert.deepEqual(body['usage'], {
    input_tokens: 10,
    cache_creation_input_tokens: 2,
    cache_read_input_tokens: 5,
    output_tokens: 20,
  })
  assert.deepEqual(lost, ['output.message.content[3]'])
  assert.deepEqual(reply(['chat', 'converse'], CONVERSED).body['usage'], CHAT_USAGE)
})

test('reasons of the end go over', () => {
  const ends: [upstream: Dialect, word: string, chat: string, messages: string][] = [
    ['chat', 'stop', '', 'end_turn'],
    ['chat', 'length', '', 'max_tokens'],
    ['chat', 'content_filter', '', 'refusal'],
    ['chat', 'tool_calls', '', 'tool_use'],
    ['messages', 'end_turn', 'stop', ''],
    ['messages', 'stop_sequence', 'stop', ''],
    ['messages', 'max_tokens', 'length', ''],
    ['messages', 'model_context_window_exceeded', 'length', ''],
    ['messages', 'tool_use', 'tool_calls', ''],
    ['messages', 'refusal', 'content_filter', ''],
    ['generate', 'STOP', 'stop', 'end_turn'],
    ['generate', 'MAX_TOKENS', 'length', 'max_tokens'],
    ['generate', 'SAFETY', 'content_filter', 'refusal'],
    ['generate', 'OTHER', 'stop', 'end_turn'],
    ['converse', 'end_turn', 'stop', 'end_turn'],
    ['converse', 'stop_sequence', 'stop', 'stop_sequence'],
    ['converse', 'max_tokens', 'length', 'max_tokens'],
    ['converse', 'guardrail_intervened', 'content_filter', 'refusal'],
    ['converse', 'content_filtered', 'content_filter', 'refusal'],
  ]
  for (const [upstream, word, chat, messages] of ends) {
    const body = {
      chat: { choices: [{ message: { content: 'x' }, finish_reason: word }] },
      messages: { content: [], stop_reason: word, stop_sequence: word === 'stop_sequence' ? 'END' : null },
      generate: { candidates: [{ finishReason: word }] },
      converse: { output: { message: { content: [] } }, stopReason: word },
    }[upstream as 'chat']
    const given = (client: Dialect): Json => reply([client, upstream], body).body
    if (chat !== '')
      assert.equal((given('chat')['choices'] as Json[])[0]?.['finish_reason'], chat, `${upstream} ${word}`)
    if (messages !== '') assert.equal(given('messages')['stop_reason'], messages, `${upstream} ${word}`)
  }
  const cut = { choices: [{ message: { content: 'x' }, finish_reason: 'length' }] }
  const { body } = reply(['responses', 'chat'], cut)
  assert.deepEqual([body['status'], body['incomplete_details']], ['incomplete', { reason: 'max_output_tokens' }])
})

test('an answer without usage or id is one with what the gateway has', () => {
  const body = { choices: [{ message: { content: 'x' }, finish_reason: 'stop' }] }
  assert.equal(reply(['messages', 'chat'], body).body['id'], 'id1')
  assert.equal('usage' in reply(['chat', 'converse'], { output: { message: { content: [] } } }).body, false)
})

test('what is no answer fails as the provider’s fault', () => {
  const cases: [upstream: Dialect, body: object][] = [
    ['chat', {}],
    ['chat', { choices: [] }],
    ['chat', { choices: [{}] }],
    ['chat', { choices: [{ message: { content: 5 } }] }],
    ['messages', {}],
    ['messages', { content: [{ text: 'x' }] }],
    ['generate', {}],
    ['converse', { output: {} }],
  ]
  for (const [upstream, body] of cases)
    assert.throws(
      () => reply([upstream === 'chat' ? 'messages' : 'chat', upstream], body),
      (error) => error instanceof Problem && error.code === 'upstream_failed',
      `${upstream} ${JSON.stringify(body)}`,
    )
  const unreadable = { choices: [{ message: { tool_calls: [{ id: 'c', function: { name: 'f', arguments: '{' } }] } }] }
  assert.throws(() => reply(['messages', 'chat'], unreadable), /arguments/)
})
