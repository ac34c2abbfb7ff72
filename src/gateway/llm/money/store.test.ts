/** The money store: reservations that hold all or nothing, windows, what the ledger knows, failures of the disk, and random orders against a plain model. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import Database from 'better-sqlite3'
import { seeded } from '../../../../test/web/seeded.ts'
import type { Seeded } from '../../../../test/web/seeded.ts'
import { never, until } from '../../../../test/until.ts'
import { Problem } from '../../../contract/errors.ts'
import type { BudgetRoute } from '../../table/llm.ts'
import { budgetOf, dataFolder } from './money.fixture.ts'
import { moneyUnavailable } from './refusals.ts'
import { ShareBook } from './shares.ts'
import { MoneyStore, openMoney } from './store.ts'

const NOON = Date.parse('2026-12-03T12:00:00Z')
const DAY = 86_400_000

function opened(t: TestContext, dataDir = dataFolder(t), busyMs?: number): MoneyStore {
  const store = new MoneyStore({ dataDir, writer: 'w', ...(busyMs !== undefined && { busyMs }) })
  t.after(() => store.close())
  return store
}

/** Spent and reserved, by budget. */
function standing(store: MoneyStore): Record<string, [number, number]> {
  return Object.fromEntries(store.spent().map(({ budget, spent, reserved }) => [budget, [spent, reserved]]))
}

