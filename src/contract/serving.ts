/** Routes of serving on the control process: endpoints, their variants, deploys, rollbacks and the prediction log. */
import { z } from 'zod'
import { may } from './access.ts'
import { allOf, byName, done, id, listOf, name, page, time, VARIANT_ROLES } from './fields.ts'
import { MonitorSettings } from './monitoring.ts'
import { route } from './route.ts'

/** Where the rows are scored: in the gateway itself, by ONNX Runtime on its threads, or by a Python scorer process. */
export const BACKENDS = ['native', 'onnx', 'python'] as const

/** Live figures of one variant over the last minute, of all gateways together. Latencies are milliseconds inside the gateway. */
export const VariantStats = z.object({
  window_s: z.number(),
  requests: z.number().int(),
  rows: z.number().int(),
  errors: z.number().int(),
  requests_per_s: z.number(),
  p50_ms: z.number().nullable(),
  p95_ms: z.number().nullable(),
  p99_ms: z.number().nullable(),
})

/** By whom and why a version answers although the gates of its model do not hold. */
export const Override = z.object({
  by: z.string(),
  role: z.string(),
  at: time,
  reason: z.string(),
  refusal: z.string().describe('the gates that did not hold, each with its reason'),
})

export const Variant = z.object({
  role: z.enum(VARIANT_ROLES),
  version: z.string(),
  /** Share of the routing keys in ten-thousandths: 500 = 5 %. The stable variant has what the canary leaves; a shadow has 0. */
  weight: z.number().int().min(0).max(10_000),
  backend: z.enum(BACKENDS),
  /** Why the version is served by Python; null for native. */
  backend_reason: z.string().nullable(),
  since: time,
  /** Set when the breaker of the gateway took this canary to weight 0: what tripped it. */
  tripped: z.string().nullable(),
  /** Why this version does not answer on this server now; null while it does. */
  fault: z.string().nullable(),
  override: Override.nullable().describe('set while the version answers here although its gates did not hold'),
  stats: VariantStats.nullable(),
})

/** A gate that judged nothing, and why. */
export const NotJudged = z.object({ gate: z.string(), reason: z.string() })
export type NotJudged = z.output<typeof NotJudged>

/** How a version comes to answer: by a person's deploy, by a rollout, by a rollback, or by the watch over a promoted one. */
export const DEPLOYMENT_WAYS = ['deployed', 'promoted', 'rolled_back', 'demoted'] as const

/** A change of the stable version of an endpoint. */
export const Deployment = z.object({
  number: z.number().int().describe('counts the changes of the endpoint, from 1'),
  version: z.string().nullable().describe('that answers since then; null = none'),
  previous_version: z.string().nullable().describe('that answered before; null = none'),
  at: time,
  by: z.string(),
  way: z.enum(DEPLOYMENT_WAYS),
  reason: z.string(),
  rollout: id.nullable().describe('the rollout that did it'),
  not_judged: z
    .array(NotJudged)
    .describe('gates of that rollout that had nothing to judge, such as quality without labels'),
})
export type Deployment = z.output<typeof Deployment>

export const InputField = z.object({
  name: z.string(),
  kind: z.enum(['number', 'integer', 'boolean', 'string']),
  required: z.boolean(),
})

export const Endpoint = z.object({
  name,
  project: z.string(),
  model: z.string(),
  /** Number of the routing table that the gateways answer with; grows with every change. */
  epoch: z.number().int(),
  inputs: z.array(InputField),
  variants: z.array(Variant),
  /** The stable version before the present one: what a rollback returns to. */
  previous_version: z.string().nullable(),
  /** How the present stable version came to answer; null where none answers, and of those that came before this was kept. */
  deployment: Deployment.nullable(),
  /** Score from which a prediction counts as positive; null = no decision is taken. */
  threshold: z.number().nullable(),
  /** Settings of the monitors, as the project file gives them. */
  monitor: z.record(z.string(), z.unknown()),
  url: z.string(),
  created_at: time,
  updated_at: time,
})

