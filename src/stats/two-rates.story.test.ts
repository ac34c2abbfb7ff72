import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prng } from './prng.ts'
import type { Prng } from './prng.ts'
import { twoRatesTest } from './two-rates.ts'
import type { Arms, TwoRatesOptions } from './two-rates.ts'

/** One trial of one version, as a batch of its own. */
function oneTrial(arm: keyof Arms, event: boolean): Arms {
  const none = { n: 0, events: 0 }
  return { canary: none, stable: none, [arm]: { n: 1, events: event ? 1 : 0 } }
}

interface World {
  readonly canary: number
  readonly stable: number
  /** Share of the requests that the canary gets. */
  readonly share: number
  /** Chance that a request fails whoever answers it, by its number. */
  readonly outage?: (i: number) => number
}

function ran(options: TwoRatesOptions, world: World, { requests, seed }: { requests: number; seed: number }) {
  const random: Prng = prng(seed)
  const t = twoRatesTest(options)
  for (let i = 0; i < requests; i++) {
    const arm = random.uniform() < world.share ? 'canary' : 'stable'
    const rate = Math.max(world[arm], world.outage?.(i) ?? 0)
    t.update(oneTrial(arm, random.uniform() < rate))
    if (t.evidence().rejected) return { at: t.evidence().n, evidence: t.evidence() }
  }
  return { at: Infinity, evidence: t.evidence() }
}

const options = { ratio: 1, above: 0.001, alpha: 0.05 }
const many = (of: TwoRatesOptions, world: World, size: { runs: number; requests: number }) =>
  Array.from({ length: size.runs }, (_, i) => ran(of, world, { requests: size.requests, seed: 500 + i }))
const rejected = (runs: readonly { at: number }[]): number => runs.filter((one) => one.at < Infinity).length

test('equal rates are told apart in at most alpha of the runs, at any share, looked at after each request', () => {
  for (const share of [0.05, 0.5, 0.9]) {
    const runs = many(options, { canary: 0.02, stable: 0.02, share }, { runs: 100, requests: 3000 })
    assert.ok(rejected(runs) <= 5, `${share}: ${rejected(runs)} of 100`)
  }
})

test('an outage of something that both depend on says nothing, even when the canary’s share grew meanwhile', () => {
  const half = (grown: number) => (i: number) => (i < 2000 ? 0 : grown)
  const runs = Array.from({ length: 100 }, (_, seed) => {
    const random = prng(seed)
    const t = twoRatesTest(options)
    for (let i = 0; i < 4000; i++) {
      const arm = random.uniform() < (i < 2000 ? 0.05 : 0.5) ? 'canary' : 'stable'
      t.update(oneTrial(arm, random.uniform() < half(0.3)(i)))
    }
    return t.evidence().rejected
  })
  assert.ok(runs.filter(Boolean).length <= 5)
})

test('5 % against 1 % is rejected within hundreds of the canary’s requests, at a small share too', () => {
  for (const share of [0.05, 0.5]) {
    const runs = many(options, { canary: 0.05, stable: 0.01, share }, { runs: 60, requests: 40_000 })
    const sorted = runs.map((one) => one.at).toSorted((a, b) => a - b)
    assert.ok((sorted[30] ?? 0) <= 300 && (sorted[54] ?? 0) <= 700, `${share}: ${sorted.join(' ')}`)
  }
})

test('what is tolerated is not rejected: so many times stable’s odds, or a rate that is no fault', () => {
  const times = many(
    { ...options, ratio: 2 },
    { canary: 0.02, stable: 0.0101, share: 0.5 },
    { runs: 100, requests: 6000 },
  )
  assert.ok(rejected(times) <= 5)
  const floor = many(
    { ...options, above: 0.01 },
    { canary: 0.01, stable: 0, share: 0.5 },
    { runs: 100, requests: 6000 },
  )
  assert.ok(rejected(floor) <= 5)
  assert.equal(rejected(many(options, { canary: 0.05, stable: 0, share: 0.5 }, { runs: 20, requests: 6000 })), 20)
})

test('a canary alone is compared with nothing, and a state that goes through JSON goes on bit for bit', () => {
  const alone = ran(options, { canary: 1, stable: 0, share: 1 }, { requests: 500, seed: 1 })
  assert.deepEqual([alone.evidence.n, Math.round(alone.evidence.e), alone.evidence.rejected], [0, 1, false])
  const [straight, random] = [twoRatesTest(options), prng(9)]
  let state = twoRatesTest(options).state
  for (let i = 0; i < 500; i++) {
    const trial = oneTrial(random.uniform() < 0.5 ? 'canary' : 'stable', random.uniform() < 0.1)
    straight.update(trial)
    const again = twoRatesTest(options, JSON.parse(JSON.stringify(state)))
    again.update(trial)
    state = again.state
  }
  assert.deepEqual(state, straight.state)
})

test('wrong options are refused by name', () => {
  assert.throws(() => twoRatesTest({ ratio: 0.5, above: 0.1 }), /ratio: got 0.5/)
  assert.throws(() => twoRatesTest({ ratio: 2, above: 0 }).evidence(), /limit: got 0/)
})
