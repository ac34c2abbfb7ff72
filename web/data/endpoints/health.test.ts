/** The health of an endpoint, its error budget, its gates and the row that is typed for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { property } from '../../../test/web/seeded.ts'
import type { Seeded } from '../../../test/web/seeded.ts'
import { rolloutApi } from '../../../src/contract/rollout.ts'
import { toneOf } from '../tones.ts'
import { budgetOf } from './budget.ts'
import { evidenceLines, valueText } from './evidence.ts'
import { comparisonText, failingFirst, foldSlices, gateFigure, nearness, SHIFT_GATE, SPLIT_GATE } from './gates.ts'
import { healthOf } from '../../../src/contract/needs/health.ts'
import type { HealthIncident, HealthVariant } from '../../../src/contract/needs/health.ts'
import { rowOf, textsOf } from './input-row.ts'
import type { InputField } from './input-row.ts'
import { METRIC_NAMES, METRICS } from './metric-names.ts'

function variantOf(random: Seeded): HealthVariant {
  return {
    role: random.pick(['stable', 'canary', 'shadow']),
    version: String(random.int(1, 9)),
    weight: random.int(0, 10_000),
    tripped: random.chance(0.2) ? 'errors' : null,
    fault: random.chance(0.1) ? 'no such file' : null,
    stats: random.chance(0.2)
      ? null
      : {
          requests: random.int(0, 1000),
          errors: random.int(0, 3),
          requests_per_s: random.int(0, 50),
          p99_ms: random.chance(0.2) ? null : random.int(1, 100),
        },
  }
}

function incidentOf(random: Seeded): HealthIncident {
  return {
    id: String(random.int(1, 999)),
    endpoint: random.pick(['e', 'other']),
    title: 't',
    state: random.pick(['open', 'acknowledged', 'resolved']),
    severity: random.pick(['high', 'medium', 'low']),
  }
}

test('an endpoint’s figures are those of the variants that answer callers', () => {
  property(300, (random) => {
    const variants = random.list(4, () => variantOf(random))
    const incidents = random.list(4, () => incidentOf(random))
    const health = healthOf({ name: 'e', model: 'm', variants }, incidents)
    let [requests, errors, rate, slowest] = [0, 0, 0, -1]
    for (const { role, stats } of variants) {
      if (role === 'shadow' || stats === null) continue
      requests += stats.requests
      errors += stats.errors
      rate += stats.requests_per_s
      slowest = Math.max(slowest, stats.p99_ms ?? -1)
    }
    assert.equal(health.requestsPerSecond, rate)
    assert.equal(health.p99, slowest < 0 ? null : slowest)
    assert.equal(health.errorShare, requests === 0 ? null : errors / requests)
    assert.deepEqual(
      health.incidents,
      incidents.filter((one) => one.endpoint === 'e' && one.state !== 'resolved'),
    )
  })
})

test('good is only said of an endpoint that answers without failures, incidents or a stopped canary', () => {
  property(400, (random) => {
    const variants = random.list(4, () => variantOf(random))
    const health = healthOf(
      { name: 'e', model: 'm', variants },
      random.list(3, () => incidentOf(random)),
    )
    if (health.tone !== 'good') return
    assert.equal(health.word, 'healthy')
    assert.ok(variants.length > 0 && health.errorShare !== null && health.errorShare <= 0.01)
    assert.equal(health.incidents.length, 0)
    assert.ok(variants.every(({ tripped, fault, role }) => tripped === null && fault === null && role === 'stable'))
  })
})

test('an endpoint whose stable version does not answer is not called idle, whatever its canary does', () => {
  const variant = (role: HealthVariant['role'], fault: string | null): HealthVariant => {
    return { role, version: '1', weight: 0, tripped: null, fault, stats: null }
  }
  const word = (...variants: HealthVariant[]): string => healthOf({ name: 'e', model: 'm', variants }, []).word
  assert.equal(word(variant('stable', 'no such file')), 'not answering')
  assert.equal(word(variant('stable', null)), 'idle')
  assert.equal(word(variant('stable', null), variant('shadow', 'no such file')), 'releasing')
})

test('one failed request in a hundred is tolerated, a little more is failing', () => {
  const at = (errors: number, requests: number): string =>
    healthOf(
      {
        name: 'e',
        model: 'm',
        variants: [
          {
            role: 'stable',
            version: '1',
            weight: 10_000,
            tripped: null,
            fault: null,
            stats: { requests, errors, requests_per_s: 1, p99_ms: 1 },
          },
        ],
      },
      [],
    ).word
  assert.deepEqual([at(1, 100), at(101, 10_000), at(0, 1), at(1, 1)], ['healthy', 'failing', 'healthy', 'failing'])
})

/** A budget counted one window after the other. */
function counted(series: readonly { role: string; requests: number[]; errors: number[] }[], share: number) {
  const answering = series.filter(({ role }) => role !== 'shadow')
  const windows = Math.max(0, ...answering.map(({ requests }) => requests.length))
  const first = windows - Math.ceil(windows / 12)
  let [requests, failed, lateRequests, lateFailed] = [0, 0, 0, 0]
  for (const one of answering) {
    for (let i = 0; i < one.requests.length; i += 1) {
      requests += one.requests[i] ?? 0
      failed += one.errors[i] ?? 0
      if (i < first) continue
      lateRequests += one.requests[i] ?? 0
      lateFailed += one.errors[i] ?? 0
    }
  }
  return {
    requests,
    failed,
    allowed: requests * share,
    late: lateRequests === 0 ? null : lateFailed / (lateRequests * share),
  }
}

