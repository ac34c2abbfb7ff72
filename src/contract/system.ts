/** Routes of the server itself: is it alive, what is it, and the stream of what changes. */
import { z } from 'zod'
import { route } from './route.ts'

export const systemApi = {
  live: route({
    method: 'GET',
    path: '/v1/health',
    summary: 'Whether the server answers and its store can be written',
    access: 'public',
    reply: z.object({ ok: z.boolean(), writable: z.boolean(), version: z.string() }),
  }),
  info: route({
    method: 'GET',
    path: '/v1/server',
    summary: 'Version, addresses, database kind and time of the server',
    access: { verb: 'read', resource: 'server' },
    reply: z.object({
      version: z.string(),
      url: z.string(),
      gateway_url: z.string(),
      /** host:port of predictions over gRPC; null without. */
      grpc_address: z.string().nullable(),
      database: z.enum(['sqlite', 'postgres']),
      started_at: z.string(),
      now: z.string(),
    }),
  }),
  changes: route({
    method: 'GET',
    path: '/v1/changes',
    summary: 'A stream of what changes: one event for each accepted write and each step of the server’s own loops',
    access: { verb: 'read', resource: 'server' },
    reply: 'events',
  }),
}
