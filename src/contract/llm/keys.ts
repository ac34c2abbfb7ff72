/** Routes of virtual keys: tokens for language models, with what each may call and how much. */
import { z } from 'zod'
import { may } from '../access.ts'
import { allOf, byId, done, id, name, time } from '../fields.ts'
import { route } from '../route.ts'

const label = z.string().min(1).max(128)
const rate = z.number().int().min(1).max(1_000_000_000)

/** What a key may do; null = no limit, or nothing said. */
const LIMITS = {
  models: z
    .array(z.string().min(1).max(255))
    .max(1000)
    .nullable()
    .describe('names of endpoints; null = all of the project'),
  rpm: rate.nullable().describe('calls a minute'),
  tpm: rate.nullable().describe('tokens a minute, input and output together'),
  concurrency: z.number().int().min(1).max(100_000).nullable().describe('calls at once'),
  user: label.nullable(),
  team: label.nullable(),
  tags: z.array(label).max(50),
  content: z.boolean().describe('false = of prompts and answers only digests are kept'),
}

/** A key as it is shown: never its secret. */
export const LlmKey = z.object({
  id: id.describe('that of its token'),
  name: z.string(),
  project: z.string(),
  ...LIMITS,
  created_at: time,
  created_by: z.string(),
  expires_at: time.nullable(),
  revoked: z.boolean().describe('true where its token was revoked by itself'),
})
export type LlmKey = z.output<typeof LlmKey>

const optional = {
  models: LIMITS.models.optional(),
  rpm: LIMITS.rpm.optional(),
  tpm: LIMITS.tpm.optional(),
  concurrency: LIMITS.concurrency.optional(),
  user: LIMITS.user.optional(),
  team: LIMITS.team.optional(),
  tags: LIMITS.tags.optional(),
  content: LIMITS.content.optional(),
}

/** What a key is changed with; what is absent stays. */
export const KeyChange = z.strictObject(optional)
export type KeyChange = z.output<typeof KeyChange>

export const NewKey = z.strictObject({
  name: label,
  project: name.optional().describe('default: the project of the token, else `default`'),
  ...optional,
  expires_in_days: z.number().int().min(1).max(3650).optional(),
})
export type NewKey = z.output<typeof NewKey>

const MANAGE = may('manage', 'tokens')

export const llmKeysApi = {
  createLlmKey: route({
    method: 'POST',
    path: '/v1/llm/keys',
    summary: 'Make a virtual key for language models; its text is shown this once',
    secret: { made: 'key', field: 'key' },
    access: MANAGE,
    body: NewKey,
    reply: z.object({ token: z.string(), key: LlmKey }),
    errors: ['invalid_field', 'not_found'],
  }),
  listLlmKeys: route({
    method: 'GET',
    path: '/v1/llm/keys',
    summary: 'List virtual keys, without their secrets',
    access: may('read', 'cost'),
    query: z.object({ project: name.optional() }),
    reply: allOf(LlmKey),
  }),
  changeLlmKey: route({
    method: 'PATCH',
    path: '/v1/llm/keys/:id',
    summary: 'Change what a virtual key may do',
    access: MANAGE,
    params: byId,
    body: KeyChange,
    reply: LlmKey,
    errors: ['invalid_field', 'not_found'],
  }),
  removeLlmKey: route({
    method: 'DELETE',
    path: '/v1/llm/keys/:id',
    summary: 'Revoke a virtual key',
    access: MANAGE,
    params: byId,
    reply: done,
    errors: ['not_found'],
  }),
}
