/** Guardrails on streams: what they look for goes on nowhere, however it is cut into pieces, and all else does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LlmGuardrail } from '../../contract/llm/options.ts'
import { asked, BODIES, chatEvent, chatEvents, eventsIn, stage, textOf } from './guarded.fixture.ts'
import type { Dialect } from '../table/llm.ts'

const EMAIL = 'joe@example.com'
const REDACT: LlmGuardrail = { kind: 'pii', name: 'private', on: 'answer', action: 'redact', find: ['email'] }
const BLOCK: LlmGuardrail = { ...REDACT, action: 'block' }

for (const dialect of Object.keys(BODIES)) {
  test(`${dialect}: an address is taken out wherever it is cut`, async (t) => {
    const of = await stage(t, [REDACT])
    const whole = `mail ${EMAIL} or ${'filler '.repeat(60)}${EMAIL}`
    const expected = whole.replaceAll(EMAIL, '[EMAIL]')
    for (let cut = 5; cut <= 5 + EMAIL.length; cut++) {
      const body = await asked(of, dialect, [whole.slice(0, cut), whole.slice(cut)])
      assert.equal(textOf(dialect, body), expected, `cut at ${cut}`)
      assert.ok(!body.includes('example.com'))
    }
    const letters = await asked(of, dialect, whole.split(''))
    assert.equal(textOf(dialect, letters), expected)
    const [record] = await of.bench.records(1)
    assert.deepEqual(record?.guards, [{ name: 'private', on: 'answer', action: 'redact', found: 2, detail: '2 email' }])
    assert.deepEqual([record?.content?.answer, record?.outcome, record?.usage?.output], [expected, 'ok', 5])
  })

  test(`${dialect}: a block ends the stream as an error, and nothing of it goes on`, async (t) => {
    const of = await stage(t, [BLOCK])
    const { bench } = of
    of.events = [...chatEvents(['ok '.repeat(200), 'x joe@exam', 'ple.com ', 'y'.repeat(400)]).slice(0, 5), 'open']
    const [path, body] = BODIES[dialect] ?? ['', {}]
    const response = await bench.post(path, body)
    const parts: string[] = []
    await assert.rejects(async () => {
      for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) parts.push(part)
    })
    const text = parts.join('')
    assert.match(text, /guardrail \\"private\\" blocked the answer/)
    assert.ok(text.includes('ok ok') && !text.includes('joe@') && !text.includes('[DONE]'))
    const [record] = await bench.records(1)
    assert.deepEqual([record?.outcome, record?.guards[0]?.action], ['failed', 'block'])
    assert.ok((record?.cost ?? 0) > 0 && record?.cost_status === 'estimated')
    assert.ok(!(record?.content?.answer ?? '').includes('joe'))
  })
}

test('what nothing is found in goes on with its other fields, and usage is kept back as ever', async (t) => {
  const of = await stage(t, [REDACT])
  const body = await asked(of, 'chat', ['hello ', 'é🙂漢'])
  assert.equal(textOf('chat', body), 'hello é🙂漢')
  assert.ok(eventsIn(body).every((json) => json['x_vendor'] === 1.5))
  assert.ok(body.endsWith('data: [DONE]\n\n') && !body.includes('"usage"'))
})

test('arguments of tools go on whole and stay JSON', async (t) => {
  const of = await stage(t, [{ ...REDACT, find: ['email', 'card'] }])
  const call = (more: object): string => chatEvent({ tool_calls: [{ index: 0, ...more }] })
  const pieces = ['{"to":"joe@exa', 'mple.com","card":41111111', '11111111,"n":1}']
  of.events = [
    chatEvent({ role: 'assistant', content: null }),
    call({ id: 'call_1', type: 'function', function: { name: 'send', arguments: '' } }),
    ...pieces.map((text) => call({ function: { arguments: text } })),
    chatEvent({}, 'tool_calls'),
    'data: [DONE]\n\n',
  ]
  const [path, body] = BODIES['chat'] ?? ['', {}]
  const events = eventsIn(await (await of.bench.post(path, body)).text())
  type Call = { function: { name?: string; arguments?: string } }
  const calls = events.flatMap((json) => {
    const [choice] = json['choices'] as { delta: { tool_calls?: Call[] } }[]
    return choice?.delta.tool_calls ?? []
  })
  const text = calls.map((one) => one.function.arguments ?? '').join('')
  assert.deepEqual(JSON.parse(text), { to: '[EMAIL]', card: '[CARD]', n: 1 })
  assert.equal(calls.map((one) => one.function.name ?? '').join(''), 'send')
})

test('a private key longer than the window is taken out whole', async (t) => {
  const of = await stage(t, [{ kind: 'secrets', name: 's', on: 'answer', action: 'redact' }])
  const key = `-----BEGIN PRIVATE KEY-----\n${'Ab1+'.repeat(400)}\n-----END PRIVATE KEY-----`
  const pieces = `a ${key} b`.match(/[^]{1,7}/g) ?? []
  assert.equal(textOf('chat', await asked(of, 'chat', pieces)), 'a [SECRET] b')
})

test('a length blocks at once, and flags go on', async (t) => {
  const most: LlmGuardrail = { kind: 'length', name: 'short', on: 'answer', action: 'flag', most: 10 }
  const flagged = await stage(t, [most, { ...REDACT, action: 'flag' }])
  const body = await asked(flagged, 'chat', ['0123456789', EMAIL])
  assert.equal(textOf('chat', body), `0123456789${EMAIL}`)
  const [record] = await flagged.bench.records(1)
  assert.deepEqual(
    record?.guards.map(({ name, action }) => [name, action]),
    [
      ['private', 'flag'],
      ['short', 'flag'],
    ],
  )
  const blocked = await stage(t, [{ ...most, action: 'block' }])
  await assert.rejects(asked(blocked, 'chat', ['0123456789', 'more']))
})

test('a schema holds the answer back whole', async (t) => {
  const schema = { type: 'object', required: ['a'] }
  const of = await stage(t, [{ kind: 'schema', name: 'form', on: 'answer', action: 'block', schema }])
  for (const dialect of Object.keys(BODIES) as Dialect[]) {
    assert.equal(textOf(dialect, await asked(of, dialect, ['{"a"', ':1}'])), '{"a":1}')
    of.events = chatEvents(['{"b"', ':1}'])
    const [path, body] = BODIES[dialect] ?? ['', {}]
    const response = await of.bench.post(path, body)
    const parts: string[] = []
    await assert.rejects(async () => {
      for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) parts.push(part)
    })
    assert.ok(!parts.join('').includes('b\\"'), dialect)
    assert.match(parts.join(''), /form/)
  }
})

test('a client whose answer is held back sees that the connection lives', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const schema = { type: 'object' }
  const of = await stage(t, [{ kind: 'schema', name: 'form', on: 'answer', action: 'block', schema }])
  of.events = [...chatEvents(['{"a"']).slice(0, 2), 'open']
  const [path, body] = BODIES['chat'] ?? ['', {}]
  const response = await of.bench.post(path, body)
  t.mock.timers.tick(15_000)
  const reader = response.body?.getReader()
  const { value } = (await reader?.read()) ?? {}
  assert.equal(new TextDecoder().decode(value), ': keep-alive\n\n')
  await reader?.cancel()
  assert.equal((await of.bench.records(1))[0]?.outcome, 'aborted')
})

test('reasoning and choices are texts of their own, in the order in which they came', async (t) => {
  const of = await stage(t, [REDACT])
  const say = (index: number, delta: object): string =>
    `data: ${JSON.stringify({ choices: [{ index, delta, logprobs: { content: [] }, finish_reason: null }] })}\n\n`
  of.events = [
    say(0, { reasoning_content: 'ask joe@exam' }),
    say(1, { content: 'b joe@' }),
    say(0, { reasoning_content: 'ple.com' }),
    say(0, { content: 'a' }),
    say(1, { content: 'example.com' }),
    'data: {"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}\n\n',
    'data: {"choices":[{"index":0,"delta":{"content":"!"},"finish_reason":"stop"}]}\n\n',
    'data: [DONE]\n\n',
  ]
  const [path, body] = BODIES['chat'] ?? ['', {}]
  const text = await (await of.bench.post(path, { ...body, n: 2 })).text()
  type Choice = { index: number; delta: { content?: string; reasoning_content?: string }; logprobs?: null }
  const choices = eventsIn(text).flatMap((json) => json['choices'] as Choice[])
  const said = choices.flatMap(({ index, delta }) =>
    Object.entries(delta).flatMap(([name, one]) => (one === '' ? [] : [`${index} ${name}: ${one}`])),
  )
  assert.deepEqual(said, ['0 reasoning_content: ask [EMAIL]', '1 content: b [EMAIL]', '0 content: a!'])
  assert.ok(choices.every(({ logprobs }) => logprobs === null || logprobs === undefined))
})

test('a cut stays a cut, and a provider that breaks off within a match tells nothing of it', async (t) => {
  const of = await stage(t, [REDACT])
  of.events = chatEvents(['hello joe@exam']).slice(0, 2)
  const [path, body] = BODIES['chat'] ?? ['', {}]
  await assert.rejects((await of.bench.post(path, body)).text())
  assert.equal((await of.bench.records(1))[0]?.outcome, 'cut')
})

test('where nothing is looked for in texts, nothing is held back', async (t) => {
  const of = await stage(t, [{ kind: 'length', name: 'long', on: 'answer', action: 'block', most: 1000 }])
  of.events = [...chatEvents(['first ']).slice(0, 2), 'open']
  const [path, body] = BODIES['chat'] ?? ['', {}]
  const response = await of.bench.post(path, body)
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('first ')) text += (await reader?.read())?.value ?? ''
  await reader?.cancel()
  assert.equal((await of.bench.records(1))[0]?.outcome, 'aborted')
})

test('what is no match in the whole becomes none by what has gone on already', async (t) => {
  const of = await stage(t, [{ kind: 'secrets', name: 's', on: 'answer', action: 'redact' }])
  // a token begins a word
  const text = `1slw_t1.0123456789abcdef0123456789abcdef ${'filler '.repeat(60)}`
  assert.equal(textOf('chat', await asked(of, 'chat', text.split(''))), text)
})
