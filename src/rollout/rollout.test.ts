/** Rollouts: equal candidates are promoted, bad ones stopped and named, verdicts replay, a kill anywhere ends the same. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { digestOf } from '../../test/outcomes.ts'
import { Plan } from '../contract/rollout/plan.ts'
import { prng } from '../stats/prng.ts'
import { decide } from './gates/decide.ts'
import { freshEvidence, observe, RULES } from './evidence/evidence.ts'
import type { Evidence, Observation } from './evidence/evidence.ts'
import { gateStates } from './gates/gates.ts'

const plan = Plan.parse({ shadow: { requests: 1000 }, canary: [1000, 5000], each: { min_requests: 500 } })
const CARRIERS = ['UA', 'B6', 'EV', 'DL', 'AA', 'MQ', 'US', '9E', 'WN', 'VX'] as const

interface Candidate {
  /** Standard deviation of the candidate's own noise on the log-odds. */
  readonly noise: number
  readonly flipped?: string
  readonly errors?: number
}

/** Labelled shadow rows: a stable score that is calibrated, a candidate near it, late labels already there. */
function rows(seed: number, n: number, candidate: Candidate): Observation[] {
  const random = prng(seed)
  return Array.from({ length: n }, (): Observation[] => {
    const odds = -1 + 1.2 * random.normal()
    const stable = 1 / (1 + Math.exp(-(odds + 0.15 * random.normal())))
    const own = 1 / (1 + Math.exp(-(odds + candidate.noise * random.normal())))
    const label = random.uniform() < 1 / (1 + Math.exp(-odds)) ? 1 : 0
    const carrier = CARRIERS[random.below(CARRIERS.length)] ?? 'UA'
    const score = carrier === candidate.flipped ? 1 - own : own
    const failed = random.uniform() < (candidate.errors ?? 0) ? 1 : 0
    if (failed === 1) return [['c', 1, 500, 1]]
    return [
      ['c', 0, 500, 1],
      ['p', stable, score],
      ['l', (stable - label) ** 2, (score - label) ** 2, [`carrier=${carrier}`]],
    ]
  }).flat()
}

/** Feeds rows one batch at a time and looks after each, as the controller does; the row count at the first rejection. */
function firstRejection(observations: readonly Observation[], batch = 30): { at: number; gates: string[] } | undefined {
  const evidence = freshEvidence()
  for (let i = 0; i < observations.length; i += batch) {
    observe(evidence, plan, observations.slice(i, i + batch))
    const failing = gateStates(evidence, plan).filter((gate) => gate.status === 'failing')
    if (failing.length > 0)
      return { at: evidence.counts.pairs, gates: failing.map((gate) => `${gate.gate} ${gate.slice ?? 'all'}`) }
  }
  return undefined
}