async function refused(asked: Promise<void>): Promise<Problem> {
  const error: unknown = await asked.then(
    () => assert.fail('it was let through'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof Problem, String(error))
  return error
}

test('what is reserved is spent once its call has ended, for what it cost', async (t) => {
  const store = opened(t)
  const budgets = [budgetOf('b')]
  await store.reserve({ id: 'one', amount: 300, budgets, now: NOON })
  await store.reserve({ id: 'two', amount: 500, budgets, now: NOON })
  assert.deepEqual(standing(store), { b: [0, 800] })
  await store.settle('one', 100)
  assert.deepEqual(standing(store), { b: [100, 500] })
  await store.settle('one', 100)
  await store.settle('never', 7)
  assert.deepEqual(standing(store), { b: [100, 500] }, 'a second time, and an unknown call, change nothing')
  await store.settle('two', 900)
  assert.deepEqual(standing(store), { b: [1000, 0] }, 'more than was reserved is spent as well')
})

test('a call that fits to the last nanodollar passes, one more does not, and what is given back is there again', async (t) => {
  const store = opened(t)
  const budgets = [budgetOf('b', { limit: 1000 })]
  await store.reserve({ id: 'one', amount: 400, budgets, now: NOON })
  await store.reserve({ id: 'two', amount: 600, budgets, now: NOON })
  await refused(store.reserve({ id: 'three', amount: 1, budgets, now: NOON }))
  await store.reserve({ id: 'free', amount: 0, budgets, now: NOON })
  await store.settle('two', 0)
  await store.reserve({ id: 'four', amount: 600, budgets, now: NOON })
  assert.deepEqual(standing(store), { b: [0, 1000] })
})

test('a refusal says how the budget stands in dollars, and to come again only where calls under way could make room', async (t) => {
  const store = opened(t)
  const budgets = [budgetOf('b', { window: 'day', limit: 1_000_000_000 })]
  await store.reserve({ id: 'one', amount: 250_000_000, budgets, now: NOON })
  await store.settle('one', 250_000_000)
  await store.reserve({ id: 'two', amount: 500_000_001, budgets, now: NOON })
  const waiting = await refused(store.reserve({ id: 'three', amount: 750_000_000, budgets, now: NOON }))
  assert.equal(waiting.status, 429)
  assert.equal(
    waiting.message,
    'budget b (window: day) has no room for a call of up to $0.75: limit $1.00, spent $0.25, reserved $0.500000001 by calls under way',
  )
  assert.equal(waiting.data['retry_after'], 1)
  assert.equal(waiting.data['until'], '2026-12-04T00:00:00.000Z')
  const final = await refused(store.reserve({ id: 'four', amount: 750_000_001, budgets, now: NOON }))
  assert.equal('retry_after' in final.data, false)
  const ever = [budgetOf('ever', { limit: 1_234_500_000_000 })]
  const total = await refused(store.reserve({ id: 'five', amount: 2e12, budgets: ever, now: NOON }))
  assert.match(total.message, /up to \$2000\.00: limit \$1234\.50, spent \$0\.00,/)
  assert.equal('until' in total.data, false)
})

test('all budgets or none: one without room leaves the others as they were', async (t) => {
  const store = opened(t)
  const wide = budgetOf('wide')
  const narrow = budgetOf('narrow', { limit: 10 })
  const last = budgetOf('last')
  const error = await refused(store.reserve({ id: 'one', amount: 11, budgets: [wide, narrow, last], now: NOON }))
  assert.equal(error.data['budget'], 'narrow')
  assert.deepEqual(
    Object.values(standing(store))
      .flat()
      .filter((amount) => amount !== 0),
    [],
  )
  await store.reserve({ id: 'one', amount: 10, budgets: [wide, narrow, last, wide], now: NOON })
  assert.deepEqual(
    standing(store),
    { wide: [0, 10], narrow: [0, 10], last: [0, 10] },
    'one named twice is charged once',
  )
  await store.settle('one', 4)
  assert.deepEqual(standing(store), { wide: [4, 0], narrow: [4, 0], last: [4, 0] })
})

test('a soft budget is charged and never refuses', async (t) => {
  const store = opened(t)
  const budgets = [budgetOf('soft', { limit: 10, hard: false })]
  for (const id of ['one', 'two']) await store.reserve({ id, amount: 100, budgets, now: NOON })
  await store.settle('one', 50)
  assert.deepEqual(standing(store), { soft: [50, 100] })
})

test('a call over midnight is paid by the day on which it began', async (t) => {
  const store = opened(t)
  const budgets = [budgetOf('b', { window: 'day', limit: 100 })]
  const midnight = Date.parse('2026-12-04')
  await store.reserve({ id: 'late', amount: 100, budgets, now: midnight - 1 })
  await refused(store.reserve({ id: 'later', amount: 1, budgets, now: midnight - 1 }))
  await store.reserve({ id: 'early', amount: 60, budgets, now: midnight })
  // a call that began before it asks after others of the new day
  await refused(store.reserve({ id: 'behind', amount: 1, budgets, now: midnight - 1 }))
  await store.settle('late', 90)
  await store.settle('early', 20)
  assert.deepEqual(
    store.spent().map(({ since, until, spent, reserved }) => [since, until, spent, reserved]),
    [
      [midnight - DAY, midnight, 90, 0],
      [midnight, midnight + DAY, 20, 0],
    ],
  )
  await store.tidy(midnight + DAY)
  assert.equal(store.spent().length, 2, 'a day is kept')
  await store.tidy(midnight + DAY + 1)
  assert.deepEqual(
    store.spent().map(({ since }) => since),
    [midnight],
  )
})

test('a window with a call under way is not removed, nor is one that never ends', async (t) => {
  const store = opened(t)
  await store.reserve({
    id: 'one',
    amount: 5,
    budgets: [budgetOf('d', { window: 'day' }), budgetOf('ever')],
    now: NOON,
  })
  await store.tidy(NOON + 400 * DAY)
  assert.deepEqual(standing(store), { d: [0, 5], ever: [0, 5] })
  await store.settle('one', 3)
  await store.tidy(NOON + 400 * DAY)
  assert.deepEqual(standing(store), { ever: [3, 0] })
})

test('a budget whose window becomes longer keeps what began at the same time', async (t) => {
  const store = opened(t)
  const first = Date.parse('2026-12-01T10:00:00Z')
  const end = async (window: BudgetRoute['window'], id: string): Promise<unknown> => {
    await store.reserve({ id, amount: 1, budgets: [budgetOf('b', { window })], now: first })
    return store.spent().map(({ until }) => (until === null ? null : new Date(until).toISOString().slice(0, 10)))
  }
  assert.deepEqual(await end('day', 'one'), ['2026-12-02'])
  assert.deepEqual(await end('month', 'two'), ['2027-01-01'])
  assert.deepEqual(await end('day', 'three'), ['2027-01-01'], 'another gateway has the older table')
  assert.deepEqual(standing(store), { b: [0, 3] })
  const early = { amount: 1, now: 5 }
  await store.reserve({ id: 'four', budgets: [budgetOf('c', { window: 'day' })], ...early })
  await store.reserve({ id: 'five', budgets: [budgetOf('c', { window: 'total' })], ...early })
  assert.equal(store.spent().find(({ budget }) => budget === 'c')?.until, null)
})

test('a call of nothing may outlive its window', async (t) => {
  const store = opened(t)
  await store.reserve({ id: 'one', amount: 0, budgets: [budgetOf('b', { window: 'day' })], now: NOON })
  await store.tidy(NOON + 5 * DAY)
  await store.settle('one', 4)
  assert.deepEqual(store.spent(), [])
})

test('a window begins with what the ledger knows of it, and of no other', async (t) => {
  const store = opened(t)
  const since = Date.parse('2026-12-03')
  const of = (id: string, given: Partial<BudgetRoute>): BudgetRoute =>
    budgetOf(id, { window: 'day', limit: 100, ...given })
  await store.reserve({ id: 'one', amount: 1, budgets: [of('same', { spent: 70, since })], now: NOON })
  await store.reserve({ id: 'two', amount: 1, budgets: [of('older', { spent: 70, since: since - DAY })], now: NOON })
  await refused(store.reserve({ id: 'three', amount: 1, budgets: [of('full', { spent: 100, since })], now: NOON }))
  assert.deepEqual(standing(store)['same'], [70, 1])
  assert.deepEqual(standing(store)['older'], [0, 1])
})

test('what the ledger knows later counts where it is more, and calls under way are not counted twice', async (t) => {
  const store = opened(t)
  const since = Date.parse('2026-12-03')
  const budget = (spent: number): BudgetRoute[] => [budgetOf('b', { window: 'day', limit: 100, spent, since })]
  await store.reserve({ id: 'one', amount: 40, budgets: budget(0), now: NOON })
  // it stands in the ledger before it is settled here
  await store.reserve({ id: 'two', amount: 10, budgets: budget(30), now: NOON })
  await store.settle('one', 30)
  assert.deepEqual(standing(store), { b: [30, 10] })
  await store.settle('two', 5)
  await store.reserve({ id: 'three', amount: 1, budgets: budget(20), now: NOON })
  assert.deepEqual(standing(store), { b: [35, 1] }, 'a ledger that is behind changes nothing')
  await refused(store.reserve({ id: 'four', amount: 10, budgets: budget(95), now: NOON }))
  await store.reserve({ id: 'five', amount: 5, budgets: budget(95), now: NOON })
  assert.deepEqual(standing(store), { b: [94, 6] }, 'another place has spent')
})

test('what is asked for in one turn is decided in its order, and each alone', async (t) => {
  const store = opened(t)
  const budgets = [budgetOf('b', { limit: 100 })]
  const ends = await Promise.allSettled(
    Array.from({ length: 1500 }, (_, i) => store.reserve({ id: `c${i}`, amount: i < 99 ? 1 : 2, budgets, now: NOON })),
  )
  assert.equal(ends.filter(({ status }) => status === 'fulfilled').length, 99)
  assert.deepEqual(standing(store), { b: [0, 99] })
})

test('an id is reserved once, and an amount is a whole number', async (t) => {
  const store = opened(t)
  const budgets = [budgetOf('b')]
  const [first, again, other] = await Promise.allSettled([
    store.reserve({ id: 'one', amount: 1, budgets, now: NOON }),
    store.reserve({ id: 'one', amount: 1, budgets, now: NOON }),
    store.reserve({ id: 'two', amount: 1, budgets, now: NOON }),
  ])
  assert.deepEqual([first.status, again.status, other.status], ['fulfilled', 'rejected', 'fulfilled'])
  for (const amount of [Number.NaN, -1, 0.5, Infinity, 2 ** 53]) {
    assert.throws(() => store.reserve({ id: 'bad', amount, budgets, now: NOON }), RangeError)
    assert.throws(() => store.settle('one', amount), RangeError)
  }
  assert.deepEqual(standing(store), { b: [0, 2] })
})

test('two stores of one folder see the same money, and it is the owner’s alone', async (t) => {
  const dataDir = dataFolder(t)
  const one = opened(t, dataDir)
  const two = opened(t, dataDir)
  const budgets = [budgetOf('b', { limit: 100 })]
  const ends = await Promise.allSettled(
    Array.from({ length: 40 }, (_, i) => (i % 2 ? one : two).reserve({ id: `c${i}`, amount: 5, budgets, now: NOON })),
  )
  assert.equal(ends.filter(({ status }) => status === 'fulfilled').length, 20)
  assert.deepEqual(standing(one), standing(two))
  const folder = join(dataDir, 'llm')
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  for (const name of ['money.db', 'money.db-wal', 'money.db-shm'])
    assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name)
})

