/** Official clients through the gateway with a real small model behind it: its own tokens and times, not those of a fake. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { ModelProcess } from '../../src/cli/demo/llm/model/process.ts'
import { partsOrSkip } from '../../src/cli/demo/llm/parts/parts.fixture.ts'
import { llmGateway, routeOf, TOKEN } from '../../src/gateway/llm/gateway.fixture.ts'
import { until } from '../until.ts'

const NAME = 'gemma-3-270m'
const messages = [{ role: 'user' as const, content: 'Was macht ein Lotse? ✈' }]
const ask = { model: 'chat', messages, temperature: 0, max_tokens: 24 }

/** A gateway with the model behind its endpoint `chat`; undefined where the test is skipped. */
async function stage(t: TestContext) {
  const parts = await partsOrSkip(t)
  if (parts === undefined) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'slipway-real-model-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const model = await ModelProcess.start({ ...parts, name: NAME, threads: 1 }, join(folder, 'model.log'))
  t.after(() => model.kill())
  const bench = await llmGateway(t, routeOf({ chat: [{ model: NAME, url: `${model.url}/v1` }] }))
  const openai = new OpenAI({ baseURL: `${bench.url}/v1`, apiKey: TOKEN, maxRetries: 0 })
  const direct = new OpenAI({ baseURL: `${model.url}/v1`, apiKey: 'none', maxRetries: 0 })
  return { model, bench, openai, direct }
}

test('the official clients are answered as the model answers, are charged its tokens, and stop it when they leave', async (t) => {
  const on = await stage(t)
  if (on === undefined) return
  const { bench, direct, model, openai } = on
  const said = await direct.chat.completions.create({ ...ask, model: NAME })
  const text = said.choices[0]?.message.content ?? ''
  assert.ok(text.length > 0)

  await t.test('a chat, whole', async () => {
    const whole = await openai.chat.completions.create(ask)
    assert.deepEqual([whole.choices, whole.usage], [said.choices, said.usage])
  })

  await t.test('a chat as a stream, piece by piece, and without a usage that was not asked for', async () => {
    const chunks = []
    for await (const chunk of await openai.chat.completions.create({ ...ask, stream: true })) chunks.push(chunk)
    assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), text)
    assert.ok(chunks.every(({ choices, usage }) => choices.length === 1 && (usage ?? null) === null))
    const final = await openai.chat.completions.stream(ask).finalChatCompletion()
    assert.equal(final.choices[0]?.message.content, text)
  })

  await t.test('a completion that ends where it is told to', async () => {
    const prompt = '1, 2, 3, 4, 5, 6, 7, 8,'
    const counted = await openai.completions.create({
      model: 'chat',
      prompt,
      temperature: 0,
      max_tokens: 64,
      stop: '12',
    })
    assert.deepEqual([counted.choices[0]?.text.trim(), counted.choices[0]?.finish_reason], ['9, 10, 11,', 'stop'])
  })

  await t.test('a message of the other dialect, translated both ways', async () => {
    const anthropic = new Anthropic({ baseURL: bench.url, apiKey: TOKEN, maxRetries: 0 })
    const message = await anthropic.messages.create(ask)
    assert.deepEqual(
      message.content.map((block) => block.type === 'text' && block.text),
      [text],
    )
    assert.deepEqual(
      [message.usage.input_tokens, message.usage.output_tokens],
      [said.usage?.prompt_tokens, said.usage?.completion_tokens],
    )
    const streamed = await anthropic.messages.stream(ask).finalText()
    assert.equal(streamed, text)
  })

  await t.test('what the model refuses, the client is told as it is', async () => {
    const long = openai.chat.completions.create({ ...ask, max_tokens: 100_000 })
    await assert.rejects(long, { status: 400, code: 'context_length_exceeded' })
  })

  await t.test('every call was charged with the tokens that the model told', async () => {
    const records = (await bench.records(7)).filter(({ outcome }) => outcome === 'ok')
    assert.equal(records.length, 6)
    const { prompt_tokens = 0, completion_tokens = 0 } = said.usage ?? {}
    const chats = records.filter(({ dialect }) => dialect !== 'completions')
    // 1 000 nanodollars a token in, 2 000 out
    const cost = 1000 * prompt_tokens + 2000 * completion_tokens
    assert.deepEqual(
      chats.map(({ usage, cost: charged }) => [usage?.input, usage?.output, charged]),
      chats.map(() => [prompt_tokens, completion_tokens, cost]),
    )
    assert.equal(chats.length, 5)
  })

  await t.test('a client that leaves stops the model, and is charged with what came', async () => {
    const prompt = '1, 2, 3, 4, 5, 6, 7, 8,'
    const endless = { model: 'chat', prompt, temperature: 0, max_tokens: 1500, stream: true } as const
    let pieces = 0
    for await (const { choices } of await openai.completions.create(endless))
      if (choices.length > 0 && ++pieces === 2) break
    await until('the model to be idle', async () => (await model.open()) === 0)
    const record = (await bench.records(8)).find(({ outcome }) => outcome === 'aborted')
    assert.ok(record?.usage !== undefined && record.usage !== null && record.usage.output < 750)
    assert.equal((await openai.chat.completions.create(ask)).choices[0]?.message.content, text)
  })
})
