/** Recorded replies of registry, serving and rollouts for the browser tests, shaped by the contract. */
import type { imagesApi } from '../../src/contract/images/images.ts'
import type { registryApi } from '../../src/contract/registry.ts'
import type { Reply } from '../../src/contract/route.ts'
import type { servingApi } from '../../src/contract/serving.ts'
import { before, noise } from './fixture-tracking.ts'
import { gate } from './fixture-gates.ts'

type Version = Reply<typeof registryApi.getVersion>
type Endpoint = Reply<typeof servingApi.getEndpoint>
type Deployment = Reply<typeof servingApi.listDeployments>['items'][number]

const DAY = 86_400_000
export const NAME = 'flight-delay'
const FEATURES = ['dep_hour', 'distance', 'temp', 'dewp', 'wind_speed', 'precip', 'carrier', 'origin']

export function models(now: number): Reply<typeof registryApi.listModels> {
  return {
    items: [
      {
        name: NAME,
        description: 'Will a flight be late, two hours before departure?',
        created_at: before(now, 30 * DAY),
        tags: {},
        aliases: { production: '2', candidate: '3' },
        latest_version: '4',
        versions: 4,
      },
    ],
  }
}

/** A version of another library, whose export answers. */
const EXPORTED: Version['lowering'] = {
  state: 'onnx',
  reason: null,
  probes: 2000,
  worst_ulp: null,
  onnx: {
    origin: 'exported',
    digest: `sha256:${'5a6b7c8d'.repeat(8)}`,
    bytes: 2_310_144,
    path: null,
    output: 'probabilities',
    deviation: 2.4e-7,
  },
}

function version(now: number, number: number): Version {
  const leaky = number === 4
  const auc = leaky ? 0.9213 : 0.765 + number * 0.003
  return {
    model: NAME,
    version: String(number),
    created_at: before(now, (5 - number) * DAY),
    created_by: 'ada',
    description: '',
    aliases: number === 2 ? ['production'] : number === 3 ? ['candidate'] : [],
    tags: {},
    run_id: '00019c1f4be27a60b3d85c14',
    pipeline_run_id: 'run_01k2b9d',
    tree: `sha256:${'1b2c3d4e'.repeat(8)}`,
    size: 1_904_210,
    signature: {
      inputs: JSON.stringify(
        FEATURES.map((name) => ({
          name,
          type: name === 'carrier' || name === 'origin' ? 'string' : 'double',
          required: name !== 'precip',
        })),
      ),
      outputs: '[{"type": "double"}]',
    },
    metrics: { auc, log_loss: 0.471, brier: 0.151 },
    lowering: number === 3 ? EXPORTED : { state: 'native', reason: null, probes: 2000, worst_ulp: 0, onnx: null },
    reproducibility: number === 2 ? 'A: the same bytes' : null,
    scan: {
      verdict: leaky ? ('malicious' as const) : ('clean' as const),
      at: before(now, (5 - number) * DAY),
      files: 4,
      bytes: 1_904_210,
      findings: leaky
        ? [
            {
              level: 'malicious' as const,
              file: 'model.pkl',
              offset: 1204,
              what: 'os.system',
              reason: 'it runs commands of the system',
            },
          ]
        : [],
    },
    approvals: [{ by: 'grace', role: 'maintainer', at: before(now, DAY), comment: 'looked at the slices' }],
    refusal: leaky ? 'malicious: os.system at byte 1204 of model.pkl (it runs commands of the system)' : null,
    overridden: [],
    signed: { key: 'c0ffee'.repeat(8), by: 'ada', at: before(now, DAY), trusted: true },
    verdict: {
      id: `ver_${number}`,
      subject: `${NAME}/${number}`,
      passed: !leaky,
      at: before(now, (5 - number) * DAY),
      against: number > 1 ? `${NAME}/${number - 1}` : null,
      rules: 2,
      gates: [
        gate({
          name: 'auc at least 0.75',
          value: auc,
          threshold: 0.75,
          interval: [auc - 0.006, auc + 0.006],
          n: 28_312,
          reason: 'holds',
        }),
        gate({
          name: 'auc not worse than production',
          value: 0.0031,
          threshold: -0.002,
          interval: [-0.0004, 0.0066],
          n: 28_312,
          reason: 'the lower end of the difference is above the margin',
        }),
        gate({
          name: 'auc jump at most 0.05',
          outcome: leaky ? 'failed' : 'passed',
          value: leaky ? 0.148 : 0.003,
          threshold: 0.05,
          n: 28_312,
          reason: leaky ? 'a gain this large is not believable; a feature may hold the answer' : 'holds',
        }),
        gate({
          name: 'auc at least 0.7, origin = LGA',
          outcome: 'no_data',
          threshold: 0.7,
          slice: 'origin = LGA',
          n: 120,
          reason: 'not enough data: 120 of 500',
        }),
        gate({ name: 'signature compatible', reason: 'every input of production is there' }),
      ],
    },
  }
}

