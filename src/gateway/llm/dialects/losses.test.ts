/** Tests of what translations of requests lose, approximate and refuse, and say so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Dialect } from '../../table/llm.ts'
import type { Json } from './dialects.ts'
import { faultAt, request } from './translation.fixture.ts'

test('fields that a dialect cannot say are told, neutral and null ones are not', () => {
  const hi = { messages: [{ role: 'user', content: 'hi' }] }
  const cases: [upstream: Dialect, body: object, lost: string[]][] = [
    [
      'messages',
      { max_tokens: 1, n: 3, seed: 1, logprobs: true, top_logprobs: 2, logit_bias: { 5: 1 } },
      ['logit_bias', 'logprobs', 'n', 'seed', 'top_logprobs'],
    ],
    [
      'messages',
      {
        max_tokens: 1,
        n: 1,
        frequency_penalty: 0,
        presence_penalty: 0,
        logprobs: false,
        store: false,
        seed: null,
        audio: null,
      },
      [],
    ],
    ['messages', {}, ['max_tokens']],
    ['messages', { max_tokens: 1, response_format: { type: 'json_object' } }, ['response_format']],
    ['messages', { max_tokens: 1, stop: [' ', 'x'] }, ['stop']],
    ['messages', { max_tokens: 1, 'un known\n': 1, new_field: {} }, ['["un known\\n"]', 'new_field']],
    [
      'generate',
      { frequency_penalty: 0.5, reasoning_effort: 'low', metadata: { a: 'b' } },
      ['metadata', 'reasoning_effort'],
    ],
    ['converse', { n: 2, seed: 1, response_format: { type: 'json_object' } }, ['n', 'response_format', 'seed']],
  ]
  for (const [upstream, body, lost] of cases)
    assert.deepEqual(request(['chat', upstream], { ...hi, ...body }).lost, lost, JSON.stringify(body))
  assert.equal(request(['chat', 'messages'], hi).body['max_tokens'], 4096)
})

test('a message of the system that comes later moves to the front, and its place is lost', () => {
  const messages = [
    { role: 'user', content: 'hi' },
    { role: 'system', content: 'Be short.' },
    { role: 'user', content: 'again' },
  ]
  const { body, lost } = request(['chat', 'messages'], { messages, max_tokens: 1 })
  assert.equal(body['system'], 'Be short.')
  assert.deepEqual(body['messages'], [
    {
      role: 'user',
      content: [
        { type: 'text', text: 'hi' },
        { type: 'text', text: 'again' },
      ],
    },
  ])
  assert.deepEqual(lost, ['messages[1].role'])
})

test('sampling goes only to models of Anthropic that take it', () => {
  const body = {
    messages: [{ role: 'user', content: 'hi' }],
    max_tokens: 1,
    temperature: 1.5,
    top_p: 0.5,
    reasoning_effort: 'high',
  }
  const taking = [
    'claude-3-5-sonnet-20241022',
    'claude-opus-4-20250514',
    'claude-opus-4-1-20250805',
    'claude-sonnet-4-6',
    'claude-sonnet-4.5',
    'claude-2.1',
  ]
  for (const model of taking) {
    const { body: written, lost } = request(['chat', 'messages'], body, model)
    assert.deepEqual([written['temperature'], written['top_p']], [1, undefined], model)
    assert.deepEqual(lost, ['reasoning_effort', 'temperature', 'top_p'], model)
  }
  for (const model of ['claude-opus-4-7', 'claude-opus-4-10', 'claude-sonnet-5', 'claude-opus-5-5', 'claude-fable-5']) {
    const { body: written, lost } = request(['chat', 'messages'], body, model)
    assert.deepEqual([written['temperature'], written['top_p']], [undefined, undefined], model)
    assert.deepEqual(written['output_config'], { effort: 'high' }, model)
    assert.deepEqual(lost, ['temperature', 'top_p'], model)
  }
  const other = request(['chat', 'messages'], body, 'MiniMax-M2')
  assert.deepEqual([other.body['temperature'], other.body['top_p']], [1, 0.5])
})

test('choices of tools go over', () => {
  const tools = [{ type: 'function', function: { name: 'sum' } }]
  const chosen: [choice: unknown, messages: unknown, generate: unknown, converse: unknown][] = [
    ['auto', { type: 'auto' }, { mode: 'AUTO' }, { auto: {} }],
    ['none', { type: 'none' }, { mode: 'NONE' }, undefined],
    ['required', { type: 'any' }, { mode: 'ANY' }, { any: {} }],
    [
      { type: 'function', function: { name: 'sum' } },
      { type: 'tool', name: 'sum' },
      { mode: 'ANY', allowedFunctionNames: ['sum'] },
      { tool: { name: 'sum' } },
    ],
  ]
  for (const [choice, messages, generate, converse] of chosen) {
    const body = { messages: [{ role: 'user', content: 'hi' }], tools, tool_choice: choice, max_tokens: 1 }
    assert.deepEqual(request(['chat', 'messages'], body).body['tool_choice'], messages)
    assert.deepEqual(request(['chat', 'generate'], body).body['toolConfig'], { functionCallingConfig: generate })
    const config = request(['chat', 'converse'], body)
    assert.deepEqual((config.body['toolConfig'] as Json | undefined)?.['toolChoice'], converse)
    assert.deepEqual(config.lost, [])
  }
})

test('Bedrock keeps the tools of a history that called them, and tells that one may be called again', () => {
  const messages = [
    { role: 'user', content: 'hi' },
    { role: 'assistant', tool_calls: [{ id: 'c', type: 'function', function: { name: 'sum', arguments: '{}' } }] },
    { role: 'tool', tool_call_id: 'c', content: '' },
  ]
  const tools = [{ type: 'function', function: { name: 'sum' } }]
  const { body, lost } = request(['chat', 'converse'], { messages, tools, tool_choice: 'none' })
  assert.ok(body['toolConfig'] !== undefined)
  assert.deepEqual(lost, ['tool_choice'])
})

test('a body that is wrong in its own dialect is refused by the path of the field', () => {
  const user = (content: unknown): object => ({ messages: [{ role: 'user', content }] })
  const called = (call: object): object => ({ messages: [{ role: 'assistant', tool_calls: [call] }] })
  const cases: [pairOf: [Dialect, Dialect], body: object, field: string][] = [
    [['chat', 'messages'], {}, 'messages'],
    [['chat', 'messages'], { messages: 'hi' }, 'messages'],
    [['chat', 'messages'], { messages: ['hi'] }, 'messages[0]'],
    [['chat', 'messages'], { messages: [{ content: 'hi' }] }, 'messages[0].role'],
    [['chat', 'messages'], { messages: [{ role: 'boss', content: 'hi' }] }, 'messages[0].role'],
    [['chat', 'messages'], user(5), 'messages[0].content'],
    [['chat', 'messages'], user([5]), 'messages[0].content[0]'],
    [['chat', 'messages'], user([{ text: 'x' }]), 'messages[0].content[0].type'],
    [['chat', 'messages'], user([{ type: 'text' }]), 'messages[0].content[0].text'],
    [['chat', 'messages'], user([{ type: 'image_url', image_url: 'x' }]), 'messages[0].content[0].image_url'],
    [['chat', 'messages'], { ...user('hi'), temperature: 'hot' }, 'temperature'],
    [['chat', 'messages'], { ...user('hi'), stop: ['a', 1] }, 'stop[1]'],
    [['chat', 'messages'], { ...user('hi'), tools: {} }, 'tools'],
    [['chat', 'messages'], { ...user('hi'), tool_choice: 3 }, 'tool_choice'],
    [
      ['chat', 'messages'],
      { ...user('hi'), response_format: { type: 'json_schema' } },
      'response_format.json_schema.schema',
    ],
    [
      ['chat', 'messages'],
      called({ id: 'c', type: 'function', function: { name: 'f', arguments: '[1' } }),
      'messages[0].tool_calls[0].function.arguments',
    ],
    [['chat', 'messages'], called({ type: 'function', function: { name: 'f' } }), 'messages[0].tool_calls[0].id'],
    [['chat', 'generate'], { messages: [{ role: 'tool', tool_call_id: 'x', content: '' }] }, 'messages[0]'],
    [['messages', 'chat'], { messages: null }, 'messages'],
    [['messages', 'chat'], { messages: [], system: 1 }, 'system'],
    [
      ['messages', 'chat'],
      { messages: [{ role: 'user', content: [{ type: 'image' }] }] },
      'messages[0].content[0].source',
    ],
    [['messages', 'chat'], { messages: [], tool_choice: { type: 'x' } }, 'tool_choice.type'],
    [['responses', 'chat'], {}, 'input'],
    [['responses', 'chat'], { input: [{ role: 'x', content: 'y' }] }, 'input[0].role'],
    [['generate', 'chat'], { contents: 'hi' }, 'contents'],
    [['generate', 'chat'], { contents: [{ role: 'user', parts: [{ text: 1 }] }] }, 'contents[0].parts[0].text'],
  ]
  for (const [pairOf, body, field] of cases)
    assert.throws(() => request(pairOf, body), faultAt(field), JSON.stringify(body))
})

test('unknown fields are told at every depth, within what is lost as a whole only its path', () => {
  const body = {
    max_tokens: 1,
    messages: [
      {
        role: 'user',
        name: 'Ann',
        content: [
          { type: 'text', text: 'hi', x: 1 },
          { type: 'hologram', deep: { y: 1 } },
          { type: 'image_url', image_url: { url: 'https://a.example', z: 1 } },
        ],
      },
    ],
    tools: [{ type: 'custom', custom: { name: 'c' } }],
    tool_choice: { type: 'function', function: { name: 'sum', w: 1 } },
    response_format: { type: 'json_schema', json_schema: { name: 'n', schema: {}, v: 1 }, u: 1 },
  }
  assert.deepEqual(request(['chat', 'messages'], body).lost, [
    'messages[0].content[0].x',
    'messages[0].content[1]',
    'messages[0].content[2].image_url.z',
    'messages[0].name',
    'response_format.json_schema.name',
    'response_format.json_schema.v',
    'response_format.u',
    'tool_choice.function.w',
    'tools[0]',
  ])
  const generate = {
    contents: [{ parts: [{ inlineData: { mimeType: 'image/png', data: 'A', q: 1 }, mediaResolution: {} }] }],
    toolConfig: { retrievalConfig: {} },
  }
  assert.deepEqual(request(['generate', 'chat'], generate).lost, [
    'contents[0].parts[0].inlineData.q',
    'contents[0].parts[0].mediaResolution',
    'toolConfig.retrievalConfig',
  ])
})

test('what only OpenAI keeps is refused, for the input would not be whole', () => {
  for (const key of ['previous_response_id', 'conversation', 'prompt'])
    assert.throws(() => request(['responses', 'chat'], { input: 'hi', [key]: 'x' }), faultAt(key))
})

test('a schema is closed for Anthropic, and what it cannot bound is told', () => {
  const named = (more: object) => ({
    type: 'object',
    properties: {
      name: { type: 'string', minLength: 1 },
      of: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/minLength' }] },
    },
    required: ['name'],
    ...more,
  })
  const list = {
    type: 'array',
    minItems: 2,
    items: { type: ['object', 'null'], additionalProperties: { type: 'string' } },
  }
  const schema = named({
    $defs: { minLength: named({ additionalProperties: false }), list, one: { type: 'array', minItems: 1 } },
  })
  const { body, lost } = request(['chat', 'messages'], {
    messages: [{ role: 'user', content: 'hi' }],
    max_tokens: 1,
    response_format: { type: 'json_schema', json_schema: { schema } },
  })
  const closed = (more: object) => ({
    type: 'object',
    properties: { name: { type: 'string' }, of: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/minLength' }] } },
    required: ['name'],
    additionalProperties: false,
    ...more,
  })
  const defs = {
    minLength: closed({}),
    list: { type: 'array', items: { type: ['object', 'null'], additionalProperties: false } },
    one: { type: 'array', minItems: 1 },
  }
  assert.deepEqual(body['output_config'], { format: { type: 'json_schema', schema: closed({ $defs: defs }) } })
  const at = 'response_format.json_schema.schema'
  assert.deepEqual(lost, [
    `${at}.$defs.list.items.additionalProperties`,
    `${at}.$defs.list.minItems`,
    `${at}.$defs.minLength.properties.name.minLength`,
    `${at}.properties.name.minLength`,
  ])
})

test('what Gemini says may be null may be null to others', () => {
  const schema = { type: 'OBJECT', nullable: true, properties: { nullable: { type: 'STRING', nullable: false } } }
  const { body, lost } = request(['generate', 'chat'], {
    contents: [{ role: 'user', parts: [{ text: 'hi' }] }],
    generationConfig: { responseMimeType: 'application/json', responseSchema: schema },
  })
  const properties = { nullable: { type: 'string', nullable: false } }
  const { json_schema } = body['response_format'] as { json_schema: { schema: Json } }
  assert.deepEqual(json_schema.schema, { type: ['object', 'null'], properties })
  assert.deepEqual(lost, [])
})

test('a thread that goes on at Anthropic is refused by models that keep nothing, and one that begins is lost', () => {
  const hi = { max_tokens: 1, messages: [{ role: 'user', content: 'hi' }] }
  const of = (thread: unknown) => request(['messages', 'chat'], { ...hi, thread })
  assert.throws(() => of({ type: 'continue', previous_message_id: 'm' }), faultAt('thread'))
  assert.deepEqual(of({ type: 'create' }).lost, ['thread'])
  assert.deepEqual(of(null).lost, [])
})

test('a prompt becomes what the user says; tokens and several prompts are refused', () => {
  const { body, lost } = request(['completions', 'chat'], {
    model: 'house',
    prompt: ['Once'],
    suffix: 'end',
    echo: true,
    logprobs: 2,
    max_tokens: 9,
    best_of: 1,
  })
  assert.deepEqual(body, { model: 'm', messages: [{ role: 'user', content: 'Once' }], max_tokens: 9 })
  assert.deepEqual(lost, ['echo', 'logprobs', 'suffix'])
  for (const prompt of [undefined, [1, 2], ['a', 'b'], [[1]]])
    assert.throws(() => request(['completions', 'chat'], { prompt }), faultAt('prompt'))
})

test('a path is one line of ASCII, however a key is written', () => {
  const body = { messages: [], max_tokens: 1, ['é\r\nX: "1"']: 1, ['k'.repeat(500)]: 1 }
  assert.deepEqual(request(['chat', 'messages'], body).lost, [
    String.raw`["\u00e9\r\nX: \"1\""]`,
    `["${'k'.repeat(100)}..."]`,
  ])
})

test('ids of calls are written so that Anthropic and Bedrock take them, in the call and its result', () => {
  const messages = [
    { role: 'assistant', tool_calls: [{ id: 'functions.sum:0', type: 'function', function: { name: 'sum' } }] },
    { role: 'tool', tool_call_id: 'functions.sum:0', content: '1' },
  ]
  const anthropic = request(['chat', 'messages'], { messages, max_tokens: 1 }).body['messages'] as Json[]
  assert.deepEqual(anthropic[0]?.['content'], [{ type: 'tool_use', id: 'functions_sum_0', name: 'sum', input: {} }])
  const text = [{ type: 'text', text: '1' }]
  assert.deepEqual(anthropic[1]?.['content'], [{ type: 'tool_result', tool_use_id: 'functions_sum_0', content: text }])
  const bedrock = request(['chat', 'converse'], { messages }).body['messages'] as Json[]
  assert.deepEqual(bedrock[0]?.['content'], [{ toolUse: { toolUseId: 'functions_sum_0', name: 'sum', input: {} } }])
})

test('a schema of arguments without a type is one of an object where that is demanded', () => {
  const tools = [{ type: 'function', function: { name: 'sum', parameters: { properties: {} } } }]
  const { body } = request(['chat', 'messages'], { messages: [], max_tokens: 1, tools })
  assert.deepEqual(body['tools'], [{ name: 'sum', input_schema: { type: 'object', properties: {} } }])
})

test('what was only thoughts or foreign parts is an empty text for a server that chats', () => {
  const messages = [
    { role: 'assistant', content: [{ type: 'thinking', thinking: 't', signature: 's' }] },
    { role: 'user', content: [{ type: 'search_result' }] },
  ]
  const { body, lost } = request(['messages', 'chat'], { messages, max_tokens: 1 })
  assert.deepEqual(body['messages'], [
    { role: 'assistant', content: '' },
    { role: 'user', content: '' },
  ])
  assert.deepEqual(lost, ['messages[0].content[0]', 'messages[1].content[0]'])
})

test('Gemini 3 gets the signature of a turn as it was, or on its first call what stands for one', () => {
  const call = (id: string, signature?: string): Json => ({
    id,
    type: 'function',
    function: { name: 'f', arguments: '{}' },
    ...(signature === undefined ? {} : { extra_content: { google: { thought_signature: signature } } }),
  })
  const signatures = (calls: Json[], model: string): unknown[] => {
    const messages = [{ role: 'assistant', tool_calls: calls }]
    const [turn] = request(['chat', 'generate'], { messages }, model).body['contents'] as { parts: Json[] }[]
    return turn?.parts.map((part) => part['thoughtSignature']) ?? []
  }
  const foreign = 'skip_thought_signature_validator'
  assert.deepEqual(signatures([call('a'), call('b')], 'gemini-3.1-pro-preview'), [foreign, undefined])
  assert.deepEqual(signatures([call('a', 'c2ln'), call('b')], 'gemini-3-flash'), ['c2ln', undefined])
  assert.deepEqual(signatures([call('a'), call('b')], 'gemini-2.5-pro'), [undefined, undefined])
})
