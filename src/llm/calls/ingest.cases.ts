/** Cases: each call is taken in once, whatever fails, repeats or is damaged, with its money. */
import assert from 'node:assert/strict'
import { after, beforeEach, describe, it } from 'node:test'
import { auditLog } from '../../auth/audit.ts'
import type { EntryRow } from '../../cost/ledger-rows.ts'
import { recompute } from '../../cost/ledger.ts'
import { enterLlmCalls } from '../../cost/llm-entries.ts'
import type { LlmCallRecord } from '../../gateway/llm/records/record.ts'
import { BUDGET_WINDOWS } from '../../gateway/table/llm.ts'
import { prng } from '../../stats/prng.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { tablesPart } from '../../tracking/workspaces/tables.ts'
import { callOf, emptyCalls, folders, NOON, partOn, windowStart, writeCallLog } from './call.fixture.ts'
import { CALL_TABLES } from './removal.ts'
import type { CallRest } from './rows.ts'
import { sumsOfEntry } from './sums.ts'

const HOUR = 3_600_000

/** Calls of several hours, endpoints, budgets and ends, the same ones each time. */
function mixed(count: number): LlmCallRecord[] {
  const random = prng(3)
  const upTo = (most: number): number => Math.floor(random.uniform() * most)
  return Array.from({ length: count }, (_, at) => {
    const known = upTo(5) > 0
    return callOf(`call-${at}`, {
      started: NOON + upTo(3) * HOUR + upTo(HOUR),
      endpoint: ['chat', 'mail'][upTo(2)] ?? '',
      cost_status: known ? 'priced' : 'unknown_price',
      cost: known ? upTo(9_000_000) : null,
      budgets: ['bud_1', 'bud_2'].slice(0, upTo(3)),
    })
  })
}

