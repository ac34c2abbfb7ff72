/** Cases: a hard budget that servers with money stores of their own divide. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, it } from 'node:test'
import type { TestContext } from 'node:test'
import { Problem } from '../../contract/errors.ts'
import { NewBudget } from '../../contract/llm/budgets.ts'
import { moneyFolder } from '../../gateway/llm/money/place.ts'
import { openMoney } from '../../gateway/llm/money/store.ts'
import type { MoneyStore } from '../../gateway/llm/money/store.ts'
import type { BudgetRoute } from '../../gateway/table/llm.ts'
import { prng } from '../../stats/prng.ts'
import type { Db, Tx } from '../../store/db.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { callOf } from '../calls/call.fixture.ts'
import { writeCalls } from '../calls/rows.ts'
import { budgetRoutes, changeBudget, createBudget } from '../keys/budgets.ts'
import { roomWithTokens } from '../keys/room.fixture.ts'
import { resetLlm } from '../removal.ts'
import { listServers, removeServer } from './servers.ts'
import { Shares } from './shares.ts'

const LIMIT = 1_000_000_000
const DAY = 86_400_000
const NO_PORTS = { charge: () => Promise.resolve(), trace: () => Promise.resolve([]) }

/** A server: its control side, and a gateway of it. */
interface Server {
  readonly dataDir: string
  readonly shares: Shares
  readonly store: MoneyStore
  /** True where the call was let through. */
  reserve(budget: BudgetRoute, amount: number): Promise<boolean>
  /** Reserves and settles. */
  spend(budget: BudgetRoute, amount: number): Promise<boolean>
  /** Spent and reserved of the budget, in all windows that its store has. */
  used(budget: BudgetRoute): number
}

