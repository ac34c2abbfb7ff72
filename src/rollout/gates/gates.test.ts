/** Each gate against its e-process written out: products of likelihood ratios and of bets, without the code that keeps them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Plan } from '../../contract/rollout/plan.ts'
import type { GateState } from '../../contract/rollout.ts'
import { near } from '../../stats/near.fixture.ts'
import { prng } from '../../stats/prng.ts'
import { freshEvidence, observe } from '../evidence/evidence.ts'
import type { Evidence, Observation } from '../evidence/evidence.ts'
import { gateStates, notJudged } from './gates.ts'
import { wealth } from '../evidence/gamblers.fixture.ts'

const plan = Plan.parse({ alpha: 0.033, shadow: { requests: 100, labels: 20 }, each: { min_requests: 50 } })
const withGates = (gates: object, more: object = {}): Plan => Plan.parse({ ...plan, ...more, gates })
const seen = (observations: readonly Observation[], of: Plan = plan): Evidence => {
  const evidence = freshEvidence()
  observe(evidence, of, observations)
  return evidence
}
const states = (observations: readonly Observation[], of: Plan = plan): GateState[] =>
  gateStates(seen(observations, of), of)
const gateOf = (all: readonly GateState[], name: string, slice: string | null = null): GateState =>
  all.find((one) => one.gate === name && one.slice === slice) ?? assert.fail(`no gate ${name}`)
const times = <T>(n: number, one: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => one(i))

/** 24 rates above a limit, even in log-odds up to 95 %, with weights of which four parts of five lie about 1.4 above it. */
function alternatives(limit: number): { rate: number; weight: number }[] {
  const odds = (p: number): number => Math.log(p / (1 - p))
  const width = Math.max(odds(0.95) - odds(limit), 0.5)
  const steps = times(24, (i) => (width * (i + 1)) / 24)
  const bell = steps.map((step) => Math.exp(-0.5 * ((step - Math.min(1.4, width)) / 0.4) ** 2))
  const all = bell.reduce((a, b) => a + b, 0)
  return steps.map((step, i) => ({
    rate: 1 / (1 + Math.exp(-(odds(limit) + step))),
    weight: (0.8 * bell[i]!) / all + 0.2 / 24,
  }))
}

/** The mixture of likelihood ratios of trials in no order. */
const mixture = (limit: number, events: number, n: number): number =>
  alternatives(limit).reduce(
    (sum, { rate, weight }) => sum + weight * (rate / limit) ** events * ((1 - rate) / (1 - limit)) ** (n - events),
    0,
  )

/** The wealth of one who bets on each trial by what the mixture expects of it, and never for more than `enough`. */
function bettor(limit: number, enough: number, outcomes: readonly boolean[]): number {
  let all = alternatives(limit)
  let won = 1
  for (const event of outcomes) {
    const sum = all.reduce((total, { weight }) => total + weight, 0)
    const expected = all.reduce((total, { rate, weight }) => total + weight * rate, 0) / sum
    const rate = Math.min(expected, (limit * enough) / won)
    if (won < enough) won *= event ? rate / limit : (1 - rate) / (1 - limit)
    all = all.map((one) => ({ ...one, weight: one.weight * (event ? one.rate / limit : (1 - one.rate) / (1 - limit)) }))
  }
  return won
}

test('a plan without wishes has four gates, of which none passes by itself, and only those that it names wait', () => {
  const all = states([])
  assert.deepEqual(
    all.map(({ gate, status, n, n_min, boundary }) => [gate, status, n, n_min, Math.round(boundary)]),
    [
      ['error_rate', 'waiting', 0, 50, 50],
      ['error_rate_vs_stable', 'not_judged', 0, 0, 250],
      ['latency', 'not_judged', 0, 0, 1000],
      ['quality', 'waiting', 0, 20, 500],
    ],
  )
  assert.ok(all.every(({ candidate, stable, interval }) => candidate === null && stable === null && interval === null))
})