test('what waits is written before the store closes, and nothing is left of a writer without reservations', async (t) => {
  const dataDir = dataFolder(t)
  const store = opened(t, dataDir)
  const budgets = [budgetOf('b')]
  await store.reserve({ id: 'one', amount: 9, budgets, now: NOON })
  const settled = store.settle('one', 3)
  await Promise.all([store.close(), store.close(), settled])
  await refused(store.reserve({ id: 'two', amount: 1, budgets, now: NOON }))
  const next = opened(t, dataDir)
  assert.deepEqual(standing(next), { b: [3, 0] })
  assert.deepEqual(next.others(), [])
  assert.equal(readdirSync(join(dataDir, 'llm')).filter((name) => name.endsWith('.lock')).length, 1)
})

test('a lock that others hold too long, or a damaged file, is told as the money store', async (t) => {
  const dataDir = dataFolder(t)
  const store = opened(t, dataDir, 20)
  const budgets = [budgetOf('b')]
  await store.reserve({ id: 'one', amount: 9, budgets, now: NOON })
  const other = new Database(join(dataDir, 'llm/money.db'))
  other.exec('BEGIN IMMEDIATE')
  const busy = await refused(store.reserve({ id: 'two', amount: 1, budgets, now: NOON }))
  assert.deepEqual([busy.code, busy.status], ['unavailable', 503])
  assert.equal(busy.message, 'the money store is not available: another process holds its lock')
  assert.equal((await refused(store.settle('one', 4))).code, 'unavailable')
  other.exec('ROLLBACK')
  other.close()
  await until('what could not be settled, without another call', () => standing(store)['b']?.[0] === 4)
  assert.deepEqual(standing(store), { b: [4, 0] })

  const broken = dataFolder(t)
  await opened(t, broken).close()
  writeFileSync(
    join(broken, 'llm/money.db'),
    'this is no database, and it is long enough to be read as one'.repeat(100),
  )
  await assert.rejects(
    openMoney({ dataDir: broken, writer: 'w' }),
    (error) => error instanceof Problem && /damaged \(SQLITE_NOTADB\).*remove llm\/money.db/.test(error.message),
  )
  assert.equal(existsSync(join(broken, 'llm/money.db-journal')), false)
})

