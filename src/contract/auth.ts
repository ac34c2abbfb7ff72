/** Routes of identity: tokens, the UI's login, who am I, the audit trail. */
import { z } from 'zod'
import { ROLES, may } from './access.ts'
import { allOf, byId, done, id, listOf, page, time } from './fields.ts'
import { route } from './route.ts'

export const Token = z.object({
  id,
  name: z.string(),
  role: z.enum(ROLES),
  project: z.string().nullable(),
  created_at: time,
  created_by: z.string(),
  expires_at: time.nullable(),
  revoked_at: time.nullable(),
})

export const AuditEntry = z.object({
  seq: z.number().int(),
  at: time,
  actor: z.string(),
  token_id: z.string().nullable(),
  verb: z.string(),
  resource: z.string(),
  resource_id: z.string(),
  detail: z.record(z.string(), z.unknown()),
  prev: z.string(),
  hash: z.string(),
})

export const authApi = {
  whoami: route({
    method: 'GET',
    path: '/v1/me',
    summary: 'Who the credential belongs to',
    access: may('read', 'server'),
    reply: z.object({ id: z.string(), name: z.string(), role: z.enum(ROLES), project: z.string().nullable() }),
  }),
  createToken: route({
    method: 'POST',
    path: '/v1/tokens',
    summary: 'Make a token; its text is shown this once',
    secret: { made: 'token', field: 'row' },
    access: may('manage', 'tokens'),
    body: z.object({
      name: z.string().min(1).max(128),
      role: z.enum(ROLES),
      project: z.string().min(1).max(128).nullable().optional(),
      expires_in_days: z.number().int().min(1).max(3650).optional(),
    }),
    reply: z.object({ token: z.string(), row: Token }),
  }),
  listTokens: route({
    method: 'GET',
    path: '/v1/tokens',
    summary: 'List tokens, without their secrets',
    access: may('manage', 'tokens'),
    reply: allOf(Token),
  }),
  revokeToken: route({
    method: 'DELETE',
    path: '/v1/tokens/:id',
    summary: 'Revoke a token and end its sessions',
    access: may('manage', 'tokens'),
    params: byId,
    reply: done,
    errors: ['not_found'],
  }),
  createLoginLink: route({
    method: 'POST',
    path: '/v1/login-links',
    summary: 'Make a link that opens the web UI once, within 15 minutes',
    access: may('read', 'server'),
    reply: z.object({ url: z.string() }),
  }),
  login: route({
    method: 'GET',
    path: '/login/:code',
    summary: 'Trade a login link for a session cookie and go to the web UI',
    access: 'public',
    params: z.object({ code: z.string().max(128) }),
    reply: 'text',
    errors: ['unauthenticated', 'too_many_requests'],
  }),
  logout: route({
    method: 'POST',
    path: '/v1/logout',
    summary: 'End the session of the cookie',
    access: 'public',
    reply: done,
  }),
  listAudit: route({
    method: 'GET',
    path: '/v1/audit',
    summary: 'Read the audit trail, newest first',
    access: may('read', 'audit'),
    query: page.extend({ resource: z.string().max(64).optional(), resource_id: z.string().max(256).optional() }),
    reply: listOf(AuditEntry),
  }),
  verifyAudit: route({
    method: 'POST',
    path: '/v1/audit/verify',
    summary: 'Walk the hash chain of the audit trail and say whether it is whole and what its checkpoints have signed',
    access: may('read', 'audit'),
    reply: z.object({
      ok: z.boolean(),
      rows: z.number().int().optional(),
      head: z.string().optional(),
      /** The first row that is missing or changed; absent where the checkpoints were changed. */
      seq: z.number().int().optional(),
      reason: z.string().optional(),
      /**
       * Signed records of the chain outside of the database. `copied`: those that S3 has too; `others`: copies there that other keys have
       * signed and the file lacks, of other servers on the same tables or of files that are gone, the newest of each key.
       */
      checkpoints: z.object({
        count: z.number().int(),
        newest: time.nullable(),
        copied: z.number().int(),
        others: z.number().int(),
      }),
      /** The chain became that of an older backup; `forgone`: rows that had been signed by then and are not part of it. */
      restored: z.array(z.object({ at: time, rows: z.number().int(), forgone: z.number().int(), note: z.string() })),
    }),
  }),
  checkpointAudit: route({
    method: 'POST',
    path: '/v1/audit/checkpoints',
    summary: 'Sign how far the audit trail goes now, or say that the database was restored to an older state',
    access: may('manage', 'audit'),
    body: z.strictObject({ note: z.string().min(1).max(500).optional(), restored: z.boolean().optional() }),
    reply: z.object({ line: z.string() }),
  }),
}
