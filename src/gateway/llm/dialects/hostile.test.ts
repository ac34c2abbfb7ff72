/** Tests that bodies which are wrong anywhere are a fault of whoever made them, never another error. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../../contract/errors.ts'
import type { Dialect } from '../../table/llm.ts'
import { readChatRequest, writeChatRequest } from './chat-request.ts'
import type { Json } from './dialects.ts'
import { Reading } from './fields.ts'
import { failureOf } from './failures.ts'
import { readGenerateRequest, writeGenerateRequest } from './generate-request.ts'
import { readMessagesRequest, writeMessagesRequest } from './messages-request.ts'
import { asked, pair, STREAMS } from './translation.fixture.ts'
import { finishOf, usageOf } from './usage.ts'

/** What stands where something else was meant. */
const JUNK: readonly unknown[] = [
  null,
  true,
  -1,
  1e300,
  '',
  'x',
  [],
  {},
  [null],
  [[]],
  { type: 'text' },
  { type: 5 },
  { constructor: 1, toString: 2 },
]

/** Every body that differs from this one in one place. */
function* wrong(body: unknown): Iterable<unknown> {
  yield* JUNK
  if (Array.isArray(body))
    for (const [n, item] of body.entries()) for (const one of wrong(item)) yield body.with(n, one)
  else if (typeof body === 'object' && body !== null)
    for (const [key, value] of Object.entries(body)) for (const one of wrong(value)) yield { ...body, [key]: one }
}

/** Runs all and demands that what throws is a problem of this code. */
function onlyThrows(code: string, bodies: Iterable<unknown>, run: (body: Json) => unknown): void {
  let count = 0
  for (const body of bodies) {
    count++
    try {
      run(body as Json)
    } catch (error) {
      assert.ok(error instanceof Problem && error.code === code, `${JSON.stringify(body)}: ${String(error)}`)
    }
  }
  assert.ok(count > 100)
}

const SCHEMA = { type: 'object', properties: { a: { type: 'number' } } }

const REQUESTS = {
  chat: {
    messages: [
      { role: 'system', content: 's' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'x' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,A' } },
        ],
      },
      {
        role: 'assistant',
        content: 'y',
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
      },
      { role: 'tool', tool_call_id: 'c', content: '1' },
    ],
    max_completion_tokens: 5,
    temperature: 1,
    stop: ['a'],
    n: 2,
    seed: 1,
    user: 'u',
    tools: [{ type: 'function', function: { name: 'f', description: 'd', parameters: SCHEMA, strict: true } }],
    tool_choice: { type: 'function', function: { name: 'f' } },
    parallel_tool_calls: false,
    reasoning_effort: 'low',
    response_format: { type: 'json_schema', json_schema: { name: 'n', schema: SCHEMA } },
    stream: true,
    stream_options: { include_usage: true },
  },
  messages: {
    max_tokens: 5,
    system: 's',
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'x' },
          { type: 'image', source: { type: 'url', url: 'https://a' } },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 't', signature: 's' },
          { type: 'redacted_thinking', data: 'd' },
          { type: 'tool_use', id: 'c', name: 'f', input: { a: 1 } },
        ],
      },
      {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 'c', content: [{ type: 'text', text: '1' }], is_error: true }],
      },
    ],
    tools: [{ name: 'f', description: 'd', input_schema: SCHEMA, strict: true }],
    tool_choice: { type: 'tool', name: 'f', disable_parallel_tool_use: true },
    stop_sequences: ['a'],
    metadata: { user_id: 'u' },
    output_config: { format: { type: 'json_schema', schema: { ...SCHEMA, additionalProperties: false } } },
    thinking: { type: 'enabled', budget_tokens: 1024 },
    stream: true,
  },
  responses: {
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'x' },
          { type: 'input_image', image_url: 'https://a' },
        ],
      },
      { type: 'reasoning', id: 'r', summary: [{ type: 'summary_text', text: 't' }], encrypted_content: 'slipway:s' },
      { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c', output: '1' },
    ],
    tools: [{ type: 'function', name: 'f', parameters: SCHEMA, strict: true }],
    tool_choice: { type: 'function', name: 'f' },
    text: { format: { type: 'json_schema', name: 'n', schema: SCHEMA } },
    reasoning: { effort: 'low' },
  },
  generate: {
    systemInstruction: { parts: [{ text: 's' }] },
    contents: [
      { role: 'user', parts: [{ text: 'x' }, { inlineData: { mimeType: 'image/png', data: 'A' } }] },
      { role: 'model', parts: [{ functionCall: { id: 'c', name: 'f', args: { a: 1 } }, thoughtSignature: 's' }] },
      { role: 'user', parts: [{ functionResponse: { id: 'c', name: 'f', response: { a: 1 } } }] },
    ],
    tools: [{ functionDeclarations: [{ name: 'f', parametersJsonSchema: SCHEMA }] }],
    toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['f'] } },
    generationConfig: {
      maxOutputTokens: 5,
      temperature: 1,
      stopSequences: ['a'],
      responseMimeType: 'application/json',
      responseJsonSchema: SCHEMA,
    },
    stream: true,
  },
} as const