test('a lock that others hold for a moment is waited for, by calls and at the opening', async (t) => {
  const dataDir = dataFolder(t)
  const store = opened(t, dataDir)
  const other = new Database(join(dataDir, 'llm/money.db'))
  t.after(() => other.close())
  const [rounds, budgets] = [20, [budgetOf('b')]]
  other.exec('BEGIN IMMEDIATE')
  let ended = 0
  const reserved = store.reserve({ id: 'one', amount: 1, budgets, now: NOON }).then(() => ended++)
  const second = openMoney({ dataDir, writer: 'second' }).finally(() => ended++)
  await never('passes a lock', () => ended, rounds)
  other.exec('ROLLBACK')
  await reserved
  await (await second).close()
  other.exec('BEGIN IMMEDIATE')
  await assert.rejects(openMoney({ dataDir, writer: 'third', busyMs: 20 }), {
    message: 'the money store is not available: another process holds its lock',
  })
  other.exec('ROLLBACK')
  assert.deepEqual(store.others(), [], 'one that did not open is not known')
})

test('a file of a later program is left alone', async (t) => {
  const dataDir = dataFolder(t)
  await opened(t, dataDir).close()
  const file = new Database(join(dataDir, 'llm/money.db'))
  assert.equal(file.pragma('user_version', { simple: true }), 2)
  file.pragma('user_version = 3')
  file.close()
  await assert.rejects(openMoney({ dataDir, writer: 'w' }), {
    code: 'unavailable',
    message: 'the money store is not available: it has the layout 3, and this program knows 2',
  })
})

