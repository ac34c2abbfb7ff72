/** Guardrails on requests and whole answers: what is sent, what goes on, what is paid and what is kept. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { LlmGuardrail, LlmOptions } from '../../contract/llm/options.ts'
import { llmGateway, routeOf } from './gateway.fixture.ts'
import type { LlmBench } from './gateway.fixture.ts'
import { jsonServer } from './guarded.fixture.ts'

const EMAIL = 'joe@example.com'
const PII: LlmGuardrail = { kind: 'pii', name: 'private', on: 'both', action: 'redact', find: ['email', 'card'] }

function chatAnswer(message: object, more: object = {}): string {
  const usage = { prompt_tokens: 11, completion_tokens: 5, total_tokens: 16 }
  const choices = [{ index: 0, message: { role: 'assistant', ...message }, ...more, finish_reason: 'stop' }]
  return JSON.stringify({ id: 'c', object: 'chat.completion', choices, usage, x_vendor: 1 })
}

interface Stage {
  readonly bench: LlmBench
  readonly asked: readonly string[]
}

async function stage(
  t: TestContext,
  guardrails: readonly LlmGuardrail[],
  answer: (text: string, path: string) => string = () => chatAnswer({ content: 'fine' }),
  options: Partial<LlmOptions> = {},
): Promise<Stage> {
  const { url, asked } = await jsonServer(t, answer)
  const model = { model: 'm', url, settings: { dialects: 'chat,embeddings,messages' } }
  const bench = await llmGateway(t, routeOf({ m: [model] }, { endpoint: { guardrails, experiment: 'e', ...options } }))
  return { bench, asked }
}

test('of a request only what is found changes', async (t) => {
  const { bench, asked } = await stage(t, [PII])
  const body =
    '{ "model":"m", "x":1.0,"tools":[{"type":"function","function":{"name":"f","description":"to joe@example.com"}}],' +
    '"messages":[ {"role":"user","content":"caf\\u00e9 joe@\\u0065xample.com"}, {"role":"assistant","content":null,"tool_calls":' +
    '[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\\"to\\": \\"joe@example.com\\",\\"n\\":1.0}"}}]},' +
    '{"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"4111 1111 1111 1111"}]}], "Messages":"joe@example.com" }'
  await (await bench.post('/v1/chat/completions', body)).text()
  const expected = body
    .replace('"caf\\u00e9 joe@\\u0065xample.com"', '"café [EMAIL]"')
    .replace('\\"joe@example.com\\"', '\\"[EMAIL]\\"')
    .replace('4111 1111 1111 1111', '[CARD]')
    .replace('"Messages":"joe@example.com"', '"Messages":"[EMAIL]"')
  assert.equal(asked[0], expected)
  const [record] = await bench.records(1)
  assert.deepEqual(record?.guards, [
    { name: 'private', on: 'request', action: 'redact', found: 4, detail: '3 email, 1 card' },
  ])
  assert.equal(record?.content?.request, expected)
})

test('texts of every dialect are looked at', async (t) => {
  const { bench, asked } = await stage(t, [{ ...PII, on: 'request' }], (_text, path) =>
    path.endsWith('embeddings') ? '{"data":[],"usage":{"prompt_tokens":1}}' : chatAnswer({ content: 'fine' }),
  )
  const bodies: [string, object][] = [
    ['/v1/completions', { model: 'm', prompt: `to ${EMAIL}` }],
    ['/v1/responses', { model: 'm', instructions: EMAIL, input: [{ role: 'user', content: EMAIL }] }],
    ['/v1/embeddings', { model: 'm', input: ['a', EMAIL] }],
    ['/v1beta/models/m:generateContent', { contents: [{ role: 'user', parts: [{ text: EMAIL }] }] }],
    [
      '/v1/messages',
      {
        model: 'm',
        max_tokens: 5,
        system: EMAIL,
        messages: [
          {
            role: 'assistant',
            content: [{ type: 'tool_use', id: 't', name: 'f', input: { name: EMAIL, n: 4111111111111111 } }],
          },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: EMAIL }] },
        ],
      },
    ],
  ]
  for (const [path, body] of bodies) {
    assert.equal((await bench.post(path, body)).status, 200, path)
    assert.match(asked.at(-1) ?? '', /\[EMAIL\]/)
    assert.ok(!/joe@|4111/.test(asked.at(-1) ?? ''), path)
  }
})

test('a block refuses the call in the words of its dialect, and nothing is sent, kept or paid', async (t) => {
  const { bench, asked } = await stage(t, [{ ...PII, action: 'block' }])
  const chat = await bench.post('/v1/chat/completions', { model: 'm', messages: [{ role: 'user', content: EMAIL }] })
  const { error } = (await chat.json()) as { error: { code: string; message: string } }
  assert.deepEqual([chat.status, error.code], [400, 'content_filter'])
  assert.match(error.message, /guardrail "private" blocked the request/)
  assert.ok(!error.message.includes('joe'))
  const claude = await bench.post('/v1/messages', {
    model: 'm',
    max_tokens: 5,
    messages: [{ role: 'user', content: EMAIL }],
  })
  assert.equal(((await claude.json()) as { error: { type: string } }).error.type, 'invalid_request_error')
  assert.equal(asked.length, 0)
  for (const { outcome, cost, content, status } of await bench.records(2))
    assert.deepEqual([outcome, cost, content, status], ['refused', 0, undefined, 400])
})

test('of a whole answer what is found is taken out, in arguments of tools too', async (t) => {
  const tool_calls = [
    { id: 'c', type: 'function', function: { name: 'f', arguments: `{"to":"${EMAIL}","card":4111111111111111}` } },
  ]
  const logprobs = { content: [{ token: 'joe' }] }
  const { bench } = await stage(t, [PII], () =>
    chatAnswer({ content: `to ${EMAIL}`, reasoning_content: EMAIL, tool_calls }, { logprobs }),
  )
  const body = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }
  const text = await (await bench.post('/v1/chat/completions', body)).text()
  const arg = JSON.stringify('{"to":"[EMAIL]","card":"[CARD]"}')
  const plain = chatAnswer({ content: 'to [EMAIL]', reasoning_content: '[EMAIL]', tool_calls }, { logprobs: null })
  assert.equal(text, plain.replace(JSON.stringify(tool_calls[0]?.function.arguments), arg))
  const [record] = await bench.records(1)
  assert.deepEqual([record?.content?.answer, record?.guards[0]?.found], ['to [EMAIL]', 4])
  const claude = await bench.post('/v1/responses', { model: 'm', input: 'hi' })
  assert.ok(!(await claude.text()).includes('joe@'))
})

test('a blocked answer is paid for by its usage, and what cannot be taken out of JSON blocks', async (t) => {
  const args = `{"secret titan":1}`
  const { bench } = await stage(
    t,
    [{ kind: 'regex', name: 'project', on: 'answer', action: 'redact', patterns: ['(?i)titan'] }],
    () => chatAnswer({ content: null, tool_calls: [{ id: 'c', function: { name: 'f', arguments: args } }] }),
  )
  const body = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }
  const response = await bench.post('/v1/chat/completions', body)
  assert.equal(response.status, 400)
  assert.match(await response.text(), /cannot be taken out of JSON/)
  const [record] = await bench.records(1)
  assert.deepEqual([record?.outcome, record?.cost, record?.cost_status], ['failed', 21_000, 'priced'])
  assert.equal(record?.content?.answer, '')
})

test('a length counts all texts, and a schema holds each answer to it', async (t) => {
  const schema = { type: 'object', required: ['a'] }
  const rails: LlmGuardrail[] = [
    { kind: 'length', name: 'short', on: 'request', action: 'block', most: 10 },
    { kind: 'schema', name: 'form', on: 'answer', action: 'flag', schema },
  ]
  const { bench } = await stage(t, rails)
  const say = (...texts: string[]): object => ({
    model: 'm',
    messages: texts.map((content) => ({ role: 'user', content })),
  })
  assert.equal((await bench.post('/v1/chat/completions', say('012345', '6789'))).status, 200)
  assert.equal((await bench.post('/v1/chat/completions', say('012345', '67890'))).status, 400)
  const [first, second] = await bench.records(2)
  assert.deepEqual(
    [first, second].map((record) => record?.guards.map(({ name, action }) => `${name} ${action}`)),
    [['form flag'], ['short block']],
  )
})

test('a hook is asked, and what it does not answer is as it is set', async (t) => {
  let says = '{"allow":true}'
  const hook = await jsonServer(t, () => says)
  const rail: LlmGuardrail = {
    kind: 'hook',
    name: 'ours',
    on: 'request',
    action: 'block',
    url: hook.url,
    timeout_ms: 5000,
    on_fault: 'block',
  }
  const body = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }
  const { bench } = await stage(t, [rail])
  const post = async (of: LlmBench): Promise<[number, string]> => {
    const response = await of.post('/v1/chat/completions', body)
    return [response.status, await response.text()]
  }
  assert.equal((await post(bench))[0], 200)
  assert.deepEqual(JSON.parse(hook.asked[0] ?? ''), { endpoint: 'm', on: 'request', texts: ['hi'] })
  says = '{"allow":false,"reason":"not on Sundays"}'
  const [status, text] = await post(bench)
  assert.deepEqual([status, text.includes('not on Sundays')], [400, true])
  says = 'what?'
  assert.equal((await post(bench))[0], 400)
  const lenient = await stage(t, [{ ...rail, on_fault: 'pass' }])
  assert.equal((await post(lenient.bench))[0], 200)
  const [record] = await lenient.bench.records(1)
  assert.deepEqual(record?.guards[0]?.action, 'failed')
})

test('a guardrail that cannot look lets nothing through', async (t) => {
  const { bench, asked } = await stage(t, [{ ...PII, kind: 'regex', patterns: ['('] } as unknown as LlmGuardrail])
  const response = await bench.post('/v1/chat/completions', { model: 'm', messages: [{ role: 'user', content: 'hi' }] })
  assert.equal(response.status, 503)
  assert.match(await response.text(), /guardrail \\"private\\"/)
  assert.equal(asked.length, 0)
})

const CACHE = { cache: { ttl_s: 60, share: 'endpoint' } } as const

test('an answer from the cache is the one that guardrails left, and of its request nothing more is kept', async (t) => {
  const answer = (): string => chatAnswer({ content: `ask ${EMAIL}` })
  const { bench, asked } = await stage(t, [PII], answer, CACHE)
  const body = { model: 'm', messages: [{ role: 'user', content: `mail ${EMAIL}` }] }
  for (const state of ['miss', 'hit']) {
    const reply = await bench.post('/v1/chat/completions', body)
    assert.equal(reply.headers.get('x-slipway-cache'), state)
    const text = await reply.text()
    assert.match(text, /ask \[EMAIL\]/)
    assert.ok(!text.includes(EMAIL))
  }
  assert.equal(asked.length, 1)
  const records = await bench.records(2)
  for (const { content, guards } of records) {
    assert.ok(!JSON.stringify(content).includes(EMAIL), JSON.stringify(content))
    assert.deepEqual(
      guards.map(({ name, on, action }) => [name, on, action]),
      [
        ['private', 'request', 'redact'],
        ['private', 'answer', 'redact'],
      ],
    )
  }
})

test('a hook that does not allow a request any more holds for the cache too', async (t) => {
  let says = '{"allow":true}'
  const hook = await jsonServer(t, () => says)
  const guard: LlmGuardrail = {
    kind: 'hook',
    name: 'legal',
    on: 'request',
    action: 'block',
    url: hook.url,
    timeout_ms: 5000,
    on_fault: 'block',
  }
  const { bench, asked } = await stage(t, [guard], undefined, CACHE)
  const body = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }
  assert.equal((await bench.post('/v1/chat/completions', body)).status, 200)
  says = '{"allow":false,"reason":"no"}'
  const reply = await bench.post('/v1/chat/completions', body)
  assert.equal(reply.status, 400)
  assert.ok(!(await reply.text()).includes('fine'))
  assert.equal(asked.length, 1)
  assert.equal((await bench.records(2))[1]?.outcome, 'refused')
})
