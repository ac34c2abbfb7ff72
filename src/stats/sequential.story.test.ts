import assert from 'node:assert/strict'
import { test } from 'node:test'
import { slowThreshold, upperRank } from './latency.ts'
import { prng } from './prng.ts'
import type { Prng } from './prng.ts'
import { differenceTest, rateTest } from './sequential.ts'
import type { Difference, DifferenceOptions, SequentialTest } from './sequential.ts'
import { record, sketch } from './sketch.ts'

/** Runs tests until rejection; gives the share rejected and the quantiles of the number of observations needed. */
function simulate<S, X>(
  make: () => SequentialTest<S, X>,
  draw: (random: Prng) => X,
  size: { runs: number; horizon: number },
) {
  const stops: number[] = []
  for (let run = 0; run < size.runs; run++) {
    const random = prng(1000 + run)
    const t = make()
    for (let i = 1; i <= size.horizon; i++) {
      t.update(draw(random))
      if (t.evidence().rejected) {
        stops.push(i)
        break
      }
    }
  }
  stops.sort((a, b) => a - b)
  return {
    share: stops.length / size.runs,
    p50: stops[Math.floor(stops.length / 2)],
    p90: stops[Math.floor(stops.length * 0.9)],
  }
}

const rate = (p: number) => (random: Prng) => random.uniform() < p

test('a rate at its limit is rejected in less than alpha of 3,000-request runs', () => {
  const { share } = simulate(() => rateTest({ limit: 0.01 }), rate(0.01), { runs: 400, horizon: 3000 })
  assert.ok(share <= 0.05, `${share}`)
})

const runsAt = (p: number) => simulate(() => rateTest({ limit: 0.01 }), rate(p), { runs: 200, horizon: 3000 })

test('bad rates are rejected in about the requests that the theory gives', () => {
  const [half, tenth, twentieth] = [runsAt(0.5), runsAt(0.1), runsAt(0.05)]
  assert.ok(half.p50! <= 4, `50 %: ${half.p50}`)
  assert.ok(tenth.p50! <= 30, `10 %: ${tenth.p50}`)
  assert.ok(
    twentieth.share === 1 && twentieth.p50! <= 110 && twentieth.p90! <= 250,
    `5 %: ${JSON.stringify(twentieth)}`,
  )
})

/** Brier losses of two models on one row; the canary is `flip` of the time upside down, and differs by noise. */
function losses(random: Prng, flip: number, noise = 0.03): { canary: number; stable: number } {
  const p = Math.min(0.97, Math.max(0.03, 0.27 + 0.2 * random.normal()))
  const y = random.uniform() < p ? 1 : 0
  const other = Math.min(1, Math.max(0, p + noise * random.normal()))
  const canary = random.uniform() < flip ? 1 - other : other
  return { canary: (canary - y) ** 2, stable: (p - y) ** 2 }
}

test('an equal canary is not rejected in shadow (20,000 rows)', () => {
  const { share } = simulate(
    () => differenceTest(),
    (random) => losses(random, 0),
    { runs: 40, horizon: 20_000 },
  )
  assert.equal(share, 0)
})

test('at tolerance 0 an equal canary is rejected in at most alpha of the runs', () => {
  const options: DifferenceOptions = { tolerance: 0, alpha: 0.05 }
  const { share } = simulate(
    () => differenceTest(options),
    (random) => losses(random, 0),
    { runs: 300, horizon: 2000 },
  )
  assert.ok(share <= 0.05, `${share}`)
})

test('labels flipped for 18 % of rows: rejected in shadow within hundreds of rows, always', () => {
  const got = simulate(
    () => differenceTest(),
    (random) => losses(random, 0.18),
    { runs: 100, horizon: 20_000 },
  )
  assert.ok(got.share === 1 && got.p50! <= 350 && got.p90! <= 900, JSON.stringify(got))
})

/** One row of a split: a tenth goes to the canary. */
const split =
  (flip: number) =>
  (random: Prng): Difference => {
    const { canary, stable } = losses(random, flip)
    return random.uniform() < 0.1 ? { canary } : { stable }
  }

test('unpaired, with a tenth of the traffic: equal kept, flipped labels rejected within hundreds of canary rows', () => {
  const equal = simulate(() => differenceTest(), split(0), { runs: 60, horizon: 20_000 })
  assert.ok(equal.share <= 0.02, JSON.stringify(equal))
  const flipped = simulate(() => differenceTest(), split(0.18), { runs: 60, horizon: 60_000 })
  assert.ok(flipped.share >= 0.98 && flipped.p50! <= 6000, JSON.stringify(flipped))
})

/** One row of an even split with errors: 1 % in stable. */
const errors =
  (p: number) =>
  (random: Prng): Difference =>
    random.uniform() < 0.5 ? { canary: random.uniform() < p ? 1 : 0 } : { stable: random.uniform() < 0.01 ? 1 : 0 }

