/** Parts of the pages of endpoints, monitoring and incidents, drawn without a browser: what they say of their data. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { markupOf, partText, textOf } from './components.ts'

const AT = '2026-05-03T10:00:00.000Z'

const GATE = {
  gate: 'error_rate',
  slice: null,
  status: 'passing',
  evidence: 0.1,
  boundary: 80,
  n: 1820,
  n_min: 500,
  candidate: 0.0022,
  stable: null,
  interval: null,
  reason: 'at most 1 % is allowed',
}

test('gates show what fails first and fold slices that do not', async () => {
  const gates = [
    GATE,
    { ...GATE, gate: 'latency', slice: 'carrier = DL' },
    { ...GATE, gate: 'quality', slice: 'carrier = UA', status: 'failing', evidence: 913 },
    { ...GATE, gate: 'quality', n: 120, status: 'waiting' },
  ]
  const text = await partText('endpoint/gate-states', 'GateStates', { gates })
  assert.ok(text.indexOf('carrier = UA') < text.indexOf('error rate'), text)
  assert.match(text, /1 more slice, none failing.*carrier = DL/)
  assert.match(text, /120 of 500/)
  assert.match(text, /0\.22 %/)
  assert.equal(await partText('endpoint/gate-states', 'GateStates', { gates: [] }), 'No gate has been evaluated yet.')
})

test('an error budget says what is left, and when failures come too fast', async () => {
  const latency = (errors: number) => ({
    until: AT,
    window_s: 720,
    windows: [],
    series: [
      {
        role: 'stable',
        version: '1',
        requests: Array.from({ length: 120 }, () => 100),
        errors: Array.from({ length: 120 }, () => errors),
      },
    ],
  })
  const panel = (errors: number): Promise<string> =>
    partText(
      'endpoint/budget',
      'BudgetPanel',
      { name: 'e' },
      {
        data: [
          [['predictions', 'e', 'latency', 86_400], latency(errors)],
          [['rollouts', 'list', 'e'], { items: [] }],
        ],
      },
    )
  assert.match(await panel(0), /100 % left 0 of 12,000 requests failed; the budget is 240\. No recent failures\./)
  assert.match(await panel(4), /0 % left.*at 2 times the rate that the budget allows/)
})

test('a bar for a screen reader says on which side of zero an interval lies', async () => {
  const rollout = (interval: readonly [number, number] | null) => ({
    version: '5',
    stable_version: '4',
    plan: { metrics: [{ name: 'bought' }, { name: 'not measured' }], ab: { metric: 'bought' } },
    gates: [
      { ...GATE, gate: 'metric bought', metric: 'bought', candidate: 0.342, stable: 0.297, interval },
      { ...GATE, gate: 'metric not measured' },
    ],
  })
  const html = (interval: readonly [number, number] | null): Promise<string> =>
    markupOf('endpoint/business-metrics', 'BusinessMetrics', { rollout: rollout(interval) })
  assert.match(await html([0.011, 0.079]), /aria-label="interval above 0"/)
  assert.match(await html([-0.2, -0.1]), /aria-label="interval below 0"/)
  assert.match(await html([-0.1, 0.1]), /aria-label="interval includes 0"/)
  const none = textOf(await html(null))
  assert.match(none, /bought ?decides the rollout.*0\.342.*0\.297.*no data/)
  assert.doesNotMatch(none, /not measured/)
})

test('a biased split is explained where its gate fails, and only there', async () => {
  const rollout = (status: string) => ({
    version: '5',
    gates: [{ ...GATE, gate: 'sample_ratio', status, boundary: 1000, reason: '1376 of 3120 users met the candidate' }],
  })
  assert.match(
    await partText('endpoint/split-notice', 'SplitNotice', { rollout: rollout('failing') }),
    /1376 of 3120 users met the candidate\. With a correct split.*fewer than 1 of 1,000 A\/B tests.*not a fault of version 5/,
  )
  assert.equal(await partText('endpoint/split-notice', 'SplitNotice', { rollout: rollout('passing') }), '')
  assert.equal(await partText('endpoint/split-notice', 'SplitNotice', { rollout: { version: '5', gates: [] } }), '')
})

test('variants say how they are served; without one the page says how to get it', async () => {
  const variant = {
    role: 'canary',
    version: '3',
    weight: 2500,
    backend: 'onnx',
    backend_reason: null,
    since: AT,
    tripped: 'errors',
    fault: null,
    override: null,
    stats: { requests: 0, errors: 0, requests_per_s: 0, p50_ms: null, p95_ms: 2, p99_ms: 3 },
  }
  const text = await partText('endpoint/variants', 'VariantTable', {
    model: 'm',
    variants: [
      variant,
      { ...variant, role: 'shadow', tripped: null, backend: 'quantum', backend_reason: 'no native form', stats: null },
      { ...variant, role: 'stable', override: { by: 'eve', reason: 'the desk waits', refusal: 'auc' } },
    ],
  })
  assert.match(text, /canary ?stopped by its circuit breaker: errors.*version 3.*25 %.*by ONNX Runtime/)
  assert.match(text, /shadow.*copies.*quantum: no native form/)
  assert.match(text, /stable ?gates overridden by eve: the desk waits \(auc\)/)
  assert.equal(text.split('overridden').length, 2, 'where nobody has overridden a gate nothing says so')
  assert.match(
    await partText('endpoint/variants', 'VariantTable', { model: 'm', variants: [] }),
    /No version is serving yet.*slipway ship/,
  )
})

test('logged predictions are for those who may read them', async () => {
  const one = {
    id: 'p1',
    event_time: AT,
    role: 'stable',
    version: '2',
    fallback: true,
    score: 0.123456,
    prediction: [0.123456789, 'late'],
    latency_us: 1500,
    status: 200,
    error: null,
    inputs: { temp: null, carrier: 'UA' },
  }
  const data = [
    [['predictions', 'e'], { items: [one, { ...one, id: 'p2', status: 422, error: 'bad_row', fallback: false }] }],
  ] as const
  const text = await partText('endpoint/predictions', 'Predictions', { endpoint: 'e' }, { data, role: 'maintainer' })
  assert.match(
    text,
    /fallback after the canary failed.*0\.1235.*\[0\.12346,"late"\].*1\.5 ms.*temp ?missing.*carrier ?UA/,
  )
  assert.match(text, /422 bad_row/)
  assert.match(
    await partText('endpoint/predictions', 'Predictions', { endpoint: 'e' }, { data, role: 'viewer' }),
    /^Only maintainers and admins may read logged predictions$/,
  )
})

test('a form for a prediction needs a signature, and names what is optional', async () => {
  const inputs = [
    { name: 'temp', kind: 'number', required: true },
    { name: 'precip', kind: 'number', required: false },
  ]
  const props = { name: 'e', url: 'http://h/e', inputs }
  const text = await partText('endpoint/try-it', 'TryIt', props, { role: 'admin' })
  assert.match(text, /temp.*precip \(optional\).*Predict.*As a command.*slipway predict e '\{\}'.*curl/)
  assert.match(await partText('endpoint/try-it', 'TryIt', props, { role: 'viewer' }), /Your role may not predict/)
  assert.match(await partText('endpoint/try-it', 'TryIt', { ...props, inputs: [] }), /the model has no signature/)
})

test('suspects are told with their evidence, and lead only to pages', async () => {
  const cause = {
    rank: 1,
    kind: 'unit_change',
    title: 'unit changed',
    score: 0.97,
    features: ['temp', 'dewp'],
    evidence: { slope: 0.55556, href: '/v1/pipeline-runs/run_1' },
    severity: 'high',
    began_event_time: '2026-05-02T07:00:00.000Z',
    seen_event_time: '2026-05-02T10:00:00.000Z',
    ended_event_time: null,
  }
  const over = { title: 'age moved', severity: 'low', ended_event_time: '2026-05-02T16:00:00.000Z' }
  const html = await markupOf('incident/suspects', 'Suspects', {
    causes: [cause, { ...cause, rank: 2, ...over, evidence: { href: 'https://evil.test' } }],
  })
  assert.match(textOf(html), /1 unit changed.*unit change.*score 97 %.*temp, dewp.*slope ?0\.5556/)
  assert.match(textOf(html), /unit changed ?high.*began 2026-05-02 07:00 UTC, last seen 2026-05-02 10:00 UTC ?slope/)
  assert.match(textOf(html), /age moved ?low ?over.*began 2026-05-02 07:00 UTC.*, over at 2026-05-02 16:00 UTC/)
  assert.match(html, /href="\/pipelines\/run_1"/)
  assert.doesNotMatch(html, /evil/)
  assert.match(await partText('incident/suspects', 'Suspects', { causes: [] }), /No likely cause found yet/)
})

test('webhooks are told with their state; what was given up is sent again by who may', async () => {
  const fine = {
    name: 'webhook',
    to: 'https://alerts.example.org/***',
    from: 'medium',
    state: 'ok',
    waiting: 0,
    dead: 0,
  }
  const bad = {
    ...fine,
    name: 'chat',
    from: 'low',
    state: 'failing',
    waiting: 2,
    dead: 1,
    last_error: 'no answer in time',
  }
  const webhooks = [
    { ...fine, delivered_at: AT, last_error: 'an old one' },
    { ...bad, delivered_at: null },
  ]
  const dead = {
    items: [
      { id: 'ntc_1', route: 'chat', incident_id: 'inc_1', status: 'firing', at: AT, ended_at: AT, last_error: '410' },
    ],
  }
  const data = [[['monitors', 'dead', 'e'], dead]] as const
  const text = await partText('monitoring/webhooks', 'Webhooks', { endpoint: 'e', webhooks }, { data })
  assert.match(text, /webhook ?https:\/\/alerts\.example\.org\/\*\*\* ?medium ?ok ?0 ?0/)
  assert.match(text, /chat .*low ?failing ?no answer in time ?2 ?1 ?never/)
  assert.doesNotMatch(text, /an old one/)
  assert.match(text, /firing ?410 ?Send again/)
  const viewer = await partText(
    'monitoring/webhooks',
    'Webhooks',
    { endpoint: 'e', webhooks },
    { data, role: 'viewer' },
  )
  assert.doesNotMatch(viewer, /Send again/)
  const none = await partText('monitoring/webhooks', 'Webhooks', { endpoint: 'e', webhooks: [] })
  assert.match(none, /Nobody is told of incidents/)
})

test('runs of a watched search are listed as far as the evidence names any', async () => {
  const incident = (runs: unknown) => ({ endpoint: 'e', causes: [{ evidence: { runs, more_than: 1 } }] })
  const text = await partText('incident/watched-runs', 'WatchedRuns', {
    incident: incident([
      { id: 'abcdefghij', name: '' },
      { id: 'r2', name: 'otter', started_at: 0 },
      { name: 'no id' },
      null,
      7,
    ]),
  })
  assert.match(text, /at most 1 run allowed.*abcdefgh.*otter/)
  assert.doesNotMatch(text, /no id/)
  for (const none of [undefined, 'text', [], [{}]]) {
    assert.match(
      await partText('incident/watched-runs', 'WatchedRuns', { incident: incident(none) }),
      /These runs no longer exist/,
    )
  }
})

test('a check says its value, or how much of the sample is missing', async () => {
  const check = {
    feature: 'temp',
    check: 'mean_shift',
    window_end: AT,
    value: -28.4,
    limit: 6,
    n: 142,
    n_min: 100,
    state: 'alert',
    pages: true,
    baseline: 'January',
  }
  const text = await partText('monitoring/checks', 'CheckTable', {
    checks: [
      check,
      { ...check, check: 'psi', pages: false },
      { ...check, check: 'nulls', state: 'not_enough_data', n: 12 },
    ],
  })
  assert.match(text, /mean shift ?alert ?-28\.4 ?6 ?142/)
  assert.match(text, /psi ?alert, not paged/)
  assert.match(text, /nulls ?not enough data ?– ?6 ?12 of 100/)
})
