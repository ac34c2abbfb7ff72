/** Tests that the official clients of OpenAI and Anthropic take the streams and answers that are written for them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import type { Dialect } from '../../table/llm.ts'
import { asked, fetchOf, pair, STREAMS, translated } from './translation.fixture.ts'

const ALL = Object.keys(STREAMS) as (keyof typeof STREAMS)[]

/** Streams of all upstreams of a client, as its official client gets them. */
function streams(client: Dialect, body: object): { upstream: (typeof ALL)[number]; fetch: () => Promise<Response> }[] {
  return ALL.filter((upstream) => upstream !== client).map((upstream) => ({
    upstream,
    fetch: fetchOf(translated(pair(client, upstream), STREAMS[upstream], asked({ ...body }))),
  }))
}

test('the OpenAI client puts a chat stream of every upstream together', async () => {
  const body = {
    model: 'house',
    messages: [{ role: 'user' as const, content: 'hi' }],
    stream_options: { include_usage: true },
  }
  for (const { upstream, fetch } of streams('chat', body)) {
    const client = new OpenAI({ apiKey: 'x', fetch })
    const final = await client.chat.completions.stream(body).finalChatCompletion()
    const choice = final.choices[0]
    assert.equal(choice?.finish_reason, 'tool_calls', upstream)
    assert.equal(choice.message.content, 'Grüße', upstream)
    assert.deepEqual(
      choice.message.tool_calls?.map(
        (call) => call.type === 'function' && [call.function.name, call.function.arguments],
      ),
      [
        ['sum', upstream === 'generate' ? '{"a":1}' : '{"a": 1}'],
        ['now', '{}'],
      ],
      upstream,
    )
    assert.deepEqual([final.usage?.prompt_tokens, final.usage?.completion_tokens], [17, 20], upstream)
    assert.equal(final.usage?.prompt_tokens_details?.cached_tokens, 5, upstream)
  }
})

test('the OpenAI client puts a stream of responses together', async () => {
  const body = { model: 'house', input: 'hi' }
  for (const { upstream, fetch } of streams('responses', body)) {
    const client = new OpenAI({ apiKey: 'x', fetch })
    const stream = client.responses.stream(body)
    const numbers: number[] = []
    stream.on('event', (event) => numbers.push(event.sequence_number))
    const final = await stream.finalResponse()
    assert.equal(final.status, 'completed', upstream)
    assert.equal(final.output_text, 'Grüße', upstream)
    assert.deepEqual(
      final.output.map((item) => (item.type === 'function_call' ? [item.name, item.arguments] : item.type)),
      ['reasoning', 'message', ['sum', upstream === 'generate' ? '{"a":1}' : '{"a": 1}'], ['now', '{}']],
      upstream,
    )
    assert.deepEqual([final.usage?.input_tokens, final.usage?.output_tokens], [17, 20], upstream)
    assert.deepEqual(numbers, [...numbers.keys()], upstream)
  }
})

test('the Anthropic client puts a stream of messages together', async () => {
  const body = { model: 'house', max_tokens: 100, messages: [{ role: 'user' as const, content: 'hi' }] }
  for (const { upstream, fetch } of streams('messages', body)) {
    const client = new Anthropic({ apiKey: 'x', fetch })
    const final = await client.messages.stream(body).finalMessage()
    assert.equal(final.stop_reason, 'tool_use', upstream)
    assert.deepEqual(
      final.content.map((block) => {
        if (block.type === 'text') return block.text
        if (block.type === 'thinking') return [block.thinking, block.signature]
        return block.type === 'tool_use' ? [block.name, block.input] : block.type
      }),
      [['Hmm.', upstream === 'converse' ? 'sig' : ''], 'Grüße', ['sum', { a: 1 }], ['now', {}]],
      upstream,
    )
    const { usage } = final
    const cached = (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0)
    assert.deepEqual([usage.input_tokens + cached, usage.output_tokens], [17, 20], upstream)
  }
})

test('the OpenAI client reads a stream of completions', async () => {
  for (const upstream of ALL) {
    const body = { model: 'house', prompt: 'hi', stream: true as const }
    const events = translated(pair('completions', upstream), STREAMS[upstream], asked(body))
    const client = new OpenAI({ apiKey: 'x', fetch: fetchOf(events) })
    let text = ''
    let finish: string | null = null
    for await (const chunk of await client.completions.create(body)) {
      text += chunk.choices[0]?.text ?? ''
      finish = chunk.choices[0]?.finish_reason ?? finish
    }
    assert.deepEqual([text, finish], ['Grüße', 'stop'], upstream)
  }
})