test('a budget counts every request and failure but those of shadows, and its pace those of the newest twelfth', () => {
  property(300, (random) => {
    const windows = random.int(0, 40)
    const series = random.list(3, () => ({
      role: random.pick(['stable', 'canary', 'shadow']),
      requests: Array.from({ length: windows }, () => random.int(0, 50)),
      errors: Array.from({ length: windows }, () => random.int(0, 5)),
    }))
    const share = random.pick([0.001, 0.01, 0.02, 0.5])
    const expected = counted(series, share)
    const budget = budgetOf({ series }, share)
    assert.deepEqual(
      [budget.requests, budget.failed, budget.allowed],
      [expected.requests, expected.failed, expected.allowed],
    )
    assert.equal(budget.spent, expected.allowed === 0 ? 0 : expected.failed / expected.allowed)
    assert.equal(budget.pace, expected.late)
  })
})

test('failures at exactly the allowed rate use the whole budget at pace one', () => {
  const requests = Array.from({ length: 120 }, () => 100)
  const { spent, pace } = budgetOf({ series: [{ role: 'stable', requests, errors: requests.map(() => 2) }] }, 0.02)
  assert.ok(Math.abs(spent - 1) < 1e-12 && pace !== null && Math.abs(pace - 1) < 1e-12)
})

test('a shadow that fails costs nothing, and no traffic spends nothing', () => {
  assert.deepEqual(budgetOf({ series: [{ role: 'shadow', requests: [10], errors: [10] }] }, 0.01), {
    requests: 0,
    failed: 0,
    allowed: 0,
    spent: 0,
    pace: null,
  })
  assert.equal(budgetOf({ series: [] }, 0.01).pace, null)
})

test('nearness lies between 0 and 1, grows with the evidence, and is 1 at the limit', () => {
  property(300, (random) => {
    const gate = random.pick(['error_rate', 'quality', SHIFT_GATE])
    const boundary = gate === SHIFT_GATE ? random.next() + 0.01 : 1 + random.int(1, 1000)
    const [less, more] = [random.next() * boundary * 2, random.next() * boundary * 2].sort((a, b) => a - b) as [
      number,
      number,
    ]
    const at = (evidence: number): number => nearness({ gate, evidence, boundary })
    assert.ok(at(less) <= at(more))
    assert.ok(at(less) >= 0 && at(more) <= 1)
    assert.ok(Math.abs(at(boundary) - 1) < 1e-12)
  })
  assert.equal(nearness({ gate: 'error_rate', evidence: 0, boundary: 1 }), 0, 'a limit of 1 says nothing')
  assert.equal(nearness({ gate: SHIFT_GATE, evidence: 0, boundary: 0 }), 0)
})

test('every gate says what it compares, and its figures are shares or numbers', () => {
  for (const gate of [
    'error_rate',
    'error_rate_vs_stable',
    'latency',
    'quality',
    SHIFT_GATE,
    'decision_flips',
    SPLIT_GATE,
  ]) {
    assert.ok(comparisonText({ gate }).length > 10, gate)
  }
  assert.deepEqual(
    ['error_rate', 'latency', SPLIT_GATE, 'quality', SHIFT_GATE, 'metric x', 'unknown'].map((gate) =>
      gateFigure(gate, 0.5),
    ),
    ['50 %', '50 %', '50 %', '0.5', '0.5', '0.5', '0.5'],
  )
})

test('sorting by state keeps every gate and the order of equal ones', () => {
  property(200, (random) => {
    const gates = random.list(10, (i) => ({ status: random.pick(['passing', 'waiting', 'failing', 'other']), i }))
    const sorted = failingFirst(gates)
    assert.deepEqual(
      sorted.map(({ i }) => i).toSorted((a, b) => a - b),
      gates.map(({ i }) => i),
    )
    for (const status of ['passing', 'waiting', 'failing']) {
      const places = sorted.filter((gate) => gate.status === status).map(({ i }) => i)
      assert.deepEqual(
        places,
        places.toSorted((a, b) => a - b),
      )
    }
    const lastFailing = sorted.findLastIndex(({ status }) => status === 'failing')
    assert.ok(sorted.slice(0, lastFailing + 1).every(({ status }) => status === 'failing'))
  })
})

test('a slice is folded away only while it does not fail', () => {
  property(200, (random) => {
    const all = random.list(8, (i) => ({ slice: random.chance(0.4) ? null : `s${i}`, fails: random.chance(0.3) }))
    const [shown, folded] = foldSlices(all, ({ fails }) => fails)
    assert.equal(shown.length + folded.length, all.length)
    assert.ok(folded.every(({ slice, fails }) => slice !== null && !fails))
    assert.ok(shown.every(({ slice, fails }) => slice === null || fails))
  })
})

