/** Routes of the registry: models, versions, aliases, gates, verdicts, lineage, and what was true at a time. */
import { z } from 'zod'
import { may } from './access.ts'
import { allOf, byId, id, listOf, page, time } from './fields.ts'
import { replayOf, rules } from './replay.ts'
import { Lineage } from './models/lineage.ts'
import { route } from './route.ts'

/** The alias whose version endpoints serve, and that a candidate is compared with. */
export const PRODUCTION = 'production'

const metric = z.string().min(1).max(250)
const confidence = z.number().gt(0.5).lt(1)

/** How looking at many slices is corrected for: `bh` Benjamini–Hochberg (absent = this), `holm` Holm's. */
const multiplicity = z
  .enum(['bh', 'holm'])
  .optional()
  .describe(
    'bh: at most 5 % of the slices called worse are not (the default); holm: at most 5 % chance of any false call',
  )

const LIMITS: ReadonlySet<string> = new Set(['at_least', 'at_most', 'not_worse_than', 'jump_at_most'])

/** One gate as the project file writes it. Exactly one kind of condition a row. */
export const Gate = z.union([
  z.strictObject({
    metric,
    at_least: z.number().optional(),
    at_most: z.number().optional(),
    slice: z.string().optional(),
    confidence: confidence
      .optional()
      .describe('judge the end of the one-sided confidence interval, not the value itself'),
    multiplicity,
  }),
  z.strictObject({
    metric,
    slice: z.string().optional(),
    not_worse_than: z.string().min(1).max(255).describe('an alias of the same model, for example production'),
    margin: z.number().min(0).default(0),
    confidence: confidence.default(0.95),
    method: z
      .enum(['auto', 'delong', 'bootstrap'])
      .optional()
      .describe('on the same rows: DeLong for roc_auc, paired bootstrap for the rest (auto), or as named'),
    multiplicity,
  }),
  z.strictObject({
    metric,
    jump_at_most: z
      .number()
      .gt(0)
      .describe('largest believable gain over the incumbent, or over `against` when there is none'),
    against: z.number().optional(),
  }),
  z.strictObject({ signature: z.literal('compatible') }),
  z.strictObject({ data: z.literal('digest known') }),
  z.strictObject({
    reproducibility: z
      .enum(['A', 'B'])
      .describe('lowest grade of `slipway reproduce`: A the same bytes, B the same metrics'),
  }),
  z.strictObject({ scan: z.literal('clean') }),
  z.strictObject({
    approvals: z.number().int().min(1).max(20).describe('people other than the author who approve the version'),
    role: z
      .enum(['maintainer', 'admin'])
      .default('maintainer')
      .describe('role that they need; an admin has every role'),
  }),
])
export type Gate = z.output<typeof Gate>

/** Gates as people give them: a metric without a limit would hold for every version, and one whose limits exclude each other for none. Those that are kept already may be so. */
export const GivenGates = z
  .array(Gate)
  .max(100)
  .superRefine((gates, context) => {
    for (const [at, gate] of gates.entries()) {
      const limited = Object.keys(gate).some((key) => LIMITS.has(key) && gate[key as keyof typeof gate] !== undefined)
      if ('metric' in gate && !limited)
        context.addIssue({
          code: 'custom',
          path: [at],
          message: 'a limit: at_least, at_most, not_worse_than or jump_at_most',
        })
      if ('at_least' in gate && (gate.at_least ?? -Infinity) > (gate.at_most ?? Infinity))
        context.addIssue({
          code: 'custom',
          path: [at],
          message: 'an at_most that is not below at_least, for no value is both',
        })
    }
  })

/** The outcome of one gate with everything that decided it; replaying the inputs gives the same outcome. */
export const GateResult = z.object({
  gate: z.record(z.string(), z.unknown()),
  name: z.string(),
  outcome: z
    .enum(['passed', 'failed', 'no_data', 'waiting'])
    .describe('waiting: somebody or something has still to act'),
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
  rules,
})
export type Verdict = z.output<typeof Verdict>

/** How a version answers: natively, after a replay that proved it equal, by ONNX Runtime in the gateway, or in Python and why. */
export const Lowering = z.object({
  state: z.enum(['pending', 'native', 'onnx', 'python', 'failed']),
  reason: z.string().nullable(),
  retry_at: time.nullable().optional().describe('when lowering is tried again; null where it is not'),
  probes: z.number().int().nullable(),
  worst_ulp: z.number().nullable(),
  onnx: z
    .object({
      origin: z.enum(['exported', 'given']).describe('made in the environment of the model, or given beside it'),
      digest: z.string().describe('SHA-256 of the graph'),
      bytes: z.number().int(),
      path: z.string().nullable().describe('where a given one lies in the model folder'),
      output: z.string().describe('the output that is the answer'),
      deviation: z.number().describe('largest difference to the Python model, as a part of the answer'),
    })
    .nullable()
    .describe('the ONNX export that answers, where the model is of another library'),
})

