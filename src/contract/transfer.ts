/** Routes by which a server's experiments, runs, traces and models are read whole and written into another server. Admins only. */
import { z } from 'zod'
import { may } from './access.ts'
import { allOf, byId, id, time } from './fields.ts'
import { route } from './route.ts'

const MANAGE = may('manage', 'server')

/** A row of a table by its columns. ±Infinity travels as text. */
export const TransferRow = z.record(z.string(), z.union([z.string(), z.number(), z.null()]))

/** What is exported: one of these, or all. */
const scope = {
  project: z.string().min(1).max(128).optional(),
  experiment: id.optional(),
  run: id.optional(),
  model: z.string().min(1).max(256).optional(),
}

export const Import = z.object({
  id,
  /** mlflow | wandb | bundle */
  kind: z.string(),
  place: z.string(),
  state: z.enum(['running', 'done']),
  /** Rows written or brought up to date, and rows that were there already. */
  added: z.number().int(),
  same: z.number().int(),
  started_at: time,
  finished_at: time.nullable(),
  started_by: z.string(),
})

const Written = z.object({
  added: z.number().int(),
  same: z.number().int(),
  changed: z.number().int().describe('rows that were brought up to date'),
  kept: z.array(z.string()).describe('rows that differ and stay as they are here, in words'),
})
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'sha256: and 64 small hex digits')

/** Largest body of rows, bytes. */
export const ROWS_LIMIT = 64 * 1024 * 1024

export const transferApi = {
  tables: route({
    method: 'GET',
    path: '/v1/transfer/tables',
    summary: 'Names of the tables that move, those that others refer to first',
    access: MANAGE,
    reply: z.object({ tables: z.array(z.string()) }),
  }),
  read: route({
    method: 'GET',
    path: '/v1/transfer/tables/:table',
    summary: 'Rows of a table in the order of its key, and the blobs that they name',
    access: MANAGE,
    params: z.object({ table: z.string() }),
    query: z.object({
      ...scope,
      after: z.string().max(65_536).optional(),
      limit: z.coerce.number().int().min(1).max(2000).default(500),
    }),
    reply: z.object({
      rows: z.array(TransferRow),
      blobs: z.array(z.object({ digest, size: z.number().int() })),
      after: z.string().optional(),
    }),
    errors: ['not_found', 'invalid_field', 'forbidden'],
  }),
  write: route({
    method: 'POST',
    path: '/v1/transfer/tables/:table',
    summary:
      'Write rows as they are; one that is there with other content is refused, or follows the import that brought it',
    access: MANAGE,
    params: z.object({ table: z.string() }),
    body: z.strictObject({
      /** Needed but for a dry run. */
      import_id: id.optional(),
      rows: z.array(TransferRow).min(1).max(2000),
      /** Checks and counts, and writes nothing. */
      dry_run: z.boolean().default(false),
      /** Brings up to date what the import of this id brought before; needs the id. */
      follow: z.boolean().default(false),
    }),
    reply: Written,
    limit: ROWS_LIMIT,
    errors: ['not_found', 'invalid_field', 'conflict', 'unprocessable', 'forbidden', 'payload_too_large'],
  }),
  missing: route({
    method: 'POST',
    path: '/v1/transfer/missing',
    summary: 'Which of these blobs are not here',
    access: MANAGE,
    body: z.strictObject({ digests: z.array(digest).max(1000) }),
    reply: z.object({ missing: z.array(digest) }),
    errors: ['forbidden'],
  }),
  getBlob: route({
    method: 'GET',
    path: '/v1/transfer/blobs/:digest',
    summary: 'The bytes of a blob',
    access: MANAGE,
    params: z.object({ digest }),
    reply: 'stream',
    errors: ['not_found', 'forbidden'],
  }),
  putBlob: route({
    method: 'PUT',
    path: '/v1/transfer/blobs',
    summary: 'Store bytes; where a digest is named, bytes of another are refused',
    access: MANAGE,
    query: z.object({ digest: digest.optional() }),
    body: 'stream',
    reply: z.object({ digest, size: z.number().int() }),
    errors: ['unprocessable', 'forbidden', 'storage_full'],
  }),
  begin: route({
    method: 'POST',
    path: '/v1/imports',
    summary: 'Begin an import, or go on with the one of the same source; tells the parts that are here',
    access: MANAGE,
    body: z.strictObject({ kind: z.enum(['mlflow', 'wandb', 'bundle']), place: z.string().min(1).max(2000) }),
    reply: z.object({ import: Import, parts: z.array(z.string()) }),
    errors: ['forbidden'],
  }),
  parts: route({
    method: 'POST',
    path: '/v1/imports/:id/parts',
    summary: 'Note that parts of an import are wholly here, or that all of it is',
    access: MANAGE,
    params: byId,
    body: z.strictObject({ parts: z.array(z.string().min(1).max(512)).max(1000), done: z.boolean().default(false) }),
    reply: Import,
    errors: ['not_found', 'forbidden'],
  }),
  list: route({
    method: 'GET',
    path: '/v1/imports',
    summary: 'List the imports, the newest first',
    access: MANAGE,
    reply: allOf(Import),
    errors: ['forbidden'],
  }),
}
