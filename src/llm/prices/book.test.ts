/** The shipped book: prices by the day, by tiers and by the hour, in whole picodollars, against rows read by hand. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { BOOK, priceOf } from './book.ts'

const at = Date.parse

describe('the shipped price book', () => {
  it('is that of the package that is installed', () => {
    const file = join(import.meta.dirname, '../../../node_modules/@pydantic/genai-prices/package.json')
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
    assert.equal(BOOK, `genai-prices ${version}`)
  })

  it('says $0.15 and $0.60 a million tokens of gpt-4o-mini as picodollars a token', () => {
    const { price, notCharged } = priceOf('openai', 'gpt-4o-mini', at('2026-01-01')) ?? assert.fail()
    assert.deepEqual(price, {
      id: 'genai-prices 0.1.8 openai/gpt-4o-mini 1970-01-01',
      input: 150_000,
      output: 600_000,
      cache_read: 75_000,
      cache_write: null,
      request: 0,
      tiers: [],
    })
    assert.deepEqual(notCharged, ['web_searches_kcount', 'storage_searches_kcount'])
  })

  it('has one row for the dated name of a model, and Azure’s of OpenAI’s', () => {
    const plain = priceOf('openai', 'gpt-4o-mini', 0)
    assert.deepEqual(priceOf('openai', 'gpt-4o-mini-2024-07-18', 0), plain)
    assert.equal(priceOf('azure', 'gpt-4o-mini', 0)?.price.input, 150_000)
  })

  it('prices o3 at $10 until June 10th 2025, and at $2 from then on', () => {
    const before = priceOf('openai', 'o3', at('2025-06-09T23:59:59.999Z'))?.price
    const after = priceOf('openai', 'o3', at('2025-06-10T00:00:00Z'))?.price
    assert.deepEqual([before?.input, before?.output], [10_000_000, 40_000_000])
    assert.deepEqual([after?.input, after?.output], [2_000_000, 8_000_000])
    assert.deepEqual(
      [before?.id, after?.id],
      ['genai-prices 0.1.8 openai/o3 1970-01-01', 'genai-prices 0.1.8 openai/o3 2025-06-10'],
    )
  })

  it('prices calls of gemini-2.5-pro with more than 200000 input tokens apart', () => {
    const { price } = priceOf('gemini', 'gemini-2.5-pro', at('2026-01-01')) ?? assert.fail()
    assert.deepEqual([price.input, price.output, price.cache_read], [1_250_000, 10_000_000, 125_000])
    assert.deepEqual(price.tiers, [
      { above: 200_000, input: 2_500_000, output: 15_000_000, cache_read: 250_000, cache_write: null },
    ])
  })

  it('prices deepseek-chat by the hour of the day', () => {
    const night = priceOf('deepseek', 'deepseek-chat', at('2026-01-01T00:29:59Z'))?.price
    const day = priceOf('deepseek', 'deepseek-chat', at('2026-01-01T00:30:00Z'))?.price
    assert.deepEqual([night?.input, day?.input], [135_000, 270_000])
    assert.notEqual(night?.id, day?.id)
  })

  it('knows vendors by LiteLLM’s names, and none by a part of its name', () => {
    assert.equal(priceOf('OpenAI', 'gpt-4o-mini', 0)?.price.input, 150_000)
    assert.notEqual(priceOf('xai', 'grok-3', 0), null)
    assert.equal(priceOf('my-openai-server', 'gpt-4o-mini', 0), null)
    assert.equal(priceOf('vllm', 'gpt-4o-mini', 0), null)
    assert.equal(priceOf('litellm', 'gpt-4o-mini', 0), null)
  })

  it('says nothing of a model that it does not know', () => {
    assert.equal(priceOf('openai', 'my-own-model', 0), null)
  })

  it('skips a price that is no whole number of picodollars', () => {
    // $0.08333333333333334 a million tokens written to the cache
    assert.equal(priceOf('openrouter', 'google/gemini-2.5-flash-lite', at('2026-01-01')), null)
  })

  it('has no price of output for embeddings', () => {
    const { price } = priceOf('openai', 'text-embedding-3-small', 0) ?? assert.fail()
    assert.deepEqual([price.input, price.output], [20_000, 0])
  })
})