export function versions(now: number): Version[] {
  return [4, 3, 2, 1].map((number) => version(now, number))
}

export function moves(now: number): Reply<typeof registryApi.aliasHistory> {
  const move = { model: NAME, alias: 'production', actor: 'rollout', verdict_id: null, imported_at: null }
  return {
    items: [
      { ...move, from: '1', to: '2', at: before(now, 2 * DAY), reason: 'the rollout passed every gate' },
      { ...move, from: null, to: '1', at: before(now, 4 * DAY), reason: 'first version of the endpoint' },
    ],
  }
}

/** One image in production, the next one before it, and a signature that holds no longer. */
export function standings(now: number): Reply<typeof imagesApi.standings> {
  const [first, second] = [`sha256:9ad2c31e${'4'.repeat(56)}`, `sha256:71b3aa02${'5'.repeat(56)}`]
  const moved = { model: NAME, from: null, actor: 'ada', reason: '', verdict_id: null, refusal: null, returned: false }
  const history = [
    { ...moved, environment: 'production', digest: first, from: second, version: '2', at: before(now, DAY) },
    { ...moved, environment: 'dev', digest: second, from: first, version: '3', at: before(now, 2 * DAY) },
    { ...moved, environment: 'production', digest: second, from: first, version: '3', at: before(now, 2 * DAY) },
    { ...moved, environment: 'production', digest: first, version: '2', at: before(now, 3 * DAY) },
    { ...moved, environment: 'dev', digest: first, version: '2', at: before(now, 4 * DAY) },
  ].map((one, i) => ({
    ...one,
    ...(i === 0 && { returned: true, reason: 'p95 doubled after the promotion' }),
    ...(i === 2 && { refusal: 'auc at least 0.79: auc is 0.75, below 0.79', reason: 'the desk waits' }),
  }))
  const item = (environment: string, after: string | null, standing: (typeof history)[number] | null) => ({
    environment,
    after,
    repository: `registry.example.org/${environment}/${NAME}`,
    standing,
    refusal: null,
    revoked: false,
  })
  const revoked = `the image ${first}: signature names the key 7af5f4a7aa117e72…, which is revoked`
  return {
    items: [
      item('dev', null, history[1] ?? null),
      item('staging', 'dev', null),
      { ...item('production', 'staging', history[0] ?? null), refusal: revoked, revoked: true },
    ],
    history,
  }
}

/** What of them would be refused now, as Home tells it. */
export function standingFaults(now: number): Reply<typeof imagesApi.listEnvironments>['faults'] {
  return standings(now).items.flatMap(({ environment, standing, refusal, revoked }) => {
    if (standing === null || refusal === null) return []
    const { model, digest, version, at, actor } = standing
    return [{ model, environment, digest, version, at, actor, refusal, revoked }]
  })
}

/** What the model is held to: nothing besides its project file, and nothing waits. */
export function policy(): Reply<typeof registryApi.getPolicy> {
  return {
    model: NAME,
    gates: [],
    project_gates: [],
    asked: null,
    require_signature: false,
    require_image_signature: false,
    keys: [],
    revoked: [],
    updated_at: null,
    updated_by: null,
  }
}

export function lineage(): Reply<typeof registryApi.lineage> {
  const node = (
    id: string,
    kind: 'dataset' | 'step' | 'run' | 'pipeline_run' | 'version' | 'endpoint',
    label: string,
    href: string | null = null,
  ) => ({ id, kind, label, href })
  return {
    nodes: [
      node('dataset:d1', 'dataset', 'sha256:9ad2c31e4471'),
      node('d2', 'dataset', 'weather 71b3aa02'),
      node('p', 'pipeline_run', 'run 2b9d', '/pipelines/run_01k2b9d'),
      node('r', 'run', '00019c1f', '/runs/00019c1f4be27a60b3d85c14'),
      node('v', 'version', 'flight-delay 3', `/models/${NAME}/versions/3`),
      node('e', 'endpoint', NAME, `/endpoints/${NAME}`),
    ],
    edges: [
      { from: 'dataset:d1', to: 'p', label: 'read' },
      { from: 'd2', to: 'p', label: 'read' },
      { from: 'p', to: 'r', label: 'logged' },
      { from: 'r', to: 'v', label: 'made' },
      { from: 'v', to: 'e', label: 'serves' },
    ],
  }
}