describe('sequential gates', () => {
  test('an equal model trained with another seed is rejected in at most 2 of 100 rollouts of 1,500 rows', () => {
    const rejected = Array.from({ length: 100 }, (_, i) =>
      firstRejection(rows(i + 1, 1500, { noise: 0.15 }), 300),
    ).filter((one) => one !== undefined)
    assert.ok(rejected.length <= 2, `${rejected.length} rejected`)
  })
  test('labels exchanged for one carrier are found by its slice, within 1,500 rows in 9 of 10', () => {
    const found = Array.from({ length: 20 }, (_, i) =>
      firstRejection(rows(500 + i, 2000, { noise: 0.15, flipped: 'UA' })),
    )
    const quick = found.filter((one) => one !== undefined && one.at <= 1500)
    assert.ok(quick.length >= 18, `${quick.length} of 20`)
    const named = found.filter((one) => one?.gates.some((gate) => gate === 'quality carrier=UA'))
    assert.ok(named.length >= 18, JSON.stringify(found))
    assert.ok(found.every((one) => !one?.gates.some((gate) => /carrier=(?!UA)/.test(gate))))
  })
  test('a regression is judged in the range of its loss: squared errors of some hundreds, not clipped to 1', () => {
    const squared = Plan.parse({ gates: { quality: { loss: 'squared', tolerance: 5, range: [0, 400] } } })
    const random = prng(4)
    const evidence = freshEvidence()
    const good = freshEvidence()
    for (let i = 0; i < 1500; i++) {
      const miss = 7 * random.normal()
      observe(evidence, squared, [['l', miss ** 2, (miss + 8) ** 2, []]])
      observe(good, squared, [['l', miss ** 2, (miss + 0.1 * random.normal()) ** 2, []]])
    }
    const quality = (of: Evidence) => gateStates(of, squared).find((gate) => gate.gate === 'quality')
    assert.equal(quality(evidence)?.status, 'failing')
    assert.ok(Math.abs((quality(evidence)?.candidate ?? 0) - 60) < 12, `${quality(evidence)?.candidate}`)
    assert.equal(quality(good)?.status, 'passing')
    assert.throws(() => Plan.parse({ gates: { quality: { loss: 'squared' } } }), /which loss: squared needs/)
    assert.throws(() => Plan.parse({ gates: { quality: { loss: 'squared', range: [1, 1] } } }), /above the least/)
  })
  test('one failure in five is found by the error rate within 60 rows', () => {
    const found = firstRejection(rows(9, 500, { noise: 0.15, errors: 0.2 }), 5)
    assert.ok(found !== undefined && found.at < 60, JSON.stringify(found))
    assert.deepEqual(found.gates, ['error_rate all'])
  })
})

describe('decisions', () => {
  const at = (evidence: Evidence, step: number, parts: Partial<Parameters<typeof decide>[0]> = {}) =>
    decide({
      plan,
      step,
      counts: evidence.counts,
      from: { canary: 0, pairs: 0, labelled: 0 },
      gates: gateStates(evidence, plan),
      breaker: null,
      hours: 0,
      ...parts,
    })
  const seen = (observations: readonly Observation[]): Evidence => {
    const evidence = freshEvidence()
    observe(evidence, plan, observations)
    return evidence
  }

  test('zero measurements are never success: no data waits, too long without data pauses', () => {
    assert.equal(at(freshEvidence(), 0).decision, 'wait')
    assert.equal(at(freshEvidence(), 1).decision, 'wait')
    assert.equal(at(freshEvidence(), 0, { hours: 169 }).decision, 'pause')
  })
  test('shadow advances after its rows, the last canary step promotes', () => {
    const evidence = seen(rows(1, 1001, { noise: 0.15 }))
    assert.equal(at(evidence, 0).decision, 'advance')
    assert.equal(at(evidence, 1).decision, 'wait')
    observe(
      evidence,
      plan,
      Array.from({ length: 500 }, () => ['c', 0, 400, 0] as const),
    )
    assert.equal(at(evidence, 1).decision, 'advance')
    assert.equal(at(evidence, 2).decision, 'promote')
  })
  test('the breaker rolls back at once and is named; on_failure pause pauses instead', () => {
    const back = at(freshEvidence(), 1, { breaker: '3 failures in a row' })
    assert.deepEqual([back.decision, /3 failures in a row/.test(back.reason)], ['rollback', true])
    assert.equal(at(freshEvidence(), 1, { breaker: 'x', plan: { ...plan, on_failure: 'pause' } }).decision, 'pause')
  })
  test('a score shift holds and does not reject', () => {
    const strict = { ...plan, gates: { score_shift: { mean_abs_at_most: 0.001 } } }
    const evidence = seen(rows(1, 1001, { noise: 0.15 }))
    const decided = at(evidence, 0, { plan: strict, gates: gateStates(evidence, strict) })
    assert.equal(decided.decision, 'wait')
    assert.match(decided.reason, /score_shift/)
  })
  test('decision flips reject when the plan names a limit', () => {
    const strict = Plan.parse({ ...plan, gates: { decision_flips: { at_most: 0.05, threshold: 0.3 } } })
    const evidence = freshEvidence()
    observe(evidence, strict, rows(3, 1000, { noise: 3 }))
    assert.equal(at(evidence, 0, { plan: strict, gates: gateStates(evidence, strict) }).decision, 'rollback')
  })
  test('slow answers are judged against stable, and only once its p99 is known', () => {
    const evidence = freshEvidence()
    observe(
      evidence,
      plan,
      Array.from({ length: 500 }, () => ['c', 0, 90_000, 0] as const),
    )
    assert.equal(gateStates(evidence, plan).find((gate) => gate.gate === 'latency')?.n, 0)
    observe(
      evidence,
      plan,
      Array.from({ length: 1000 }, (_, i) => ['s', 300 + (i % 50)] as const),
    )
    observe(
      evidence,
      plan,
      Array.from({ length: 100 }, () => ['c', 0, 90_000, 0] as const),
    )
    assert.equal(gateStates(evidence, plan).find((gate) => gate.gate === 'latency')?.status, 'failing')
  })
  test('the evidence of latency is of requests, however they are looked at', () => {
    const random = prng(3)
    const stable = Array.from({ length: 1000 }, (_, i): Observation => ['s', 300 + (i % 50)])
    const answers = Array.from({ length: 900 }, (): Observation => ['c', 0, random.uniform() < 0.05 ? 90_000 : 400, 0])
    const latency = (looks: number) => {
      const evidence = freshEvidence()
      observe(evidence, plan, stable)
      const size = answers.length / looks
      for (let i = 0; i < looks; i++) {
        observe(evidence, plan, answers.slice(i * size, (i + 1) * size))
        gateStates(evidence, plan)
      }
      return gateStates(evidence, plan).find((gate) => gate.gate === 'latency')
    }
    const once = latency(1)
    assert.equal(once?.n, 900)
    assert.ok(once.evidence > 1, `${once.evidence}`)
    for (const looks of [2, 90, 900]) assert.deepEqual(latency(looks), once)
  })
})