/** Bounds of one endpoint. What is absent has its default. */
export const Limits = z.strictObject({
  /** Calls that one token may make: so many a second, and so many at once after a pause. Default: no limit. */
  per_token: z.strictObject({ per_second: z.number().positive(), burst: z.number().int().min(1) }).nullish(),
  /** Rows, and bytes of requests, that may wait for the scorers of a Python version. Default 4096 and 64 MiB. */
  queue_rows: z.number().int().min(1).max(1_000_000).nullish(),
  queue_bytes: z.number().int().min(1024).max(4_294_967_296).nullish(),
  /** Deadline of a call that names none, ms. Default 30,000. */
  timeout_ms: z.number().min(1).max(300_000).nullish(),
  /** Answers of a row are given again for so long to the same row with the same params. Default: never. */
  cache: z
    .strictObject({ seconds: z.number().positive().max(86_400), rows: z.number().int().min(1).max(1_000_000) })
    .nullish(),
  /** Share of the answered rows, 0 to 1, whose contributions are written to the prediction log, by the hash of their ids. Default 0. */
  explain_share: z.number().min(0).max(1).nullish(),
})

const ServiceVersion = z.object({ service: z.string(), version: z.number().int() })
/** The feature services from which an endpoint fills the inputs that a request leaves out. */
export const EndpointFeatures = z.object({
  /** For model versions that have none of their own; null where there is none. */
  all: ServiceVersion.nullable(),
  /** Model version → the service of its own, by which it was trained. */
  model_versions: z.record(z.string(), ServiceVersion),
})
export type EndpointFeatures = z.output<typeof EndpointFeatures>

const numbers = z.union([z.number(), z.array(z.number())])

/** One logged prediction. */
export const Prediction = z.object({
  id,
  endpoint: z.string(),
  role: z.enum(VARIANT_ROLES),
  version: z.string(),
  epoch: z.number().int(),
  event_time: time,
  at: time,
  latency_us: z.number().int(),
  status: z.number().int(),
  key: z.string().nullable(),
  /** The row by input name; null = missing. */
  inputs: z.record(z.string(), z.unknown()),
  /** The keys and fields of the request by which its features were looked up; absent where the version has no feature service. */
  entity: z.record(z.string(), z.unknown()).optional(),
  score: z.number().nullable(),
  prediction: z.unknown(),
  /** What each input added to the raw score, of rows in the endpoint's sample; lists where there is a raw score for each class. */
  explanation: z.object({ base: numbers, contributions: z.record(z.string(), numbers) }).optional(),
  /** True when stable answered because the canary failed. */
  fallback: z.boolean(),
  error: z.string().nullable(),
  /** What a shadow version said about the same row. */
  shadow: z
    .array(z.object({ version: z.string(), score: z.number().nullable(), error: z.string().nullable() }))
    .optional(),
})

/** Mean contributions of a time. Shares are of the sum of mean absolute contributions; with a score a class the mean over classes counts. */
export const Attributions = z.object({
  /** Explained rows, at most the newest 10,000. */
  rows: z.number().int(),
  baseline_rows: z.number().int().nullable(),
  inputs: z.array(
    z.object({
      name: z.string(),
      mean: z.number(),
      mean_abs: z.number(),
      share: z.number(),
      baseline_share: z.number().nullable(),
    }),
  ),
  /** Half the sum of the absolute differences of shares, 0 to 1; null without a baseline. */
  drift: z.number().nullable(),
})

const Place = z.string()

/** What answers look like, where the signature says it. */
const AnswerShape = z.object({
  datatype: z.enum(['FP64', 'BOOL', 'BYTES']),
  shape: z.array(z.number().int()).readonly(),
})

