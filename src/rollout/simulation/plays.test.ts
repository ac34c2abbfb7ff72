/** A plan played through row by row: when it looks, what a row counts for, how each end comes about. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Plan } from '../../contract/rollout/plan.ts'
import { prng } from '../../stats/prng.ts'
import { rowOf as row } from './rows.fixture.ts'
import { simulate } from './simulate.ts'
import type { SimOptions, SimResult, SimRow } from './simulate.ts'

const HOUR = 3_600_000
/** Ten rows of shadow, then all callers until ten were answered. */
const plan = Plan.parse({ shadow: { requests: 10, labels: 0 }, canary: [10_000], each: { min_requests: 10 } })
const withPlan = (more: object): Plan => Plan.parse({ ...plan, ...more })
const play = (
  n: number,
  of: (i: number) => SimRow = () => row(),
  wish: { plan?: Plan } & Partial<SimOptions> = {},
): SimResult => {
  const { plan: its = plan, ...options } = wish
  const rows = Array.from({ length: n }, (_, i) => of(i))
  return simulate(its, rows, { random: prng(1), every: 5, labelDelay: 0, ...options })
}

describe('a plan that goes well', () => {
  test('is promoted at the first look that has everything', () => {
    const done = play(100)
    assert.deepEqual([done.outcome, done.rows, done.canary, done.failed], ['promoted', 20, 10, []])
    assert.equal(play(100, undefined, { every: 7 }).rows, 28, 'two looks for shadow, two for the canary')
    assert.equal(play(100, undefined, { every: 1 }).rows, 20)
  })

  test('without shadow begins with its first share', () => {
    const done = play(100, undefined, { plan: withPlan({ shadow: { requests: 0, labels: 0 } }) })
    assert.deepEqual([done.outcome, done.rows, done.canary], ['promoted', 10, 10])
  })

  test('waits for no person', () => {
    const done = play(100, undefined, { plan: withPlan({ approvals: [{ before: 'promote' }, { before: 10_000 }] }) })
    assert.deepEqual([done.outcome, done.rows], ['promoted', 20])
  })

  test('gives the canary its share of the rows', () => {
    const done = play(5000, undefined, { plan: withPlan({ canary: [2500], each: { min_requests: 1000 } }) })
    assert.equal(done.outcome, 'promoted')
    assert.ok(done.rows > 3600 && done.rows < 4500, String(done.rows))
  })

  test('is looked at once more when the rows end, and is undecided when that is not enough', () => {
    assert.equal(play(20, undefined, { every: 1000 }).outcome, 'undecided', 'one look is one step')
    assert.deepEqual(
      [play(19).outcome, play(19).reason, play(0).outcome],
      ['undecided', 'the rows ended before the plan did', 'undecided'],
    )
    const one = withPlan({ shadow: { requests: 0, labels: 0 } })
    assert.deepEqual(
      [play(12, undefined, { plan: one, every: 1000 }).outcome, play(12, undefined, { plan: one, every: 1000 }).rows],
      ['promoted', 12],
    )
  })
})

describe('a row', () => {
  test('that stable fails is not shadowed', () => {
    const done = play(100, (i) => row({ stable_failed: i < 10 }), { every: 10 })
    assert.equal(done.rows, 30, 'ten rows more')
  })

  test('without a score of either is no pair', () => {
    for (const more of [{ stable: null }, { candidate: null }])
      assert.equal(play(100, (i) => row(i < 10 ? more : {}), { every: 10 }).rows, 30)
  })

  test('that both fail is not held against the candidate, nor counted for it', () => {
    const done = play(60, (i) => row(i < 10 ? {} : { failed: i < 20, stable_failed: i < 20 }), { every: 10 })
    assert.deepEqual([done.outcome, done.rows, done.canary, done.failed], ['promoted', 30, 10, []])
  })

  test('has its label after the delay', () => {
    const labelled = withPlan({ shadow: { requests: 10, labels: 10 } })
    const of = (): SimRow => row({ label: 1 })
    const shadow = (labelDelay: number): number => play(200, of, { plan: labelled, labelDelay, every: 1 }).rows
    assert.deepEqual([shadow(0), shadow(25)], [20, 45])
    assert.equal(play(200, undefined, { plan: labelled }).outcome, 'undecided', 'labels that never come')
  })
})

describe('a plan that goes badly', () => {
  const failing = (i: number): SimRow => row({ failed: i >= 10, slices: ['c=UA'] })

  test('is rolled back by the breaker at once, between two looks', () => {
    const done = play(100, failing, { every: 50 })
    const early = play(100, failing, { every: 10 })
    assert.equal(early.outcome, 'rolled_back')
    assert.equal(early.failed[0], 'breaker')
    assert.ok(early.rows < 20, String(early.rows))
    assert.match(early.reason, /^the gateway's breaker stopped it: /)
    assert.equal(done.outcome, 'rolled_back')
  })

  test('is paused where the plan says so', () => {
    assert.equal(play(100, failing, { plan: withPlan({ on_failure: 'pause' }) }).outcome, 'paused')
  })

  test('in shadow is rolled back by its gates, named with the slice', () => {
    const done = play(300, (i) => row({ failed: i % 2 === 0, slices: [`c=${i % 2}`] }), {
      plan: withPlan({ shadow: { requests: 1000, labels: 0 } }),
    })
    assert.deepEqual([done.outcome, done.canary], ['rolled_back', 0])
    assert.deepEqual(
      done.failed.filter((one) => one !== 'error_rate c=0'),
      ['error_rate'],
    )
  })

  test('is paused when its step takes longer than it may, by the times of the rows of the step', () => {
    const slow = withPlan({ shadow: { requests: 40, labels: 0 }, max_wait_hours: 5 })
    const done = play(100, (i) => row({ at: i * HOUR }), { plan: slow, every: 1 })
    assert.deepEqual([done.outcome, done.rows], ['paused', 7])
    assert.match(done.reason, /^no decision within 5 hours: 7 of 40 shadow rows$/)
    const quick = withPlan({ max_wait_hours: 12, each: { min_requests: 10 } })
    assert.equal(
      play(100, (i) => row({ at: i * HOUR }), { plan: quick }).outcome,
      'promoted',
      'each step has its own time',
    )
  })
})