export function shareCases(bench: Bench): void {
  describe('a hard budget on several servers', () => {
    beforeEach(() => resetLlm(bench.room.db))
    let calls = 0

    async function server(t: TestContext, { dataDir = folder(t), db = bench.room.db } = {}): Promise<Server> {
      const { clock } = bench.room
      const shares = new Shares({ db, clock, dataDir, onError: (error) => assert.fail(String(error)) })
      t.after(() => shares.stop())
      await shares.divide()
      const store = await openMoney({ dataDir, writer: 'w' })
      t.after(() => store.close())
      const reserve = async (budget: BudgetRoute, amount: number, id = `call-${++calls}`): Promise<boolean> => {
        try {
          await store.reserve({ id, amount, budgets: [budget], now: clock() })
          return true
        } catch (error) {
          assert.ok(error instanceof Problem && error.code === 'budget_exceeded', String(error))
          return false
        }
      }
      return {
        dataDir,
        shares,
        store,
        reserve,
        async spend(budget, amount) {
          const id = `call-${++calls}`
          const isIn = await reserve(budget, amount, id)
          if (isIn) await store.settle(id, amount)
          return isIn
        },
        used: ({ id }) =>
          store
            .spent()
            .filter((row) => row.budget === id)
            .reduce((sum, { spent, reserved }) => sum + spent + reserved, 0),
      }
    }

    async function budget(window: 'day' | 'total' = 'total'): Promise<BudgetRoute> {
      const given = NewBudget.parse({ scope: 'project', window, limit: 1 })
      await createBudget(roomWithTokens(bench), bench.member('red'), given)
      const [made] = await budgetRoutes(bench.room)
      assert.ok(made)
      return { ...made, shared: true }
    }

    it('is spent whole by one, to the last nanodollar, and nothing where it has no share yet', async (t) => {
      const early = await server(t)
      const of = await budget()
      assert.equal(await early.reserve(of, 1), false)
      await early.shares.divide()
      assert.equal(await early.spend(of, LIMIT), true)
      assert.equal(await early.reserve(of, 1), false)
    })

    it('is divided in halves when a second server comes, which says so in its refusals', async (t) => {
      const of = await budget()
      const one = await server(t)
      const two = await server(t)
      assert.equal(await two.reserve(of, 1), false, 'the first has all of it')
      await one.shares.divide()
      await two.shares.divide()
      assert.equal(await one.reserve(of, LIMIT / 2 + 1), false)
      assert.equal(await two.reserve(of, LIMIT / 2 + 1), false)
      assert.deepEqual([await one.reserve(of, LIMIT / 2), await two.reserve(of, LIMIT / 2)], [true, true])
      await assert.rejects(
        two.store.reserve({ id: 'more', amount: 1, budgets: [of], now: bench.room.clock() }),
        /limit \$1\.00 \(the share of this server is \$0\.50\)/,
      )
    })

    it('goes to where it is spent: what one server leaves another can have', async (t) => {
      const of = await budget()
      const [one, two] = [await server(t), await server(t)]
      for (let round = 0; round < 60; round++) {
        while (await one.spend(of, 10_000_000));
        await two.shares.divide()
        await one.shares.divide()
      }
      assert.ok(one.used(of) >= LIMIT - 2 * 10_000_000, String(one.used(of)))
      assert.ok(one.used(of) + two.used(of) <= LIMIT)
    })

    it('is never passed, in whatever order three servers call, settle and divide', async (t) => {
      for (const seed of [1, 2, 3]) {
        await resetLlm(bench.room.db)
        const of = await budget()
        const servers = [await server(t), await server(t), await server(t)]
        const open = new Map<string, { store: MoneyStore; amount: number }>()
        const random = prng(seed)
        for (let step = 0; step < 150; step++) {
          const at = servers[Math.floor(random.uniform() * 3)]
          assert.ok(at)
          const [dice, size] = [random.uniform(), random.uniform()]
          if (dice < 0.5) {
            const [id, amount] = [`${seed}-${step}`, Math.floor(size * 60_000_000)]
            const isIn = await at.store.reserve({ id, amount, budgets: [of], now: bench.room.clock() }).then(
              () => true,
              () => false,
            )
            if (isIn) open.set(id, { store: at.store, amount })
          } else if (dice < 0.75) {
            const [id, call] = [...open][Math.floor(size * open.size)] ?? []
            if (id !== undefined && call !== undefined) {
              await call.store.settle(id, Math.floor(call.amount * random.uniform()))
              open.delete(id)
            }
          } else {
            await at.shares.divide()
          }
          const used = servers.reduce((sum, one) => sum + one.used(of), 0)
          assert.ok(used <= LIMIT, `seed ${seed}, step ${step}: ${used}`)
        }
        const rows = await bench.room.db.all<{ granted: number }>('SELECT granted FROM llm_shares')
        assert.ok(rows.reduce((sum, { granted }) => sum + granted, 0) <= LIMIT)
      }
    })

    it('leaves a server that is gone its share, and divides what it had not', async (t) => {
      const of = await budget()
      const [gone, left] = [await server(t), await server(t)]
      for (const one of [gone, left]) await one.shares.divide()
      bench.wait(61_000)
      await left.shares.divide()
      assert.equal(await left.reserve(of, LIMIT / 2 + 1), false, 'its gateways may go on without it')
      assert.equal(await left.spend(of, LIMIT / 2), true)
      assert.equal(await gone.spend(of, LIMIT / 2), true)
    })

    it('gets back what a server had that is gone and removed, but for what it had used', async (t) => {
      const of = await budget()
      const [gone, left] = [await server(t), await server(t)]
      for (const one of [gone, left]) await one.shares.divide()
      assert.equal(await gone.spend(of, 100_000_000), true)
      await gone.shares.divide()
      const room = roomWithTokens(bench)
      const found = (await listServers(bench.room)).find(({ name }) => name.endsWith(gone.dataDir))
      assert.deepEqual([found?.held, found?.budgets, found?.live], ['0.4', 1, true])
      const id = found?.id ?? ''
      await assert.rejects(removeServer(room, bench.root, id), /was seen at/)
      await assert.rejects(removeServer(room, bench.root, 'srv-x'), /srv-x/)
      bench.wait(61_000)
      await left.shares.divide()
      assert.equal((await listServers(bench.room)).find((one) => one.id === id)?.live, false)
      assert.equal(await left.reserve(of, 500_000_001), false)
      await removeServer(room, bench.root, id)
      await left.shares.divide()
      assert.equal(await left.reserve(of, 900_000_001), false)
      assert.equal(await left.spend(of, 900_000_000), true)
    })

    it('is not spent again by a server that lost its money store', async (t) => {
      const of = await budget()
      const first = await server(t)
      assert.equal(await first.spend(of, 700_000_000), true)
      await first.shares.divide()
      await first.shares.stop()
      await first.store.close()
      for (const end of ['', '-wal', '-shm'])
        rmSync(join(moneyFolder(first.dataDir), `money.db${end}`), { force: true })
      const again = await server(t, { dataDir: first.dataDir })
      assert.equal(await again.reserve(of, 300_000_001), false)
      assert.equal(await again.reserve(of, 300_000_000), true)
    })

    it('has a share of the next window before that begins, for a day on which control is away', async (t) => {
      const of = await budget('day')
      const one = await server(t)
      assert.equal(await one.spend(of, LIMIT), true)
      bench.wait(DAY)
      assert.equal(await one.spend(of, LIMIT), true)
      bench.wait(DAY)
      assert.equal(await one.reserve(of, 1), false, 'nobody divided the day after it')
    })

    it('begins with what was spent before it was divided', async (t) => {
      const of = await budget()
      const call = callOf('before', { project: 'red', budgets: [of.id], cost: 400_000_000 })
      await bench.room.db.tx((tx) => writeCalls(tx, [call], NO_PORTS))
      const one = await server(t)
      assert.equal(await one.reserve(of, 600_000_001), false)
      assert.equal(await one.reserve(of, 600_000_000), true)
    })

    it('that is raised is spent after the next division; one that is lowered holds at once, and over all servers after it', async (t) => {
      const of = await budget()
      const [one, two] = [await server(t), await server(t)]
      const divide = async (): Promise<void> => {
        for (const each of [one, two]) await each.shares.divide()
      }
      await divide()
      const change = async (limit: number): Promise<BudgetRoute> => {
        await changeBudget(roomWithTokens(bench), bench.member('red'), of.id, { limit })
        const [made] = await budgetRoutes(bench.room)
        assert.ok(made)
        return { ...made, shared: true }
      }
      const raised = await change(2 * LIMIT)
      await divide()
      assert.equal(await one.spend(raised, LIMIT), true)
      const lowered = await change(LIMIT / 2)
      assert.equal(await two.reserve(lowered, LIMIT / 2 + 1), false, 'by the limit itself, before anything is divided')
      assert.equal(
        await two.reserve(raised, LIMIT + 1),
        false,
        'a gateway that was not told yet has no more than its share',
      )
      await divide()
      assert.equal(await two.reserve(lowered, 1), false, 'what the limit no longer has is given up')
      const rows = await bench.room.db.all<{ granted: number }>('SELECT granted FROM llm_shares')
      assert.equal(
        rows.reduce((sum, { granted }) => sum + granted, 0),
        LIMIT,
      )
    })

    it('is written down only where something changed: an idle round opens no transaction', async (t) => {
      const of = await budget('day')
      const counted = new CountedDb(bench.room.db)
      const one = await server(t, { db: counted.db })
      const two = await server(t)
      const divide = async (): Promise<void> => {
        for (const each of [one, two, one]) await each.shares.divide()
      }
      await divide()
      counted.count = 0
      await divide()
      assert.equal(counted.count, 0)
      assert.equal(await one.spend(of, 1), true)
      await one.shares.divide()
      assert.equal(counted.count, 1, 'what was spent is told')
      bench.wait(61_000)
      await divide()
      await divide()
      counted.count = 0
      bench.wait(4000)
      await divide()
      assert.equal(counted.count, 0, 'nothing is to be forgotten, and the last sign of life is young')
      bench.wait(1000)
      await one.shares.divide()
      assert.equal(counted.count, 1, 'a sign of life')
      bench.wait(9 * DAY)
      counted.count = 0
      await one.shares.divide()
      assert.equal(counted.count, 3, 'a sign of life, windows that are over, and new ones')
      const rows = await bench.room.db.all<{ since: number }>('SELECT DISTINCT since FROM llm_shares')
      assert.equal(rows.length, 2)
    })

    it('a division that fails half way loses nothing and gives nothing twice', async (t) => {
      const of = await budget()
      const faulty = new FaultyDb(bench.room.db)
      const told: unknown[] = []
      const dataDir = folder(t)
      const shares = new Shares({
        db: faulty.db,
        clock: bench.room.clock,
        dataDir,
        onError: (error) => told.push(error),
      })
      t.after(() => shares.stop())
      await shares.divide()
      const two = await server(t)
      faulty.isFailing = true
      await shares.divide()
      await shares.divide()
      assert.equal(told.length, 1, 'told once')
      await two.shares.divide()
      assert.equal(await two.reserve(of, 1), false, 'what was given up is free once the database knows it')
      faulty.isFailing = false
      await shares.divide()
      await two.shares.divide()
      assert.equal(await two.spend(of, LIMIT / 2), true)
      assert.equal(await two.reserve(of, 1), false)
    })
  })
}

/** A database whose transactions fail on demand after their work, as when the connection goes before the commit. */
class FaultyDb {
  isFailing = false
  readonly db: Db

  constructor(real: Db) {
    const tx = <T>(work: (t: Tx) => Promise<T>): Promise<T> =>
      real.tx(async (t) => {
        const done = await work(t)
        if (this.isFailing) throw new Error('the connection is gone')
        return done
      })
    this.db = new Proxy(real, {
      get: (of, name) => {
        const value: unknown = name === 'tx' ? tx : Reflect.get(of, name, of)
        return typeof value === 'function' && name !== 'tx' ? value.bind(of) : value
      },
    })
  }
}

/** A database whose transactions are counted. */
class CountedDb {
  count = 0
  readonly db: Db

  constructor(real: Db) {
    this.db = new Proxy(real, {
      get: (of, name) => {
        if (name === 'tx') this.count++
        const value: unknown = Reflect.get(of, name, of)
        return typeof value === 'function' ? value.bind(of) : value
      },
    })
  }
}

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'slipway-shares-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