test('what the plan names waits for what it judges by; of what it does not name, the reason is told', () => {
  const names = (of: Plan): string[] =>
    states([], of).flatMap(({ gate, status }) => (status === 'not_judged' ? [gate] : []))
  const labels = { shadow: { requests: 100, labels: 0 } }
  assert.deepEqual(notJudged(states([], withGates({}, labels))), [
    { gate: 'error_rate', reason: '0 of 0 failed; at most 2 % is allowed' },
    { gate: 'error_rate_vs_stable', reason: 'no minutes yet in which both answered enough callers' },
    { gate: 'latency', reason: 'stable has not answered often enough to know its p99' },
    { gate: 'quality', reason: 'no labels yet' },
  ])
  const named = { error_rate_vs_stable: { ratio_at_most: 2 }, latency: { p99_ratio_at_most: 2 }, quality: {} }
  assert.deepEqual(names(withGates(named, labels)), [])
  assert.ok(states([], withGates(named, labels)).every(({ status, n_min }) => status === 'waiting' && n_min > 0))
  // beside a stable version that answers nobody there is nothing to compare with
  assert.deepEqual(names(withGates(named, { mode: 'blue_green' })), ['error_rate_vs_stable'])
  assert.deepEqual(names(withGates(named, { canary: [10_000] })), ['error_rate_vs_stable'])
})

test('evidence that was counted by earlier rules is judged by them', () => {
  const gates = gateStates({ ...freshEvidence(), rules: 3 }, plan)
  assert.deepEqual(
    gates.map(({ gate, status, n_min }) => [gate, status, n_min]),
    [
      ['error_rate', 'waiting', 50],
      ['error_rate_vs_stable', 'waiting', 0],
      ['latency', 'waiting', 0],
      ['quality', 'waiting', 20],
    ],
  )
})

describe('failures', () => {
  const answers = (n: number, failed: number): Observation[] => times(n, (i) => ['c', i < failed ? 1 : 0, 500, 0])

  test('pass with enough requests, of which a plan may ask for less than a hundred', () => {
    const gate = (n: number, min_requests = 50) =>
      gateOf(states(answers(n, 0), Plan.parse({ ...plan, each: { min_requests } })), 'error_rate')
    assert.deepEqual([gate(49).status, gate(50).status], ['waiting', 'passing'])
    assert.deepEqual(
      [gate(99, 5000).status, gate(100, 5000).status, gate(100, 5000).n_min],
      ['waiting', 'passing', 100],
    )
    assert.deepEqual([gate(80).candidate, gate(80).reason], [0, '0 of 80 failed; at most 2 % is allowed'])
  })

  test('reject at the boundary of their part of alpha, with the wealth of a bettor who follows the mixture', () => {
    for (const every of [25, 9, 60]) {
      const outcomes = times(100, (i) => i % every === 0)
      const gate = gateOf(states(outcomes.map((failed) => ['c', failed ? 1 : 0, 500, 0])), 'error_rate')
      near(gate.evidence, bettor(0.02, 50, outcomes), 1e-9)
    }
    const failing = gateOf(states(answers(10, 10)), 'error_rate')
    assert.deepEqual([failing.status, failing.candidate, Math.round(failing.boundary)], ['failing', 1, 50])
    assert.ok(failing.evidence >= failing.boundary)
    const strict = withGates({ error_rate: { at_most: 0.3 } })
    assert.equal(
      gateOf(
        states(
          times(60, (i) => ['c', i % 4 === 0 ? 1 : 0, 500, 0] as const),
          strict,
        ),
        'error_rate',
      ).status,
      'passing',
    )
    assert.match(gateOf(states([], strict), 'error_rate').reason, /at most 30 % is allowed/)
  })
})

