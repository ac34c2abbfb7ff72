/** Hooks as guardrails of streams, and hooks at addresses that may not be called. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { LlmGuardrail } from '../../contract/llm/options.ts'
import { asked, BODIES, chatEvents, jsonServer, listening, stage, textOf } from './guarded.fixture.ts'
import type { Stage } from './guarded.fixture.ts'

const ALLOW = '{"allow":true}'
const REFUSE = '{"allow":false,"reason":"not on Sundays"}'

function hookAt(url: string, more: Partial<Extract<LlmGuardrail, { kind: 'hook' }>> = {}): LlmGuardrail {
  const common = { kind: 'hook', name: 'ours', on: 'answer', action: 'block', on_fault: 'block' } as const
  return { ...common, url, timeout_ms: 5000, ...more }
}

/** A stream of a dialect as far as it came, and whether it broke off. */
async function partly(of: Stage, dialect: string): Promise<{ readonly text: string; readonly isBroken: boolean }> {
  const [path, body] = BODIES[dialect] ?? ['', {}]
  const response = await of.bench.post(path, body)
  let text = ''
  try {
    for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) text += part
    return { text, isBroken: false }
  } catch {
    return { text, isBroken: true }
  }
}

for (const dialect of Object.keys(BODIES)) {
  test(`${dialect}: a hook gets the whole of a stream, and nothing goes on that it does not allow`, async (t) => {
    let says = ALLOW
    const hook = await jsonServer(t, () => says)
    const of = await stage(t, [hookAt(hook.url)])
    assert.equal(textOf(dialect, await asked(of, dialect, ['late ', 'by 20 ', 'minutes'])), 'late by 20 minutes')
    assert.deepEqual(JSON.parse(hook.asked[0] ?? ''), {
      endpoint: 'm',
      on: 'answer',
      texts: ['late by 20 minutes'],
    })
    says = REFUSE
    const { text, isBroken } = await partly(of, dialect)
    assert.equal(isBroken, true)
    assert.match(text, /guardrail \\"ours\\" blocked the answer: not on Sundays/)
    assert.ok(!text.includes('late') && !text.includes('[DONE]'), text)
    const records = await of.bench.records(2)
    const blocked = { name: 'ours', on: 'answer', action: 'block', found: 1, detail: 'its hook refused it' }
    assert.deepEqual(
      records.map(({ outcome, guards }) => [outcome, guards]),
      [
        ['ok', []],
        ['failed', [blocked]],
      ],
    )
    assert.equal(records[1]?.content?.answer, '')
    // it was answered whole, and is paid for: 11 tokens in and 5 out
    assert.deepEqual(
      records.map(({ cost }) => cost),
      [21_000, 21_000],
    )
  })
}

test('a hook that only flags holds nothing back', async (t) => {
  const hook = await jsonServer(t, () => REFUSE)
  const of = await stage(t, [hookAt(hook.url, { action: 'flag' })])
  of.events = [...chatEvents(['first ']).slice(0, 2), 'open']
  const [path, body] = BODIES['chat'] ?? ['', {}]
  const reader = (await of.bench.post(path, body)).body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('first ')) text += (await reader?.read())?.value ?? ''
  assert.deepEqual(hook.asked, [], 'what came goes on before the hook is asked')
  await reader?.cancel()
  assert.equal(textOf('chat', await asked(of, 'chat', ['all of', ' it'])), 'all of it')
  const whole = (await of.bench.records(2)).find(({ outcome }) => outcome === 'ok')
  assert.deepEqual(
    whole?.guards.map(({ action, detail }) => [action, detail]),
    [['flag', 'its hook refused it']],
  )
})

test('a hook is shown what goes on, not what was taken out', async (t) => {
  const hook = await jsonServer(t, () => ALLOW)
  const taken: LlmGuardrail = { kind: 'pii', name: 'private', on: 'answer', action: 'redact', find: ['email'] }
  const of = await stage(t, [taken, hookAt(hook.url)])
  const text = textOf('chat', await asked(of, 'chat', ['ask joe@exam', 'ple.com']))
  assert.deepEqual(
    [text, JSON.parse(hook.asked[0] ?? '')],
    ['ask [EMAIL]', { endpoint: 'm', on: 'answer', texts: ['ask [EMAIL]'] }],
  )
})

