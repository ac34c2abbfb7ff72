/** What is said of categories whose codes moved or that changed places. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { hellinger } from './drift.ts'
import { HOUR, changed, rowsNow, rowsPast, said, spec } from './explain.fixture.ts'
import type { Row } from './explain.fixture.ts'
import { explain } from './explain.ts'
import { addHour, makeHistory } from './history.ts'
import { near } from './near.fixture.ts'
import type { ProfileSpec } from './profile-spec.ts'
import { add, emptyProfile } from './profile.ts'

describe('codes', () => {
  test('shifted in their numeric order are named with their sign', () => {
    const order = ['1', '2', '3', '4', '5', '10']
    for (const [by, name] of [
      [1, 'codes +1'],
      [-1, 'codes −1'],
    ] as const) {
      const of = changed('code', (x: string) => order[(order.indexOf(x) + by + 6) % 6])
      const found = said(of, 'code').find((one) => one.kind === 'codes')
      assert.deepEqual([found?.name, found?.text], [name, `code: codes are shifted by ${by} place(s) in their order`])
      assert.ok((found?.confidence ?? 0) > 0.9)
    }
    const three = changed('code', (x: string) => order[(order.indexOf(x) + 3) % 6])
    assert.equal(
      said(three, 'code').some((one) => one.name.endsWith('3')),
      false,
      'two places at most',
    )
  })
})

describe('changed places', () => {
  const swapped = (x: string): string => ({ UA: 'EV', EV: 'UA' })[x] ?? x

  test('two categories by the mean of another feature', () => {
    const found = said(changed('carrier', swapped), 'carrier').find((one) => one.kind === 'swap')
    assert.deepEqual(
      [found?.name, found?.text, found?.confidence],
      ['UA ↔ EV', 'carrier: UA and EV changed places (by the mean of distance)', 0.8],
    )
  })

  test('two categories by their partners, from either side of the pair', () => {
    for (const [feature, change, name, by] of [
      ['airport', (x: string) => ({ JFK: 'EWR', EWR: 'JFK' })[x] ?? x, 'JFK ↔ EWR', 'carrier'],
      ['airport', (x: string) => ({ JFK: 'LGA', LGA: 'JFK' })[x] ?? x, 'JFK ↔ LGA', 'carrier'],
    ] as const) {
      const of = changed(feature, change)
      const found = said(of, feature).find((one) => one.kind === 'swap')
      assert.deepEqual(
        [found?.name, found?.text],
        [name, `${feature}: ${name.replace(' ↔ ', ' and ')} changed places (by ${by})`],
      )
      const pairs = (list: readonly Row[], airport: string): number[] =>
        ['UA', 'EV', 'DL'].map((carrier) => list.filter((row) => row[6] === airport && row[5] === carrier).length)
      const [x, y] = name.split(' ↔ ') as [string, string]
      const gains = [1, 2, 3].map((length) => {
        const [now, past] = [rowsNow(of, length), rowsPast(length).flat()]
        const apart = (a: string, b: string): number => hellinger(pairs(past, b), pairs(now, a))
        return apart(x, x) + apart(y, y) - apart(x, y) - apart(y, x)
      })
      near(found?.confidence, Math.min(0.9, 0.6 + Math.max(...gains) / 2), 1e-9)
    }
    const flat: ProfileSpec = { ...spec, conditionals: [] }
    const history = makeHistory(flat)
    for (const [hour, list] of changed('carrier', swapped)) {
      const profile = emptyProfile(flat)
      for (const row of list) add(profile, row)
      addHour(history, hour, profile)
    }
    const found = explain(history, HOUR, ['carrier']).find((one) => one.kind === 'swap')
    assert.equal(found?.text, 'carrier: UA and EV changed places (by airport)')
  })

  test('one that merely moved has not changed places', () => {
    const of = changed('distance', (x: number, _i, row) => (row[5] === 'UA' ? x + 900 : x))
    assert.deepEqual(said(of, 'carrier'), [])
    const lost = changed('airport', (x: string) => (x === 'JFK' ? 'LGA' : x))
    assert.deepEqual(
      said(lost, 'airport').filter((one) => one.kind === 'swap'),
      [],
    )
  })
})
