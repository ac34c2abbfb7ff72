/** What tests of translations share: pairs that exist, streams from JSON, and answers of the official clients. */
import assert from 'node:assert/strict'
import { Problem } from '../../../contract/errors.ts'
import type { Dialect } from '../../table/llm.ts'
import type { Asked, Json, StreamEvent } from './dialects.ts'
import { writeEvent } from './events.ts'
import { pairOf, type Translation } from './translation.ts'

/** The translation of a pair that must exist. */
export function pair(client: Dialect, upstream: Dialect): Translation {
  const found = pairOf({ client, upstream })
  assert.ok(found !== undefined, `${client} → ${upstream}`)
  return found
}

/** Translates a body that may have the type of an official client. */
export function request(
  of: [client: Dialect, upstream: Dialect],
  body: object,
  model = 'm',
): { body: Json; lost: readonly string[] } {
  return pair(...of).request({ ...body }, model)
}

/** True for the refusal of a field. */
export function faultAt(field: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof Problem, String(error))
    assert.deepEqual([error.code, error.data['field']], ['invalid_field', field])
    return true
  }
}

/** What is asked for, with fixed id and time. */
export function asked(body: Json = {}): Asked {
  return { model: 'house', body, id: 'id1', created: 1_700_000_000 }
}

/** An event of OpenAI's or Gemini's, which have no names. */
export function chunk(data: unknown): StreamEvent {
  return { event: null, data: JSON.stringify(data) }
}

/** An event with a name, as Anthropic and Bedrock send; Anthropic's data repeats it. */
export function named(event: string, data: Json): StreamEvent {
  return { event, data: JSON.stringify(data) }
}

/** All that a stream becomes. */
export function translated(translation: Translation, events: readonly StreamEvent[], of: Asked): StreamEvent[] {
  const translator = translation.stream(of)
  return [...events.flatMap((event) => [...translator.push(event)]), ...translator.end()]
}

/** The JSON of events; `[DONE]` stays a text. */
export function parsed(events: readonly StreamEvent[]): unknown[] {
  return events.map(({ data }): unknown => (data === '[DONE]' ? data : JSON.parse(data)))
}

/** A `fetch` of official clients that answers every request with these events. */
export function fetchOf(events: readonly StreamEvent[]): () => Promise<Response> {
  const text = events.map(writeEvent).join('')
  return async () => new Response(text, { headers: { 'content-type': 'text/event-stream' } })
}

/** A stream of Anthropic's: thoughts with a signature, text, two calls of tools, the second without arguments. */
export const MESSAGES_STREAM: readonly StreamEvent[] = [
  {
    type: 'message_start',
    message: {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'claude',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: 10, cache_read_input_tokens: 5, cache_creation_input_tokens: 2, output_tokens: 1 },
    },
  },
  { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '', signature: '' } },
  { type: 'ping' },
  { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Hm' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'm.' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: 'sig' } },
  { type: 'content_block_stop', index: 0 },
  { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'Grü' } },
  { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'ße' } },
  { type: 'content_block_stop', index: 1 },
  { type: 'content_block_start', index: 2, content_block: { type: 'tool_use', id: 'toolu_1', name: 'sum', input: {} } },
  { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: '' } },
  { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: '{"a":' } },
  { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: ' 1}' } },
  { type: 'content_block_stop', index: 2 },
  { type: 'content_block_start', index: 3, content_block: { type: 'tool_use', id: 'toolu_2', name: 'now', input: {} } },
  { type: 'content_block_stop', index: 3 },
  { type: 'message_delta', delta: { stop_reason: 'tool_use', stop_sequence: null }, usage: { output_tokens: 20 } },
  { type: 'message_stop' },
].map((data) => named(data.type, data))

function delta(delta: Json, finish: string | null = null): StreamEvent {
  return chunk({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'gpt',
    choices: [{ index: 0, delta, finish_reason: finish }],
  })
}

