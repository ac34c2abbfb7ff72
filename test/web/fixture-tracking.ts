/** Recorded replies of tracking and pipelines for the browser tests, shaped by the contract. */
import { step } from '../../src/cli/answers.fixture.ts'
import type { pipelinesApi } from '../../src/contract/pipelines.ts'
import type { Reply } from '../../src/contract/route.ts'
import type { trackingApi } from '../../src/contract/tracking.ts'

export type Run = Reply<typeof trackingApi.getRun>
export type PipelineRun = Reply<typeof pipelinesApi.getPipelineRun>
type Step = PipelineRun['steps'][number]

const RUNS = 400
const MINUTE = 60_000
const DIGEST = `sha256:${'4f9a1c07'.repeat(8)}`

/** A repeatable number from 0 to 1 for a place. */
export function noise(place: number): number {
  const x = Math.sin(place * 12.9898) * 43_758.5453
  return x - Math.floor(x)
}

/** So long before now, as the API writes times. */
export function before(now: number, ms: number): string {
  return new Date(now - ms).toISOString()
}

export function experiments(now: number): Reply<typeof trackingApi.listExperiments> {
  const time = before(now, 40 * 86_400_000)
  const base = { project: 'flights', stage: 'active' as const, created_at: time, updated_at: time, tags: {} }
  return {
    items: [
      { ...base, id: '1', name: 'flight-delay', artifact_location: 'mlflow-artifacts:/1' },
      { ...base, id: '2', name: 'iris', project: 'iris', artifact_location: 'mlflow-artifacts:/2' },
    ],
  }
}

function runAt(now: number, i: number): Run {
  const started = 7 * MINUTE + i * 47 * MINUTE
  const failed = i % 17 === 5
  const running = i === 0
  const auc = 0.72 + noise(i) * 0.06
  const metric = (key: string, value: number, step = 100) => ({ key, value, step, at: before(now, started) })
  return {
    id: `${i.toString(16).padStart(4, '0')}9c1f4be27a60b3d85c14`,
    name: `${['brave', 'calm', 'dusky', 'eager'][i % 4]}-${['heron', 'kite', 'swift', 'tern', 'wren'][i % 5]}-${i}`,
    experiment_id: i % 9 === 8 ? '2' : '1',
    user: 'ada',
    status: running ? 'RUNNING' : failed ? 'FAILED' : 'FINISHED',
    stage: 'active',
    started_at: before(now, started),
    ended_at: running ? null : before(now, started - Math.min(started, 90_000 + noise(i + 7) * 200_000)),
    alive_at: before(now, running ? 3000 : started),
    artifact_uri: 'mlflow-artifacts:/1',
    metrics: failed
      ? []
      : [
          metric('auc', auc),
          metric('log_loss', 0.49 - (auc - 0.72)),
          metric('train_loss', 0.44 - noise(i) * 0.02, 1200),
          metric('brier', 0.155 - (auc - 0.72) / 4),
          metric('system/cpu_utilization_percentage', 87.5, 40),
        ],
    params: {
      learning_rate: String([0.03, 0.05, 0.1, 0.2][i % 4]),
      max_iter: String(100 + (i % 6) * 50),
      max_leaf_nodes: '31',
      seed: String(i % 3),
      early_stopping: 'False',
    },
    tags: {
      'mlflow.source.name': 'flights/train.py',
      'mlflow.source.git.commit': '8f2c1ab9d07e',
      'mlflow.user': 'ada',
      team: 'punctuality',
      ...(i === 1 && {
        'slipway.pipeline_run': 'run_01k2b9d',
        'slipway.step': 'train',
        'slipway.record.commit': '8f2c1ab9d07e2b41c6f0a7d5e3918b2c4d6f7a80',
        'slipway.record.data': '{"table":"sha256:9ad2c31e"}',
        'slipway.record.seed': '11',
        'slipway.record.argv': '["flights.train:main"]',
      }),
    },
    datasets: [
      {
        name: 'flights 2013-01 to 2013-06',
        digest: '9ad2c31e',
        source_type: 'local',
        source: 'train.csv',
        context: 'training',
        tags: {},
      },
    ],
    models_read: [],
    models_made: failed ? [] : [{ model_id: `m-${i}`, step: 0 }],
    artifacts: failed
      ? []
      : [
          { path: 'model/MLmodel', digest: DIGEST, size: 1240 },
          { path: 'model/model.skops', digest: DIGEST, size: 1_843_200 },
          { path: 'calibration.csv', digest: DIGEST, size: 74 },
          { path: 'calibration.png', digest: DIGEST, size: 48_211 },
          { path: 'images/sample%step%0%timestamp%1%ab.png', digest: DIGEST, size: 72 },
          { path: 'images/sample%step%50%timestamp%2%cd.png', digest: DIGEST, size: 72 },
          { path: 'report.html', digest: DIGEST, size: 78 },
          { path: 'table.json', digest: DIGEST, size: 74 },
        ],
  }
}