/** One thing in a file that is not known to be safe; `malicious` harms whoever loads it. */
export const ScanFinding = z.object({
  level: z.enum(['suspicious', 'malicious']),
  file: z.string(),
  offset: z.number().int(),
  what: z.string(),
  reason: z.string(),
})

/** What a walk over the files found, without loading any. */
export const Scan = z.object({
  verdict: z.enum(['clean', 'suspicious', 'malicious']),
  at: time,
  files: z.number().int(),
  bytes: z.number().int(),
  findings: z.array(ScanFinding),
})

export const Approval = z.object({ by: z.string(), role: z.string(), at: time, comment: z.string() })

/** Who signed the files of a version; `trusted` when the key is one of the model's policy. */
export const Signed = z.object({ key: z.string(), by: z.string(), at: time, trusted: z.boolean() })

/** Gates that a registration asked for and that are weaker than those that the model is held to. */
export const AskedGates = z.object({
  gates: z.array(Gate),
  weaker: z.array(z.string()).describe('what they would let in, in words'),
  version: z.string().describe('the version that asked for them'),
  at: time,
  by: z.string(),
})
export type AskedGates = z.output<typeof AskedGates>

/** What a model is held to besides the gates of its project file; set by those who may promote. */
export const Policy = z.object({
  model: z.string(),
  gates: z.array(Gate),
  project_gates: z.array(Gate).describe('the gates of the project file; all gates of both lists must hold'),
  asked: AskedGates.nullable().describe(
    'weaker gates that the newest version asked for; they count when an admin has accepted them',
  ),
  require_signature: z.boolean().describe('no version is loaded that is not signed by one of the keys'),
  require_image_signature: z
    .boolean()
    .describe('no version is deployed of which no image is recorded that is signed by one of the keys'),
  keys: z.array(z.string()).describe('public keys as PEM'),
  revoked: z
    .array(z.string())
    .describe('SHA-256 of public keys as PEM whose signatures hold no longer, whatever else names them'),
  updated_at: time.nullable(),
  updated_by: z.string().nullable(),
})
export type Policy = z.output<typeof Policy>

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
  scan: Scan.nullable().describe('null until the files are scanned, and without files'),
  approvals: z.array(Approval),
  signed: Signed.nullable(),
})
export type Version = z.output<typeof Version>

/** A version as it is read by itself. */
export const KnownVersion = Version.extend({
  refusal: z
    .string()
    .nullable()
    .describe(
      'why it may not answer now: gates, scan, signature; null where nothing is known: it is judged at the act',
    ),
  overridden: z
    .array(
      z.object({
        endpoint: z.string(),
        variant: z.string(),
        by: z.string(),
        role: z.string(),
        at: time,
        reason: z.string(),
        refusal: z.string(),
      }),
    )
    .describe('where it answers now although its gates did not hold, and by whose override'),
  not_granted: z
    .array(z.string())
    .optional()
    .describe('settings of the endpoint that its project file asked for and that its author may not change'),
})

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
  /** When it was brought in from another server, where no gate of this one was asked; null for a move that was made here. */
  imported_at: time.nullable(),
})

/** Models that MLflow's clients made have names that others may not have: spaces, for example. */
export const modelName = z
  .string()
  .max(256)
  // control characters are named by their codes, for the document is read in languages that know no \p{Cc}
  // oxlint-disable-next-line no-control-regex
  .regex(/^[^/:\u0000-\u001f\u007f-\u009f]+$/u, 'a name without "/" and ":"')