export function ingestCases(bench: Bench): void {
  describe('calls taken in', () => {
    const made = folders()
    after(() => made.remove())
    const db = () => bench.room.db
    beforeEach(() => emptyCalls(db()))
    // the ledger is another room's: what was there before a case is taken off
    let before: readonly EntryRow[] = []
    const ledger = () => db().all<EntryRow>("SELECT * FROM cost_entries WHERE kind = 'llm' ORDER BY id")
    const nanodollars = (rows: readonly EntryRow[]) => rows.reduce((sum, row) => sum + row.nanodollars, 0)
    beforeEach(async () => {
      before = await ledger()
    })
    const charged = async () => nanodollars(await ledger()) - nanodollars(before)
    const calls = () => db().all<{ id: string; project: string }>('SELECT id, project FROM llm_calls ORDER BY id')
    const damaged = async () =>
      (await db().get<{ n: number }>('SELECT CAST(COALESCE(SUM(damaged), 0) AS BIGINT) AS n FROM llm_offsets'))?.n
    const costOf = (some: readonly LlmCallRecord[]) => some.reduce((sum, call) => sum + (call.cost ?? 0), 0)
    const spent = async (id: string) => {
      const found = await partOn(bench.room, made.make()).spentOf(db(), [{ id, window: 'total' }], NOON)
      return found.get(id)?.spent
    }

    async function wholeAndOnce(records: readonly LlmCallRecord[]): Promise<void> {
      assert.deepEqual(
        (await calls()).map((row) => row.id),
        records.map((call) => call.id).sort(),
      )
      assert.equal(await charged(), costOf(records))
      for (const budget of ['bud_1', 'bud_2'])
        assert.equal(await spent(budget), costOf(records.filter((call) => call.budgets.includes(budget))))
    }

    it('are rows, a sum in the ledger and on their budgets, by two at once, also where gateways repeat them', async () => {
      const folder = made.make()
      const records = mixed(150)
      await Promise.all([
        writeCallLog(folder, records.slice(0, 100)),
        writeCallLog(folder, records.slice(60)),
        writeCallLog(folder, [...records.slice(0, 3), ...records.slice(0, 3)]),
      ])
      const [one, other] = [partOn(bench.room, folder), partOn(bench.room, folder)]
      await Promise.all([one.drain(), other.drain()])
      assert.equal(await one.drain(), 0)
      await wholeAndOnce(records)
      const { clock } = bench.room
      const ids = new Set((await ledger()).map((row) => row.id))
      const found = await recompute({ db: db(), clock, audit: auditLog(clock) }, (entry) => sumsOfEntry(db(), entry))
      assert.deepEqual([found.entries, found.differs], [ids.size, []])
    })

    it('that fail anywhere in a transaction are taken in later, once', async () => {
      const folder = made.make()
      const records = mixed(60)
      await writeCallLog(folder, records)
      let left = 4
      const fails = (): void => {
        if (left-- > 0) throw new Error('no more room')
      }
      const failing = partOn(bench.room, folder, {
        ports: {
          async charge(t, charges) {
            if (left % 2 === 0) fails()
            await enterLlmCalls(t, charges)
            fails()
          },
        },
      })
      for (let at = 0; at < 4; at++) await assert.rejects(failing.drain(), /no more room/)
      assert.deepEqual(await calls(), [])
      assert.equal(await charged(), 0)
      await failing.drain()
      await wholeAndOnce(records)
    })

    it('go on where another left off, and as files grow', async () => {
      const folder = made.make()
      const records = mixed(40)
      await writeCallLog(folder, records.slice(0, 10))
      const first = partOn(bench.room, folder)
      await first.drain()
      await writeCallLog(folder, records.slice(10))
      assert.equal(await partOn(bench.room, folder).drain(), 30)
      assert.equal(await first.drain(), 0)
      await wholeAndOnce(records)
    })

    it('are told once each to who asked, after their commit', async () => {
      const folder = made.make()
      await writeCallLog(folder, [callOf('told'), callOf('told'), callOf('also')])
      const told: string[] = []
      const part = partOn(bench.room, folder, { onCalls: (fresh) => told.push(...fresh.map((call) => call.id)) })
      await part.drain()
      assert.deepEqual(told, ['told', 'also'])
    })

    it('are not stopped by what is no record; it is counted', async () => {
      const folder = made.make()
      const bad = [
        'no JSON',
        '{}',
        '[]',
        'null',
        { ...callOf('x'), t: 'p' },
        { ...callOf('x'), id: '' },
        { ...callOf('x'), project: 7 },
        { ...callOf('x'), cost: -1 },
        { ...callOf('x'), cost: 'much' },
        { ...callOf('x'), cost_status: 'cheap' },
        { ...callOf('x'), started: 9e15 },
        { ...callOf('x'), id: 'x'.repeat(129) },
        { ...callOf('x'), id: 'x\ud800' },
      ]
      await writeCallLog(folder, [callOf('first'), ...bad, callOf('last')], 1e6)
      await partOn(bench.room, folder).drain()
      assert.deepEqual(
        (await calls()).map((row) => row.id),
        ['first', 'last'],
      )
      assert.equal(await damaged(), bad.length)
    })

    it('of any text are kept as every database takes it', async () => {
      const folder = made.make()
      const long = '\u{1f600}'.repeat(5000)
      const odd = callOf('odd', {
        endpoint: long,
        key: `x${long}`,
        team: '\ud800',
        user: 'a\0b',
        model: long,
        error: `\0${long}`,
        us: 12.6,
        lost: ['$.x\0'],
        tags: ['\ud800'],
        usage: { input: 1e300, output: -7, cache_read: 0.4, cache_write: 0, reasoning: 0 },
        raw_usage: { 'a\0': ['\0'] },
        content: { request: '\0', answer: '\\u0000 stays' },
      })
      await writeCallLog(folder, [odd, callOf('next')])
      await partOn(bench.room, folder).drain()
      assert.equal(await damaged(), 0)
      const row = await db().get<Record<string, string>>("SELECT * FROM llm_calls WHERE id = 'odd'")
      assert.deepEqual([row?.['endpoint'], row?.['user_name'], row?.['us']], [long.slice(0, 256), 'ab', 13])
      assert.deepEqual([row?.['key_token'], row?.['team']], [`x${long.slice(0, 254)}\ufffd`, '\ufffd'])
      assert.deepEqual([row?.['input_tokens'], row?.['output_tokens'], row?.['cache_read_tokens']], [1e9, 0, 0])
      assert.deepEqual(JSON.parse(row?.['content'] ?? ''), { request: '', answer: '\\u0000 stays' })
      assert.equal((await calls()).length, 2)
    })

    it('are charged whatever else their records have wrong, and say what was left out', async () => {
      const folder = made.make()
      const lists = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`
      // what nests too deep for JSON.stringify is put into its text
      const DEEP = 'deep lists'
      const attempt = { model: 'def_1', status: 200, us: 5 }
      const records = {
        many: { lost: Array.from({ length: 1500 }, (_, at) => `$.x[${at}]`), tags: Array(1500).fill('t') },
        long: {
          lost: ['x'.repeat(20_000)],
          attempts: Array.from({ length: 1500 }, () => ({ ...attempt, status: 200.4, us: -3 })),
        },
        dear: { cost: 3e13, reserved: 1e300, us: 1e300, error: 'broke off' },
        deep: { raw_usage: DEEP },
        shallow: { raw_usage: JSON.parse(lists(63)) as unknown },
        strange: { outcome: 'fine', dialect: 'song', usage: { input: 'many' }, attempts: 'none', endpoint: 7 },
        nested: { tags: DEEP, user: 'a\0b' },
      }
      const logged = Object.entries(records).map(([id, more]) =>
        JSON.stringify({ ...callOf(id), ...more }).replace(`"${DEEP}"`, lists(5000)),
      )
      await writeCallLog(folder, logged, 1e6)
      await partOn(bench.room, folder, { chunkBytes: 1e6 }).drain()
      assert.equal(await damaged(), 0)
      const rows = await db().all<{ id: string; rest: string } & Record<string, unknown>>('SELECT * FROM llm_calls')
      const rowOf = (id: keyof typeof records) => rows.find((row) => row.id === id) ?? assert.fail(id)
      const restOf = (id: keyof typeof records) => JSON.parse(rowOf(id).rest) as CallRest
      const usual = 1_234_567
      assert.equal(await charged(), 6 * usual + 1e13)
      assert.equal(await spent('bud_1'), 6 * usual + 1e13)
      assert.deepEqual(
        [restOf('many').lost.length, restOf('many').lost[999], restOf('many').tags.length],
        [1000, '$.x[999]', 1000],
      )
      assert.equal(restOf('long').lost[0], 'x'.repeat(4000))
      assert.deepEqual([restOf('long').attempts.length, restOf('long').attempts[0]], [1000, { ...attempt, us: 0 }])
      assert.deepEqual([rowOf('dear')['reserved'], rowOf('dear')['us']], [1e13, 1e15])
      assert.equal(
        rowOf('dear')['error'],
        'broke off; logged with 30000000000000 nanodollars, charged with 10000000000000',
      )
      assert.equal(restOf('deep').raw_usage, 'left out: it nests deeper than 63')
      assert.deepEqual(restOf('shallow').raw_usage, JSON.parse(lists(63)))
      assert.equal(rowOf('strange')['error'], 'not readable in the log: endpoint, dialect, outcome, attempts, usage')
      assert.deepEqual(
        [rowOf('strange')['outcome'], rowOf('strange')['endpoint'], rowOf('strange')['input_tokens']],
        ['failed', '', null],
      )
      assert.deepEqual([restOf('nested').tags, rowOf('nested')['user_name']], [[], 'ab'])
      assert.equal(rowOf('nested')['error'], 'not readable in the log: tags')
    })

    it('that were refused cost nothing and are in no entry; those of unknown price are counted apart', async () => {
      const folder = made.make()
      const refused = { outcome: 'refused', cost_status: 'none', cost: 0, provider: null, model: null } as const
      await writeCallLog(folder, [
        callOf('refused', { ...refused, endpoint: 'apart', status: 429 }),
        callOf('unknown', { endpoint: 'apart', cost_status: 'unknown_price', cost: null }),
        callOf('lost', { endpoint: 'apart', outcome: 'lost', cost_status: 'reserved', cost: 9_000_000, usage: null }),
      ])
      await partOn(bench.room, folder).drain()
      const entries = (await ledger()).filter((row) => row.endpoint === 'apart')
      assert.deepEqual(
        entries.map((row) => [row.llm_calls, row.unpriced_calls, row.nanodollars, row.unpriced_tokens]),
        [[2, 1, 9_000_000, 1200]],
      )
      assert.equal(await spent('bud_1'), 9_000_000)
    })

    it('go or move with their project, with what budgets were charged', async () => {
      const folder = made.make()
      await writeCallLog(folder, [
        callOf('mine', { project: 'blue', budgets: ['bud_blue'] }),
        callOf('theirs', { project: 'red' }),
      ])
      await partOn(bench.room, folder).drain()
      const inside = { of: 'llm_calls', id: 'id', tables: [] }
      const part = tablesPart({ db: db(), tables: CALL_TABLES, inside })
      await db().tx(async (t) => part.give?.(t, 'blue', 'green'))
      assert.deepEqual(await calls(), [
        { id: 'mine', project: 'green' },
        { id: 'theirs', project: 'red' },
      ])
      assert.equal(await spent('bud_blue'), 1_234_567)
      await part.remove?.(bench.root, 'green')
      assert.deepEqual(await calls(), [{ id: 'theirs', project: 'red' }])
      assert.deepEqual([await spent('bud_blue'), await spent('bud_1')], [0, 1_234_567])
      await partOn(bench.room, folder).drain()
      assert.equal((await calls()).length, 1)
    })

    it('are on a budget by the days of its window, whichever it is asked for', async () => {
      const folder = made.make()
      const days = (n: number): number => NOON - n * 24 * HOUR
      // Wednesday 6 May 2026: 3 days before is Sunday of the week before, 6 days before is in April
      const records = [0, 1, 2, 3, 5, 6, 40].map((n, at) => callOf(`day-${n}`, { started: days(n), cost: 10 ** at }))
      const midnight = callOf('midnight', { started: windowStart('day', NOON), cost: 2 })
      const eve = callOf('eve', { started: windowStart('day', NOON) - 1, cost: 30 })
      await writeCallLog(folder, [...records, midnight, eve, callOf('twice', { cost: 5, budgets: ['bud_1', 'bud_1'] })])
      const part = partOn(bench.room, folder)
      await part.drain()
      const want = { day: 8, week: 148, month: 11_148, total: 1_111_148 }
      for (const window of BUDGET_WINDOWS) {
        const found = await part.spentOf(db(), [{ id: 'bud_1', window }], NOON)
        assert.deepEqual(found.get('bud_1'), { since: windowStart(window, NOON), spent: want[window] }, window)
      }
      const asked = [
        { id: 'bud_1', window: 'day' as const },
        { id: 'nobody', window: 'week' as const },
      ]
      assert.deepEqual(
        [...(await part.spentOf(db(), asked, NOON)).entries()],
        [
          ['bud_1', { since: windowStart('day', NOON), spent: 8 }],
          ['nobody', { since: windowStart('week', NOON), spent: 0 }],
        ],
      )
    })
  })
}
