/** Studies and their rows: what is counted of many runs, and what a fault does to made-up and recorded rows. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Plan } from '../../contract/rollout/plan.ts'
import { prng } from '../../stats/prng.ts'
import { rowOf } from './rows.fixture.ts'
import type { SimRow } from './simulate.ts'
import { quantileOf, stoppedWithin, study } from './study.ts'
import type { StudyResult } from './study.ts'
import { drawnAgain, madeUp } from './world.ts'
import type { Fault } from './world.ts'

const row = (more: Partial<SimRow> = {}): SimRow => rowOf({ candidate_us: 600, slices: ['c=UA'], ...more })

describe('a study', () => {
  const plan = Plan.parse({
    shadow: { requests: 0, labels: 0 },
    canary: [10_000],
    each: { min_requests: 20 },
    max_wait_hours: 5,
  })
  /** Five runs in turn: one is promoted, two are stopped later and sooner, one has no rows, one takes too long. */
  const played = (): StudyResult => {
    let run = 0
    const rows = (): SimRow[] => {
      run += 1
      const n = run === 4 ? 0 : 40
      return Array.from({ length: n }, (_, i) =>
        row({ at: run === 5 ? i * 3_600_000 : 0, failed: (run === 2 && i >= 9) || (run === 3 && i >= 4) }),
      )
    }
    return study(plan, { runs: 5, seed: 1, every: 1, labelDelay: 0, rows })
  }

  test('counts what was promoted, stopped and neither; a pause for want of evidence stops nothing', () => {
    const { runs, promoted, stopped, undecided } = played()
    assert.deepEqual({ runs, promoted, stopped, undecided }, { runs: 5, promoted: 1, stopped: 2, undecided: 2 })
  })

  test('tells of the stopped runs alone when, soonest first, and by what', () => {
    const { canary, rows, by } = played()
    assert.equal(rows.length, 2)
    assert.deepEqual(canary, rows, 'every row was the canary’s')
    assert.ok(rows[0]! > 4 && rows[0]! < rows[1]! && rows[1]! <= 20, JSON.stringify(rows))
    assert.equal(by['error_rate'], 2)
  })

  test('that counts a pause by a gate as stopped', () => {
    const pauses = Plan.parse({ ...plan, on_failure: 'pause' })
    const rows = (): SimRow[] => Array.from({ length: 40 }, () => row({ failed: true }))
    assert.equal(study(pauses, { runs: 2, seed: 1, every: 1, labelDelay: 0, rows }).stopped, 2)
  })

  test('is read by shares of all runs', () => {
    const result = { ...played(), runs: 4, canary: [3, 7, 9] }
    assert.deepEqual(
      [2, 3, 7, 8, 9].map((n) => stoppedWithin(result, n)),
      [0, 0.25, 0.5, 0.5, 0.75],
    )
    assert.deepEqual(
      [0.25, 0.26, 0.5, 0.75, 0.76].map((share) => quantileOf([3, 7, 9], share, 4)),
      [3, 7, 7, 9, null],
    )
  })
})

describe('made-up rows', () => {
  const made = (fault: Partial<Fault>, n = 4000): SimRow[] => [...madeUp(prng(3), { errors: 0, ...fault }, n)]
  const share = (rows: readonly SimRow[], is: (one: SimRow) => boolean): number => rows.filter(is).length / rows.length

  test('are a second apart, of ten slices of falling size, with scores that are calibrated', () => {
    const rows = made({})
    assert.deepEqual([rows.length, rows[0]?.at, rows[7]?.at], [4000, 0, 7000])
    const sizes = Array.from({ length: 10 }, (_, k) => rows.filter((one) => one.slices[0] === `group=${k}`).length)
    assert.equal(
      sizes.reduce((a, b) => a + b, 0),
      4000,
    )
    assert.ok(sizes[0]! > 1.5 * sizes[4]! && sizes[9]! > 100, sizes.join())
    for (const [low, high] of [
      [0, 0.2],
      [0.2, 0.4],
      [0.4, 1],
    ] as const) {
      const some = rows.filter(({ stable }) => stable! >= low && stable! < high)
      const mean = some.reduce((sum, { stable }) => sum + stable!, 0) / some.length
      assert.ok(Math.abs(share(some, (one) => one.label === 1) - mean) < 0.05, `${low} ${mean}`)
    }
    assert.ok(rows.every(({ stable, candidate }) => Math.abs(stable! - candidate!) < 0.3 && stable! > 0 && stable! < 1))
    assert.ok(rows.every((one) => !one.failed && one.stable_failed === undefined))
  })

  test('fail as often as was asked, of the candidate alone or of both', () => {
    assert.ok(Math.abs(share(made({ errors: 0.2 }), (one) => one.failed) - 0.2) < 0.03)
    const both = made({ stableErrors: 0.3, outage: 500 })
    const meets = (one: SimRow, i: number) => i % 1000 < 500 && one.failed
    assert.ok(both.every((one, i) => !one.failed || meets(one, i)))
    assert.ok(
      both.every((one) => !one.failed || one.stable_failed === true),
      'an outage meets both',
    )
    assert.ok(Math.abs(share(both, (one) => one.failed) - 0.25) < 0.03)
    assert.ok(Math.abs(share(both, (one) => one.stable_failed === true) - 0.475) < 0.03)
  })

  test('are slower, turned round or failing in a slice as the fault says', () => {
    const [plain, slower] = [made({}, 50), made({ slower: 4 }, 50)]
    assert.deepEqual(
      slower.map((one) => one.candidate_us),
      plain.map((one) => one.candidate_us * 4),
    )
    const turned = made({ brokenSlice: 'group=0' }, 200)
    for (const [i, one] of made({}, 200).entries())
      assert.equal(turned[i]?.candidate, one.slices[0] === 'group=0' ? 1 - one.candidate! : one.candidate)
    assert.ok(made({ failingSlice: 'group=0' }, 200).every((one) => one.failed === (one.slices[0] === 'group=0')))
  })
})

describe('recorded rows that are drawn again', () => {
  const recorded = Array.from({ length: 30 }, (_, i) =>
    row({ at: 1000 + i * 10, stable: i === 3 ? 1.5 : 0.3 + i / 100, label: i, failed: i === 5 }),
  )
  const drawn = (fault: Fault | null, n = 200): SimRow[] => [...drawnAgain(prng(2), recorded, fault, n)]

  test('come in blocks of fifty neighbours, evenly in time, as they were', () => {
    const rows = drawn(null)
    assert.equal(rows.length, 200)
    const spacing = 290 / 30
    for (const [i, one] of rows.entries()) {
      assert.ok(Math.abs(one.at - i * spacing) < 1e-9)
      assert.deepEqual(one, { ...recorded[one.label!], at: one.at })
      if (i % 50 > 0) assert.equal(one.label, (rows[i - 1]!.label! + 1) % 30)
    }
    assert.equal(drawn(null, 75).length, 75)
    assert.deepEqual([...drawnAgain(prng(1), [], null, 10)], [])
  })

  test('with a fault answer as stable did, with noise on what is a probability, and as fast', () => {
    for (const one of drawn({ errors: 0 })) {
      const { stable } = recorded[one.label!]!
      assert.deepEqual([one.failed, one.candidate_us], [false, 300])
      if (one.label === 3) assert.equal(one.candidate, 1.5)
      else assert.ok(one.candidate !== stable && Math.abs(one.candidate! - stable!) < 0.2)
    }
  })
})
