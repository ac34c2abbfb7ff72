/** How budgets stand: what is spent, what of the window has gone by, when the money ends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { budgetName, burnOf } from './budgets.ts'
import type { LlmBudget } from './queries.ts'

const MONTH: Pick<LlmBudget, 'limit' | 'spent' | 'window' | 'since' | 'alert_at' | 'created_at'> = {
  created_at: '2025-11-03T09:00:00.000Z',
  limit: '1000',
  spent: '0',
  window: 'month',
  since: '2026-02-01T00:00:00.000Z',
  alert_at: [0.5],
}
const at = (text: string): number => Date.parse(text)

test('a month has the days of the calendar, and its pace tells when the money ends', () => {
  const half = burnOf({ ...MONTH, spent: '700' }, at('2026-02-15T00:00:00Z'))
  assert.equal(half.ends, at('2026-03-01T00:00:00Z'))
  assert.equal(half.elapsed, 0.5)
  assert.equal(half.spent, 0.7)
  // 700 in 14 days are 50 a day: 1000 in 20 days
  assert.equal(half.runsOut, at('2026-02-21T00:00:00Z'))
  assert.equal(half.state, 'runs_out')
})

test('who spends slower than time goes by is in time, and told of an alert that was passed', () => {
  assert.equal(burnOf({ ...MONTH, spent: '400' }, at('2026-02-15T00:00:00Z')).state, 'in_time')
  const late = burnOf({ ...MONTH, spent: '600' }, at('2026-02-22T00:00:00Z'))
  assert.deepEqual([late.state, late.runsOut], ['alert', null])
})

test('the first hours of a window say nothing of its pace', () => {
  assert.equal(burnOf({ ...MONTH, spent: '100' }, at('2026-02-02T00:00:00Z')).runsOut, null)
})

test('the pace of a budget that was made within its window begins with it', () => {
  const made = { ...MONTH, created_at: '2026-02-21T00:00:00.000Z' }
  // 500 in 4 of the 8 days that it holds: in time
  assert.equal(burnOf({ ...made, spent: '500' }, at('2026-02-25T00:00:00Z')).runsOut, null)
  // 600 in 4 days are 150 a day: 1000 in 6 days and 16 hours
  const fast = burnOf({ ...made, spent: '600' }, at('2026-02-25T00:00:00Z'))
  assert.equal(fast.runsOut, at('2026-02-27T16:00:00Z'))
  assert.equal(fast.state, 'runs_out')
  // the part of the window stays that of the calendar
  assert.equal(fast.elapsed, 24 / 28)
  assert.equal(burnOf({ ...made, spent: '900' }, at('2026-02-21T03:00:00Z')).runsOut, null, 'too early to say')
})

test('what is not known is not taken for 0', () => {
  const burn = burnOf({ ...MONTH, spent: null }, at('2026-02-15T00:00:00Z'))
  assert.deepEqual([burn.state, burn.spent, burn.runsOut], ['unknown', null, null])
})

test('a budget of all time has no end; one that is passed, or of 0 dollars, is passed', () => {
  const total = burnOf({ ...MONTH, window: 'total', since: null, spent: '250' }, at('2026-02-15T00:00:00Z'))
  assert.deepEqual([total.state, total.elapsed, total.ends], ['in_time', null, null])
  assert.equal(burnOf({ ...MONTH, spent: '1000.5' }, at('2026-02-15T00:00:00Z')).state, 'passed')
  assert.equal(burnOf({ ...MONTH, limit: '0' }, at('2026-02-15T00:00:00Z')).state, 'passed')
})

test('days and weeks end after their length, December in January', () => {
  const now = at('2026-12-07T12:00:00Z')
  const since = '2026-12-07T00:00:00.000Z'
  assert.equal(burnOf({ ...MONTH, window: 'day', since }, now).ends, at('2026-12-08T00:00:00Z'))
  assert.equal(burnOf({ ...MONTH, window: 'week', since }, now).ends, at('2026-12-14T00:00:00Z'))
  assert.equal(burnOf({ ...MONTH, since: '2026-12-01T00:00:00.000Z' }, now).ends, at('2027-01-01T00:00:00Z'))
})

test('a budget of a key is called by the name of the key, where that is known', () => {
  const names = new Map([['tok_1', 'support-bot']])
  assert.equal(budgetName({ scope: 'key', of: 'tok_1' }, names), 'key support-bot')
  assert.equal(budgetName({ scope: 'key', of: 'tok_2' }, names), 'key tok_2')
  assert.equal(budgetName({ scope: 'team', of: 'tok_1' }, names), 'team tok_1')
})
