/** Cases: the log of calls in pages, one call as its readers may see it, and what calls come to. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Principal } from '../../contract/access.ts'
import type { LlmFigures } from '../../contract/llm-calls.ts'
import { LlmCall, LlmCallDetail, LlmOverview } from '../../contract/llm-calls.ts'
import type { LlmCallRecord } from '../../gateway/llm/records/record.ts'
import { prng } from '../../stats/prng.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { callOf, folders, NOON, partOn, writeCallLog } from './call.fixture.ts'
import { overviewOf } from './overview.ts'
import { getCall, listCalls } from './views.ts'
import type { CallQuery } from './views.ts'

const MINUTE = 60_000
const text = (ms: number): string => new Date(ms).toISOString()

/** Calls of an hour, two projects, several of the same moment. */
function hour(): LlmCallRecord[] {
  const random = prng(9)
  const upTo = (most: number): number => Math.floor(random.uniform() * most)
  const outcomes = ['ok', 'ok', 'ok', 'refused', 'failed', 'aborted'] as const
  return Array.from({ length: 240 }, (_, at): LlmCallRecord => {
    const outcome = outcomes[upTo(6)] ?? 'ok'
    const none = outcome === 'refused'
    return callOf(`v-${String(at).padStart(3, '0')}`, {
      project: upTo(4) === 0 ? 'blue' : 'red',
      started: NOON + upTo(60) * MINUTE,
      endpoint: ['chat', 'mail', 'code'][upTo(3)] ?? '',
      key: [null, 'tok_1', 'tok_2'][upTo(3)] ?? null,
      team: [null, 'search'][upTo(2)] ?? null,
      us: 1000 + upTo(1_000_000),
      first_us: upTo(5) === 0 ? null : upTo(90_000),
      outcome,
      status: none ? 429 : 200,
      cost_status: none ? 'none' : upTo(4) === 0 ? 'unknown_price' : 'priced',
      cost: none ? 0 : upTo(9000),
      usage: none ? null : { input: upTo(100), output: upTo(50), cache_read: upTo(9), cache_write: 0, reasoning: 0 },
    })
  }).map((call) => (call.cost_status === 'unknown_price' ? { ...call, cost: null } : call))
}

/** Nearest rank, by counting. */
function rank(values: readonly number[], percent: number): number | null {
  const fits = values.filter((value) => values.filter((one) => one <= value).length * 100 >= percent * values.length)
  return fits.length === 0 ? null : Math.min(...fits)
}

function plainFigures(calls: readonly LlmCallRecord[]): LlmFigures {
  const sum = (of: (call: LlmCallRecord) => number): number => calls.reduce((total, call) => total + of(call), 0)
  const count = (outcome: string): number => calls.filter((call) => call.outcome === outcome).length
  const first = calls.flatMap((call) => (call.outcome === 'refused' || call.first_us === null ? [] : [call.first_us]))
  const total = calls.flatMap((call) => (call.outcome === 'ok' ? [call.us] : []))
  const quantiles = (of: readonly number[]) => ({ p50: rank(of, 50), p95: rank(of, 95), p99: rank(of, 99) })
  return {
    requests: calls.length,
    outcomes: {
      ok: count('ok'),
      refused: count('refused'),
      failed: count('failed'),
      aborted: count('aborted'),
      cut: 0,
      lost: 0,
    },
    input_tokens: sum((call) => call.usage?.input ?? 0),
    output_tokens: sum((call) => call.usage?.output ?? 0),
    cache_read_tokens: sum((call) => call.usage?.cache_read ?? 0),
    cost_nanodollars: sum((call) => call.cost ?? 0),
    unpriced: calls.filter((call) => call.cost === null).length,
    first_us: quantiles(first),
    total_us: quantiles(total),
  }
}

