/** Kept answers in the form that is asked for: exact in their own, the same to a client in the other, and none where something would be lost. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Dialect } from '../../table/llm.ts'
import { answer } from './answers.fixture.ts'
import type { KeptAnswer } from './answers.ts'
import { given } from './forms.ts'
import type { Wanted } from './forms.ts'

type Json = Record<string, unknown>

const USAGE = { input: 11, output: 5, cache_read: 3, cache_write: 0, reasoning: 2 }
const CHAT_USAGE = {
  prompt_tokens: 11,
  completion_tokens: 5,
  total_tokens: 16,
  prompt_tokens_details: { cached_tokens: 3 },
  completion_tokens_details: { reasoning_tokens: 2 },
}

function wanted(dialect: Dialect, stream: boolean, wantsUsage = false): Wanted {
  const body = wantsUsage ? { stream_options: { include_usage: true } } : {}
  return { dialect, stream, wantsUsage, body, model: 'asked' }
}

function kept(body: string | object, more: Partial<KeptAnswer> = {}): KeptAnswer {
  const form = typeof body === 'string' ? 'stream' : 'whole'
  const type = typeof body === 'string' ? 'text/event-stream; charset=utf-8' : 'application/json'
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return answer(text, { form, headers: { 'content-type': type }, usage: USAGE, ...more })
}

function textOf(found: ReturnType<typeof given>): string | undefined {
  return found && Buffer.concat(found.pieces).toString()
}

function jsonOf(found: ReturnType<typeof given>): Json | undefined {
  const text = textOf(found)
  return text === undefined ? undefined : (JSON.parse(text) as Json)
}

/** The objects of a stream's events. */
function eventsOf(found: ReturnType<typeof given>): Json[] {
  const lines = (textOf(found) ?? '').split('\n').filter((line) => line.startsWith('data: {'))
  return lines.map((line) => JSON.parse(line.slice(6)) as Json)
}

function chunks(...more: readonly object[]): string {
  const base = { id: 'c1', object: 'chat.completion.chunk', created: 7, model: 'gpt' }
  const lines = more.map((one) => `data: ${JSON.stringify({ ...base, ...one })}\n\n`)
  return `${lines.join('')}data: [DONE]\n\n`
}

function choice(index: number, delta: object, finish_reason: string | null = null): object {
  return { choices: [{ index, delta, finish_reason, logprobs: null }] }
}

const TEXT = chunks(
  choice(0, { role: 'assistant', content: '' }),
  choice(0, { content: 'he' }),
  choice(0, { content: 'y' }, 'stop'),
)
const USAGE_CHUNK = `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 7, model: 'gpt', choices: [], usage: CHAT_USAGE })}\n\n`

test('an answer of the form that is asked for is given byte by byte, a stream event by event', () => {
  const whole = { b: 1, a: [null, { unknown: 1.5 }] }
  assert.deepEqual(given(kept(whole), wanted('embeddings', false)), {
    type: 'application/json',
    pieces: [Buffer.from(JSON.stringify(whole))],
  })
  for (const events of [
    ['data: 1\n\n', ': keep\n\n', 'data: 2'],
    ['event: x\r\ndata: é\r\n\r\n', 'data: 2\r\n\r\n'],
  ]) {
    const stream = given(kept(events.join('')), wanted('responses', true))
    assert.deepEqual(
      stream?.pieces.map((piece) => piece.toString()),
      events,
    )
    assert.equal(stream?.type, 'text/event-stream; charset=utf-8')
  }
})