export function allRuns(now: number): Run[] {
  return Array.from({ length: RUNS }, (_, i) => runAt(now, i))
}

type Row = Reply<typeof trackingApi.listRuns>['items'][number]

/** A row of a run with the asked columns alone. */
export function rowOf(run: Run, metrics: readonly string[], params: readonly string[]): Row {
  const {
    metrics: measured,
    params: given,
    datasets: _d,
    models_read: _r,
    models_made: _m,
    artifacts: _a,
    ...info
  } = run
  return {
    ...info,
    metrics: Object.fromEntries(measured.filter((one) => metrics.includes(one.key)).map((one) => [one.key, one.value])),
    params: Object.fromEntries(Object.entries(given).filter(([key]) => params.includes(key))),
    tags: {},
  }
}

export function metricHistory(now: number, id: string, key: string): Reply<typeof trackingApi.getRunMetrics> {
  const seed = Number.parseInt(id.slice(0, 4), 16)
  const points = Array.from({ length: key === 'train_loss' ? 200 : 30 }, (_, step) => ({
    step: step * 6,
    at: before(now, (200 - step) * 1000),
    value: key.includes('loss')
      ? 0.44 + 0.25 * Math.exp(-step / (18 + seed * 4)) + noise(step + seed) * 0.02
      : 0.76 - 0.2 * Math.exp(-step / 8) + noise(step + seed) * 0.01,
  }))
  return { key, total: points.length, points }
}

function stepOf(now: number, given: Partial<Step> & { name: string }): Step {
  const times = { started_at: before(now, 9 * MINUTE), finished_at: before(now, 8 * MINUTE), duration_ms: 61_400 }
  return step({ entry: `flights.${given.name}:main`, ...times, ...given })
}

function attempt(
  now: number,
  state: Step['attempts'][number]['state'],
  failure: Step['failure'] = null,
): Step['attempts'][number] {
  return {
    id: 'att_01',
    number: 1,
    state,
    failure,
    tracking_run_id: null,
    queued_at: before(now, 9 * MINUTE),
    started_at: before(now, 9 * MINUTE),
    finished_at: state === 'running' ? null : before(now, 8 * MINUTE),
    silent: false,
    cpu_seconds: 98.2,
    max_rss_bytes: 734_003_200,
    measured: 'whole',
    wall_ms: state === 'running' ? null : 61_400,
    log_bytes: 9300,
  }
}

const LEAK =
  'the leak gate refused flight-delay version 4: AUC 0.921 is 0.148 above the incumbent, more than the believable 0.05'

function stepsOf(now: number): Step[] {
  const cached = { key: DIGEST, hit: true, changes: [], from_run: 'run_01k2a7c' }
  return [
    stepOf(now, {
      name: 'ingest',
      state: 'cached',
      duration_ms: 12,
      cache: { ...cached, reason: 'nothing that it reads changed since run 2a7c' },
    }),
    stepOf(now, {
      name: 'weather',
      state: 'cached',
      duration_ms: 11,
      cache: { ...cached, reason: 'nothing that it reads changed since run 2a7c' },
    }),
    stepOf(now, {
      name: 'features',
      needs: ['ingest', 'weather'],
      cache: {
        key: DIGEST,
        hit: false,
        reason: 'the code of flights/features.py changed, and so did params.leaky',
        changes: [
          {
            component: 'code',
            what: 'code flights/features.py',
            before: DIGEST,
            after: `sha256:${'77ab12cd'.repeat(8)}`,
          },
          { component: 'params', what: 'params.leaky', before: 'false', after: 'true' },
        ],
        from_run: null,
      },
      attempts: [attempt(now, 'succeeded')],
    }),
    stepOf(now, {
      name: 'train',
      needs: ['features'],
      duration_ms: 184_000,
      metrics: { auc: 0.9213, log_loss: 0.201 },
      attempts: [attempt(now, 'succeeded')],
      cache: { key: DIGEST, hit: false, reason: 'its input features changed', changes: [], from_run: null },
    }),
    stepOf(now, {
      name: 'evaluate',
      needs: ['train', 'features'],
      duration_ms: 9100,
      metrics: { 'auc.EWR': 0.918, 'auc.JFK': 0.926 },
      attempts: [attempt(now, 'succeeded')],
      cache: { key: DIGEST, hit: false, reason: 'its input model changed', changes: [], from_run: null },
    }),
  ]
}

