/** Cases: an operator's prices and imported ones: which one counts at which time, what is in conflict, and that none is lost. */
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Problem } from '../../contract/errors.ts'
import { NewPrice } from '../../contract/llm/prices.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { resetLlm } from '../removal.ts'
import { differs, priceBook } from './effective.ts'
import { listKept, setPrice } from './kept.ts'
import { importPrices } from './litellm.ts'

export function priceCases(bench: Bench): void {
  describe('prices', () => {
    beforeEach(() => resetLlm(bench.room.db))

    const set = (given: object) => setPrice(bench.room, bench.root, NewPrice.parse(given))
    const mini = { provider: 'openai', model: 'gpt-4o-mini' }
    const at = async (time: string, provider = mini.provider, model = mini.model) =>
      (await priceBook(bench.room.db, Date.parse(time)))(provider, model)

    it('of the operator count from their time on, above the book, to which they are a conflict', async () => {
      await set({ ...mini, input: '0.12', output: '0.5', from: '2026-02-01T00:00:00Z' })
      await set({ ...mini, input: '0.11', output: '0.5', cache_read: '0.01', from: '2026-03-01T00:00:00Z' })
      const before = await at('2026-01-31T23:59:59Z')
      assert.deepEqual([before.effective?.source, before.effective?.price.input], ['genai-prices', 150_000])
      const first = await at('2026-02-01T00:00:00Z')
      assert.deepEqual(first.effective?.price, {
        id: 'operator openai/gpt-4o-mini 2026-02-01T00:00:00.000Z',
        input: 120_000,
        output: 500_000,
        cache_read: null,
        cache_write: null,
        request: 0,
        tiers: [],
      })
      const [book] = first.others
      assert.deepEqual([book?.source, book?.price.input], ['genai-prices', 150_000])
      assert.ok(book !== undefined && differs(first.effective.price, book.price))
      assert.equal((await at('2026-04-01T00:00:00Z')).effective?.price.input, 110_000)
      assert.deepEqual(
        (await listKept(bench.room.db, mini)).map(({ input, from }) => [input, from]),
        [
          ['0.11', '2026-03-01T00:00:00.000Z'],
          ['0.12', '2026-02-01T00:00:00.000Z'],
        ],
      )
    })

    it('are never changed: the same again is fine, another at the same time is refused', async () => {
      const given = { ...mini, input: '1', output: '2', from: '2026-02-01T00:00:00Z' }
      const kept = await set(given)
      assert.deepEqual(await set(given), kept)
      await assert.rejects(set({ ...given, input: '3' }), (error: unknown) => {
        assert.equal((error as Problem).code, 'conflict')
        return true
      })
      assert.equal((await listKept(bench.room.db, {})).length, 1)
    })

    it('of a model of one’s own are known once they are set, and 0 only where somebody says so', async () => {
      assert.equal((await at('2026-01-01T00:00:00Z', 'ollama', 'llama3.1')).effective, null)
      await set({
        provider: 'Ollama',
        model: 'llama3.1',
        input: 0,
        output: 0,
        request: '0.000001',
        max_output: 4096,
        from: '2025-01-01T00:00:00Z',
      })
      const { effective, max_output } = await at('2026-01-01T00:00:00Z', 'ollama', 'llama3.1')
      assert.deepEqual([effective?.price.input, effective?.price.request, max_output], [0, 1000, 4096])
      // another name is another model
      assert.equal((await at('2026-01-01T00:00:00Z', 'ollama', 'llama3')).effective, null)
    })

    it('keep the bound of the output of the row before unless they say another, or that there is none', async () => {
      const own = { provider: 'ollama', model: 'm', input: 0, output: 0 }
      const day = (n: number) => `2026-02-0${n}T00:00:00Z`
      const bound = async (n: number) => (await at(day(n), 'ollama', 'm')).max_output
      await set({ ...own, from: day(2), max_output: 4096 })
      const kept = await set({ ...own, from: day(4), input: '0.1' })
      assert.equal(kept.max_output, 4096)
      assert.deepEqual(await set({ ...own, from: day(4), input: '0.1' }), kept, 'the same again is fine')
      // one that is set for an earlier time has nothing before it
      assert.equal((await set({ ...own, from: day(1) })).max_output, null)
      await set({ ...own, from: day(5), max_output: null })
      await set({ ...own, from: day(6), input: '0.2' })
      assert.deepEqual(await Promise.all([1, 2, 4, 5, 6].map(bound)), [null, 4096, 4096, null, null])
      // another model has its own
      assert.equal((await set({ ...own, model: 'n', from: day(7) })).max_output, null)
    })

    it('of LiteLLM’s map count only where nobody else says one', async () => {
      const map = {
        sample_spec: { litellm_provider: 'one of', input_cost_per_token: 0 },
        'gpt-4o-mini': { litellm_provider: 'openai', input_cost_per_token: 1.6e-7, output_cost_per_token: 6e-7 },
        'ollama/own': {
          litellm_provider: 'ollama',
          input_cost_per_token: 1e-12,
          output_cost_per_token: 2e-7,
          max_output_tokens: 8192,
        },
        finer: { litellm_provider: 'x', input_cost_per_token: 1.23e-13 },
        'dall-e': { litellm_provider: 'openai', input_cost_per_pixel: 1e-8 },
        broken: 'x',
      }
      const done = await importPrices(bench.room, bench.root, map)
      assert.deepEqual([done.added, done.same, done.skipped_count], [2, 0, 3])
      assert.deepEqual(
        done.skipped.map(({ model }) => model),
        ['finer', 'dall-e', 'broken'],
      )
      const now = new Date(bench.room.clock()).toISOString()
      const known = await at(now)
      assert.deepEqual([known.effective?.source, known.effective?.price.input], ['genai-prices', 150_000])
      assert.deepEqual(
        known.others.map(({ source, price }) => [source, price.input]),
        [['litellm', 160_000]],
      )
      const own = await at(now, 'ollama', 'own')
      assert.deepEqual([own.effective?.source, own.effective?.price.input, own.max_output], ['litellm', 1, 8192])
      bench.wait(1000)
      const again = await importPrices(bench.room, bench.root, map)
      assert.deepEqual([again.added, again.same], [0, 2])
      bench.wait(1000)
      const dearer = { 'ollama/own': { ...map['ollama/own'], input_cost_per_token: 3e-12 } }
      assert.equal((await importPrices(bench.room, bench.root, dearer)).added, 1)
      assert.equal((await at(new Date(bench.room.clock()).toISOString(), 'ollama', 'own')).effective?.price.input, 3)
      // what a cost was computed with is there still
      assert.equal((await listKept(bench.room.db, { provider: 'ollama', model: 'own' })).length, 2)
    })

    it('of LiteLLM’s map have their tiers, and are of the vendor as models are defined with', async () => {
      const claude = {
        litellm_provider: 'bedrock_converse',
        input_cost_per_token: 3e-6,
        output_cost_per_token: 1.5e-5,
        cache_read_input_token_cost: 3e-7,
        input_cost_per_token_above_200k_tokens: 6e-6,
        output_cost_per_token_above_200k_tokens: 2.25e-5,
        input_cost_per_token_above_1000k_tokens: 9e-6,
        cache_read_input_token_cost_above_1000k_tokens: 9e-7,
        max_output_tokens: 64_000,
      }
      const map = {
        'anthropic.own-v1:0': claude,
        'gemini-own': { litellm_provider: 'vertex_ai-language-models', input_cost_per_token: 1e-6 },
        inexact: { ...claude, input_cost_per_token_above_200k_tokens: 1.23e-13 },
      }
      const done = await importPrices(bench.room, bench.root, map)
      assert.deepEqual([done.added, done.skipped.map(({ model }) => model)], [2, ['inexact']])
      const now = new Date(bench.room.clock()).toISOString()
      const { effective, max_output } = await at(now, 'bedrock', 'anthropic.own-v1:0')
      const base = { input: 3_000_000, output: 15_000_000, cache_read: 300_000, cache_write: null }
      const first = { ...base, input: 6_000_000, output: 22_500_000 }
      assert.deepEqual(effective?.price, {
        id: `litellm bedrock/anthropic.own-v1:0 ${now}`,
        ...base,
        request: 0,
        tiers: [
          { above: 200_000, ...first },
          { above: 1_000_000, ...base, input: 9_000_000, cache_read: 900_000 },
        ],
      })
      assert.equal(max_output, 64_000)
      const [kept] = await listKept(bench.room.db, { provider: 'bedrock' })
      assert.deepEqual(kept?.tiers[0], {
        above: 200_000,
        input: '6',
        output: '22.5',
        cache_read: '0.3',
        cache_write: null,
      })
      assert.equal((await at(now, 'vertex_ai', 'gemini-own')).effective?.price.input, 1_000_000)
      bench.wait(1)
      assert.deepEqual((await importPrices(bench.room, bench.root, map)).added, 0)
      const other = { 'anthropic.own-v1:0': { ...claude, output_cost_per_token_above_200k_tokens: 3e-5 } }
      assert.equal((await importPrices(bench.room, bench.root, other)).added, 1, 'another tier is another price')
    })

    it('of LiteLLM’s map that one model has by several names: that with its vendor counts, the others are told', async () => {
      const row = (input: number, litellm_provider = 'ollama') => ({ litellm_provider, input_cost_per_token: input })
      const names: (readonly [string, object])[] = [
        ['own', row(1e-6)],
        ['ollama/own', row(2e-6)],
        ['ollama/twice', row(3e-6)],
        ['twice', row(3e-6)],
        ['bedrock_converse/x', row(4e-6, 'bedrock_converse')],
        ['x', row(5e-6, 'bedrock')],
      ]
      for (const order of [names, names.toReversed()]) {
        await resetLlm(bench.room.db)
        const done = await importPrices(bench.room, bench.root, Object.fromEntries(order))
        assert.deepEqual([done.added, done.skipped_count], [3, 2])
        assert.deepEqual(
          done.skipped.toSorted((a, b) => (a.model < b.model ? -1 : 1)),
          [
            { model: 'own', why: '"ollama/own" counts, and says otherwise of the same model' },
            { model: 'x', why: '"bedrock_converse/x" counts, and says otherwise of the same model' },
          ],
        )
        const now = new Date(bench.room.clock()).toISOString()
        const inputs = await Promise.all(
          [
            ['ollama', 'own'],
            ['ollama', 'twice'],
            ['bedrock', 'x'],
          ].map(async ([vendor, model]) => (await at(now, vendor, model)).effective?.price.input),
        )
        assert.deepEqual(inputs, [2_000_000, 3_000_000, 4_000_000])
      }
    })
  })
}