test('a request that a hook refuses is never streamed', async (t) => {
  const hook = await jsonServer(t, () => REFUSE)
  const of = await stage(t, [hookAt(hook.url, { on: 'request' })])
  for (const [path, body] of Object.values(BODIES)) {
    const response = await of.bench.post(path, body)
    assert.deepEqual([response.status, response.headers.get('content-type')], [400, 'application/json'], path)
    assert.match(await response.text(), /not on Sundays/)
  }
  assert.equal(of.calls, 0)
})

test('a call whose client leaves while a hook thinks is over at once, and nothing of its answer is kept', async (t) => {
  const { url, thinking } = await slowHook(t)
  const of = await stage(t, [hookAt(url, { timeout_ms: 600_000 })])
  of.events = chatEvents(['never'])
  const [path, body] = BODIES['chat'] ?? ['', {}]
  const response = await of.bench.post(path, body)
  await thinking
  await response.body?.cancel()
  const [record] = await of.bench.records(1)
  assert.deepEqual([record?.outcome, record?.content?.answer], ['aborted', ''])
})

/** A hook that never says what it allows. */
async function slowHook(t: TestContext): Promise<{ readonly url: string; readonly thinking: Promise<void> }> {
  const begun = Promise.withResolvers<void>()
  const server = createServer(() => begun.resolve())
  return { url: `http://${await listening(t, server)}/`, thinking: begun.promise }
}

test('a hook at a private address that is not allowed is never called, and the refusal says so', async (t) => {
  const hook = await jsonServer(t, () => ALLOW)
  const port = new URL(hook.url).port
  const places = [
    hook.url,
    `http://localhost:${port}/`,
    `http://[::ffff:7f00:1]:${port}/`,
    'http://169.254.169.254/latest',
  ]
  for (const url of places) {
    const of = await stage(t, [hookAt(url, { on: 'request' })], (provider) => [provider])
    const [path, body] = BODIES['chat'] ?? ['', {}]
    const response = await of.bench.post(path, body)
    assert.equal(response.status, 400, url)
    assert.match(await response.text(), /ours.* could not be asked: its address is private and not allowed/)
    const [record] = await of.bench.records(1)
    assert.deepEqual([record?.outcome, record?.guards[0]?.action, of.calls], ['refused', 'block', 0])
    assert.match(record?.guards[0]?.detail ?? '', /its address is private and not allowed/)
  }
  const of = await stage(t, [hookAt(hook.url)], (provider) => [provider])
  of.events = chatEvents(['secret'])
  const { text, isBroken } = await partly(of, 'chat')
  assert.ok(isBroken && !text.includes('secret'), text)
  assert.match(text, /its address is private and not allowed/)
  assert.deepEqual(hook.asked, [])
})

test('what may pass without its hook passes, and the call says that nobody looked', async (t) => {
  const hook = await jsonServer(t, () => ALLOW)
  const of = await stage(t, [hookAt(hook.url, { on_fault: 'pass' })], (provider) => [provider])
  assert.equal(textOf('chat', await asked(of, 'chat', ['go', ' on'])), 'go on')
  const [record] = await of.bench.records(1)
  const detail = 'its hook could not be asked: its address is private and not allowed'
  assert.deepEqual(
    [record?.outcome, record?.guards, hook.asked],
    ['ok', [{ name: 'ours', on: 'answer', action: 'failed', found: 1, detail }], []],
  )
})

test('a hook that is allowed cannot send on to an address that is not', async (t) => {
  const inner = await jsonServer(t, () => ALLOW)
  const outer = createServer((_request, response) => response.writeHead(302, { location: inner.url }).end())
  const host = await listening(t, outer)
  const of = await stage(t, [hookAt(`http://${host}/`)], (provider) => [provider, host])
  of.events = chatEvents(['secret'])
  const { text } = await partly(of, 'chat')
  assert.match(text, /could not be asked: it answered 302/)
  assert.deepEqual(inner.asked, [])
})