test('a stream gets the event of its usage, or loses it, as the client asks, and is the same otherwise', () => {
  const told = TEXT.replace('data: [DONE]', `${USAGE_CHUNK}data: [DONE]`)
  const without = kept(TEXT, { tellsUsage: false })
  const having = kept(told, { tellsUsage: true })
  assert.equal(textOf(given(without, wanted('chat', true, true))), told)
  assert.equal(textOf(given(without, wanted('chat', true))), TEXT)
  assert.equal(textOf(given(having, wanted('chat', true))), TEXT)
  assert.equal(textOf(given(having, wanted('chat', true, true))), told)
  const within = told.replace('"choices":[]', '"choices":[{"index":0,"delta":{"content":"!"}}]')
  assert.equal(textOf(given(kept(within, { tellsUsage: true }), wanted('chat', true))), within, 'what says more stays')
  const unknown = kept(TEXT, { tellsUsage: false, usage: null })
  assert.equal(textOf(given(unknown, wanted('chat', true, true))), TEXT, 'what was never told is not made up')
})

const CALLS = [
  { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"big":12345678901234567890}' } },
  { id: 'call_2', type: 'function', function: { name: 'g', arguments: '{}' } },
]
const WHOLE = {
  id: 'c1',
  object: 'chat.completion',
  created: 7,
  model: 'gpt',
  system_fingerprint: 'fp',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: 'hey', refusal: null, annotations: [] },
      logprobs: null,
      finish_reason: 'length',
    },
    {
      index: 1,
      message: { role: 'assistant', content: null, refusal: null, tool_calls: CALLS },
      logprobs: null,
      finish_reason: 'tool_calls',
    },
  ],
  usage: CHAT_USAGE,
}

test('a whole chat as a stream has its texts, calls of tools, ends and usage, and comes back whole as it was', () => {
  const stream = given(kept(WHOLE), wanted('chat', true, true))
  assert.equal(stream?.type, 'text/event-stream; charset=utf-8')
  const events = eventsOf(stream)
  assert.ok(events.every(({ id, created, model }) => id === 'c1' && created === 7 && model === 'gpt'))
  assert.deepEqual(events.at(-1)?.['usage'], CHAT_USAGE)
  assert.ok(textOf(stream)?.endsWith('data: [DONE]\n\n'))
  const back = jsonOf(given(kept(textOf(stream) ?? '', { tellsUsage: true }), wanted('chat', false)))
  const { system_fingerprint: _, ...rest } = WHOLE
  assert.deepEqual(back, {
    ...rest,
    choices: rest.choices.map(({ message: { annotations: _none, ...message }, ...one }) => ({ ...one, message })),
  })
  const quiet = eventsOf(given(kept(WHOLE), wanted('chat', true)))
  assert.ok(quiet.every((event) => event['usage'] === undefined))
})

test('a streamed chat as a whole joins what its pieces say of each choice', () => {
  const call = (index: number, more: object): object => ({ tool_calls: [{ index, ...more }] })
  const stream = chunks(
    { ...choice(1, { role: 'assistant', content: null }), usage: null },
    choice(0, { role: 'assistant', content: '' }),
    choice(1, call(0, { id: 'call_1', type: 'function', function: { name: 'f', arguments: '' } })),
    choice(0, { content: 'h' }),
    choice(1, call(0, { function: { arguments: '{"big":123456' } })),
    choice(1, call(0, { function: { arguments: '78901234567890}' } })),
    choice(1, call(1, { id: 'call_2', type: 'function', function: { name: 'g', arguments: '{}' } })),
    choice(0, { content: 'ey' }),
    choice(0, {}, 'length'),
    choice(1, {}, 'tool_calls'),
  )
  const whole = jsonOf(given(kept(stream), wanted('chat', false)))
  const { system_fingerprint: _, ...rest } = WHOLE
  assert.deepEqual(whole, {
    ...rest,
    choices: rest.choices.map(({ message: { annotations: _none, ...message }, ...one }) => ({ ...one, message })),
  })
})