test('evidence kept as JSON and taken up again gives the same bits as evidence that was never stopped', () => {
  const all = rows(11, 700, { noise: 0.3, errors: 0.01 })
  const whole = freshEvidence()
  observe(whole, plan, all)
  let parts = freshEvidence()
  for (let i = 0; i < all.length; i += 37) {
    observe(parts, plan, all.slice(i, i + 37))
    parts = JSON.parse(JSON.stringify(parts)) as Evidence
  }
  assert.deepEqual(JSON.parse(JSON.stringify(parts)), JSON.parse(JSON.stringify(whole)))
})

test('the rules of judging are the numbered ones: who changes what comes of the same observations gives RULES the next number', () => {
  const strict = Plan.parse({
    shadow: { requests: 300 },
    gates: { decision_flips: { threshold: 0.5, at_most: 0.05 }, score_shift: { mean_abs_at_most: 0.2 } },
  })
  const outcomes = (rules: number) =>
    [0, 0.01, 0.1].map((errors) => {
      const evidence = freshEvidence()
      const slow = (i: number): Observation[] => [
        ['s', 300 + (i % 50)],
        ['x', 3, errors > 0 && i % 20 === 0 ? 1 : 0, 9, 0],
      ]
      observe(evidence, strict, Array.from({ length: 1200 }, (_, i) => slow(i)).flat())
      observe(evidence, strict, rows(5, 400, { noise: 0.3, errors, flipped: 'UA' }))
      const gates = gateStates(evidence, strict, rules)
      const from = { canary: 0, pairs: 0, labelled: 0 }
      const all = { plan: strict, counts: evidence.counts, from, gates, hours: 1, rules }
      const decided = decide({ ...all, step: 0, breaker: null })
      const breaker = decide({ ...all, step: 1, breaker: '3 in a row' })
      return { gates, ...decided, breaker }
    })
  assert.deepEqual({ rules: RULES, digest: digestOf(outcomes(RULES)) }, { rules: 5, digest: '214a7a7735333c99' })
  assert.equal(digestOf(outcomes(3)), '214a7a7735333c99', 'they differ where a gate has nothing to judge')
})