test('a file of the first layout is taken over, and what is spent in it', async (t) => {
  const dataDir = dataFolder(t)
  const first = opened(t, dataDir)
  await first.reserve({ id: 'one', amount: 400, budgets: [budgetOf('b')], now: NOON })
  await first.close()
  const file = new Database(join(dataDir, 'llm/money.db'))
  file.exec('DROP TABLE shares')
  file.pragma('user_version = 1')
  file.close()
  assert.deepEqual(standing(opened(t, dataDir)), { b: [0, 400] })
})

test('of a budget that several servers charge, a store gives its share and no more', async (t) => {
  const dataDir = dataFolder(t)
  const store = opened(t, dataDir)
  const budgets = [budgetOf('b', { shared: true, spent: 900, limit: 1000 })]
  await refused(store.reserve({ id: 'one', amount: 1, budgets, now: NOON }))
  const book = new ShareBook(dataDir)
  t.after(() => book.close())
  const window = { budget: 'b', since: 0, until: null }
  await book.set([{ ...window, amount: 500, known: 0 }], NOON)
  await store.reserve({ id: 'two', amount: 400, budgets, now: NOON })
  assert.deepEqual(await book.set([{ ...window, amount: 100, known: 0 }], NOON), [{ ...window, amount: 400 }])
  await refused(store.reserve({ id: 'three', amount: 1, budgets, now: NOON }))
  await store.settle('two', 50)
  await store.reserve({ id: 'four', amount: 350, budgets, now: NOON })
  assert.deepEqual(book.standing(window), { spent: 50, reserved: 350 })
})

test('faults are told by what SQLite or the disk says', () => {
  const told = (error: unknown): unknown => moneyUnavailable(error).data['detail']
  assert.equal(told(Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })), 'its disk is full')
  assert.equal(
    told(Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_READ' })),
    'disk I/O error (SQLITE_IOERR_READ)',
  )
  assert.equal(told(new Error('it is closed')), 'it is closed')
  assert.equal(told('a word'), 'a word')
})

test('where SQLite fails, all of the transaction is undone, its calls are told, and what was owed is settled later', async (t) => {
  const dataDir = dataFolder(t)
  const store = opened(t, dataDir)
  const budgets = [budgetOf('b')]
  for (const id of ['one', 'two']) await store.reserve({ id, amount: 10, budgets, now: NOON })
  const other = new Database(join(dataDir, 'llm/money.db'))
  t.after(() => other.close())
  other.exec(
    `CREATE TRIGGER bad BEFORE INSERT ON reservations WHEN new.amount = 13 BEGIN SELECT RAISE(FAIL, 'no'); END`,
  )
  const ends = await Promise.allSettled([
    store.reserve({ id: 'three', amount: 1, budgets, now: NOON }),
    store.settle('one', 4),
    store.reserve({ id: 'four', amount: 13, budgets, now: NOON }),
    store.reserve({ id: 'five', amount: 1, budgets, now: NOON }),
  ])
  for (const end of ends) assert.equal(end.status === 'rejected' && (end.reason as Problem).code, 'unavailable')
  assert.deepEqual(standing(store), { b: [0, 20] })
  await store.settle('two', 5)
  assert.deepEqual(standing(store), { b: [9, 0] })
})