function pipelineRunBase(now: number): PipelineRun {
  return {
    id: 'run_01k2b9d',
    project: 'flight-delay',
    pipeline_version: 'pv_01',
    state: 'succeeded',
    outcome: 'refused',
    message: LEAK,
    trigger: 'manual',
    created_at: before(now, 10 * MINUTE),
    created_by: 'ada',
    started_at: before(now, 10 * MINUTE),
    finished_at: before(now, 4 * MINUTE),
    duration_ms: 254_500,
    experiment_id: '1',
    environment: 'env_1',
    params: {},
    sources: sourcesOf(now),
    steps: stepsOf(now),
    critical_path: ['features', 'train', 'evaluate'],
    critical_path_ms: 254_500,
    cpu_seconds: 301,
    registered: { model: 'flight-delay', version: '4', verdict: 'refused', detail: 'leak gate' },
    reproduction: null,
    merge: null,
    priority: 0,
  }
}

/** A file that was fresh, and a query whose newest row was not. */
function sourcesOf(now: number): PipelineRun['sources'] {
  const read = { read_at: before(now, 10 * MINUTE), files: 1, unchanged: false, stale: null }
  const [a, b] = ['4f2a', '91c0'].map((part) => `sha256:${part.repeat(16)}`)
  return [
    {
      ...read,
      name: 'flights',
      kind: 'http',
      place: 'https://data.example.org/flights-2026-02.csv',
      digest: a ?? '',
      size: 48_211_904,
      rows: 612_004,
      version: '"5f3c-61a0"',
      data_at: before(now, 500 * MINUTE),
      unchanged: true,
    },
    {
      ...read,
      name: 'airports',
      kind: 'sql',
      place: 'SELECT iata, name, latitude, longitude FROM airports WHERE closed IS NULL',
      digest: b ?? '',
      size: 20_480,
      rows: 341,
      version: 'snapshot 8812:8812:',
      data_at: before(now, 4000 * MINUTE),
      stale: 'the data is 2 days 18 hours old, of 2026-02-01T00:00:00.000Z; "fresh" allows 1 day',
    },
  ]
}

/** The queue of steps of a machine of four cores. */
export function stepQueue(empty: boolean): Reply<typeof pipelinesApi.stepQueue> {
  const GIB = 1024 ** 3
  return {
    cpus: { taken: empty ? 0 : 4, total: 4 },
    memory_bytes: { taken: empty ? 0 : 10.5 * GIB, total: 12.5 * GIB },
    running: empty ? 0 : 2,
    waiting: empty ? 0 : 3,
    oldest_wait_ms: empty ? null : 127_000,
    failed_last_day: empty ? 0 : 1,
    slow_starts: null,
    clusters: [],
  }
}

export function pipelineRuns(now: number): PipelineRun[] {
  const base = pipelineRunBase(now)
  const failure = {
    class: 'user' as const,
    message: "KeyError: 'dep_delay'",
    traceback:
      'Traceback (most recent call last):\n  File "flights/train.py", line 41, in main\n    y = frame["dep_delay"]\nKeyError: \'dep_delay\'',
  }
  const failed = base.steps.map((one) =>
    one.name === 'train'
      ? { ...one, state: 'failed' as const, failure, metrics: {}, attempts: [attempt(now, 'failed', failure)] }
      : one.name === 'evaluate'
        ? { ...one, state: 'skipped' as const, metrics: {}, duration_ms: null, attempts: [], cache: null }
        : one,
  )
  const at = (ms: number) => ({
    created_at: before(now, ms),
    started_at: before(now, ms),
    finished_at: before(now, ms - MINUTE),
  })
  return [
    base,
    {
      ...base,
      ...at(70 * MINUTE),
      id: 'run_01k2a8f',
      state: 'failed',
      outcome: 'failed',
      message: 'train failed: KeyError: dep_delay',
      steps: failed,
      registered: null,
      critical_path: ['features', 'train'],
    },
    {
      ...base,
      ...at(180 * MINUTE),
      id: 'run_01k2a7c',
      outcome: 'succeeded',
      message: 'registered flight-delay version 3 and promoted it',
      registered: { model: 'flight-delay', version: '3', verdict: 'accepted', detail: 'all 5 gates hold' },
      reproduction: {
        of_run: 'run_01k2a11',
        grade: 'A',
        detail: 'Every output has the same bytes.',
        first_divergent_step: null,
        missing: [],
        tolerance: 1e-9,
        steps: [
          {
            step: 'train',
            outputs: 'identical',
            metrics: [{ metric: 'auc', before: 0.7711, after: 0.7711, equal: true }],
          },
        ],
      },
    },
  ]
}