test('error rates of two arms: equal ones are kept, 5 % against 1 % is rejected', () => {
  const options = { tolerance: 0, alpha: 0.05 }
  const equal = simulate(() => differenceTest(options), errors(0.01), { runs: 200, horizon: 4000 })
  assert.ok(equal.share <= 0.05, JSON.stringify(equal))
  const bad = simulate(() => differenceTest(options), errors(0.05), { runs: 60, horizon: 10_000 })
  assert.ok(bad.share === 1 && bad.p50! < 1500, JSON.stringify(bad))
})

test('the confidence sequence holds the truth at all times and shrinks; not inferior is shown', () => {
  let missed = 0
  for (let run = 0; run < 100; run++) {
    const random = prng(run)
    const t = differenceTest({ alpha: 0.05, margin: 0.05, tolerance: 0.02 })
    let inside = true
    for (let i = 0; i < 1500; i++) {
      t.update({ canary: random.uniform() < 0.3 ? 1 : 0, stable: random.uniform() < 0.3 ? 1 : 0 })
      const [from, to] = t.evidence().interval
      inside &&= from <= 0 && to >= 0
    }
    if (!inside) missed += 1
  }
  assert.ok(missed <= 5, `${missed} of 100`)
  const t = differenceTest({ margin: 0.05 })
  const random = prng(77)
  for (let i = 0; i < 3000; i++) t.update(losses(random, 0))
  const evidence = t.evidence()
  assert.ok(evidence.notInferior && !evidence.rejected)
  assert.ok(evidence.interval[1] - evidence.interval[0] < 0.05, evidence.interval.join(' to '))
})

test('a state that goes through JSON at every step replays bit for bit', () => {
  const straight = differenceTest()
  let state = differenceTest().state
  const straightRate = rateTest({ limit: 0.02 })
  let rateState = rateTest({ limit: 0.02 }).state
  const random = prng(5)
  for (let i = 0; i < 200; i++) {
    const x = i % 2 === 0 ? losses(random, 0.1) : split(0.1)(random)
    straight.update(x)
    const again = differenceTest({}, JSON.parse(JSON.stringify(state)))
    again.update(x)
    state = again.state
    const event = random.uniform() < 0.05
    straightRate.update(event)
    const againRate = rateTest({ limit: 0.02 }, JSON.parse(JSON.stringify(rateState)))
    againRate.update(event)
    rateState = againRate.state
  }
  assert.deepEqual(state, straight.state)
  assert.deepEqual(differenceTest({}, state).evidence(), straight.evidence())
  assert.deepEqual(rateTest({ limit: 0.02 }, rateState).evidence(), straightRate.evidence())
})

test('evidence of a rate that was once enough stands still, whatever comes between two looks', () => {
  const t = rateTest({ limit: 0.01 })
  for (let i = 0; i < 5; i++) t.update(true)
  const { e, rejected } = t.evidence()
  for (let i = 0; i < 2000; i++) t.update(false)
  assert.deepEqual([rejected, t.evidence().e, t.evidence().n], [true, e, 2005])
  assert.equal(e, 20, 'no more is bet than the rejection needs')
  assert.equal(rateTest({ limit: 0.01 }, { n: 2005, events: 5 }).evidence().rejected, false)
})

test('huge evidence stays a finite number', () => {
  const t = rateTest({ limit: 0.01 }, { n: 10_000, events: 10_000 })
  assert.equal(t.evidence().e, Number.MAX_VALUE)
})

test('wrong options are refused by name', () => {
  assert.throws(() => rateTest({ limit: 0 }), /limit: got 0/)
  assert.throws(() => rateTest({ limit: 0.1, alpha: 1 }), /alpha: got 1/)
  assert.throws(() => differenceTest({ low: 1, high: 1 }), /high: got 1/)
  assert.throws(() => differenceTest({ tolerance: 1.5 }), /tolerance: got 1.5/)
})

/** Of 100 canaries slower by a factor, how many are rejected after 2,000 answers. */
const slowRejected = (factor: number): number => {
  let rejected = 0
  for (let run = 0; run < 100; run++) {
    const random = prng(run)
    const draw = (): number => Math.exp(1 + 0.5 * random.normal())
    const stable = sketch()
    for (let i = 0; i < 3000; i++) record(stable, draw())
    const threshold = slowThreshold(stable)!
    const t = rateTest({ limit: 0.015 })
    for (let i = 0; i < 2000; i++) t.update(draw() * factor > threshold)
    if (t.evidence().rejected) rejected += 1
  }
  return rejected
}

test('latency: equal canaries are kept, a slower one is rejected', () => {
  assert.equal(upperRank(298, 0.99, 0.95), undefined)
  assert.equal(upperRank(299, 0.99, 0.95), 298)
  assert.equal(slowThreshold(sketch()), undefined)
  assert.ok(slowRejected(1) <= 2)
  assert.ok(slowRejected(1.7) >= 98)
})
