/** Routes of the registry: models, versions, aliases, gates, verdicts, lineage, and what was true at a time. */
import { z } from 'zod'
import { id, listOf, page, time } from './fields.ts'
import { route } from './route.ts'

/** One gate as the project file writes it. Exactly one kind of condition a row. */
export const Gate = z.union([
  z.strictObject({
    metric: z.string().min(1).max(250),
    at_least: z.number().optional(),
    at_most: z.number().optional(),
    slice: z.string().optional(),
  }),
  z.strictObject({
    metric: z.string().min(1).max(250),
    slice: z.string().optional(),
    not_worse_than: z.string().min(1).max(255).describe('an alias of the same model, for example production'),
    margin: z.number().min(0).default(0),
    confidence: z.number().gt(0.5).lt(1).default(0.95),
  }),
  z.strictObject({
    metric: z.string().min(1).max(250),
    jump_at_most: z
      .number()
      .gt(0)
      .describe('largest believable gain over the incumbent, or over `against` when there is none'),
    against: z.number().optional(),
  }),
  z.strictObject({ signature: z.literal('compatible') }),
  z.strictObject({ data: z.literal('digest known') }),
])
export type Gate = z.output<typeof Gate>

/** The outcome of one gate with everything that decided it; replaying the inputs gives the same outcome. */
export const GateResult = z.object({
  gate: z.record(z.string(), z.unknown()),
  name: z.string(),
  outcome: z.enum(['passed', 'failed', 'no_data']),
  reason: z.string(),
  value: z.number().nullable(),
  threshold: z.number().nullable(),
  interval: z.tuple([z.number(), z.number()]).nullable(),
  n: z.number().int().nullable(),
  slice: z.string().nullable(),
  evidence: z.record(z.string(), z.unknown()),
})
export type GateResult = z.output<typeof GateResult>

export const Verdict = z.object({
  id,
  subject: z.string().describe('what was judged: MODEL/VERSION'),
  passed: z.boolean(),
  at: time,
  against: z.string().nullable().describe('the incumbent it was compared with: MODEL/VERSION'),
  gates: z.array(GateResult),
})
export type Verdict = z.output<typeof Verdict>

/** How a version answers: natively, after a replay that proved it equal, or in Python and why. */
export const Lowering = z.object({
  state: z.enum(['pending', 'native', 'python', 'failed']),
  reason: z.string().nullable(),
  probes: z.number().int().nullable(),
  worst_ulp: z.number().nullable(),
})

export const Version = z.object({
  model: z.string(),
  version: z.string(),
  created_at: time,
  created_by: z.string(),
  description: z.string(),
  aliases: z.array(z.string()),
  tags: z.record(z.string(), z.string()),
  run_id: z.string().nullable(),
  pipeline_run_id: z.string().nullable(),
  tree: z.string().nullable().describe('digest of the files'),
  size: z.number().int(),
  signature: z.record(z.string(), z.unknown()).nullable(),
  metrics: z.record(z.string(), z.number()),
  lowering: Lowering,
  verdict: Verdict.nullable(),
  reproducibility: z.string().nullable(),
})
export type Version = z.output<typeof Version>

export const Model = z.object({
  name: z.string(),
  description: z.string(),
  created_at: time,
  tags: z.record(z.string(), z.string()),
  aliases: z.record(z.string(), z.string()),
  latest_version: z.string().nullable(),
  versions: z.number().int(),
})

export const AliasMove = z.object({
  model: z.string(),
  alias: z.string(),
  from: z.string().nullable(),
  to: z.string().nullable(),
  at: time,
  actor: z.string(),
  reason: z.string(),
  verdict_id: z.string().nullable(),
})

/** A node of the lineage graph; `href` is the page or API path of the thing. */
export const LineageNode = z.object({
  id: z.string(),
  kind: z.enum(['dataset', 'step', 'run', 'pipeline_run', 'version', 'endpoint', 'incident']),
  label: z.string(),
  href: z.string().nullable(),
})
export const Lineage = z.object({
  nodes: z.array(LineageNode),
  edges: z.array(z.object({ from: z.string(), to: z.string(), label: z.string() })),
})

/** Models that MLflow's clients made have names that others may not have: spaces, for example. */
const modelName = z
  .string()
  .max(256)
  .regex(/^[^/:\p{Cc}]+$/u, 'a name without "/" and ":"')
const modelParams = z.object({ name: modelName })
const versionParams = z.object({ name: modelName, version: z.string().regex(/^\d{1,9}$/, 'a version number') })
const aliasParams = z.object({ name: modelName, alias: z.string().min(1).max(255) })
const READ = { verb: 'read', resource: 'models' } as const

export const registryApi = {
  listModels: route({
    method: 'GET',
    path: '/v1/models',
    summary: 'List models with their aliases',
    access: READ,
    query: page,
    reply: listOf(Model),
  }),
  getModel: route({
    method: 'GET',
    path: '/v1/models/:name',
    summary: 'A model',
    access: READ,
    params: modelParams,
    reply: Model,
    errors: ['not_found'],
  }),
  listVersions: route({
    method: 'GET',
    path: '/v1/models/:name/versions',
    summary: 'The versions of a model, newest first',
    access: READ,
    params: modelParams,
    query: page,
    reply: listOf(Version),
    errors: ['not_found'],
  }),
  getVersion: route({
    method: 'GET',
    path: '/v1/models/:name/versions/:version',
    summary: 'A version with its gates, signature and how it answers',
    access: READ,
    params: versionParams,
    reply: Version,
    errors: ['not_found'],
  }),
  lineage: route({
    method: 'GET',
    path: '/v1/models/:name/versions/:version/lineage',
    summary: 'From data digests to endpoints and incidents',
    access: READ,
    params: versionParams,
    reply: Lineage,
    errors: ['not_found'],
  }),
  moveAlias: route({
    method: 'PUT',
    path: '/v1/models/:name/aliases/:alias',
    summary: 'Move an alias; its gates must hold, or an admin overrides them with a reason',
    access: { verb: 'promote', resource: 'models' },
    params: aliasParams,
    body: z.strictObject({
      version: z.string(),
      reason: z.string().max(1000).default(''),
      override: z.boolean().default(false),
    }),
    reply: AliasMove,
    errors: ['not_found', 'gate_refused', 'forbidden'],
  }),
  aliasHistory: route({
    method: 'GET',
    path: '/v1/models/:name/history',
    summary: 'Every move of every alias, with who, when and why',
    access: READ,
    params: modelParams,
    reply: z.object({ items: z.array(AliasMove) }),
    errors: ['not_found'],
  }),
  modelsAt: route({
    method: 'GET',
    path: '/v1/models-at',
    summary: 'Which version each alias named at a time',
    access: READ,
    query: z.object({ time }),
    reply: z.object({
      items: z.array(z.object({ model: z.string(), alias: z.string(), version: z.string(), since: time })),
    }),
  }),
  replayVerdict: route({
    method: 'POST',
    path: '/v1/verdicts/:id/replay',
    summary: 'Judge the stored inputs of a verdict again and say whether the result is the same',
    access: READ,
    params: z.object({ id }),
    reply: z.object({ same: z.boolean(), stored: Verdict, replayed: Verdict }),
    errors: ['not_found'],
  }),
}
