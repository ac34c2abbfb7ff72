/** Routes of webhooks besides MLflow's own: the log of deliveries, and sending one again. */
import { z } from 'zod'
import { may } from './access.ts'
import { byId, id, listOf, page, time } from './fields.ts'
import { route } from './route.ts'

const MANAGE = may('promote', 'models')

/** One sending of a delivery. */
export const WebhookAttempt = z.object({
  number: z.number().int(),
  at: time,
  ms: z.number().int().describe('how long it took'),
  status: z.number().int().nullable().describe('HTTP status of the answer; null without an answer'),
  error: z.string().nullable(),
  reply: z.string().nullable().describe('the first 2000 characters of the answer'),
})

/** What a webhook was or is to be told, in its outbox since the change that it tells. */
export const WebhookDelivery = z.object({
  id: id.describe('sent as X-MLflow-Delivery-Id, the same at every attempt'),
  webhook_id: id,
  entity: z.string(),
  action: z.string(),
  at: time,
  state: z.enum(['waiting', 'delivered', 'dead']),
  attempts: z.number().int(),
  next_at: time.nullable().describe('when it is tried next'),
  ended_at: time.nullable(),
  last_status: z.number().int().nullable(),
  last_error: z.string().nullable(),
})
export type WebhookDelivery = z.output<typeof WebhookDelivery>

export const webhooksApi = {
  listWebhookDeliveries: route({
    method: 'GET',
    path: '/v1/webhooks/:id/deliveries',
    summary: 'What a webhook was told, newest first; `state=dead` shows what was given up',
    access: MANAGE,
    params: byId,
    query: page.extend({ state: z.enum(['waiting', 'delivered', 'dead']).optional() }),
    reply: listOf(WebhookDelivery),
    errors: ['not_found'],
  }),
  getWebhookDelivery: route({
    method: 'GET',
    path: '/v1/webhooks/:id/deliveries/:delivery',
    summary: 'A delivery with its body and every attempt',
    access: MANAGE,
    params: z.object({ id, delivery: id }),
    reply: WebhookDelivery.extend({ body: z.string(), log: z.array(WebhookAttempt) }),
    errors: ['not_found'],
  }),
  retryWebhookDelivery: route({
    method: 'POST',
    path: '/v1/webhooks/:id/deliveries/:delivery/retry',
    summary: 'Send a delivery again, also one that arrived, under the same id',
    access: MANAGE,
    params: z.object({ id, delivery: id }),
    reply: WebhookDelivery,
    errors: ['not_found', 'conflict'],
  }),
}