/** What the store is compared with: the same in plain maps, where nothing is written or done at once. */
class Model {
  readonly rows = new Map<string, { spent: number; reserved: number; limit: number }>()
  readonly open = new Map<string, { readonly amount: number; readonly rows: readonly string[] }>()

  /** Whether it is let through. */
  reserve(id: string, amount: number, budgets: readonly BudgetRoute[], now: number): boolean {
    const rows = budgets.map((budget) => this.#row(budget, now))
    const found = rows.map((name) => this.rows.get(name) ?? assert.fail())
    if (found.some(({ spent, reserved, limit }) => spent + reserved + amount > limit)) return false
    for (const row of found) row.reserved += amount
    this.open.set(id, { amount, rows })
    return true
  }

  settle(id: string, cost: number): void {
    const { amount, rows } = this.open.get(id) ?? assert.fail()
    this.open.delete(id)
    for (const name of rows) {
      const row = this.rows.get(name) ?? assert.fail()
      row.reserved -= amount
      row.spent += cost
    }
  }

  #row({ id, limit, hard, window }: BudgetRoute, now: number): string {
    const month = Date.parse(new Date(now).toISOString().slice(0, 7))
    const since = window === 'day' ? now - (now % DAY) : window === 'month' ? month : 0
    const name = `${id} ${since}`
    if (!this.rows.has(name)) this.rows.set(name, { spent: 0, reserved: 0, limit: hard ? limit : Infinity })
    return name
  }
}

function assertSame(store: MoneyStore, { rows }: Model, told: string): void {
  const seen = new Map(
    store.spent().map(({ budget, since, spent, reserved }) => [`${budget} ${since}`, { spent, reserved }]),
  )
  for (const [name, { spent, reserved, limit }] of rows) {
    assert.ok(spent + reserved <= limit, `${told}, ${name}`)
    assert.deepEqual(seen.get(name) ?? { spent: 0, reserved: 0 }, { spent, reserved }, `${told}, ${name}`)
  }
}

/** One step: a call that begins, or one that ends, at times told twice and by another gateway than the one that began it. */
async function randomStep(random: Seeded, model: Model, stores: readonly MoneyStore[], told: string): Promise<void> {
  const at = NOON + 28 * DAY + Number(told.split(' ').at(-1)) * 1_800_000
  const budgets = RANDOM.filter(() => random.chance(0.7))
  const store = random.pick(stores)
  if (random.chance(0.55) || model.open.size === 0) {
    const amount = random.int(0, 40)
    const passed = await store.reserve({ id: told, amount, budgets, now: at }).then(
      () => true,
      (error: unknown) => {
        assert.ok(error instanceof Problem && error.code === 'budget_exceeded', String(error))
        return false
      },
    )
    assert.equal(passed, model.reserve(told, amount, budgets, at), told)
    return
  }
  const [id, { amount }] = random.pick([...model.open])
  const cost = random.int(0, amount)
  await Promise.all([store.settle(id, cost), ...(random.chance(0.2) ? [random.pick(stores).settle(id, cost)] : [])])
  model.settle(id, cost)
}

const RANDOM = [
  budgetOf('a', { window: 'day', limit: 150 }),
  budgetOf('b', { window: 'total', limit: 600 }),
  budgetOf('c', { window: 'month', limit: 70, hard: false }),
  budgetOf('d', { window: 'month', limit: 300 }),
]

test('in random orders of calls over several budgets and windows it is as a plain model says, and no limit is passed', async (t) => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = seeded(seed)
    const dataDir = dataFolder(t)
    const stores = [opened(t, dataDir), opened(t, dataDir)]
    const model = new Model()
    for (let step = 0; step < 150; step++) {
      const told = `seed ${seed}, step ${step}`
      await randomStep(random, model, stores, told)
      if (step % 5 === 4) for (const store of stores) assertSame(store, model, told)
    }
    await Promise.all(stores.map((store) => store.close()))
  }
})