export function viewCases(bench: Bench): void {
  describe('calls as they are told', () => {
    const made = folders()
    after(() => made.remove())
    const records = hour()
    const db = () => bench.room.db
    before(async () => {
      await db().tx((t) => t.run('DELETE FROM llm_calls'))
      const folder = made.make()
      const content = { request: '{"q":1}', answer: 'a' }
      await writeCallLog(folder, [...records, callOf('v-told', { started: NOON - 1, content, lost: ['$.x'] })])
      await partOn(bench.room, folder).drain()
    })
    const red = () => bench.member('red')
    const newestFirst = (calls: readonly LlmCallRecord[]): string[] =>
      calls.toSorted((a, b) => b.started - a.started || (a.id < b.id ? 1 : -1)).map((call) => call.id)

    async function pages(who: Principal, query: Omit<CallQuery, 'limit'>, limit = 17): Promise<string[]> {
      const ids: string[] = []
      for (let page_token: string | undefined; ;) {
        const page = await listCalls(db(), who, { ...query, limit, ...(page_token !== undefined && { page_token }) })
        assert.ok(page.items.length <= limit)
        ids.push(...page.items.map((item) => LlmCall.parse(item).id))
        page_token = page.next_page_token
        if (page_token === undefined) return ids
      }
    }

    it('come newest first in pages, each once, of the projects that are seen', async () => {
      const since = text(NOON)
      assert.deepEqual(await pages(bench.root, { since }), newestFirst(records))
      assert.deepEqual(await pages(red(), { since }), newestFirst(records.filter((call) => call.project === 'red')))
    })

    it('are found by endpoint, key, outcome and time', async () => {
      const [from, to] = [NOON + 10 * MINUTE, NOON + 40 * MINUTE]
      const query = { endpoint: 'chat', key: 'tok_1', outcome: 'ok', since: text(from), until: text(to) } as const
      const fit = records.filter(
        (call) =>
          call.endpoint === 'chat' &&
          call.key === 'tok_1' &&
          call.outcome === 'ok' &&
          call.started >= from &&
          call.started < to,
      )
      assert.ok(fit.length > 3)
      assert.deepEqual(await pages(bench.root, query, 2), newestFirst(fit))
      assert.deepEqual(await pages(bench.root, { endpoint: 'nowhere' }), [])
      const blue = records.filter((call) => call.project === 'blue' && call.endpoint === 'chat')
      assert.deepEqual(await pages(bench.root, { project: 'blue', endpoint: 'chat' }), newestFirst(blue))
    })

    it('refuse a page token that is none', async () => {
      for (const page_token of [
        'x',
        Buffer.from('[1]').toString('base64url'),
        Buffer.from('["a","b"]').toString('base64url'),
      ])
        await assert.rejects(listCalls(db(), bench.root, { limit: 5, page_token }), { code: 'invalid_field' })
    })

    it('one is told with all that is kept of it', async () => {
      const told = LlmCallDetail.parse(await getCall(db(), bench.root, 'v-told'))
      assert.deepEqual(told.content, { request: '{"q":1}', answer: 'a' })
      assert.deepEqual(
        [told.started, told.cost_nanodollars, told.reserved_nanodollars, told.budgets, told.lost],
        [text(NOON - 1), 1_234_567, 9_000_000, ['bud_1'], ['$.x']],
      )
      assert.deepEqual(told.attempts, [{ model: 'def_1', status: 200, us: 899_000 }])
      assert.deepEqual(told.raw_usage, { prompt_tokens: 1000, completion_tokens: 200 })
      assert.deepEqual(told.tokens, { input: 1000, output: 200, cache_read: 64, cache_write: 0, reasoning: 20 })
    })

    it('one of another project, and one that is not there, are not found', async () => {
      await assert.rejects(getCall(db(), bench.member('blue'), 'v-told'), { code: 'not_found' })
      await assert.rejects(getCall(db(), bench.root, 'v-nobody'), { code: 'not_found' })
    })

    it('come to plain sums and exact percentiles, by what is asked for', async () => {
      const wish = { since: text(NOON), until: text(NOON + 60 * MINUTE) }
      const of = { endpoint: 'endpoint', model: 'model', key: 'key', team: 'team', user: 'user' } as const
      for (const [by, field] of Object.entries(of)) {
        for (const who of [bench.root, red()]) {
          const seen = records.filter((call) => who.project === null || call.project === who.project)
          const found = LlmOverview.parse(await overviewOf(db(), who, { ...wish, by: by as 'key' }, { now: NOON }))
          assert.deepEqual(found.total, plainFigures(seen))
          // equal names of endpoints of two projects are two endpoints
          const projectOf = (call: LlmCallRecord) => (by === 'endpoint' ? call.project : null)
          const groups = Map.groupBy(seen, (call) => JSON.stringify([projectOf(call), call[field]]))
          const named = found.groups.map(({ key, project, ...figures }) => [JSON.stringify([project, key]), figures])
          assert.deepEqual(
            new Map(named as [string, LlmFigures][]),
            new Map([...groups].map(([name, calls]) => [name, plainFigures(calls)])),
          )
          assert.deepEqual([found.by, found.measured, found.cut, found.more_groups], [by, seen.length, false, 0])
        }
      }
    })

    it('say what the cache and guardrails did, and are found by it', async () => {
      const folder = made.make()
      const at = NOON + 600 * MINUTE
      const guard = { name: 'personal', on: 'request', action: 'redact', found: 2 } as const
      const hit = { cache: 'hit', cost_status: 'none', cost: 0, usage: null, attempts: [] } as const
      await writeCallLog(folder, [
        callOf('w-hit', { ...hit, started: at, saved: 1_500_000_001 }),
        callOf('w-again', { ...hit, started: at + 1, saved: 499_999_999, project: 'blue' }),
        callOf('w-miss', { cache: 'miss', started: at + 2, guards: [guard, { ...guard, on: 'answer' }] }),
        callOf('w-same', { cache: 'miss', started: at + 3, guards: [guard, { ...guard, on: 'answer' }] }),
        callOf('w-block', { started: at + 4, guards: [guard, { ...guard, action: 'block', detail: 'a card' }] }),
        callOf('w-plain', { started: at + 5 }),
      ])
      await partOn(bench.room, folder).drain()
      const wish = { by: 'endpoint', since: text(at), until: text(at + MINUTE) } as const
      const all = LlmOverview.parse(await overviewOf(db(), bench.root, wish, { now: at }))
      assert.deepEqual(all.cache, { hits: 2, misses: 2, saved_usd: 2 })
      assert.deepEqual((await overviewOf(db(), red(), wish, { now: at })).cache.saved_usd, 1.500000001)
      assert.deepEqual([all.guards, all.guards_cut], [{ block: 1, redact: 3, flag: 0, failed: 0 }, false])
      assert.deepEqual(all.guardrails, [
        { name: 'personal', action: 'redact', calls: 3 },
        { name: 'personal', action: 'block', calls: 1 },
      ])
      const since = text(at)
      assert.deepEqual(await pages(bench.root, { since, cache: 'hit' }), ['w-again', 'w-hit'])
      assert.deepEqual(await pages(red(), { since, cache: 'miss' }, 1), ['w-same', 'w-miss'])
      assert.deepEqual(await pages(red(), { since, guarded: 'true' }, 2), ['w-block', 'w-same', 'w-miss'])
      const told = LlmCallDetail.parse(await getCall(db(), red(), 'w-block'))
      assert.deepEqual(told.guards, [guard, { ...guard, action: 'block', detail: 'a card' }])
      const kept = await getCall(db(), red(), 'w-hit')
      assert.deepEqual([kept.cache, kept.saved_nanodollars, kept.guards], ['hit', 1_500_000_001, []])
    })

    it('come to a series without holes, of two hundred points at most', async () => {
      const wish = { by: 'endpoint', since: text(NOON), until: text(NOON + 60 * MINUTE) } as const
      const found = await overviewOf(db(), bench.root, wish, { now: NOON })
      assert.equal(found.step_ms, 30_000)
      assert.deepEqual(
        found.series.map((point) => point.at),
        Array.from({ length: 120 }, (_, at) => text(NOON + at * 30_000)),
      )
      for (const { at, ...figures } of found.series)
        assert.deepEqual(figures, plainFigures(records.filter((call) => text(call.started) === at)))
      for (const length of [1, 999, 61_000, 86_400_000, 90 * 86_400_000, NOON]) {
        const until = text(NOON + 123)
        const { series } = await overviewOf(
          db(),
          bench.root,
          { by: 'key', since: text(NOON + 123 - length), until },
          { now: NOON },
        )
        assert.ok(series.length >= 1 && series.length <= 200, `${series.length} points of ${length} ms`)
      }
    })

    it('tell when percentiles are of the newest alone; counts and sums are whole', async () => {
      const wish = { by: 'endpoint', since: text(NOON), until: text(NOON + 60 * MINUTE) } as const
      const found = await overviewOf(db(), bench.root, wish, { now: NOON, most: 30 })
      const ids = new Set(newestFirst(records).slice(0, 30))
      const newest = plainFigures(records.filter((call) => ids.has(call.id)))
      const { first_us, total_us } = newest
      assert.deepEqual(found.total, { ...plainFigures(records), first_us, total_us })
      assert.deepEqual([found.measured, found.cut], [30, true])
    })

    it('are those of the last day where no time is named; a range of nothing is refused', async () => {
      const found = await overviewOf(db(), bench.root, { by: 'endpoint' }, { now: NOON + 60 * MINUTE })
      assert.deepEqual([found.since, found.until], [text(NOON - 23 * 60 * MINUTE), text(NOON + 60 * MINUTE)])
      assert.equal(found.total.requests, records.length + 1)
      const wish = { by: 'endpoint', since: text(NOON), until: text(NOON) } as const
      await assert.rejects(overviewOf(db(), bench.root, wish, { now: NOON }), { code: 'invalid_field' })
      const empty = await overviewOf(db(), bench.root, { by: 'key', until: text(10_000_000) }, { now: NOON })
      assert.deepEqual([empty.total, empty.groups], [plainFigures([]), []])
    })
  })
}
