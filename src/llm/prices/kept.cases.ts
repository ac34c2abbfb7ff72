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
  })
}
