/** Images of versions, and the environments in which they stand: which digest, since when, by whom, and what stood there before. */
import { z } from 'zod'
import { may } from '../access.ts'
import { allOf, byName, done, name, time } from '../fields.ts'
import { modelName } from '../registry.ts'
import { route } from '../route.ts'

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'sha256: and 64 hexadecimal digits')
const repository = z
  .string()
  .max(512)
  .regex(
    /^[a-zA-Z0-9.:[\]-]+\/(?:[a-z0-9._/-]|\{model\})+$/,
    'a registry and a repository, for example registry.example.org/staging/{model}',
  )
const keys = z.array(z.string().max(4096)).max(20)
const digits64 = z.string().describe('SHA-256 of the public key as PEM')

/** An image as it was recorded. */
export const ModelImage = z.object({
  model: z.string(),
  digest,
  version: z.string(),
  repository: z.string().describe('where it lay when it was recorded'),
  signatures: z
    .array(
      z.object({
        key: digits64.nullable().describe('that the signature names; null where it names none'),
        trusted_by: z
          .array(z.string())
          .describe(
            '`policy` and `environment NAME` by whose keys it was verified to be of exactly this digest; empty: not trusted',
          ),
        fault: z.string().nullable().describe('why nobody trusts it; null where somebody does'),
      }),
    )
    .describe('that it carries'),
  trusted: z.boolean().describe('one of the signatures is of this digest, by a key of the policy that is not revoked'),
  recorded_at: time,
  recorded_by: z.string(),
})

/** Where images stand, after which other environment, and in which repository. */
export const Environment = z.object({
  name,
  after: name.nullable().describe('an image has to stand there first; null for the first one'),
  repository: z.string().describe('{model} stands for the name of the model'),
  keys: z.array(z.string()).describe('public keys as PEM; an image is signed by one of them, where there are any'),
  gated: z.boolean().describe('false where the gates of a model need not hold'),
  updated_at: time,
  updated_by: z.string(),
})

/** One promotion of an image. */
export const ImagePromotion = z.object({
  model: z.string(),
  environment: z.string(),
  digest,
  from: digest.nullable().describe('what stood there before'),
  version: z.string(),
  at: time,
  actor: z.string(),
  reason: z.string(),
  verdict_id: z.string().nullable(),
  refusal: z.string().nullable().describe('what did not hold and was overridden'),
  returned: z.boolean().describe('true where it had stood there before and came back'),
})

/** What stands in an environment, of one model. */
export const Standing = z.object({
  environment: z.string(),
  after: z.string().nullable(),
  repository: z.string().describe('of this model'),
  standing: ImagePromotion.nullable(),
  refusal: z.string().nullable().describe('why what stands there would be refused now; null where nothing is known'),
  revoked: z.boolean().describe('it would be refused, and a signature of it names a revoked key'),
})

/** An image that stands where it would be refused now, unless an admin has let it in although just that did not hold. */
export const StandingFault = z.object({
  model: z.string(),
  environment: z.string(),
  digest,
  version: z.string(),
  at: time.describe('since when it stands there'),
  actor: z.string(),
  refusal: z.string(),
  revoked: z.boolean().describe('a signature of it names a revoked key'),
})

const modelParams = z.object({ name: modelName })
const READ = may('read', 'models')
const MANAGE = may('manage', 'models')

/** Largest documents of an image that is recorded: indexes, manifests and configurations together. */
const MOST_TEXT = 4 * 1024 * 1024

export const imagesApi = {
  recordImage: route({
    method: 'PUT',
    path: '/v1/models/:name/images/:digest',
    summary: 'Record an image of a version by its documents, with the signatures that are attached to it',
    access: may('write', 'models'),
    params: z.object({ name: modelName, digest }),
    body: z.strictObject({
      documents: z
        .array(z.string().max(MOST_TEXT))
        .min(2)
        .max(40)
        .describe('its index where it has one, manifests and configurations, as they lie in the registry'),
      repository: z.string().min(1).max(512),
      signatures: z
        .array(z.string().max(256 * 1024))
        .max(10)
        .default([]),
    }),
    reply: ModelImage,
    errors: ['not_found', 'unprocessable'],
    limit: MOST_TEXT + 3 * 1024 * 1024,
  }),
  listImages: route({
    method: 'GET',
    path: '/v1/models/:name/images',
    summary: 'The recorded images of a model, newest first',
    access: READ,
    params: modelParams,
    reply: allOf(ModelImage),
    errors: ['not_found'],
  }),
  listEnvironments: route({
    method: 'GET',
    path: '/v1/environments',
    summary:
      'The environments, each after the one that comes before it, and what stands there and would be refused now',
    access: READ,
    reply: z.object({ items: z.array(Environment), faults: z.array(StandingFault) }),
  }),
  putEnvironment: route({
    method: 'PUT',
    path: '/v1/environments/:name',
    summary: 'Make or change an environment',
    access: MANAGE,
    params: byName,
    body: z.strictObject({
      after: name.nullable().default(null),
      repository,
      keys: keys.default([]),
      gated: z.boolean().default(true),
    }),
    reply: Environment,
    errors: ['invalid_field', 'conflict'],
  }),
  deleteEnvironment: route({
    method: 'DELETE',
    path: '/v1/environments/:name',
    summary: 'Remove an environment after which none comes and in which nothing has stood',
    access: MANAGE,
    params: byName,
    reply: done,
    errors: ['not_found', 'conflict'],
  }),
  standings: route({
    method: 'GET',
    path: '/v1/models/:name/environments',
    summary: 'Which image and version of a model stands in each environment, and every promotion, newest first',
    access: READ,
    params: modelParams,
    reply: z.object({ items: z.array(Standing), history: z.array(ImagePromotion) }),
    errors: ['not_found'],
  }),
  promoteImage: route({
    method: 'POST',
    path: '/v1/models/:name/promotions',
    summary: 'Say that an image stands in an environment; refused unless it stood in the one before and its gates hold',
    access: may('promote', 'models'),
    params: modelParams,
    body: z.strictObject({
      environment: name,
      digest: digest.nullable().default(null).describe('null with `back`: the one that stood there before'),
      back: z.boolean().default(false).describe('return to an image that has stood there'),
      reason: z.string().max(1000).default(''),
      override: z.boolean().default(false),
      check: z.boolean().default(false).describe('ask whether it may, and change nothing'),
    }),
    reply: ImagePromotion,
    errors: ['not_found', 'gate_refused', 'forbidden', 'invalid_field', 'conflict'],
  }),
}
