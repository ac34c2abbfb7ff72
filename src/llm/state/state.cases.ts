/** Cases: how the loops of the room go, while they go well, fail, hang, lie behind or are off, and what of it a caller of one project is told. */
import assert from 'node:assert/strict'
import { after, beforeEach, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { DAY_MS } from '../../contract/ids.ts'
import { NewBudget } from '../../contract/llm/budgets.ts'
import { LlmState } from '../../contract/llm/state.ts'
import { openMoney } from '../../gateway/llm/money/store.ts'
import type { Published } from '../../serving/fleet/publisher.ts'
import type { Db } from '../../store/db.ts'
import { Rounds } from '../../store/rounds.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { callOf, folders, partOn, writeCallLog } from '../calls/call.fixture.ts'
import type { CallsPart } from '../calls/calls.ts'
import { CALL_TABLES } from '../calls/removal.ts'
import { Expiry } from '../expiry/expiry.ts'
import type { CallAges } from '../expiry/expiry.ts'
import { budgetRoutes, createBudget } from '../keys/budgets.ts'
import { roomWithTokens } from '../keys/room.fixture.ts'
import { resetLlm } from '../removal.ts'
import { Shares } from '../shares/shares.ts'
import { llmState } from './state.ts'
import type { StateDeps } from './state.ts'

export function stateCases(bench: Bench): void {
  describe('the state of language models', () => {
    const made = folders()
    after(() => made.remove())
    beforeEach(async () => {
      await resetLlm(bench.room.db)
      await bench.room.db.tx(async (t) => {
        for (const table of [...CALL_TABLES, 'llm_offsets']) await t.run(`DELETE FROM ${table}`)
      })
    })
    const fail = (error: unknown): void => assert.fail(String(error))
    const time = (ago = 0) => new Date(bench.room.clock() - ago).toISOString()
    const published = (more: Partial<Published> = {}): Published => {
      const now = bench.room.clock()
      return { at: now, looks: { begun: now, done: now, fault: null }, gateways: 1, ...more }
    }

    async function asked(more: Partial<StateDeps>, who = bench.root): Promise<LlmState> {
      const { db, clock } = bench.room
      const part = partOn(bench.room, made.make())
      const expiry = new Expiry({ db, clock, ages: {}, onError: fail })
      const deps: StateDeps = {
        db,
        clock,
        shares: () => undefined,
        expiry: () => expiry.state,
        log: () => part.logState(),
        published,
        ...more,
      }
      return LlmState.parse(await llmState(deps, who))
    }

    async function server(t: TestContext, db: Db = bench.room.db): Promise<Shares> {
      const { clock } = bench.room
      const shares = new Shares({ db, clock, dataDir: made.make(), onError: () => undefined })
      t.after(() => shares.stop())
      await shares.divide()
      return shares
    }

    const budget = (project: 'red' | 'blue') =>
      createBudget(
        roomWithTokens(bench),
        bench.member(project),
        NewBudget.parse({ scope: 'project', window: 'total', limit: 1 }),
      )

    it('is off where nothing is to be divided, and says why', async (t) => {
      const alone = await asked({})
      assert.deepEqual(
        [alone.division.state, alone.division.off, alone.division.divided_at],
        ['off', 'one_server', null],
      )
      const shares = await server(t)
      const { division } = await asked({ shares: () => shares.state })
      assert.deepEqual([division.state, division.off, division.servers], ['off', 'no_hard_budget', []])
    })

    it('names each server with its share, and the budgets of which this one has none, and why', async (t) => {
      const dataDir = made.make()
      const { db, clock } = bench.room
      const first = new Shares({ db, clock, dataDir, onError: fail })
      t.after(() => first.stop())
      const { id } = await budget('red')
      await first.divide()
      const two = await server(t)
      const of = async (shares: Shares, who = bench.root) => (await asked({ shares: () => shares.state }, who)).division
      const before = await of(two)
      assert.deepEqual(before.without, [{ budget: id, project: 'red', why: 'others' }], 'the first has all of it')
      assert.deepEqual(before.servers.map(({ live, held }) => `${live} ${held}`).toSorted(), ['true 0', 'true 1'])
      assert.equal(before.server, two.state.self)
      assert.deepEqual((await of(first)).without, [])
      await first.divide()
      await two.divide()
      assert.deepEqual((await of(two)).without, [])

      // all that this one has is spent, and the other is gone with its half
      const store = await openMoney({ dataDir, writer: 'w' })
      t.after(() => store.close())
      const [route] = await budgetRoutes(bench.room)
      assert.ok(route)
      await store.reserve({ id: 'c', amount: 500_000_000, budgets: [{ ...route, shared: true }], now: clock() })
      await first.divide()
      bench.wait(61_000)
      await first.divide()
      const after = await of(first)
      assert.deepEqual(after.without, [{ budget: id, project: 'red', why: 'gone' }])
      assert.deepEqual(
        after.servers.find(({ id: other }) => other === two.state.self),
        { ...before.servers.find(({ id: other }) => other === two.state.self), live: false, held: '0.5', budgets: 1 },
      )
      const { servers, without } = await of(first, bench.member('red'))
      assert.deepEqual([servers, without], [[], after.without], 'other machines are none of its business')
      assert.deepEqual((await of(first, bench.member('blue'))).without, [])
    })

    it('lists budgets up to a bound, and says that one comes with the next round', async (t) => {
      const shares = await server(t)
      for (let made = 0; made < 22; made++) await budget('red')
      const { division } = await asked({ shares: () => shares.state })
      assert.deepEqual([division.without.length, division.more_without], [20, 2])
      assert.deepEqual([...new Set(division.without.map(({ why }) => why))], ['not_yet'])
    })

    it('says since when a division fails, and with what; to a caller of one project without the words', async (t) => {
      await budget('red')
      const faulty = new Proxy(bench.room.db, {
        get: (of, name) => {
          if (name === 'tx') return () => Promise.reject(new Error('no connection to db.internal'))
          const value: unknown = Reflect.get(of, name, of)
          return typeof value === 'function' ? value.bind(of) : value
        },
      })
      const since = time()
      const shares = await server(t, faulty)
      bench.wait(5000)
      await shares.divide()
      const { division } = await asked({ shares: () => shares.state })
      const fault = { since, at: time(), words: 'no connection to db.internal' }
      assert.deepEqual([division.state, division.fault, division.divided_at], ['failing', fault, null])
      const { division: seen } = await asked({ shares: () => shares.state }, bench.member('red'))
      assert.deepEqual(seen.fault, { ...fault, words: 'the log of the server says why' })
    })

    it('tells a loop that hangs from one that goes', async (t) => {
      await budget('red')
      const shares = await server(t)
      const states = async () => (await asked({ shares: () => shares.state })).division.state
      bench.wait(60_000)
      assert.equal(await states(), 'ok')
      bench.wait(1)
      assert.equal(await states(), 'old')
      const never = new Rounds(bench.room.clock)
      bench.wait(60_001)
      const { settings } = await asked({ published: () => published({ at: null, looks: never.state }) })
      assert.deepEqual([settings.state, settings.published_at, settings.checked_at], ['old', null, null])
    })

    it('says of when the settings of gateways are, and why they are no newer', async () => {
      const fault = { since: bench.room.clock() - 2000, at: bench.room.clock(), words: 'a damaged row' }
      const at = bench.room.clock() - 9000
      const { settings } = await asked({
        published: () => published({ at, looks: { begun: at, done: at, fault } }),
      })
      assert.deepEqual(settings, {
        state: 'failing',
        published_at: time(9000),
        checked_at: time(9000),
        gateways: 1,
        fault: { since: time(2000), at: time(), words: 'a damaged row' },
      })
      assert.equal((await asked({ published: () => published({ gateways: 0 }) })).settings.state, 'off')
    })

    it('says what the last round of old calls removed, that it failed, or that none is made', async () => {
      const { db, clock } = bench.room
      const folder = made.make()
      const old = { started: clock() - 10 * DAY_MS, content: { request: '{}', answer: 'yes' } }
      await writeCallLog(folder, [
        callOf('a', old),
        callOf('b', { ...old, started: clock() - 3 * DAY_MS }),
        callOf('c', { started: clock() }),
      ])
      await partOn(bench.room, folder).drain()
      const off = (await asked({})).retention
      assert.deepEqual([off.state, off.calls_ms, off.content_ms, off.oldest], ['off', null, null, time(10 * DAY_MS)])
      const make = (ages: CallAges, of: Pick<Db, 'tx'> = db) => new Expiry({ db: of, clock, ages, onError: fail })
      const expiry = make({ calls: 5 * DAY_MS, content: DAY_MS })
      const first = (await asked({ expiry: () => expiry.state })).retention
      assert.deepEqual([first.state, first.removed, first.ended_at], ['ok', null, null])
      await expiry.run()
      const { retention } = await asked({ expiry: () => expiry.state })
      assert.deepEqual(retention, {
        state: 'ok',
        calls_ms: 5 * DAY_MS,
        content_ms: DAY_MS,
        ended_at: time(),
        removed: { calls: 1, contents: 1 },
        oldest: time(3 * DAY_MS),
        fault: null,
      })
      const broken = make({ calls: 1 }, { tx: () => Promise.reject(new Error('no more room')) })
      await assert.rejects(broken.run(), /no more room/)
      const failed = (await asked({ expiry: () => broken.state })).retention
      assert.deepEqual([failed.state, failed.fault?.words, failed.removed], ['failing', 'no more room', null])
      bench.wait(3 * 3_600_000)
      assert.equal((await asked({ expiry: () => expiry.state })).retention.state, 'ok')
      bench.wait(1)
      assert.equal((await asked({ expiry: () => expiry.state })).retention.state, 'old')
    })

    it('says how far the log is behind, what stopped it, and what of it could not be read', async () => {
      const folder = made.make()
      let broken = true
      const ports = {
        charge: () => (broken ? Promise.reject(new Error('no more room')) : Promise.resolve()),
        trace: () => Promise.resolve([]),
      }
      const part: CallsPart = partOn(bench.room, folder, { ports })
      const of = async () => (await asked({ log: () => part.logState() })).log
      const idle = await of()
      assert.deepEqual([idle.state, idle.bytes, idle.behind_ms, idle.read_at], ['ok', 0, 0, null])
      const ended = (id: string, ago: number) => callOf(id, { started: bench.room.clock() - ago - 2000, us: 2_000_000 })
      const lines = [ended('a', 60_000), ended('b', 50_000), 'no record']
      await writeCallLog(folder, lines)
      const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
      const size = texts.reduce((sum, { length }) => sum + 8 + length, 0)
      const waiting = await of()
      assert.deepEqual([waiting.state, waiting.bytes, waiting.behind_ms], ['ok', size, 60_000])
      bench.wait(1)
      assert.deepEqual([(await of()).state, (await of()).behind_ms], ['old', 60_001])
      const since = time()
      await assert.rejects(part.drain(), /no more room/)
      const failing = await of()
      assert.deepEqual(
        [failing.state, failing.fault, failing.bytes],
        ['failing', { since, at: since, words: 'no more room' }, size],
      )
      broken = false
      await part.drain()
      assert.deepEqual(await of(), {
        state: 'ok',
        read_at: time(),
        bytes: 0,
        behind_ms: 0,
        unreadable: 1,
        fault: null,
      })
      bench.wait(DAY_MS + 1)
      await part.drain()
      assert.equal((await of()).unreadable, 0, 'of the last day')
    })
  })
}