describe('failures within slices', () => {
  const rows = (n: number, failed: number, slices: readonly string[]): Observation[] =>
    times(n, (i) => ['e', i < failed ? 1 : 0, slices])

  test('are told where they fail by themselves, with the mixture as evidence, and not where they are well', () => {
    const all = states([...rows(40, 12, ['c=UA']), ...rows(40, 0, ['c=AA'])]).filter((one) => one.slice !== null)
    assert.equal(all.length, 1)
    const [gate] = all
    assert.deepEqual(
      [gate?.gate, gate?.slice, gate?.status, gate?.n, gate?.n_min],
      ['error_rate', 'c=UA', 'failing', 40, 0],
    )
    near(gate?.evidence, mixture(0.02, 12, 40), 1e-9)
    near(gate?.boundary, 2 / 0.001, 1e-9)
    assert.equal(gate?.reason, 'c=UA: 12 of 40 failed; at most 2 % is allowed')
    near(gate?.candidate ?? 0, 0.3, 1e-12)
  })

  test('share their part of alpha: evidence that is enough for one slice is not for the best of ten', () => {
    const e = mixture(0.02, 5, 12)
    assert.ok(e > 1000 && e < 9000, String(e))
    const found = (others: number) =>
      states([...rows(12, 5, ['c=0']), ...times(others, (i) => rows(12, 0, [`c=${i + 1}`])).flat()]).filter(
        (one) => one.slice !== null,
      ).length
    assert.deepEqual([found(0), found(9)], [1, 0])
  })

  test('name where most are when the whole is rejected before any slice is', () => {
    const whole: Observation[] = times(60, (i) => ['c', i < 10 ? 1 : 0, 500, 0])
    const named = (slices: readonly Observation[]) =>
      states([...whole, ...slices]).flatMap((one) =>
        one.slice === null ? [] : [[one.slice, one.boundary, one.status]],
      )
    const most = rows(12, 3, ['c=UA'])
    assert.deepEqual(named(most), [], 'three of ten are not most')
    const six = rows(25, 6, ['c=UA'])
    const e = mixture(0.02, 6, 25)
    assert.ok(e > 20 && e < 40_000, String(e))
    const many = times(60, (i) => rows(12, 0, [`c=${i}`])).flat()
    assert.deepEqual(named([...six, ...many]), [['c=UA', 20, 'failing']])
    assert.match(
      gateOf(states([...whole, ...six, ...many]), 'error_rate', 'c=UA').reason,
      /; most of the failures are here$/,
    )
    assert.deepEqual(named([...rows(30, 6, ['c=UA']), ...many]), [], 'half of all rows are no slice to look at')
    assert.deepEqual(
      states([...times(60, (): Observation => ['c', 0, 500, 0]), ...six, ...many]).filter((one) => one.slice !== null),
      [],
      'the whole is well',
    )
  })
})

describe('latency', () => {
  const stable = times(1000, (i): Observation => ['s', 10_000 + (i % 100) * 100])
  const slow = (n: number, of: number): Observation[] => times(of, (i) => ['c', 0, i < n ? 90_000 : 9000, 0])

  test('is the share of answers above three times the p99 of stable, of which three in a hundred are allowed', () => {
    const gate = gateOf(states([...stable, ...slow(30, 200)]), 'latency')
    near(gate.evidence, mixture(0.03, 30, 200), 1e-9)
    near(gate.boundary, 1000, 1e-9)
    assert.deepEqual([gate.status, gate.n, gate.candidate], ['failing', 200, 0.15])
    const [, above = ''] = /^30 of 200 slower than (\d+\.\d\d) ms; at most 3 % is allowed$/.exec(gate.reason) ?? []
    assert.ok(Math.abs(Number(above) - 59.7) < 1.5, gate.reason)
    assert.equal(gateOf(states([...stable, ...slow(6, 200)]), 'latency').status, 'passing')
  })

  test('holds nothing up unless the plan names it; then it needs requests', () => {
    const named = withGates({ latency: { p99_ratio_at_most: 2 } })
    assert.equal(gateOf(states(slow(0, 80)), 'latency').n_min, 0)
    assert.equal(gateOf(states(slow(0, 80)), 'latency').reason, 'stable has not answered often enough to know its p99')
    const at = (n: number) => gateOf(states([...stable, ...slow(0, n)], named), 'latency')
    assert.deepEqual([at(49).status, at(50).status, at(50).n_min], ['waiting', 'passing', 50])
    assert.equal(gateOf(states([...stable, ...slow(0, 1)]), 'latency').status, 'passing')
    assert.equal(gateOf(states(stable), 'latency').status, 'not_judged')
    assert.deepEqual([at(0).status, gateOf(states([], named), 'latency').status], ['waiting', 'waiting'])
  })
})