const MESSAGE = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude',
  content: [
    { type: 'thinking', thinking: 'hm', signature: 'sig' },
    { type: 'redacted_thinking', data: 'sealed' },
    { type: 'thinking', thinking: 'so', signature: 'sig2' },
    { type: 'text', text: 'hey', citations: null },
    { type: 'tool_use', id: 'toolu_1', name: 'f', input: { x: [1, 'é'] } },
    { type: 'tool_use', id: 'toolu_2', name: 'g', input: {} },
  ],
  stop_reason: 'tool_use',
  stop_sequence: null,
  stop_details: null,
  usage: {
    input_tokens: 8,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 3,
    output_tokens: 5,
    output_tokens_details: { thinking_tokens: 2 },
  },
}

test('a whole message of Anthropic as a stream, and back as it was', () => {
  const stream = given(kept(MESSAGE), wanted('messages', true))
  const types = eventsOf(stream).map(({ type }) => type)
  assert.deepEqual([types[0], types.at(-2), types.at(-1)], ['message_start', 'message_delta', 'message_stop'])
  assert.equal(types.filter((type) => type === 'content_block_start').length, 6)
  const back = jsonOf(given(kept(textOf(stream) ?? ''), wanted('messages', false)))
  assert.deepEqual(back, MESSAGE)
})

test('a message that ended at a stop sequence says which in both forms', () => {
  const stopped = { ...MESSAGE, content: [], stop_reason: 'stop_sequence', stop_sequence: 'END' }
  const stream = given(kept(stopped), wanted('messages', true))
  assert.deepEqual(jsonOf(given(kept(textOf(stream) ?? ''), wanted('messages', false))), stopped)
})

const [first] = WHOLE.choices

/** Whole answers that a stream cannot say. */
const LOSSY: Readonly<Record<string, [Dialect, object]>> = {
  'log probabilities': ['chat', { ...WHOLE, choices: [{ ...first, logprobs: { content: [{ token: 'h' }] } }] }],
  'an annotation': ['chat', { ...WHOLE, choices: [{ ...first, message: { content: 'x', annotations: [{}] } }] }],
  'a sound': ['chat', { ...WHOLE, choices: [{ ...first, message: { content: null, audio: { id: 'a' } } }] }],
  'a field of a vendor': ['chat', { ...WHOLE, x_vendor: 1 }],
  'choices that are not in order': ['chat', { ...WHOLE, choices: WHOLE.choices.toReversed() }],
  'an end in other words': ['chat', { ...WHOLE, choices: [{ ...first, finish_reason: 'eos' }] }],
  'no choice': ['chat', { ...WHOLE, choices: [] }],
  'two texts in a row': ['messages', { ...MESSAGE, content: ['a', 'b'].map((text) => ({ type: 'text', text })) }],
  'a citation': ['messages', { ...MESSAGE, content: [{ type: 'text', text: 'a', citations: [{}] }] }],
  'a tool of the provider': ['messages', { ...MESSAGE, content: [{ type: 'server_tool_use', id: 'x', name: 'y' }] }],
  'a number that is not kept exactly': [
    'messages',
    { ...MESSAGE, content: [{ type: 'tool_use', id: 'x', name: 'y', input: { n: 1234567890123456 } }] },
  ],
  'a pause': ['messages', { ...MESSAGE, stop_reason: 'pause_turn' }],
  'a refusal that says why': ['messages', { ...MESSAGE, stop_reason: 'refusal', stop_details: { category: 'x' } }],
}

for (const [what, [dialect, body]] of Object.entries(LOSSY))
  test(`a whole answer with ${what} is given only whole`, () => {
    assert.equal(given(kept(body), wanted(dialect, true)), undefined)
    assert.equal(textOf(given(kept(body), wanted(dialect, false))), JSON.stringify(body))
  })