function stats(seed: number, requests: number) {
  return {
    window_s: 60,
    requests,
    rows: requests,
    errors: seed === 3 ? 4 : 0,
    requests_per_s: requests / 60,
    p50_ms: 0.21 + noise(seed) / 50,
    p95_ms: 0.58 + noise(seed + 1) / 10,
    p99_ms: 1.4 + noise(seed + 2) / 2,
  }
}

/** A rollback, the promotion before it without labels, and the first deploy. */
export function deployments(now: number): Deployment[] {
  const by = (name: string, ago: number) => ({ by: name, at: before(now, ago) })
  return [
    {
      ...by('slipway', 2 * DAY),
      number: 3,
      version: '2',
      previous_version: '1',
      way: 'promoted',
      reason: 'canary 50 % passed: error_rate on 1803; not judged: quality (no labels yet)',
      rollout: 'rol_2',
      not_judged: [{ gate: 'quality', reason: 'no labels yet' }],
    },
    {
      ...by('ada', 3 * DAY),
      number: 2,
      version: '1',
      previous_version: '2',
      way: 'rolled_back',
      reason: 'the desk saw delays of a week',
      rollout: null,
      not_judged: [],
    },
    {
      ...by('ada', 4 * DAY),
      number: 1,
      version: '1',
      previous_version: null,
      way: 'deployed',
      reason: '',
      rollout: null,
      not_judged: [],
    },
  ]
}

export function endpoints(now: number): Endpoint[] {
  const base = {
    project: 'flights',
    model: NAME,
    inputs: FEATURES.map((name) => ({
      name,
      kind: name === 'carrier' || name === 'origin' ? ('string' as const) : ('number' as const),
      required: name !== 'precip',
    })),
    threshold: 0.35,
    monitor: {},
    deployment: null,
    url: `http://127.0.0.1:7001/v1/endpoints/${NAME}:predict`,
    created_at: before(now, 4 * DAY),
    updated_at: before(now, 60_000),
  }
  const variant = { backend: 'native' as const, backend_reason: null, tripped: null, override: null, fault: null }
  return [
    {
      ...base,
      name: NAME,
      epoch: 41,
      previous_version: '1',
      deployment: deployments(now)[0] ?? null,
      variants: [
        { ...variant, role: 'stable', version: '2', weight: 7500, since: before(now, 2 * DAY), stats: stats(2, 5412) },
        {
          ...variant,
          role: 'canary',
          version: '3',
          weight: 2500,
          since: before(now, 40 * 60_000),
          stats: stats(3, 1803),
        },
      ],
    },
    {
      ...base,
      name: 'iris',
      model: 'iris',
      project: 'iris',
      epoch: 3,
      previous_version: null,
      variants: [
        {
          role: 'stable',
          version: '1',
          weight: 10_000,
          backend: 'python',
          backend_reason: 'SVC has no native form',
          since: before(now, 9 * DAY),
          tripped: null,
          override: null,
          fault: null,
          stats: {
            window_s: 60,
            requests: 0,
            rows: 0,
            errors: 0,
            requests_per_s: 0,
            p50_ms: null,
            p95_ms: null,
            p99_ms: null,
          },
        },
      ],
    },
    {
      ...base,
      name: 'shop',
      model: 'shop',
      project: 'shop',
      epoch: 9,
      previous_version: null,
      variants: [
        {
          ...variant,
          backend: 'onnx',
          role: 'stable',
          version: '4',
          weight: 10_000,
          since: before(now, 9 * DAY),
          stats: stats(5, 812),
        },
      ],
    },
  ]
}

export function predictions(now: number): Reply<typeof servingApi.listPredictions> {
  return {
    items: Array.from({ length: 12 }, (_, i) => ({
      id: `pred_${i}`,
      endpoint: NAME,
      role: i % 4 === 1 ? ('canary' as const) : ('stable' as const),
      version: i % 4 === 1 ? '3' : '2',
      epoch: 41,
      event_time: new Date(Date.parse('2013-08-04T14:00:00Z') - i * 240_000).toISOString(),
      at: before(now, i * 800),
      latency_us: Math.round(190 + noise(i) * 220),
      status: 200,
      key: `N${i}AA`,
      inputs: { dep_hour: 14, distance: 1089, temp: 84.2, dewp: null, carrier: 'UA', origin: 'EWR' },
      score: 0.12 + noise(i) * 0.6,
      prediction: 0.12 + noise(i) * 0.6,
      fallback: i === 5,
      error: null,
    })),
  }
}