describe('quality', () => {
  const random = prng(5)
  const label = (stable: number, canary: number, slices: readonly string[] = []): Observation => [
    'l',
    stable,
    canary,
    slices,
  ]
  const losses = times(150, () => [random.uniform(), random.uniform()] as const)

  test('is judged by the wealth of bets on paired differences beyond the tolerance', () => {
    const gate = gateOf(states(losses.map(([a, b]) => label(a, b))), 'quality')
    const differences = losses.map(([a, b]) => b - a)
    near(gate.evidence, wealth(differences, 0.01), 1e-9)
    near(gate.boundary, 500, 1e-9)
    near(gate.candidate ?? 0, differences.reduce((a, b) => a + b, 0) / 150, 1e-9)
    assert.ok(
      gate.interval !== null && gate.interval[0] < (gate.candidate ?? 0) && (gate.candidate ?? 0) < gate.interval[1],
    )
    assert.match(
      gate.reason,
      /^mean loss differs from stable by [+-]0\.\d{4} on 150 labelled rows; at most \+0\.01 is allowed$/,
    )
  })

  test('bets in the range of the losses: a range of four hundred is the same bet as one of one', () => {
    const wide = withGates({ quality: { loss: 'squared', tolerance: 4, range: [0, 400] } })
    const gate = gateOf(
      states(
        losses.map(([a, b]) => label(400 * a, 400 * b)),
        wide,
      ),
      'quality',
    )
    near(
      gate.evidence,
      wealth(
        losses.map(([a, b]) => b - a),
        0.01,
      ),
      1e-9,
    )
  })

  test('needs the labels of the plan, two hundred at least where the plan names it, and one in any case', () => {
    const at = (n: number, of: Plan) =>
      gateOf(
        states(
          times(n, () => label(0.2, 0.2)),
          of,
        ),
        'quality',
      )
    assert.deepEqual([at(19, plan).status, at(20, plan).status], ['waiting', 'passing'])
    const named = withGates({ quality: {} })
    assert.deepEqual([at(199, named).status, at(200, named).status, at(200, named).n_min], ['waiting', 'passing', 200])
    const more = withGates({ quality: {} }, { shadow: { requests: 1, labels: 300 } })
    assert.equal(at(250, more).n_min, 300)
    const none = Plan.parse({ ...plan, shadow: { requests: 100, labels: 0 } })
    assert.deepEqual(
      [at(0, none).status, at(0, none).reason, at(1, none).status],
      ['not_judged', 'no labels yet', 'passing'],
    )
  })

  test('a zero difference is told with its sign, and a better candidate with a minus', () => {
    assert.match(gateOf(states([label(0.5, 0.5)]), 'quality').reason, /by \+0\.0000 on 1/)
    assert.match(gateOf(states([label(0.5, 0.25)]), 'quality').reason, /by -0\.2500 on 1/)
  })
})