const said = (type: string, more: object = {}): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`
const block = (index: number, content_block: object): string => said('content_block_start', { index, content_block })

/** The stream of a message between its first and its last events. */
function message(...events: readonly string[]): string {
  const start = said('message_start', { message: { ...MESSAGE, content: [], stop_reason: null } })
  const end = said('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: {} })
  return `${start}${events.join('')}${end}${said('message_stop')}`
}

/** Streams that a whole answer of ours cannot say, or that are none. */
const LOSSY_STREAMS: Readonly<Record<string, [Dialect, string]>> = {
  'log probabilities': ['chat', TEXT.replace('"logprobs":null', '"logprobs":{"content":[]}')],
  'a field of a vendor': ['chat', TEXT.replace('"id"', '"x_vendor":1,"id"')],
  'signed reasoning': ['chat', TEXT.replace('"content":"he"', '"content":"he","slipway":{"reasoning":[{}]}')],
  'an end in other words': ['chat', TEXT.replace('"stop"', '"eos"')],
  'a field of a vendor in a call': [
    'chat',
    chunks(
      choice(0, { tool_calls: [{ index: 0, id: 'x', function: { name: 'f', arguments: '{}', x_vendor: 1 } }] }),
      choice(0, {}, 'tool_calls'),
    ),
  ],
  'no end of one of two choices': ['chat', chunks(choice(0, { content: 'a' }, 'stop'), choice(1, { content: 'b' }))],
  'no end of a choice': ['chat', TEXT.replace('"stop"', 'null')],
  'a choice that is missing': ['chat', TEXT.replaceAll('"index":0', '"index":1')],
  'no [DONE]': ['chat', TEXT.replace('data: [DONE]\n\n', '')],
  'an event that is no JSON': ['chat', `data: {\n\n${TEXT}`],
  'an error': ['chat', `data: {"error":{"message":"x"}}\n\n${TEXT}`],
  'nothing in it': ['chat', 'data: [DONE]\n\n'],
  'two texts in a row': [
    'messages',
    message(block(0, { type: 'text', text: 'a' }), block(1, { type: 'text', text: 'b' })),
  ],
  'a tool of the provider': ['messages', message(block(0, { type: 'server_tool_use', id: 'x', name: 'y', input: {} }))],
  'a step of a kind that is not known': [
    'messages',
    message(block(0, { type: 'text', text: '' }), said('content_block_delta', { delta: { type: 'citations_delta' } })),
  ],
  'arguments that were cut': [
    'messages',
    message(
      block(0, { type: 'tool_use', id: 'x', name: 'y', input: {} }),
      said('content_block_delta', { index: 0, delta: { type: 'input_json_delta', partial_json: '{"a":' } }),
    ),
  ],
  'arguments at the beginning of a call': [
    'messages',
    message(block(0, { type: 'tool_use', id: 'x', name: 'y', input: { a: 1 } })),
  ],
  'a container': ['messages', message().replace('"model"', '"container":{"id":"x"},"model"')],
  'a container at its end': [
    'messages',
    message().replace('"stop_reason":"end', '"container":{"id":"x"},"stop_reason":"end'),
  ],
  'no end': ['messages', message().replace(/event: message_stop[^]*/, '')],
}

test('a stream of a message that is well is given whole', () => {
  const text = [block(0, { type: 'text', text: '' }), said('ping')]
  const delta = said('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'é' } })
  const stream = message(...text, delta, said('content_block_stop', { index: 0 }))
  const whole = jsonOf(given(kept(stream), wanted('messages', false)))
  assert.deepEqual(
    [whole?.['content'], whole?.['stop_reason'], whole?.['model']],
    [[{ type: 'text', text: 'é', citations: null }], 'end_turn', 'claude'],
  )
})

for (const [what, [dialect, body]] of Object.entries(LOSSY_STREAMS))
  test(`a stream with ${what} is given only as a stream`, () => {
    assert.equal(given(kept(body), wanted(dialect, false)), undefined)
    assert.equal(textOf(given(kept(body), wanted(dialect, true))), body)
  })

test('dialects that are not read and written in both forms keep each answer to its own', () => {
  for (const dialect of ['completions', 'responses', 'generate', 'embeddings'] as const) {
    assert.equal(given(kept(WHOLE), wanted(dialect, true)), undefined)
    assert.equal(given(kept(TEXT), wanted(dialect, false)), undefined)
  }
})
