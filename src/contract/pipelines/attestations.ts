/** Attestations of a version: what of it is signed, as in-toto statements, and whether each holds. */
import { z } from 'zod'
import { may } from '../access.ts'
import { id, listOf, time } from '../fields.ts'
import { modelName } from '../registry.ts'
import { route } from '../route.ts'
import { Reproduction } from '../runs/reproduction.ts'

/** The type of the predicate below: how a reproduction of the run that made a version came out. */
export const REPRODUCTION_TYPE = 'https://slipway.dev/reproduction/v1'

const { grade, steps, ...proof } = Reproduction.shape

/** What a statement about a reproduction says besides its subject, which is the digest of the version's files. */
export const ReproductionPredicate = z.object({
  model: z.string(),
  version: z.string(),
  grade: grade.unwrap(),
  detail: proof.detail,
  /** The run that made the version, and the one that repeated it. */
  of_run: id,
  run: id,
  first_divergent_step: proof.first_divergent_step,
  missing: proof.missing,
  tolerance: proof.tolerance,
  /** The number of the rules by which it was graded. */
  rules: z.number().int(),
  /** The outputs of both runs, compared step by step. */
  compared: z.array(steps.element.pick({ step: true, outputs: true, differing: true })),
  at: time,
})
export type ReproductionPredicate = z.output<typeof ReproductionPredicate>

const Attestation = z.object({
  predicate_type: z.string(),
  /** The pipeline run that it is of. */
  run: id,
  key: z.string().describe('SHA-256 of the public key as PEM'),
  at: time,
  bundle: z.string().describe('a Sigstore bundle: an in-toto statement in a DSSE envelope'),
  fault: z
    .string()
    .nullable()
    .describe(
      'why it does not hold; null where a key of the policy or of this server has signed it, unchanged, for these very files',
    ),
  says: ReproductionPredicate.nullable().describe(
    'what stands in it, whether it holds or not; null where that cannot be read',
  ),
})
export type Attestation = z.output<typeof Attestation>

export const attestationsApi = {
  listAttestations: route({
    method: 'GET',
    path: '/v1/models/:name/versions/:version/attestations',
    summary:
      'What this server has signed of a version, newest first: the verdict of each reproduction; and whether it holds',
    access: may('read', 'models'),
    params: z.object({ name: modelName, version: z.string().regex(/^\d{1,9}$/, 'a version number') }),
    query: z.object({
      page_token: z
        .string()
        .regex(/^\d{1,15}\.[\w-]{1,250}$/, 'a token of a page')
        .optional(),
      limit: z.coerce.number().int().min(1).max(100).default(20),
    }),
    reply: listOf(Attestation).extend({
      signing_key: z
        .string()
        .nullable()
        .describe(
          'SHA-256 of the public key, as PEM, of the key by which this server signs; null where it signs nothing',
        ),
    }),
    errors: ['not_found', 'invalid_field'],
  }),
}
