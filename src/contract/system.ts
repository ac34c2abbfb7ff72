/** Routes of the server itself: is it alive, what is it, the stream of what changes, and whether what it stores is sound. */
import { z } from 'zod'
import { may } from './access.ts'
import { time } from './fields.ts'
import { route } from './route.ts'

/** What keeps other people's code (steps, models, builds of environments) from what is the server's, and what does not. */
export const Isolation = z.object({
  mode: z.enum(['auto', 'required', 'off']),
  /** What of the system confines it; empty = nothing does. */
  layers: z.array(z.enum(['mount', 'landlock'])),
  /** In words, what it was tried to do at the start of the server and could not. */
  held: z.array(z.string()),
  /** In words, what it can do that it should not. */
  open: z.array(z.string()),
  /** Why, where something is open. */
  detail: z.string(),
})
export type Isolation = z.output<typeof Isolation>

export const systemApi = {
  live: route({
    method: 'GET',
    path: '/v1/health',
    summary: 'Whether the server answers and its store can be written',
    access: 'public',
    reply: z.object({
      ok: z.boolean(),
      writable: z.boolean(),
      /** What of the store is known not to be what was written: the database, and how many files; `GET /v1/storage` says more. */
      corrupt: z.object({ database: z.boolean(), blobs: z.number().int() }),
      room: z
        .enum(['enough', 'low'])
        .describe('low: small writes go on, and large ones are to be expected to fail for want of disk'),
      version: z.string(),
    }),
  }),
  proof: route({
    method: 'GET',
    path: '/v1/proof',
    summary: 'Shows that this is the server of its data folder, to who reads the folder and has not sent a token yet',
    access: 'public',
    query: z.object({
      nonce: z
        .string()
        .regex(/^[\da-f]{32,128}$/)
        .describe('made at random for this question: 32 to 128 hexadecimal digits'),
    }),
    reply: z.object({
      url: z.string().describe('the address of the server, as `server.json` has it'),
      proof: z
        .string()
        .describe(
          'HMAC-SHA256, keyed with `server.key` of the data folder, over "slipway-server", `url` and the nonce, a line each',
        ),
    }),
  }),
  info: route({
    method: 'GET',
    path: '/v1/server',
    summary: 'Version, addresses, database kind and time of the server',
    access: may('read', 'server'),
    reply: z.object({
      version: z.string(),
      url: z.string(),
      gateway_url: z.string(),
      /** host:port of predictions over gRPC; null without. */
      grpc_address: z.string().nullable(),
      database: z.enum(['sqlite', 'postgres']),
      isolation: Isolation,
      started_at: z.string(),
      now: z.string(),
    }),
  }),
  changes: route({
    method: 'GET',
    path: '/v1/changes',
    summary: 'A stream of what changes: one event for each accepted write and each step of the server’s own loops',
    access: may('read', 'server'),
    reply: 'events',
  }),
}

/** Whether the database and the files are what was written. */
export const StorageState = z.object({
  disk: z
    .object({
      free_bytes: z.number().int(),
      least_bytes: z.number().int(),
      low: z.boolean().describe('less is free than `least_bytes`: large writes are to be expected to fail'),
    })
    .describe('of the data folder'),
  database: z.object({
    kind: z.enum(['sqlite', 'postgres']),
    /** unknown: not looked at, or not to the end; `detail` says why. */
    state: z.enum(['sound', 'corrupt', 'unknown']),
    detail: z.string(),
    /** What is to be done about it; null unless it is corrupt. */
    remedy: z.string().nullable(),
    looked_at: time.nullable(),
    /** Whether PostgreSQL keeps checksums of its pages; null = SQLite, which has none. */
    checksums: z.boolean().nullable(),
  }),
  blobs: z.object({
    /** Corrupt and missing blobs, the newest first, 1000 at most; none is named to a caller of one project. */
    corrupt: z.array(
      z.object({
        digest: z.string(),
        size: z.number().int(),
        found_at: time,
        /** look: the nightly look; read: someone who read it. */
        found_by: z.enum(['look', 'read']),
        /** corrupt: its bytes are not those of its digest; missing: a row needs it, and it is not there. */
        fault: z.enum(['corrupt', 'missing']),
      }),
    ),
    /** Corrupt and missing ones. */
    corrupt_count: z.number().int(),
    missing_count: z.number().int(),
    /** When the last comparison of all blobs with the rows that need them ended. */
    compared_at: time.nullable(),
    looked_at: time.nullable(),
    /** The round over all blobs that is under way, or the last one. */
    round: z.object({
      began_at: time.nullable(),
      ended_at: time.nullable(),
      blobs: z.number().int(),
      bytes: z.number().int(),
    }),
  }),
})
export type StorageState = z.output<typeof StorageState>

export const storageApi = {
  state: route({
    method: 'GET',
    path: '/v1/storage',
    summary: 'Whether the database and the files are what was written, and when that was looked at',
    access: may('read', 'server'),
    reply: StorageState,
  }),
  look: route({
    method: 'POST',
    path: '/v1/storage/look',
    summary: 'Look through the database and a portion of the files now, as it is done each night',
    access: may('manage', 'server'),
    reply: StorageState,
  }),
}