describe('quality within slices', () => {
  const rows = (n: number, slice: string, d = 0): Observation[] => times(n, () => ['l', 0.2, 0.2 + d, [slice]])

  test('is judged from ten rows on, in the order of the names', () => {
    const slices = (all: readonly GateState[]) => all.flatMap((one) => (one.slice === null ? [] : [one.slice]))
    assert.deepEqual(slices(states([...rows(10, 'c=b'), ...rows(10, 'c=a'), ...rows(9, 'c=0')])), ['c=a', 'c=b'])
  })

  test('says of a column that the plan names that no value of it has rows enough, and not before there are any', () => {
    const named = { ...plan, slices: ['c', 'd'] }
    const columns = (observations: readonly Observation[], of: Plan = named, rules?: number) =>
      gateStates(seen(observations, of), of, rules).filter(({ slice }) => slice !== null && !slice.includes('='))
    const few = [...rows(9, 'c=a'), ...rows(3, 'c=b'), ...rows(10, 'd=1')]
    const [c, ...others] = columns(few)
    assert.deepEqual(others, [])
    assert.deepEqual([c?.gate, c?.slice, c?.status, c?.n, c?.n_min], ['quality', 'c', 'not_judged', 9, 10])
    const reason = 'no value of c has 10 labelled rows yet; the most that one has is 9'
    assert.deepEqual(notJudged(c === undefined ? [] : [c]), [{ gate: 'quality by c', reason }])
    assert.deepEqual(columns([...few, ...rows(1, 'c=a')]), [])
    assert.deepEqual(columns(few, plan), [], 'which it names no column')
    assert.deepEqual(columns([['c', 0, 500, 0]]), [], 'the whole says that it has no labels')
    assert.deepEqual(columns(few, named, 4), [], 'older verdicts replay as they were')
  })

  test('rejects at its part of alpha over the number of slices', () => {
    const all = states([...rows(12, 'c=a', 0.8), ...rows(12, 'c=b')])
    const [a, b] = ['c=a', 'c=b'].map((slice) => gateOf(all, 'quality', slice))
    near(
      a?.evidence,
      wealth(
        times(12, () => 0.8),
        0.01,
      ),
      1e-9,
    )
    near(a?.boundary, 2 / 0.002, 1e-9)
    // evidence of 80 against a boundary of 1000; of 1600 with six rows more
    assert.deepEqual([a?.status, b?.status, a?.n_min], ['passing', 'passing', 10])
    const sure = gateOf(states([...rows(18, 'c=a', 0.8), ...rows(18, 'c=b')]), 'quality', 'c=a')
    assert.equal(sure.status, 'failing')
    assert.match(sure.reason, /^c=a: mean loss differs from stable by \+0\.8000 on 18 labelled rows/)
  })

  test('names where the fall of the whole shows most, once there is some evidence', () => {
    // worse in forty slices alike: the whole is rejected, and of slices only one has evidence of 20
    const named = (n: number) => {
      const all = states(
        times(40, (i) => rows(i === 7 ? n : 14, `c=${String(i).padStart(2, '0')}`, i === 7 ? 0.34 : 0.3)).flat(),
      )
      assert.equal(gateOf(all, 'quality').status, 'failing')
      return all.filter((one) => one.slice !== null && one.status === 'failing')
    }
    assert.ok(
      wealth(
        times(18, () => 0.34),
        0.01,
      ) < 20 &&
        wealth(
          times(20, () => 0.34),
          0.01,
        ) > 20,
    )
    assert.deepEqual(named(18), [])
    const [gate, ...others] = named(20)
    assert.deepEqual([gate?.slice, gate?.boundary, gate?.n, others.length], ['c=07', 20, 20, 0])
    assert.match(gate?.reason ?? '', /; the fall of the whole shows most here$/)
  })
})