/** The words of an enum somewhere inside a schema of the contract. */
function statesOf(schema: unknown, depth = 0): string[] {
  if (typeof schema !== 'object' || schema === null || depth > 8) return []
  const { def } = schema as {
    def?: { type?: string; entries?: Record<string, string>; shape?: object; element?: unknown; innerType?: unknown }
  }
  if (def === undefined) return []
  if (def.type === 'object') {
    return Object.entries(def.shape ?? {}).flatMap(([key, part]) =>
      key === 'state' || key === 'decision' || key === 'status'
        ? [...enumOf(part), ...statesOf(part, depth + 1)]
        : statesOf(part, depth + 1),
    )
  }
  return statesOf(def.element ?? def.innerType, depth + 1)
}

function enumOf(schema: unknown): string[] {
  const { def } = schema as { def?: { entries?: Record<string, string> } }
  return Object.values(def?.entries ?? {})
}

test('each state, status and decision of a rollout has a tone of its own choice', () => {
  const words = [...new Set(statesOf(rolloutApi.get.reply))]
  assert.ok(words.includes('canary') && words.includes('failing') && words.includes('rollback'), words.join(', '))
  const idle = ['waiting', 'wait', 'keep', 'kept']
  assert.deepEqual(
    words.filter((word) => toneOf(word) === 'idle' && !idle.includes(word)),
    [],
    'a word without a tone is shown as if nothing happened',
  )
})

test('evidence of any shape becomes text without a failure', () => {
  property(300, (random) => {
    const value = random.json(4)
    assert.equal(typeof valueText(value), 'string')
    const lines = evidenceLines({ some_key: value })
    assert.equal(lines.length, 1)
    assert.equal(lines[0]?.[0], 'some key')
  })
})

test('lists of evidence are cut after six, empty ones are none', () => {
  assert.equal(valueText([]), 'none')
  assert.equal(valueText([1, 2, 3, 4, 5, 6]), '1, 2, 3, 4, 5, 6')
  assert.equal(valueText(['a', 'b', 'c', 'd', 'e', 'f', 'g']), 'a, b, c, d, e, f and 1 more')
  assert.equal(valueText({ a_b: { c: true }, d: null }), 'a b c yes, d –')
  assert.equal(valueText('2013-09-04T05:20:00Z'), '2013-09-04 05:20 UTC')
  assert.equal(valueText('2013-09-04'), '2013-09-04', 'a day is no moment')
})

const FIELDS: readonly InputField[] = [
  { name: 'n', kind: 'number', required: true },
  { name: 'i', kind: 'integer', required: true },
  { name: 'b', kind: 'boolean', required: false },
  { name: 's', kind: 'string', required: true },
]

test('a typed row has every field, each of its kind or missing, and each fault is named', () => {
  property(400, (random) => {
    const texts = Object.fromEntries(
      FIELDS.map(({ name }) => [name, random.pick(['1', '1.5', 'true', '-3', '1e3', 'x', '', ' ', random.text(5)])]),
    )
    const { row, faults } = rowOf(FIELDS, texts)
    assert.deepEqual(Object.keys(row), ['n', 'i', 'b', 's'])
    for (const { name, kind } of FIELDS) {
      const [value, text] = [row[name], texts[name]?.trim() ?? '']
      if (text === '') assert.deepEqual([value, faults[name]], [null, undefined])
      else if (name in faults) assert.equal(value, null)
      else if (kind === 'integer') assert.ok(Number.isInteger(value))
      else assert.equal(typeof value, kind)
    }
  })
})

test('numbers that no double is are refused', () => {
  const faults = (text: string): readonly string[] => Object.keys(rowOf(FIELDS, { n: text, i: text }).faults)
  assert.deepEqual(faults('Infinity'), ['n', 'i'])
  assert.deepEqual(faults('NaN'), ['n', 'i'])
  assert.deepEqual(faults('1,5'), ['n', 'i'])
  assert.deepEqual(faults('2.0'), [], '2.0 is a whole number')
  assert.deepEqual(faults('2.5'), ['i'])
})

test('a row is typed back as it was', () => {
  property(200, (random) => {
    const row = { n: random.number(), i: random.int(-1e6, 1e6), b: random.chance(0.5), s: `x${random.text(6).trim()}y` }
    const again = rowOf(FIELDS, textsOf(FIELDS, row))
    assert.deepEqual([again.row, again.faults], [row, {}])
  })
})

test('what is no plain value is empty in its field', () => {
  assert.deepEqual(textsOf(FIELDS, { n: null, i: [1], b: { x: 1 }, s: undefined }), { n: '', i: '', b: '', s: '' })
})

test('each metric of quality has a name of its own', () => {
  assert.equal(new Set(METRICS.map((metric) => METRIC_NAMES[metric])).size, METRICS.length)
})
