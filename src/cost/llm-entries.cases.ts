/** Calls of language models in the ledger against plain sums: rounded once, unknown prices apart, and computed again the same. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CostBy, CostItem } from '../contract/cost.ts'
import { prng } from '../stats/prng.ts'
import { costBench, HOUR, NOTHING, root, START, subjectOf } from './bench.fixture.ts'
import type { OpenDb } from './bench.fixture.ts'
import { enterOnce, recompute } from './ledger.ts'
import { enterLlmCalls } from './llm-entries.ts'
import type { LlmCharge } from './llm-entries.ts'
import { report } from './report.ts'

function chargeOf(more: Partial<LlmCharge> = {}): LlmCharge {
  return {
    project: 'flights',
    endpoint: 'chat',
    provider: 'prov_1',
    model: 'gpt-x',
    at: START,
    nanodollars: 333,
    input_tokens: 10,
    output_tokens: 5,
    ...more,
  }
}

function figuresOf(item: CostItem) {
  const { key, micro_dollars, llm_calls, unpriced_calls, input_tokens, output_tokens } = item
  const prices = { per_1k: item.micro_dollars_per_1k, per_1m: item.micro_dollars_per_1m_tokens }
  return { key, micro_dollars, ...prices, llm_calls, unpriced_calls, input_tokens, output_tokens }
}

const inOrder = (one: unknown, other: unknown): number => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1)

export function llmEntryCases(name: string, open: OpenDb): void {
  describe(`${name}: calls of language models in the ledger`, () => {
    const bench = costBench(open)
    const enter = (charges: readonly LlmCharge[]) => bench.room().db.tx((t) => enterLlmCalls(t, charges))

    it('are an entry an hour, endpoint, provider and model, rounded once', async () => {
      await enter([chargeOf(), chargeOf({ at: START + HOUR - 1 }), chargeOf({ at: START + HOUR })])
      await enter([chargeOf({ at: START + 5 }), chargeOf({ provider: 'prov_2' }), chargeOf({ model: null })])
      const rows = await bench.entries()
      assert.deepEqual(
        rows
          .map((row) => [
            row.from_at - START,
            row.provider,
            row.model,
            row.nanodollars,
            row.micro_dollars,
            row.llm_calls,
          ])
          .sort(inOrder),
        [
          [0, 'prov_1', 'gpt-x', 999, 1, 3],
          [0, 'prov_1', null, 333, 0, 1],
          [0, 'prov_2', 'gpt-x', 333, 0, 1],
          [HOUR, 'prov_1', 'gpt-x', 333, 0, 1],
        ].sort(inOrder),
      )
      assert.ok(
        rows.every((row) => row.kind === 'llm' && row.to_at - row.from_at === HOUR && row.project === 'flights'),
      )
    })

    it('half a micro-dollar is rounded upwards, both where an entry begins and where it grows', async () => {
      await enter([chargeOf({ nanodollars: 500 })])
      assert.equal((await bench.entries())[0]?.micro_dollars, 1)
      await enter([chargeOf({ nanodollars: 999 })])
      assert.equal((await bench.entries())[0]?.micro_dollars, 1)
      await enter([chargeOf({ nanodollars: 1 })])
      assert.equal((await bench.entries())[0]?.micro_dollars, 2)
    })

    it('of any split and order come to the plain sum, and twenty transactions at once lose nothing', async () => {
      const random = prng(7)
      const charges = Array.from({ length: 400 }, () =>
        chargeOf({
          at: START + Math.floor(random.uniform() * 3) * HOUR,
          endpoint: random.uniform() < 0.5 ? 'chat' : 'mail',
          nanodollars: random.uniform() < 0.2 ? null : Math.floor(random.uniform() * 5e7),
          input_tokens: Math.floor(random.uniform() * 5000),
          output_tokens: Math.floor(random.uniform() * 500),
        }),
      )
      await Promise.all(Array.from({ length: 20 }, (_, at) => enter(charges.slice(20 * at, 20 * at + 20))))
      const rows = await bench.entries()
      assert.equal(rows.length, 6)
      for (const row of rows) {
        const own = charges.filter((one) => one.endpoint === row.endpoint && one.at === row.from_at)
        const unpriced = own.filter((one) => one.nanodollars === null)
        const sum = own.reduce((total, one) => total + (one.nanodollars ?? 0), 0)
        assert.deepEqual(
          [row.nanodollars, row.micro_dollars, row.llm_calls, row.unpriced_calls],
          [sum, Math.round(sum / 1000), own.length, unpriced.length],
        )
        assert.equal(
          row.unpriced_tokens,
          unpriced.reduce((total, one) => total + one.input_tokens + one.output_tokens, 0),
        )
      }
      assert.deepEqual((await recompute(bench.room())).differs, [])
    })

    it('are computed again from their nanodollars, and compared with the calls where these are kept', async () => {
      await enter([chargeOf({ nanodollars: 7_000 }), chargeOf({ endpoint: 'mail', nanodollars: 9_000 })])
      const sums = { nanodollars: 7_000, llm_calls: 1, unpriced_calls: 0, input_tokens: 10, output_tokens: 5 }
      const kept = async ({ endpoint }: { endpoint: string | null }) =>
        endpoint === 'chat' ? { ...sums, unpriced_tokens: 0 } : undefined
      assert.deepEqual((await recompute(bench.room(), kept)).differs, [])
      assert.equal((await recompute(bench.room(), kept)).micro_dollars, 16)
      const [chat, mail] = ['chat', 'mail'].map(async (endpoint) => {
        return (await bench.entries()).find((row) => row.endpoint === endpoint)?.id
      })
      const other = async () => ({ ...sums, unpriced_tokens: 1 })
      assert.deepEqual(
        (await recompute(bench.room(), other)).differs.toSorted(),
        [await chat, await mail].sort(inOrder),
      )
      await bench.room().db.tx((t) => t.run("UPDATE cost_entries SET micro_dollars = 8 WHERE endpoint = 'chat'"))
      assert.deepEqual((await recompute(bench.room())).differs, [await chat])
    })

    it('stand in one report with predictions: for a million tokens, unknown prices told apart', async () => {
      await enter([
        chargeOf({ nanodollars: 3_000_000, input_tokens: 900, output_tokens: 100 }),
        chargeOf({ nanodollars: null, input_tokens: 50_000, output_tokens: 1 }),
      ])
      const serving = { ...NOTHING, cpu_ms: HOUR, predictions: 4000 }
      await bench.room().db.tx((t) => enterOnce(t, subjectOf('serving', { endpoint: 'delay' }), serving))
      const read = async (by: CostBy) => (await report(bench.room(), root, { by })).items.map(figuresOf)
      const tokens = { llm_calls: 2, unpriced_calls: 1, input_tokens: 50_900, output_tokens: 101 }
      const none = { llm_calls: 0, unpriced_calls: 0, input_tokens: 0, output_tokens: 0 }
      assert.deepEqual(await read('endpoint'), [
        { key: 'delay', micro_dollars: 40_000, per_1k: 10_000, per_1m: null, ...none },
        { key: 'flights/chat', micro_dollars: 3000, per_1k: null, per_1m: 3_000_000, ...tokens },
      ])
      assert.deepEqual(await read('project'), [
        { key: 'flights', micro_dollars: 43_000, per_1k: 10_000, per_1m: 3_000_000, ...tokens },
      ])
    })

    it('of endpoints with one name in two projects, and of a model that is served by that name, are told apart', async () => {
      await enter([chargeOf({ nanodollars: 3_000_000 }), chargeOf({ project: 'hotels', nanodollars: 2_000_000 })])
      const serving = { ...NOTHING, cpu_ms: HOUR, predictions: 4000 }
      await bench.room().db.tx((t) => enterOnce(t, subjectOf('serving', { endpoint: 'chat' }), serving))
      const { items } = await report(bench.room(), root, { by: 'endpoint' })
      assert.deepEqual(
        items.map(({ key, label, micro_dollars }) => [key, label, micro_dollars]),
        [
          ['chat', 'chat', 40_000],
          ['flights/chat', 'chat of project flights', 3000],
          ['hotels/chat', 'chat of project hotels', 2000],
        ],
      )
    })

    it('of unknown price alone cost nothing that could be told for a million tokens', async () => {
      await enter([chargeOf({ nanodollars: null })])
      const [chat] = (await report(bench.room(), root, { by: 'endpoint' })).items
      assert.deepEqual([chat?.micro_dollars, chat?.micro_dollars_per_1m_tokens, chat?.unpriced_calls], [0, null, 1])
    })
  })
}