const modelParams = z.object({ name: modelName })
const versionParams = z.object({ name: modelName, version: z.string().regex(/^\d{1,9}$/, 'a version number') })
const aliasParams = z.object({ name: modelName, alias: z.string().min(1).max(255) })
const READ = may('read', 'models')

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
    reply: KnownVersion,
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
    access: may('promote', 'models'),
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
    reply: allOf(AliasMove),
    errors: ['not_found'],
  }),
  modelsAt: route({
    method: 'GET',
    path: '/v1/models-at',
    summary: 'Which version each alias named at a time',
    access: READ,
    query: z.object({ time }),
    reply: z.object({
      items: z.array(
        z.object({
          model: z.string(),
          alias: z.string(),
          version: z.string(),
          since: time,
          moved_by: z.string(),
          reason: z.string(),
          verdict_id: z.string().nullable(),
          imported_at: time.nullable(),
        }),
      ),
    }),
  }),
  approve: route({
    method: 'POST',
    path: '/v1/models/:name/versions/:version/approvals',
    summary: 'Approve a version that is not your own; its gates are judged again',
    access: may('approve', 'models'),
    params: versionParams,
    body: z.strictObject({ comment: z.string().max(1000).default('') }),
    reply: KnownVersion,
    errors: ['not_found', 'conflict'],
  }),
  withdrawApproval: route({
    method: 'DELETE',
    path: '/v1/models/:name/versions/:version/approvals',
    summary: 'Take your approval of a version back',
    access: may('approve', 'models'),
    params: versionParams,
    reply: KnownVersion,
    errors: ['not_found'],
  }),
  getPolicy: route({
    method: 'GET',
    path: '/v1/models/:name/policy',
    summary: 'The gates of a model and whether its versions must be signed',
    access: READ,
    params: modelParams,
    reply: Policy,
    errors: ['not_found'],
  }),
  putPolicy: route({
    method: 'PUT',
    path: '/v1/models/:name/policy',
    summary: 'Set what a model is held to besides the gates of its project file',
    access: may('promote', 'models'),
    params: modelParams,
    body: z.strictObject({
      gates: GivenGates.default([]),
      require_signature: z.boolean().default(false),
      require_image_signature: z.boolean().default(false),
      keys: z.array(z.string().max(4096)).max(20).default([]),
      revoked: z
        .array(z.string().regex(/^[0-9a-f]{64}$/, 'the SHA-256 of a public key as PEM, in 64 hexadecimal digits'))
        .max(100)
        .default([]),
      reason: z.string().max(1000).optional().describe('why, where it becomes weaker; that takes an admin'),
    }),
    reply: Policy,
    errors: ['not_found', 'invalid_field', 'forbidden'],
  }),
  putGates: route({
    method: 'PUT',
    path: '/v1/models/:name/gates',
    summary:
      'Set the gates of the project file, also weaker ones that a version asked for; an admin’s right, with a reason',
    access: may('promote', 'models'),
    params: modelParams,
    body: z.strictObject({ gates: GivenGates, reason: z.string().max(1000) }),
    reply: Policy,
    errors: ['not_found', 'invalid_field', 'forbidden'],
  }),
  versionFiles: route({
    method: 'GET',
    path: '/v1/models/:name/versions/:version/files',
    summary: 'The files of a version with their digests',
    access: READ,
    params: versionParams,
    reply: allOf(
      z.object({
        path: z.string(),
        size: z.number().int(),
        digest: z.string(),
        executable: z.boolean().optional(),
      }),
    ),
    errors: ['not_found'],
  }),
  versionFile: route({
    method: 'GET',
    path: '/v1/models/:name/versions/:version/file',
    summary: 'The bytes of one file of a version',
    access: READ,
    params: versionParams,
    query: z.object({ path: z.string().max(4096) }),
    reply: 'stream',
    errors: ['not_found'],
  }),
  getSignature: route({
    method: 'GET',
    path: '/v1/models/:name/versions/:version/signature',
    summary: 'The signature of a version: a Sigstore bundle as model-signing writes it',
    access: READ,
    params: versionParams,
    reply: z.object({ bundle: z.string(), key: z.string(), by: z.string(), at: time }),
    errors: ['not_found'],
  }),
  putSignature: route({
    method: 'PUT',
    path: '/v1/models/:name/versions/:version/signature',
    summary: 'Keep the signature of a version; it must be of these very files',
    access: may('write', 'models'),
    params: versionParams,
    body: z.strictObject({
      bundle: z.string().max(4 * 1024 * 1024),
      key: z.string().max(4096).describe('the public key as PEM'),
    }),
    reply: Signed,
    errors: ['not_found', 'unprocessable'],
    limit: 5 * 1024 * 1024,
  }),
  replayVerdict: route({
    method: 'POST',
    path: '/v1/verdicts/:id/replay',
    summary: 'Judge the stored inputs of a verdict again and say whether the result is the same',
    access: READ,
    params: byId,
    reply: replayOf(Verdict),
    errors: ['not_found'],
  }),
}
