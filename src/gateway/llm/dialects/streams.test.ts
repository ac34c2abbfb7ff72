/** Tests of translated streams, event by event, and of how they end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../../contract/errors.ts'
import type { Dialect } from '../../table/llm.ts'
import type { StreamEvent } from './dialects.ts'
import { SseParser, writeEvent } from './events.ts'
import { pairOf } from './translation.ts'
import { asked, chunk, named, pair, parsed, STREAMS, translated } from './translation.fixture.ts'

const CLIENTS: readonly Dialect[] = ['chat', 'completions', 'responses', 'messages', 'generate']
const UPSTREAMS = Object.keys(STREAMS) as (keyof typeof STREAMS)[]

const PAIRS = CLIENTS.flatMap((client) =>
  UPSTREAMS.filter((upstream) => upstream !== client).map((upstream) => ({ client, upstream })),
)

test('pairs that are not translated are told', () => {
  for (const client of ['chat', 'messages', 'generate', 'embeddings', 'converse'] as const)
    assert.equal(pairOf({ client, upstream: client }), undefined)
  assert.equal(pairOf({ client: 'embeddings', upstream: 'generate' }), undefined)
  assert.equal(pairOf({ client: 'chat', upstream: 'responses' }), undefined)
  assert.equal(pairOf({ client: 'count_tokens', upstream: 'chat' }), undefined)
})

test('a chat stream has the role first, then calls by index, the reason, usage only where it is asked for, and [DONE]', () => {
  const choice = (delta: object, finish: string | null = null): object => ({
    index: 0,
    delta,
    logprobs: null,
    finish_reason: finish,
  })
  const of = (choices: object[], rest: object): object => ({
    id: 'msg_1',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'house',
    choices,
    ...rest,
  })
  const deltas = [
    choice({ role: 'assistant', content: '' }),
    choice({ reasoning_content: 'Hm' }),
    choice({ reasoning_content: 'm.' }),
    choice({ content: 'Grü' }),
    choice({ content: 'ße' }),
    choice({
      tool_calls: [{ index: 0, id: 'toolu_1', type: 'function', function: { name: 'sum', arguments: '' } }],
    }),
    choice({ tool_calls: [{ index: 0, function: { arguments: '{"a":' } }] }),
    choice({ tool_calls: [{ index: 0, function: { arguments: ' 1}' } }] }),
    choice({
      tool_calls: [{ index: 1, id: 'toolu_2', type: 'function', function: { name: 'now', arguments: '' } }],
    }),
    choice({ tool_calls: [{ index: 1, function: { arguments: '{}' } }] }),
    choice({ slipway: { reasoning: [{ text: 'Hmm.', signature: 'sig' }] } }),
    choice({}, 'tool_calls'),
  ]
  const plain = translated(pair('chat', 'messages'), STREAMS.messages, asked())
  assert.deepEqual(parsed(plain), [...deltas.map((one) => of([one], {})), '[DONE]'])
  const counted = translated(
    pair('chat', 'messages'),
    STREAMS.messages,
    asked({ stream_options: { include_usage: true } }),
  )
  const usage = {
    prompt_tokens: 17,
    completion_tokens: 20,
    total_tokens: 37,
    prompt_tokens_details: { cached_tokens: 5 },
    completion_tokens_details: { reasoning_tokens: 0 },
  }
  assert.deepEqual(parsed(counted), [...deltas.map((one) => of([one], { usage: null })), of([], { usage }), '[DONE]'])
})

test('a stream of messages has one block at a time, and its usage at the end', () => {
  const events = translated(pair('messages', 'chat'), STREAMS.chat, asked())
  assert.deepEqual(
    events.map(({ event }) => event),
    parsed(events).map((data) => (data as { type: string }).type),
  )
  const blocks = parsed(events).slice(1, -2)
  const delta = (index: number, delta: object): object => ({ type: 'content_block_delta', index, delta })
  const stop = (index: number): object => ({ type: 'content_block_stop', index })
  assert.deepEqual(blocks, [
    { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '', signature: '' } },
    delta(0, { type: 'thinking_delta', thinking: 'Hmm.' }),
    stop(0),
    { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '', citations: null } },
    delta(1, { type: 'text_delta', text: 'Grü' }),
    delta(1, { type: 'text_delta', text: 'ße' }),
    stop(1),
    {
      type: 'content_block_start',
      index: 2,
      content_block: { type: 'tool_use', id: 'call_1', name: 'sum', input: {} },
    },
    delta(2, { type: 'input_json_delta', partial_json: '{"a":' }),
    delta(2, { type: 'input_json_delta', partial_json: ' 1}' }),
    stop(2),
    {
      type: 'content_block_start',
      index: 3,
      content_block: { type: 'tool_use', id: 'call_2', name: 'now', input: {} },
    },
    delta(3, { type: 'input_json_delta', partial_json: '{}' }),
    stop(3),
  ])
  assert.deepEqual(parsed(events).slice(-2), [
    {
      type: 'message_delta',
      delta: { stop_reason: 'tool_use', stop_sequence: null, stop_details: null },
      usage: {
        input_tokens: 12,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 5,
        output_tokens: 20,
        output_tokens_details: { thinking_tokens: 3 },
      },
    },
    { type: 'message_stop' },
  ])
})

test('a stream of responses tells each item from its beginning to its end', () => {
  const events = translated(pair('responses', 'messages'), STREAMS.messages, asked())
  assert.deepEqual(
    events.map(({ event }) => event),
    [
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done',
      'response.reasoning_summary_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ],
  )
  const all = parsed(events) as { sequence_number: number; response?: { output: unknown } }[]
  assert.deepEqual(
    all.map(({ sequence_number }) => sequence_number),
    [...all.keys()],
  )
  assert.deepEqual(all.at(-1)?.response?.output, [
    {
      id: 'rs_id1_0',
      type: 'reasoning',
      summary: [{ type: 'summary_text', text: 'Hmm.' }],
      encrypted_content: 'slipway:sig',
    },
    {
      id: 'msg_id1_1',
      type: 'message',
      status: 'completed',
      role: 'assistant',
      content: [{ type: 'output_text', text: 'Grüße', annotations: [], logprobs: [] }],
    },
    {
      id: 'fc_id1_2',
      type: 'function_call',
      status: 'completed',
      call_id: 'toolu_1',
      name: 'sum',
      arguments: '{"a": 1}',
    },
    { id: 'fc_id1_3', type: 'function_call', status: 'completed', call_id: 'toolu_2', name: 'now', arguments: '{}' },
  ])
})

test('a stream of Gemini has calls whole, in its last chunk', () => {
  const events = parsed(translated(pair('generate', 'chat'), STREAMS.chat, asked())) as { candidates: unknown }[]
  assert.deepEqual(
    events.map(({ candidates }) => candidates),
    [
      [{ content: { role: 'model', parts: [{ text: 'Hmm.', thought: true }] }, index: 0 }],
      [{ content: { role: 'model', parts: [{ text: 'Grü' }] }, index: 0 }],
      [{ content: { role: 'model', parts: [{ text: 'ße' }] }, index: 0 }],
      [
        {
          content: {
            role: 'model',
            parts: [
              { functionCall: { id: 'call_1', name: 'sum', args: { a: 1 } } },
              { functionCall: { id: 'call_2', name: 'now', args: {} } },
            ],
          },
          finishReason: 'STOP',
          index: 0,
        },
      ],
    ],
  )
  const last = events.at(-1) as { usageMetadata?: unknown } | undefined
  assert.deepEqual(last?.usageMetadata, {
    promptTokenCount: 17,
    candidatesTokenCount: 17,
    totalTokenCount: 37,
    cachedContentTokenCount: 5,
    thoughtsTokenCount: 3,
  })
})

test('several answers at once stay apart', () => {
  const one = (index: number, delta: object, finish: string | null = null): StreamEvent =>
    chunk({ id: 'c', choices: [{ index, delta, finish_reason: finish }] })
  const events = [one(1, { content: 'b' }), one(0, { content: 'a' }), one(1, {}, 'length'), one(0, {}, 'stop')]
  const done = { event: null, data: '[DONE]' }
  const gemini = parsed(translated(pair('generate', 'chat'), [...events, done], asked())) as {
    candidates: { index: number; finishReason?: string; content: { parts: { text: string }[] } }[]
  }[]
  assert.deepEqual(
    gemini.map(({ candidates: [candidate] }) => [
      candidate?.index,
      candidate?.content.parts[0]?.text,
      candidate?.finishReason,
    ]),
    [
      [1, 'b', undefined],
      [0, 'a', undefined],
      [0, '', 'STOP'],
      [1, '', 'MAX_TOKENS'],
    ],
  )
})

function fails(run: () => unknown, message: RegExp): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof Problem, String(error))
    assert.equal(error.code, 'upstream_failed')
    assert.match(error.message, message)
    return true
  })
}

test('a stream that ends before its dialect’s end marker fails for every client', () => {
  const marker = { chat: '[DONE]', messages: 'message_stop', generate: 'finishReason', converse: 'messageStop' }
  for (const { client, upstream } of PAIRS) {
    const events = STREAMS[upstream]
    const end = events.findIndex((event) => event.event === marker[upstream] || event.data.includes(marker[upstream]))
    for (const length of [0, 1, end])
      fails(
        () => translated(pair(client, upstream), events.slice(0, length), asked()),
        new RegExp(marker[upstream].replace('[', '\\[')),
      )
  }
})

test('each candidate of Gemini must end', () => {
  const one = (index: number, rest: object): StreamEvent =>
    chunk({ candidates: [{ index, content: { parts: [{ text: 'x' }] }, ...rest }] })
  const begun = [one(0, {}), one(1, {}), one(0, { finishReason: 'STOP' })]
  fails(() => translated(pair('chat', 'generate'), begun, asked()), /finishReason/)
  translated(pair('chat', 'generate'), [...begun, one(1, { finishReason: 'STOP' })], asked())
})

test('an end after calls of tools is one by calls, as some servers do not word it', () => {
  const events = STREAMS.chat.map((event) => ({ ...event, data: event.data.replace('"tool_calls"}', '"stop"}') }))
  assert.notDeepEqual(events, STREAMS.chat)
  assert.deepEqual(
    translated(pair('messages', 'chat'), events, asked()),
    translated(pair('messages', 'chat'), STREAMS.chat, asked()),
  )
})

test('an error within a stream fails with its message', () => {
  const errors: [upstream: keyof typeof STREAMS, event: StreamEvent][] = [
    ['chat', chunk({ error: { message: 'too hot', code: 500 } })],
    ['chat', chunk({ object: 'error', message: 'too hot', code: 500 })],
    ['messages', named('error', { type: 'error', error: { type: 'overloaded_error', message: 'too hot' } })],
    ['generate', chunk({ error: { code: 503, message: 'too hot', status: 'UNAVAILABLE' } })],
    ['converse', named('throttlingException', { message: 'too hot' })],
  ]
  for (const [upstream, event] of errors) {
    const client = upstream === 'chat' ? 'messages' : 'chat'
    const translator = pair(client, upstream).stream(asked())
    for (const begun of STREAMS[upstream].slice(0, 2)) translator.push(begun)
    fails(() => translator.push(event), /too hot/)
  }
})

test('what cannot be read in a stream fails', () => {
  for (const data of ['{"a":', '5', '[]', 'null', '{"choices": 5}', '{"choices": [{"delta": {"content": 5}}]}'])
    fails(() => pair('messages', 'chat').stream(asked()).push({ event: null, data }), /provider failed/)
})

test('what comes after the end, or twice, changes nothing', () => {
  const whole = translated(pair('chat', 'messages'), STREAMS.messages, asked())
  const again = [...STREAMS.messages, ...STREAMS.messages.slice(-1), STREAMS.messages[3] ?? chunk({})]
  assert.deepEqual(translated(pair('chat', 'messages'), again, asked()), whole)
  const twice = [...STREAMS.chat, { event: null, data: '[DONE]' }]
  assert.deepEqual(
    translated(pair('messages', 'chat'), twice, asked()),
    translated(pair('messages', 'chat'), STREAMS.chat, asked()),
  )
  const usage = STREAMS.chat.at(-2)
  assert.ok(usage !== undefined)
  const counted = [...STREAMS.chat.slice(0, -1), usage, ...STREAMS.chat.slice(-1)]
  assert.deepEqual(
    translated(pair('messages', 'chat'), counted, asked()),
    translated(pair('messages', 'chat'), STREAMS.chat, asked()),
  )
})

test('a stream that is cut into bytes anywhere is the same stream', () => {
  for (const { client, upstream } of PAIRS) {
    if (upstream === 'converse') continue
    const whole = translated(pair(client, upstream), STREAMS[upstream], asked())
    const bytes = Buffer.from(STREAMS[upstream].map(writeEvent).join(''))
    for (const size of [1, 2, 3, 7, 64]) {
      const parser = new SseParser()
      const events: StreamEvent[] = []
      for (let at = 0; at < bytes.length; at += size) events.push(...parser.push(bytes.subarray(at, at + size)))
      assert.deepEqual(translated(pair(client, upstream), [...events, ...parser.end()], asked()), whole)
    }
  }
})