describe('shift and flips', () => {
  const pairs = (n: number, d: number): Observation[] => times(n, () => ['p', 0.4, 0.4 + d])

  test('a shift is the mean distance of the scores; it waits and never fails', () => {
    const strict = withGates({ score_shift: { mean_abs_at_most: 0.1 } })
    const at = (n: number, d: number) => gateOf(states(pairs(n, d), strict), 'score_shift')
    assert.deepEqual(
      [at(99, 0).status, at(100, 0).status, at(100, 0.11).status, at(100, -0.11).status],
      ['waiting', 'passing', 'waiting', 'waiting'],
    )
    near(at(50, -0.2).evidence, 0.2, 1e-9)
    assert.deepEqual([at(0, 0).candidate, at(0, 0).boundary, at(0, 0).n_min], [0, 0.1, 100])
    assert.match(at(100, 0.05).reason, /^scores differ by 0\.0500 on average over 100 pairs; at most 0\.1 lets/)
    assert.ok(!states(pairs(5, 0)).some((one) => one.gate === 'score_shift'))
  })

  test('flips are decisions at the threshold that differ, against the limit of the plan', () => {
    const strict = withGates({ decision_flips: { at_most: 0.05, threshold: 0.5 } })
    const gate = gateOf(states([...pairs(80, 0.1), ...pairs(20, 0)], strict), 'decision_flips')
    near(gate.evidence, mixture(0.05, 80, 100), 1e-9)
    near(gate.boundary, 1000, 1e-9)
    assert.deepEqual([gate.status, gate.candidate, gate.n_min], ['failing', 0.8, 100])
    assert.equal(gate.reason, '80 of 100 decisions at 0.5 differ; at most 5 % is allowed')
    const few = (n: number) => gateOf(states(pairs(n, 0), strict), 'decision_flips').status
    assert.deepEqual([few(99), few(100)], ['waiting', 'passing'])
  })
})

describe('failures beside those of stable', () => {
  const versus = withGates({ error_rate_vs_stable: { ratio_at_most: 2, above: 0.01 } })
  const batch = (failed: number, failedThere: number): Observation => ['x', 20, failed, 20, failedThere]

  test('are told of both, and reject when the candidate fails far more often in the same minutes', () => {
    const gate = gateOf(
      states(
        times(20, () => batch(10, 0)),
        versus,
      ),
      'error_rate_vs_stable',
    )
    assert.deepEqual([gate.status, gate.n, gate.candidate, gate.stable], ['failing', 400, 0.5, 0])
    near(gate.boundary, 250, 1e-9)
    assert.equal(gate.reason, '200 of 400 failed, 0 of 400 of stable; 2 times as often is allowed, or 1 %')
    assert.equal(
      gateOf(
        states(
          times(20, () => batch(10, 10)),
          versus,
        ),
        'error_rate_vs_stable',
      ).status,
      'passing',
    )
  })

  test('wait for both to have answered, and are not judged where the plan says so', () => {
    const gate = gateOf(states([], versus), 'error_rate_vs_stable')
    assert.deepEqual([gate.status, gate.n_min, gate.candidate, gate.stable], ['waiting', 1, null, null])
    assert.equal(gate.reason, 'no minutes yet in which both answered enough callers')
    const off = withGates({ error_rate_vs_stable: false })
    assert.ok(!states([batch(1, 1)], off).some((one) => one.gate === 'error_rate_vs_stable'))
  })
})

describe('the split of an A/B', () => {
  const ab = Plan.parse({ ...plan, mode: 'ab', metrics: [{ name: 'bought' }], ab: { metric: 'bought', share: 2500 } })
  const gate = (mine: number, others: number, of: Plan = ab) =>
    states([['u', mine, others]], of).find((one) => one.gate === 'sample_ratio')

  test('is right within chance and wrong far from the share of the plan', () => {
    assert.deepEqual(
      [gate(0, 0)?.status, gate(250, 750)?.status, gate(500, 500)?.status],
      ['not_judged', 'passing', 'failing'],
    )
    assert.equal(gate(500, 500)?.reason, '500 of 1000 users met the candidate; the plan gives it 25 %')
    assert.deepEqual(
      [gate(250, 750)?.candidate, gate(0, 0)?.candidate, gate(0, 0)?.boundary, gate(0, 0)?.n_min],
      [0.25, null, 1000, 0],
    )
  })

  test('is not asked for where everyone gets the candidate, or nobody is divided', () => {
    assert.equal(gate(5, 5, plan), undefined)
    assert.equal(gate(5, 5, Plan.parse({ ...ab, ab: { metric: 'bought', share: 10_000 } })), undefined)
  })
})
