/** The money of a gateway: limits and budgets of a call together, prices that are not known, a store that fails, and nothing opened before it is needed. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import Database from 'better-sqlite3'
import { until } from '../../../../test/until.ts'
import { Problem } from '../../../contract/errors.ts'
import type { Reservation } from './batch.ts'
import { budgetOf, dataFolder, keyOf } from './money.fixture.ts'
import { Money } from './money.ts'
import type { MoneyCall, MoneyOptions } from './money.ts'

const NOW = Date.parse('2026-12-03T12:00:00Z')

interface Bench {
  readonly money: Money
  readonly dataDir: string
  readonly notes: string[]
  readonly lost: Reservation[]
}

function bench(t: TestContext, given: Partial<MoneyOptions> = {}): Bench {
  const dataDir = given.dataDir ?? dataFolder(t)
  const notes: string[] = []
  const lost: Reservation[] = []
  const money = new Money({
    dataDir,
    writer: 'w',
    gateways: 1,
    clock: () => NOW,
    costIn: () => new Map(),
    lost: (one) => void lost.push(one),
    note: (text) => void notes.push(text),
    busyMs: 20,
    ...given,
  })
  t.after(() => money.close())
  return { money, dataDir, notes, lost }
}

let calls = 0
const call = (given: Partial<MoneyCall> = {}): MoneyCall => ({
  id: `call-${calls++}`,
  key: null,
  budgets: [],
  amount: 100,
  tokens: 10,
  now: NOW,
  ...given,
})

const code = (reason: unknown): string => (reason instanceof Problem ? reason.code : String(reason))

test('a call without budgets touches no file, whatever else is asked', async (t) => {
  const { money, dataDir } = bench(t)
  for (const amount of [100, null]) {
    const held = await money.admit(call({ amount, key: keyOf({ rpm: 10 }) }))
    assert.equal(held.reserved, 0)
    await held.settle(50, 5)
  }
  await money.recover()
  assert.deepEqual(money.figures(), { budgets: [], open: 0, unpriced: 0, unreserved: 0, error: null })
  await money.close()
  assert.deepEqual(readdirSync(dataDir), [])
})

test('a call is reserved, held to its limits and settled once', async (t) => {
  const { money } = bench(t)
  const key = keyOf({ concurrency: 1 })
  const budgets = [budgetOf('b', { limit: 100 })]
  const held = await money.admit(call({ key, budgets }))
  assert.equal(held.reserved, 100)
  assert.deepEqual(money.figures().budgets, [{ budget: 'b', since: 0, until: null, spent: 0, reserved: 100 }])
  assert.equal(money.figures().open, 1)
  await held.settle(30, 5)
  await held.settle(70, 5)
  assert.deepEqual(money.figures().budgets, [{ budget: 'b', since: 0, until: null, spent: 30, reserved: 0 }])
  assert.equal(money.figures().open, 0)
})

test('a refusal of a limit reserves nothing, and one of a budget gives the place and the rate back', async (t) => {
  const { money } = bench(t)
  const key = keyOf({ concurrency: 1, rpm: 2, tpm: 20 })
  const full = [budgetOf('full', { limit: 99 })]
  for (let i = 0; i < 5; i++)
    await assert.rejects(money.admit(call({ key, budgets: full, tokens: 20 })), { code: 'budget_exceeded' })
  const wide = [budgetOf('wide')]
  const held = await money.admit(call({ key, budgets: wide, tokens: 20 }))
  await assert.rejects(money.admit(call({ key, budgets: wide })), { code: 'too_many_requests' })
  assert.deepEqual(
    money.figures().budgets.filter(({ reserved }) => reserved > 0),
    [{ budget: 'wide', since: 0, until: null, spent: 0, reserved: 100 }],
  )
  await held.settle(0, 0)
  assert.equal(money.figures().open, 0)
})

test('without a price a call is refused where a hard budget applies, and counted where none does', async (t) => {
  const { money } = bench(t)
  const hard = budgetOf('hard')
  const soft = budgetOf('soft', { hard: false })
  await assert.rejects(money.admit(call({ amount: null, budgets: [soft, hard] })), (error) => {
    assert.ok(error instanceof Problem)
    assert.deepEqual([error.code, error.status], ['unprocessable', 422])
    assert.match(
      error.message,
      /^the price of a model that may answer is not known, and budget "hard" cannot be held without one/,
    )
    return true
  })
  const held = await money.admit(call({ amount: null, budgets: [soft] }))
  assert.equal(held.reserved, 0)
  await held.settle(7, 1)
  const { unpriced, budgets } = money.figures()
  assert.equal(unpriced, 1)
  assert.deepEqual(budgets, [{ budget: 'soft', since: 0, until: null, spent: 7, reserved: 0 }])
})

test('while the store fails, no call of a hard budget is let through, others go on, and it is told once', async (t) => {
  const { money, dataDir, notes } = bench(t)
  const hard = [budgetOf('hard')]
  const soft = [budgetOf('soft', { hard: false })]
  const open = await money.admit(call({ budgets: hard }))
  const other = new Database(join(dataDir, 'llm/money.db'))
  other.exec('BEGIN IMMEDIATE')
  await assert.rejects(money.admit(call({ budgets: [...soft, ...hard] })), {
    code: 'unavailable',
    message: 'the money store is not available: another process holds its lock',
  })
  const held = await money.admit(call({ budgets: soft }))
  assert.equal(held.reserved, 0)
  await held.settle(5, 1)
  await open.settle(60, 1)
  assert.equal(notes.length, 1)
  assert.equal(money.figures().error, notes[0])
  assert.equal(money.figures().unreserved, 1)
  other.exec('ROLLBACK')
  other.close()
  await (await money.admit(call({ budgets: hard }))).settle(1, 1)
  assert.equal(money.figures().error, null)
  assert.deepEqual(
    money.figures().budgets.filter(({ budget }) => budget === 'hard'),
    [{ budget: 'hard', since: 0, until: null, spent: 61, reserved: 0 }],
    'what could not be settled then is settled now',
  )
})

test('a call without a hard budget that meets a failure goes on, and the next ones do not wait', async (t) => {
  const { money, dataDir, notes } = bench(t)
  const soft = [budgetOf('soft', { hard: false })]
  await (await money.admit(call({ budgets: soft }))).settle(1, 1)
  assert.equal(money.figures().unreserved, 0)
  const other = new Database(join(dataDir, 'llm/money.db'))
  t.after(() => other.close())
  other.exec('BEGIN IMMEDIATE')
  for (let i = 1; i <= 3; i++) {
    assert.equal((await money.admit(call({ budgets: soft }))).reserved, 0)
    assert.equal(money.figures().unreserved, i)
  }
  assert.equal(notes.length, 1)
  other.exec('ROLLBACK')
  await money.recover()
  assert.equal(money.figures().error, null)
  assert.deepEqual(money.figures().budgets, [{ budget: 'soft', since: 0, until: null, spent: 1, reserved: 0 }])
})

test('a settlement that fails is told; a refusal shows that the store answers again', async (t) => {
  const { money, dataDir, notes } = bench(t)
  const budgets = [budgetOf('b', { limit: 100 })]
  const held = await money.admit(call({ budgets }))
  const other = new Database(join(dataDir, 'llm/money.db'))
  t.after(() => other.close())
  other.exec('BEGIN IMMEDIATE')
  await held.settle(100, 1)
  assert.deepEqual(notes, ['the money store is not available: another process holds its lock'])
  assert.equal(money.figures().error, notes[0])
  other.exec('ROLLBACK')
  await assert.rejects(money.admit(call({ budgets })), { code: 'budget_exceeded' })
  assert.equal(money.figures().error, null)
  await assert.rejects((await money.admit(call({ budgets, amount: 0 }))).settle(Number.NaN, 0), RangeError)
})

test('a file that is damaged refuses hard budgets and says what to do', async (t) => {
  const dataDir = dataFolder(t)
  mkdirSync(join(dataDir, 'llm'))
  writeFileSync(join(dataDir, 'llm/money.db'), 'no database '.repeat(1000))
  const { money, notes } = bench(t, { dataDir })
  await money.recover()
  await assert.rejects(money.admit(call({ budgets: [budgetOf('hard')] })), (error) => code(error) === 'unavailable')
  assert.equal((await money.admit(call({ budgets: [budgetOf('soft', { hard: false })] }))).reserved, 0)
  assert.equal(notes.length, 1)
  assert.match(notes[0] ?? '', /damaged .* remove llm\/money\.db of the data folder/)
  assert.equal(money.figures().error, notes[0])
})

test('what a store has left is settled by the next: by its log, else by its reserve', async (t) => {
  const dataDir = dataFolder(t)
  const budgets = [budgetOf('b')]
  const first = bench(t, { dataDir, writer: 'first' })
  for (const id of ['logged', 'unlogged', 'settled']) {
    const held = await first.money.admit(call({ id, budgets, now: NOW + 5 }))
    if (id === 'settled') await held.settle(1, 1)
  }
  const asked: unknown[] = []
  const second = bench(t, {
    dataDir,
    writer: 'second',
    costIn: (writer, ids) => {
      asked.push([writer, ids])
      return new Map([['logged', 40]])
    },
  })
  await second.money.recover()
  assert.deepEqual(asked, [], 'it lives')
  await first.money.close()
  const third = bench(t, { dataDir, costIn: () => new Map([['logged', 40]]) })
  await Promise.all([second.money.recover(), third.money.recover()])
  await until('the end of recovery', () => second.money.figures().budgets[0]?.reserved === 0)
  assert.equal(second.money.figures().budgets[0]?.spent, 1 + 40 + 100)
  assert.deepEqual([...second.lost, ...third.lost], [{ id: 'unlogged', amount: 100, budgets: ['b'], at: NOW + 5 }])
  await second.money.recover()
  assert.equal(second.money.figures().budgets[0]?.spent, 141)
})

test('a log that cannot be read leaves the reservations for the next time', async (t) => {
  const dataDir = dataFolder(t)
  const first = bench(t, { dataDir })
  await first.money.admit(call({ budgets: [budgetOf('b')] }))
  await first.money.close()
  let isReadable = false
  const second = bench(t, {
    dataDir,
    costIn: async () => {
      if (!isReadable) throw new Error('EIO: i/o error, read')
      return new Map()
    },
  })
  await second.money.recover()
  assert.match(second.notes[0] ?? '', /EIO: i\/o error, read/)
  assert.deepEqual(second.lost, [])
  isReadable = true
  await second.money.recover()
  assert.equal(second.lost.length, 1)
  assert.deepEqual(
    second.money.figures().budgets.map(({ spent, reserved }) => [spent, reserved]),
    [[100, 0]],
  )
})

test('a closed one admits nothing that has a hard budget', async (t) => {
  const { money, dataDir } = bench(t)
  await money.close()
  await assert.rejects(money.admit(call({ budgets: [budgetOf('b')] })), (error) => code(error) === 'unavailable')
  assert.equal(existsSync(join(dataDir, 'llm')), false)
})
