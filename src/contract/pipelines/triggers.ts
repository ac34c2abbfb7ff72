/** Routes of triggers: what starts a pipeline by itself, what it has noticed, and the addresses that others call. */
import { z } from 'zod'
import { may } from '../access.ts'
import { allOf, id, listOf, name, page, time } from '../fields.ts'
import { route } from '../route.ts'
import { TRIGGER_KINDS } from './triggers-section.ts'

export const TRIGGER_STATES = ['watching', 'waiting', 'held', 'blind'] as const
/** `waiting` has noticed something and waits for its debounce; `held` has started as many runs as it may within an hour; `blind` cannot look. */
export type TriggerState = (typeof TRIGGER_STATES)[number]

export const EVENT_STATES = ['waiting', 'starting', 'started', 'failed'] as const
/** `starting` has the name of its run, which may not be made yet; `failed`: its run could not be made. */
export type EventState = (typeof EVENT_STATES)[number]

export const DELIVERY_OUTCOMES = ['accepted', 'ignored', 'repeated', 'refused'] as const
/** `ignored` was right and is nothing to start a run for; `repeated` had come before. */
export type DeliveryOutcome = (typeof DELIVERY_OUTCOMES)[number]

export const TriggerView = z.object({
  project: z.string(),
  name: z.string(),
  on: z.enum(TRIGGER_KINDS),
  /** What it watches, in one sentence. */
  watches: z.string(),
  state: z.enum(TRIGGER_STATES),
  /** Why it cannot look, in one sentence, and since when; null while it can. */
  trouble: z.string().nullable(),
  trouble_since: time.nullable(),
  /** When it last looked and could; null before, and for those that are called. */
  looked_at: time.nullable(),
  debounce_ms: z.number(),
  at_most: z.number().int(),
  /** Events that wait for their run. */
  pending: z.number().int(),
  /** The newest run that it started. */
  last_run: id.nullable(),
  last_event_at: time.nullable(),
  /** The path that others call; null for those that look by themselves. */
  path: z.string().nullable(),
  /** Whether it has a secret, without which no call is accepted. */
  has_secret: z.boolean(),
})

export const TriggerEvent = z.object({
  id,
  /** What happened, in one sentence. */
  what: z.string(),
  state: z.enum(EVENT_STATES),
  run: id.nullable(),
  message: z.string(),
  at: time,
})

export const TriggerDelivery = z.object({
  id,
  /** The name that the sender gave it; empty where it gave none. */
  delivery: z.string(),
  outcome: z.enum(DELIVERY_OUTCOMES),
  /** Why it was ignored or refused, in one sentence; empty otherwise. */
  reason: z.string(),
  at: time,
})

const read = may('read', 'pipelines')
const one = z.object({ project: name, name })

export const triggersApi = {
  listTriggers: route({
    method: 'GET',
    path: '/v1/triggers',
    summary: 'List the triggers of pipelines, each with what it watches and whether it can look',
    access: read,
    query: z.object({ project: name.optional() }),
    reply: allOf(TriggerView),
  }),
  getTrigger: route({
    method: 'GET',
    path: '/v1/triggers/:project/:name',
    summary: 'Read a trigger',
    access: read,
    params: one,
    reply: TriggerView,
    errors: ['not_found'],
  }),
  listTriggerEvents: route({
    method: 'GET',
    path: '/v1/triggers/:project/:name/events',
    summary: 'List what a trigger has noticed, newest first, each with its run',
    access: read,
    params: one,
    query: page,
    reply: listOf(TriggerEvent),
    errors: ['not_found', 'invalid_field'],
  }),
  listTriggerDeliveries: route({
    method: 'GET',
    path: '/v1/triggers/:project/:name/deliveries',
    summary: 'List the calls of a trigger, newest first; of refused ones the last 100 are kept',
    access: read,
    params: one,
    query: page,
    reply: listOf(TriggerDelivery),
    errors: ['not_found', 'invalid_field'],
  }),
  makeTriggerSecret: route({
    method: 'POST',
    path: '/v1/triggers/:project/:name/secret',
    summary: 'Make the secret of a trigger that others call, in place of the one before; it is told this once',
    access: may('approve', 'pipelines'),
    params: one,
    status: 201,
    reply: z.object({ path: z.string(), secret: z.string() }),
    errors: ['not_found', 'conflict'],
  }),
  callTrigger: route({
    method: 'POST',
    path: '/v1/hooks/:project/:name',
    summary:
      'Call a trigger, signed with its secret: by Standard Webhooks (webhook-id, webhook-timestamp, webhook-signature), or as GitHub or GitLab sign',
    access: 'public',
    params: one,
    body: 'stream',
    limit: 5 * 1024 * 1024,
    status: 202,
    reply: z.object({ outcome: z.enum(DELIVERY_OUTCOMES), reason: z.string() }),
    errors: ['unauthenticated', 'bad_request', 'payload_too_large'],
  }),
}