/** The same of a server that chats and tells its thoughts as vLLM does. */
export const CHAT_STREAM: readonly StreamEvent[] = [
  delta({ role: 'assistant', content: '' }),
  delta({ reasoning_content: 'Hmm.' }),
  delta({ content: 'Grü' }),
  delta({ content: 'ße' }),
  delta({ tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'sum', arguments: '' } }] }),
  delta({ tool_calls: [{ index: 0, function: { arguments: '{"a":' } }] }),
  delta({ tool_calls: [{ index: 0, function: { arguments: ' 1}' } }] }),
  delta({ tool_calls: [{ index: 1, id: 'call_2', type: 'function', function: { name: 'now', arguments: '{}' } }] }),
  delta({}, 'tool_calls'),
  chunk({
    id: 'chatcmpl-1',
    choices: [],
    usage: {
      prompt_tokens: 17,
      completion_tokens: 20,
      total_tokens: 37,
      prompt_tokens_details: { cached_tokens: 5 },
      completion_tokens_details: { reasoning_tokens: 3 },
    },
  }),
  { event: null, data: '[DONE]' },
]

/** The same of Gemini's. */
export const GENERATE_STREAM: readonly StreamEvent[] = [
  {
    candidates: [{ content: { role: 'model', parts: [{ text: 'Hmm.', thought: true }] }, index: 0 }],
    responseId: 'g1',
  },
  { candidates: [{ content: { role: 'model', parts: [{ text: 'Grü' }] }, index: 0 }], responseId: 'g1' },
  { candidates: [{ content: { role: 'model', parts: [{ text: 'ße' }] }, index: 0 }], responseId: 'g1' },
  {
    candidates: [
      {
        content: {
          role: 'model',
          parts: [
            { functionCall: { name: 'sum', args: { a: 1 } }, thoughtSignature: 'c2ln' },
            { functionCall: { name: 'now', args: {} } },
          ],
        },
        finishReason: 'STOP',
        index: 0,
      },
    ],
    usageMetadata: {
      promptTokenCount: 17,
      candidatesTokenCount: 17,
      thoughtsTokenCount: 3,
      cachedContentTokenCount: 5,
      totalTokenCount: 37,
    },
    responseId: 'g1',
  },
].map(chunk)

/** The same of Bedrock's. */
export const CONVERSE_STREAM: readonly StreamEvent[] = [
  named('messageStart', { role: 'assistant' }),
  named('contentBlockDelta', { contentBlockIndex: 0, delta: { reasoningContent: { text: 'Hmm.' } } }),
  named('contentBlockDelta', { contentBlockIndex: 0, delta: { reasoningContent: { signature: 'sig' } } }),
  named('contentBlockStop', { contentBlockIndex: 0 }),
  named('contentBlockDelta', { contentBlockIndex: 1, delta: { text: 'Grü' } }),
  named('contentBlockDelta', { contentBlockIndex: 1, delta: { text: 'ße' } }),
  named('contentBlockStop', { contentBlockIndex: 1 }),
  named('contentBlockStart', { contentBlockIndex: 2, start: { toolUse: { toolUseId: 'tooluse_1', name: 'sum' } } }),
  named('contentBlockDelta', { contentBlockIndex: 2, delta: { toolUse: { input: '{"a":' } } }),
  named('contentBlockDelta', { contentBlockIndex: 2, delta: { toolUse: { input: ' 1}' } } }),
  named('contentBlockStop', { contentBlockIndex: 2 }),
  named('contentBlockStart', { contentBlockIndex: 3, start: { toolUse: { toolUseId: 'tooluse_2', name: 'now' } } }),
  named('contentBlockStop', { contentBlockIndex: 3 }),
  named('messageStop', { stopReason: 'tool_use' }),
  named('metadata', {
    usage: { inputTokens: 10, outputTokens: 20, totalTokens: 37, cacheReadInputTokens: 5, cacheWriteInputTokens: 2 },
    metrics: { latencyMs: 7 },
  }),
]

/** A stream of each dialect of upstreams that says the same: thoughts, `Grüße`, `sum` of 1, `now`. */
export const STREAMS = {
  chat: CHAT_STREAM,
  messages: MESSAGES_STREAM,
  generate: GENERATE_STREAM,
  converse: CONVERSE_STREAM,
} as const
