/** Edges of calendar windows in UTC: days, weeks from Monday, months of all lengths, and the window without an end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BUDGET_WINDOWS } from '../../table/llm.ts'
import type { BudgetWindow } from '../../table/llm.ts'
import { windowEnd, windowStart } from './windows.ts'

const at = (text: string): number => Date.parse(text)

const EDGES: readonly (readonly [window: BudgetWindow, now: string, start: string, end: string])[] = [
  ['day', '2026-12-03T00:00:00.000Z', '2026-12-03', '2026-12-04'],
  ['day', '2026-12-03T23:59:59.999Z', '2026-12-03', '2026-12-04'],
  // 2026-12-03 is a Thursday
  ['week', '2026-12-03T12:00:00Z', '2026-11-30', '2026-12-07'],
  ['week', '2026-11-30T00:00:00.000Z', '2026-11-30', '2026-12-07'],
  ['week', '2026-11-29T23:59:59.999Z', '2026-11-23', '2026-11-30'],
  ['week', '2027-01-01T00:00:00Z', '2026-12-28', '2027-01-04'],
  ['week', '1970-01-01T00:00:00Z', '1969-12-29', '1970-01-05'],
  ['week', '1970-01-05T00:00:00Z', '1970-01-05', '1970-01-12'],
  ['month', '2026-12-31T23:59:59.999Z', '2026-12-01', '2027-01-01'],
  ['month', '2027-01-01T00:00:00.000Z', '2027-01-01', '2027-02-01'],
  ['month', '2028-02-29T12:00:00Z', '2028-02-01', '2028-03-01'],
]

for (const [window, now, start, end] of EDGES)
  test(`the ${window} of ${now} is from ${start} to ${end}`, () => {
    assert.equal(windowStart(window, at(now)), at(start))
    assert.equal(windowEnd(window, at(now)), at(end))
  })

test('the total begins with time and never ends', () => {
  assert.equal(windowStart('total', at('2026-12-03')), 0)
  assert.equal(windowEnd('total', at('2026-12-03')), Infinity)
})

test('each moment of years lies in one window, and the next begins where it ends', () => {
  for (const window of BUDGET_WINDOWS) {
    if (window === 'total') continue
    for (let now = at('2023-12-20'); now < at('2028-04-01'); now += 5 * 3_600_000) {
      const start: number = windowStart(window, now)
      const end: number = windowEnd(window, now)
      assert.ok(start <= now && now < end, `${window} ${new Date(now).toISOString()}`)
      assert.equal(windowStart(window, end), end)
      assert.equal(windowStart(window, end - 1), start)
      if (window === 'week') assert.equal(new Date(start).getUTCDay(), 1)
    }
  }
})
