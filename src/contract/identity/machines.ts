/** Routes by which machines come to a token: whom an issuer of OIDC tokens may vouch for, and the exchange itself. */
import { z } from 'zod'
import { may } from '../access.ts'
import { allOf, byId, done, id, name, time } from '../fields.ts'
import { route } from '../route.ts'

/** No machine is an admin. */
export const MACHINE_ROLES = ['viewer', 'contributor', 'maintainer', 'service'] as const

/** Longest life of a token that a machine gets, minutes. */
export const MOST_MINUTES = 360

const exact = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^[^*?\s]+$/, 'the whole text, without blanks, "*" and "?": nothing is matched by pattern')

const issuer = z
  .string()
  .max(1024)
  .regex(/^https?:\/\/[^\s?#]+[^\s?#/]$/, 'the address of an issuer, without a slash at its end')

/** Whom an issuer may vouch for. All of it must be in the ID token, letter by letter. */
export const MachineTrust = z.object({
  id,
  name,
  issuer,
  audience: exact,
  subject: exact,
  claims: z.record(z.string(), z.string()),
  role: z.enum(MACHINE_ROLES),
  project: name,
  minutes: z.number().int().describe('life of a token that is given for it'),
  created_at: time,
  created_by: z.string(),
})
export type MachineTrust = z.output<typeof MachineTrust>

export const machinesApi = {
  createTrust: route({
    method: 'POST',
    path: '/v1/machine-trusts',
    summary:
      'Trust an issuer of OIDC tokens to vouch for one machine: one audience, one subject, the ids of its repository',
    access: may('manage', 'tokens'),
    body: z.strictObject({
      name,
      issuer,
      audience: exact.describe('what the ID token has to be made for: the address of this server'),
      subject: exact.describe('for example repo:octo/models:environment:production'),
      claims: z
        .record(z.string().regex(/^[a-zA-Z_]{1,64}$/, 'the name of a claim'), exact)
        .refine((claims) => Object.keys(claims).some((claim) => claim.endsWith('_id')), {
          error: 'at least one id, repository_id or project_id for example: a name can become that of somebody else',
        })
        .refine((claims) => Object.keys(claims).length <= 20, { error: 'at most 20 claims' })
        .describe('claims and the texts that they must be: repository_id, environment'),
      role: z.enum(MACHINE_ROLES).default('contributor'),
      project: name,
      minutes: z.number().int().min(1).max(MOST_MINUTES).default(60),
    }),
    reply: MachineTrust,
    errors: ['invalid_field', 'forbidden', 'conflict'],
  }),
  listTrusts: route({
    method: 'GET',
    path: '/v1/machine-trusts',
    summary: 'The machines that issuers may vouch for',
    access: may('manage', 'tokens'),
    reply: allOf(MachineTrust),
  }),
  removeTrust: route({
    method: 'DELETE',
    path: '/v1/machine-trusts/:id',
    summary: 'Trust an issuer no longer for a machine; tokens that it has go on to their end',
    access: may('manage', 'tokens'),
    params: byId,
    reply: done,
    errors: ['not_found'],
  }),
  exchange: route({
    method: 'POST',
    path: '/v1/machine-tokens',
    summary: "Exchange a machine's ID token, once, for a short-lived token of one project",
    access: 'public',
    body: z.strictObject({
      id_token: z.string().min(1).max(16_384),
      trust: name.optional().describe('which trust is meant, where several hold'),
    }),
    reply: z.object({
      token: z.string(),
      trust: z.string(),
      role: z.enum(MACHINE_ROLES),
      project: z.string(),
      expires_at: time,
    }),
    errors: ['unauthenticated', 'too_many_requests', 'upstream_failed', 'unavailable'],
  }),
}