const UPSTREAMS = ['chat', 'messages', 'generate', 'converse'] as const

test('a request that is wrong in one place is answered or refused by the name of a field', () => {
  for (const [client, body] of Object.entries(REQUESTS) as [Dialect, Json][])
    for (const upstream of UPSTREAMS) {
      if (client === upstream) continue
      const of = pair(client, upstream)
      of.request(body, 'claude-opus-5')
      onlyThrows('invalid_field', wrong(body), (one) => of.request(one, 'claude-opus-5'))
    }
})

test('an answer that is wrong in one place is translated or fails as the provider’s', () => {
  const answers: Record<(typeof UPSTREAMS)[number], Json> = {
    chat: {
      id: 'i',
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: 'x',
            reasoning_content: 'r',
            tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
          },
          finish_reason: 'stop',
        },
      ],
      usage: { prompt_tokens: 1, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 1 } },
    },
    messages: {
      id: 'i',
      content: [
        { type: 'thinking', thinking: 't', signature: 's' },
        { type: 'text', text: 'x' },
        { type: 'tool_use', id: 'c', name: 'f', input: { a: 1 } },
      ],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 1, output_tokens: 1 },
    },
    generate: {
      candidates: [
        {
          content: { role: 'model', parts: [{ text: 'x' }, { functionCall: { name: 'f', args: {} } }] },
          finishReason: 'STOP',
          index: 0,
        },
      ],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1 },
    },
    converse: {
      output: {
        message: { role: 'assistant', content: [{ text: 'x' }, { toolUse: { toolUseId: 'c', name: 'f', input: {} } }] },
      },
      stopReason: 'end_turn',
      usage: { inputTokens: 1, outputTokens: 1 },
    },
  }
  for (const client of ['chat', 'completions', 'responses', 'messages', 'generate'] as const)
    for (const upstream of UPSTREAMS) {
      if (client === upstream) continue
      const of = pair(client, upstream)
      of.reply(answers[upstream], asked())
      onlyThrows('upstream_failed', wrong(answers[upstream]), (one) => {
        usageOf(upstream, one)
        finishOf(upstream, one)
        failureOf(upstream, 500, one)
        return of.reply(one, asked())
      })
    }
})

test('an event that is wrong in one place is translated or fails as the provider’s', () => {
  for (const client of ['chat', 'responses', 'messages', 'generate'] as const)
    for (const upstream of UPSTREAMS) {
      if (client === upstream) continue
      const events = STREAMS[upstream].filter(({ data }) => data !== '[DONE]')
      const bodies = function* (): Iterable<unknown> {
        for (const [n, { data }] of events.entries()) for (const one of wrong(JSON.parse(data))) yield [n, one]
      }
      onlyThrows('upstream_failed', bodies(), (given) => {
        const [place, body] = given as unknown as [number, unknown]
        const translator = pair(client, upstream).stream(asked())
        for (const [n, event] of STREAMS[upstream].entries())
          translator.push(n === place ? { ...event, data: JSON.stringify(body) } : event)
        translator.end()
      })
    }
})

test('a request that is read and written in its own dialect is the same', () => {
  const reading = new Reading('caller')
  const chat = { model: 'gpt-5', ...REQUESTS.chat }
  assert.deepEqual(writeChatRequest(readChatRequest(chat, reading), 'gpt-5', reading), chat)
  const messages = { model: 'claude-opus-5', ...REQUESTS.messages }
  assert.deepEqual(writeMessagesRequest(readMessagesRequest(messages, reading), 'claude-opus-5', reading), messages)
  const { stream: _, ...generate } = REQUESTS.generate
  assert.deepEqual(writeGenerateRequest(readGenerateRequest(generate, reading), 'gemini', reading), generate)
  assert.deepEqual(reading.lost(), [])
})
