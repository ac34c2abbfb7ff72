/** Tests of translated requests against bodies written by hand from the references of the providers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type Anthropic from '@anthropic-ai/sdk'
import type OpenAI from 'openai'
import type { Json } from './dialects.ts'
import { request } from './translation.fixture.ts'

type ChatBody = OpenAI.ChatCompletionCreateParams
type MessagesBody = Anthropic.MessageCreateParams

const SCHEMA = { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] }

const CHAT: ChatBody = {
  model: 'house',
  messages: [
    { role: 'system', content: 'Be short.' },
    { role: 'developer', content: [{ type: 'text', text: 'And kind.' }] },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Look:' },
        { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
        { type: 'image_url', image_url: { url: 'https://a.example/b.jpg', detail: 'low' } },
        { type: 'file', file: { filename: 'a b.pdf', file_data: 'data:application/pdf;base64,BBBB' } },
      ],
    },
    {
      role: 'assistant',
      content: null,
      tool_calls: [
        { id: 'call_1', type: 'function', function: { name: 'sum', arguments: '{"a": 1}' } },
        { id: 'call_2', type: 'function', function: { name: 'now', arguments: '' } },
      ],
    },
    { role: 'tool', tool_call_id: 'call_1', content: '{"sum": 1}' },
    { role: 'tool', tool_call_id: 'call_2', content: [{ type: 'text', text: 'noon' }] },
    { role: 'user', content: 'And?' },
  ],
  tools: [
    { type: 'function', function: { name: 'sum', description: 'adds', parameters: SCHEMA, strict: true } },
    { type: 'function', function: { name: 'now' } },
  ],
  tool_choice: 'required',
  parallel_tool_calls: false,
  max_completion_tokens: 50,
  temperature: 0.5,
  stop: ['END'],
  user: 'u1',
  stream: true,
}

test('a chat with pictures and tools goes to Anthropic', () => {
  const expected: MessagesBody = {
    model: 'claude-sonnet-4-5',
    max_tokens: 50,
    system: [
      { type: 'text', text: 'Be short.' },
      { type: 'text', text: 'And kind.' },
    ],
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look:' },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
          { type: 'image', source: { type: 'url', url: 'https://a.example/b.jpg' } },
          {
            type: 'document',
            source: { type: 'base64', media_type: 'application/pdf', data: 'BBBB' },
            title: 'a b.pdf',
          },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'tool_use', id: 'call_1', name: 'sum', input: { a: 1 } },
          { type: 'tool_use', id: 'call_2', name: 'now', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'call_1', content: [{ type: 'text', text: '{"sum": 1}' }] },
          { type: 'tool_result', tool_use_id: 'call_2', content: [{ type: 'text', text: 'noon' }] },
          { type: 'text', text: 'And?' },
        ],
      },
    ],
    tools: [
      { name: 'sum', description: 'adds', input_schema: { ...SCHEMA, type: 'object' }, strict: true },
      { name: 'now', input_schema: { type: 'object', properties: {} } },
    ],
    tool_choice: { type: 'any', disable_parallel_tool_use: true },
    stop_sequences: ['END'],
    metadata: { user_id: 'u1' },
    stream: true,
  }
  const { body, lost } = request(['chat', 'messages'], CHAT, 'claude-sonnet-4-5')
  assert.deepEqual(body, { ...expected, temperature: 0.5 })
  assert.deepEqual(lost, ['messages[2].content[2].image_url.detail'])
})

test('a chat with pictures and tools goes to Gemini', () => {
  const { body, lost } = request(['chat', 'generate'], { ...CHAT, seed: 7, n: 2, top_p: 0.9 }, 'gemini-2.5-pro')
  assert.deepEqual(body, {
    systemInstruction: { parts: [{ text: 'Be short.' }, { text: 'And kind.' }] },
    contents: [
      {
        role: 'user',
        parts: [
          { text: 'Look:' },
          { inlineData: { mimeType: 'image/png', data: 'AAAA' } },
          { fileData: { mimeType: 'image/jpeg', fileUri: 'https://a.example/b.jpg' } },
          { inlineData: { mimeType: 'application/pdf', data: 'BBBB' } },
        ],
      },
      {
        role: 'model',
        parts: [
          { functionCall: { id: 'call_1', name: 'sum', args: { a: 1 } } },
          { functionCall: { id: 'call_2', name: 'now', args: {} } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { id: 'call_1', name: 'sum', response: { sum: 1 } } },
          { functionResponse: { id: 'call_2', name: 'now', response: { output: 'noon' } } },
          { text: 'And?' },
        ],
      },
    ],
    tools: [
      {
        functionDeclarations: [{ name: 'sum', description: 'adds', parametersJsonSchema: SCHEMA }, { name: 'now' }],
      },
    ],
    toolConfig: { functionCallingConfig: { mode: 'ANY' } },
    generationConfig: {
      maxOutputTokens: 50,
      temperature: 0.5,
      topP: 0.9,
      stopSequences: ['END'],
      seed: 7,
      candidateCount: 2,
    },
  })
  assert.deepEqual(lost, [
    'messages[2].content[2].image_url.detail',
    'parallel_tool_calls',
    'tools[0].function.strict',
    'user',
  ])
})

test('a chat with pictures and tools goes to Bedrock', () => {
  const { body, lost } = request(['chat', 'converse'], CHAT, 'us.anthropic.claude-sonnet-4-20250514-v1:0')
  assert.deepEqual(body, {
    system: [{ text: 'Be short.' }, { text: 'And kind.' }],
    messages: [
      {
        role: 'user',
        content: [
          { text: 'Look:' },
          { image: { format: 'png', source: { bytes: 'AAAA' } } },
          { document: { format: 'pdf', name: 'a b-pdf 1', source: { bytes: 'BBBB' } } },
        ],
      },
      {
        role: 'assistant',
        content: [
          { toolUse: { toolUseId: 'call_1', name: 'sum', input: { a: 1 } } },
          { toolUse: { toolUseId: 'call_2', name: 'now', input: {} } },
        ],
      },
      {
        role: 'user',
        content: [
          { toolResult: { toolUseId: 'call_1', content: [{ json: { sum: 1 } }] } },
          { toolResult: { toolUseId: 'call_2', content: [{ text: 'noon' }] } },
          { text: 'And?' },
        ],
      },
    ],
    inferenceConfig: { maxTokens: 50, temperature: 0.5, stopSequences: ['END'] },
    toolConfig: {
      tools: [
        { toolSpec: { name: 'sum', description: 'adds', inputSchema: { json: SCHEMA } } },
        { toolSpec: { name: 'now', inputSchema: { json: { type: 'object', properties: {} } } } },
      ],
      toolChoice: { any: {} },
    },
  })
  assert.deepEqual(lost, ['messages[2].content[2]', 'parallel_tool_calls', 'tools[0].function.strict', 'user'])
})

const MESSAGES: MessagesBody = {
  model: 'house',
  max_tokens: 60,
  system: [{ type: 'text', text: 'Be short.', cache_control: { type: 'ephemeral' } }],
  messages: [
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Look:', cache_control: { type: 'ephemeral' } },
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
        { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'a text' } },
      ],
    },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'Hmm.', signature: 'sig' },
        { type: 'redacted_thinking', data: 'opaque' },
        { type: 'text', text: 'I add.' },
        { type: 'tool_use', id: 'toolu_1', name: 'sum', input: { a: 1 } },
      ],
    },
    {
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: 'toolu_1', content: 'no', is_error: true },
        { type: 'text', text: 'And?' },
      ],
    },
  ],
  tools: [
    { name: 'sum', description: 'adds', input_schema: { ...SCHEMA, type: 'object' } },
    { type: 'web_search_20250305', name: 'web_search' },
  ],
  tool_choice: { type: 'tool', name: 'sum', disable_parallel_tool_use: true },
  stop_sequences: ['END'],
  metadata: { user_id: 'u1' },
  thinking: { type: 'enabled', budget_tokens: 1024 },
  service_tier: 'auto',
  output_config: { format: { type: 'json_schema', schema: SCHEMA } },
}

test('messages with thoughts and tools go to a server that chats', () => {
  const expected: ChatBody = {
    model: 'gpt-5',
    messages: [
      { role: 'system', content: 'Be short.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look:' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
          { type: 'text', text: 'a text' },
        ],
      },
      {
        role: 'assistant',
        content: 'I add.',
        tool_calls: [{ id: 'toolu_1', type: 'function', function: { name: 'sum', arguments: '{"a":1}' } }],
      },
      { role: 'tool', tool_call_id: 'toolu_1', content: 'no' },
      { role: 'user', content: 'And?' },
    ],
    tools: [{ type: 'function', function: { name: 'sum', description: 'adds', parameters: SCHEMA } }],
    tool_choice: { type: 'function', function: { name: 'sum' } },
    parallel_tool_calls: false,
    max_completion_tokens: 60,
    stop: ['END'],
    user: 'u1',
    response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: SCHEMA } },
  }
  const { body, lost } = request(['messages', 'chat'], MESSAGES, 'gpt-5')
  assert.deepEqual(body, expected)
  assert.deepEqual(lost, [
    'messages[0].content[0].cache_control',
    'messages[1].content[0]',
    'messages[1].content[1]',
    'messages[2].content[0].is_error',
    'service_tier',
    'system[0].cache_control',
    'thinking',
    'tools[1]',
  ])
})

test('messages keep their thoughts on the way to a Claude of Bedrock', () => {
  const { body, lost } = request(['messages', 'converse'], MESSAGES, 'anthropic.claude-sonnet-4-20250514-v1:0')
  assert.deepEqual((body['messages'] as Json[])[1], {
    role: 'assistant',
    content: [
      { reasoningContent: { reasoningText: { text: 'Hmm.', signature: 'sig' } } },
      { reasoningContent: { redactedContent: 'opaque' } },
      { text: 'I add.' },
      { toolUse: { toolUseId: 'toolu_1', name: 'sum', input: { a: 1 } } },
    ],
  })
  assert.deepEqual((body['messages'] as Json[])[2], {
    role: 'user',
    content: [{ toolResult: { toolUseId: 'toolu_1', content: [{ text: 'no' }], status: 'error' } }, { text: 'And?' }],
  })
  assert.deepEqual(body['additionalModelRequestFields'], { thinking: { type: 'enabled', budget_tokens: 1024 } })
  assert.deepEqual(body['outputConfig'], {
    textFormat: { type: 'json_schema', structure: { jsonSchema: { schema: JSON.stringify(SCHEMA) } } },
  })
  assert.deepEqual((body['toolConfig'] as Json)['toolChoice'], { tool: { name: 'sum' } })
  assert.deepEqual(lost, [
    'messages[0].content[0].cache_control',
    'metadata.user_id',
    'service_tier',
    'system[0].cache_control',
    'tool_choice.disable_parallel_tool_use',
    'tools[1]',
  ])
})

test('messages go to Gemini 3, whose history needs signatures', () => {
  const { body, lost } = request(['messages', 'generate'], MESSAGES, 'gemini-3-pro')
  assert.deepEqual((body['contents'] as Json[])[1], {
    role: 'model',
    parts: [
      { text: 'I add.' },
      {
        functionCall: { id: 'toolu_1', name: 'sum', args: { a: 1 } },
        thoughtSignature: 'skip_thought_signature_validator',
      },
    ],
  })
  assert.deepEqual((body['contents'] as Json[])[2], {
    role: 'user',
    parts: [{ functionResponse: { id: 'toolu_1', name: 'sum', response: { error: 'no' } } }, { text: 'And?' }],
  })
  assert.deepEqual(body['toolConfig'], { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['sum'] } })
  assert.deepEqual(body['generationConfig'], {
    maxOutputTokens: 60,
    stopSequences: ['END'],
    responseMimeType: 'application/json',
    responseJsonSchema: SCHEMA,
  })
  assert.ok(lost.includes('messages[1].content[0]') && lost.includes('thinking'))
})

test('responses go to a server that chats', () => {
  const body: OpenAI.Responses.ResponseCreateParams = {
    model: 'house',
    instructions: 'Be short.',
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'Look:' },
          { type: 'input_image', detail: 'high', image_url: 'https://a.example/b' },
        ],
      },
      { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'Hmm.' }] },
      {
        type: 'message',
        id: 'msg_1',
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text: 'I add.', annotations: [] }],
      },
      { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'sum', arguments: '{"a":1}', status: 'completed' },
      { type: 'function_call', call_id: 'call_2', name: 'now', arguments: '{}' },
      { type: 'function_call_output', call_id: 'call_1', output: '1' },
      { type: 'function_call_output', call_id: 'call_2', output: [{ type: 'input_text', text: 'noon' }] },
    ],
    tools: [
      { type: 'function', name: 'sum', description: 'adds', parameters: SCHEMA, strict: true },
      { type: 'web_search' },
    ],
    tool_choice: { type: 'function', name: 'sum' },
    max_output_tokens: 70,
    reasoning: { effort: 'low', summary: 'auto' },
    text: { format: { type: 'json_schema', name: 'point', schema: SCHEMA, strict: true }, verbosity: 'low' },
    store: false,
    include: ['reasoning.encrypted_content'],
    stream: true,
  }
  const expected: ChatBody = {
    model: 'llama',
    messages: [
      { role: 'system', content: 'Be short.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look:' },
          { type: 'image_url', image_url: { url: 'https://a.example/b', detail: 'high' } },
        ],
      },
      {
        role: 'assistant',
        content: 'I add.',
        tool_calls: [
          { id: 'call_1', type: 'function', function: { name: 'sum', arguments: '{"a":1}' } },
          { id: 'call_2', type: 'function', function: { name: 'now', arguments: '{}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'call_1', content: '1' },
      { role: 'tool', tool_call_id: 'call_2', content: 'noon' },
    ],
    tools: [{ type: 'function', function: { name: 'sum', description: 'adds', parameters: SCHEMA, strict: true } }],
    tool_choice: { type: 'function', function: { name: 'sum' } },
    max_tokens: 70,
    reasoning_effort: 'low',
    response_format: { type: 'json_schema', json_schema: { name: 'point', schema: SCHEMA, strict: true } },
    stream: true,
    stream_options: { include_usage: true },
  }
  const { body: written, lost } = request(['responses', 'chat'], body, 'llama')
  assert.deepEqual(written, expected)
  assert.deepEqual(lost, ['include', 'input[1]', 'reasoning.summary', 'text.verbosity', 'tools[1]'])
})

test('a request of Gemini goes to a server that chats, in camel case and in snake case', () => {
  const parts = { name: 'sum', args: { a: 1 } }
  const camel = {
    systemInstruction: { parts: [{ text: 'Be short.' }] },
    contents: [
      { role: 'user', parts: [{ text: 'Look:' }, { inlineData: { mimeType: 'image/png', data: 'AAAA' } }] },
      { role: 'model', parts: [{ functionCall: parts, thoughtSignature: 'c2ln' }, { functionCall: parts }] },
      {
        role: 'user',
        parts: [
          { functionResponse: { name: 'sum', response: { output: 'one' } } },
          { functionResponse: { name: 'sum', response: { sum: 2 } } },
        ],
      },
    ],
    tools: [
      {
        functionDeclarations: [
          { name: 'sum', parameters: { type: 'OBJECT', properties: { type: { type: 'NUMBER' } } } },
        ],
      },
    ],
    toolConfig: { functionCallingConfig: { mode: 'AUTO' } },
    generationConfig: { maxOutputTokens: 5, topK: 3, candidateCount: 2, responseMimeType: 'application/json' },
    safetySettings: [],
    stream: true,
  }
  const expected = {
    model: 'm',
    messages: [
      { role: 'system', content: 'Be short.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look:' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          {
            id: 'call_0',
            type: 'function',
            function: { name: 'sum', arguments: '{"a":1}' },
            extra_content: { google: { thought_signature: 'c2ln' } },
          },
          { id: 'call_1', type: 'function', function: { name: 'sum', arguments: '{"a":1}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'call_0', content: 'one' },
      { role: 'tool', tool_call_id: 'call_1', content: '{"sum":2}' },
    ],
    tools: [
      {
        type: 'function',
        function: { name: 'sum', parameters: { type: 'object', properties: { type: { type: 'number' } } } },
      },
    ],
    tool_choice: 'auto',
    max_tokens: 5,
    n: 2,
    response_format: { type: 'json_object' },
    stream: true,
    stream_options: { include_usage: true },
  }
  const { body, lost } = request(['generate', 'chat'], camel)
  assert.deepEqual(body, expected)
  assert.deepEqual(lost, ['generationConfig.topK', 'safetySettings'])
  const snake: unknown = JSON.parse(
    JSON.stringify(camel).replaceAll(/"([a-z]+[A-Z]\w*)":/g, (whole) =>
      whole.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    ),
  )
  const again = request(['generate', 'chat'], snake as Json)
  assert.deepEqual(again.body, expected)
  assert.deepEqual(again.lost, ['generation_config.top_k', 'safety_settings'])
})