/** How the rows of a version are scored, with paths on the machine of the data folder. */
export const Scoring = z.object({
  model: z.string(),
  version: z.string(),
  inputs: z.array(InputField.extend({ dtype: z.string() })),
  backend: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('native'), dir: Place }),
    z.object({
      kind: z.literal('onnx'),
      file: Place,
      runtime: Place,
      sessions: z.number().int(),
      answer: z
        .object({
          output: z.string(),
          list: z.boolean(),
          columns: z.array(z.string()).readonly().optional(),
          whole: z.array(z.string()).readonly(),
        })
        .optional(),
      answers: AnswerShape.optional(),
    }),
    z.object({
      kind: z.literal('python'),
      dir: Place,
      python: Place,
      tensor: z.string().nullable(),
      dims: z.array(z.number().int()).readonly().optional(),
      list: z.literal(true).optional(),
      answers: AnswerShape.optional(),
      workers: z.number().int(),
      memory_mb: z.number(),
    }),
  ]),
  packages: z
    .object({ python_version: z.string(), lock: z.string() })
    .nullable()
    .describe('of a Python version: what its interpreter has, as a requirements file with exact versions and hashes'),
})
export type Scoring = z.output<typeof Scoring>

export const servingApi = {
  makeReady: route({
    method: 'POST',
    path: '/v1/models/:name/versions/:version/scoring',
    summary:
      'Make the files and the environment of a version ready, and say how its rows are scored on the machine of the data folder',
    access: may('write', 'models'),
    params: z.object({ name: z.string().min(1).max(256), version: z.string().min(1).max(64) }),
    reply: Scoring,
    errors: ['not_found', 'unprocessable'],
  }),
  listEndpoints: route({
    method: 'GET',
    path: '/v1/endpoints',
    summary: 'List endpoints with their variants and live figures',
    access: may('read', 'endpoints'),
    query: z.object({ project: z.string().max(128).optional() }),
    reply: allOf(Endpoint),
  }),
  getEndpoint: route({
    method: 'GET',
    path: '/v1/endpoints/:name',
    summary: 'One endpoint with its variants and live figures',
    access: may('read', 'endpoints'),
    params: byName,
    reply: Endpoint,
    errors: ['not_found'],
  }),
  putEndpoint: route({
    method: 'PUT',
    path: '/v1/endpoints/:name',
    summary: 'Make an endpoint or change its settings; versions are set by deploy',
    access: may('write', 'endpoints'),
    params: byName,
    body: z.strictObject({
      project: name,
      model: z.string().min(1).max(256),
      threshold: z.number().nullable().optional(),
      // kept as it is written: what is left out gets its default when it is read
      monitor: z
        .record(z.string(), z.unknown())
        .superRefine((given, context) => {
          for (const { message, path } of MonitorSettings.safeParse(given).error?.issues ?? [])
            context.addIssue({ code: 'custom', message, path })
        })
        .optional(),
    }),
    reply: Endpoint,
    errors: ['conflict'],
  }),
  deleteEndpoint: route({
    method: 'DELETE',
    path: '/v1/endpoints/:name',
    summary: 'Take an endpoint out of service; its prediction log stays',
    access: may('deploy', 'endpoints'),
    params: byName,
    reply: done,
    errors: ['not_found'],
  }),
  deploy: route({
    method: 'POST',
    path: '/v1/endpoints/:name/deploy',
    summary: 'Make a version the stable one at once, without a rollout; its gates must hold, and a freeze holds it up',
    access: may('deploy', 'endpoints'),
    params: byName,
    body: z.strictObject({
      version: z.string().min(1).max(64),
      reason: z.string().min(1).max(1000).optional(),
      override_freeze: z.boolean().optional().describe('deploys in a freeze; needs a reason; audited'),
      override_gates: z
        .boolean()
        .optional()
        .describe('deploys although gates do not hold; by an admin, with a reason; shown while the version answers'),
    }),
    reply: Endpoint,
    errors: ['not_found', 'invalid_field', 'forbidden', 'conflict', 'gate_refused', 'unprocessable', 'unavailable'],
  }),
  rollbackEndpoint: route({
    method: 'POST',
    path: '/v1/endpoints/:name/rollback',
    summary: 'Return to the previous stable version, which is still loaded',
    access: may('deploy', 'endpoints'),
    params: byName,
    body: z.strictObject({ reason: z.string().max(1000).optional() }),
    reply: Endpoint,
    errors: ['not_found', 'conflict'],
  }),
  listDeployments: route({
    method: 'GET',
    path: '/v1/endpoints/:name/deployments',
    summary: 'Which versions an endpoint has answered with, newest first: by whom, when and why each came',
    access: may('read', 'endpoints'),
    params: byName,
    query: page,
    reply: listOf(Deployment),
    errors: ['not_found'],
  }),
  getLimits: route({
    method: 'GET',
    path: '/v1/endpoints/:name/limits',
    summary: 'Bounds of an endpoint: calls of a token, waiting rows, deadline, cache of answers',
    access: may('read', 'endpoints'),
    params: byName,
    reply: Limits,
    errors: ['not_found'],
  }),
  putLimits: route({
    method: 'PUT',
    path: '/v1/endpoints/:name/limits',
    summary: 'Replace the bounds of an endpoint; what is left out gets its default',
    access: may('write', 'endpoints'),
    params: byName,
    body: Limits,
    reply: Limits,
    errors: ['not_found'],
  }),
  getEndpointFeatures: route({
    method: 'GET',
    path: '/v1/endpoints/:name/features',
    summary: 'The feature services from which an endpoint fills what requests leave out',
    access: may('read', 'endpoints'),
    params: byName,
    reply: EndpointFeatures,
    errors: ['not_found'],
  }),
  putEndpointFeatures: route({
    method: 'PUT',
    path: '/v1/endpoints/:name/features',
    summary:
      'Have an endpoint fill what requests leave out from a feature service, in one version; `service: null` ends it',
    access: may('write', 'endpoints'),
    params: byName,
    body: z.strictObject({
      service: name.nullable(),
      version: z.number().int().min(1).optional().describe('default: the newest, which stays the one that is read'),
      model_version: z
        .string()
        .min(1)
        .max(64)
        .optional()
        .describe('for this version of the model alone; default: for all that have none of their own'),
    }),
    reply: EndpointFeatures,
    errors: ['not_found', 'invalid_field', 'unprocessable'],
  }),
  listPredictions: route({
    method: 'GET',
    path: '/v1/endpoints/:name/predictions',
    summary: 'Read the prediction log, newest event time first',
    access: may('read_predictions', 'endpoints'),
    params: byName,
    query: page.extend({
      from: time.optional(),
      until: time.optional(),
      version: z.string().max(64).optional(),
      role: z.enum(VARIANT_ROLES).optional(),
      failed: z.enum(['true', 'false']).optional(),
      explained: z.enum(['true']).optional(),
    }),
    reply: listOf(Prediction),
    errors: ['not_found'],
  }),
  getPrediction: route({
    method: 'GET',
    path: '/v1/endpoints/:name/predictions/:id',
    summary: 'One prediction with its row and what a shadow said',
    access: may('read_predictions', 'endpoints'),
    params: z.object({ name, id }),
    reply: Prediction,
    errors: ['not_found'],
  }),
  getAttributions: route({
    method: 'GET',
    path: '/v1/endpoints/:name/attributions',
    summary:
      'What the inputs added to the scores of a time, from the explained rows of the prediction log, and how far that moved',
    access: may('read', 'endpoints'),
    params: byName,
    query: z.object({
      from: time,
      until: time,
      version: z.string().max(64).optional(),
      /** An earlier time to compare with. */
      baseline_from: time.optional(),
      baseline_until: time.optional(),
    }),
    reply: Attributions,
    errors: ['not_found'],
  }),
  /** Events: `endpoint` (an Endpoint, when it changed and every second while it has traffic), `breaker` ({endpoint, version, reason, at}). */
  endpointEvents: route({
    method: 'GET',
    path: '/v1/endpoints/:name/events',
    summary: 'Follow an endpoint: changes, live figures, breaker events',
    access: may('read', 'endpoints'),
    params: byName,
    reply: 'events',
    errors: ['not_found'],
  }),
}
