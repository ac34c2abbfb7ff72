/** MLflow's calls about webhooks. */
import { done, pageSize } from '../../mlflow/fields.ts'
import { int, list, need, object, oneOf, text } from '../../mlflow/input.ts'
import { rpc } from '../../mlflow/rpc.ts'
import type { Rpc } from '../../mlflow/rpc.ts'
import { testWebhook } from './deliver.ts'
import { ACTIONS, checkEvent, ENTITIES, STATUSES } from './events.ts'
import type { WebhookEvent } from './events.ts'
import { createWebhook, deleteWebhook, getWebhook, listWebhooks, updateWebhook } from './hooks.ts'
import type { Webhooks } from './room.ts'

/** An address may hold a password of its receiver, so who may not promote does not see it either. */
const MANAGE = { verb: 'promote', resource: 'models' } as const

const eventFields = object({ entity: need(oneOf(ENTITIES)), action: need(oneOf(ACTIONS)) })
const id = () => need(text())

/** MLflow's number of results, and the most. */
const PAGE = 100
const LARGEST_PAGE = 1000

export function webhookCalls(room: Webhooks): Rpc[] {
  return [...reads(room), ...writes(room)]
}

function reads(room: Webhooks): Rpc[] {
  return [
    rpc({
      method: 'GET',
      path: 'webhooks',
      summary: 'List webhooks',
      access: MANAGE,
      fields: { max_results: int(), page_token: text() },
      handle: (given, who) =>
        listWebhooks(room, who, { ...given, max_results: pageSize(given.max_results, PAGE, LARGEST_PAGE) }),
    }),
    rpc({
      method: 'GET',
      path: 'webhooks/:webhook_id',
      summary: 'Get a webhook',
      access: MANAGE,
      fields: { webhook_id: id() },
      handle: async (given, who) => ({ webhook: await getWebhook(room, who, given.webhook_id) }),
    }),
  ]
}

function writes(room: Webhooks): Rpc[] {
  return [
    rpc({
      method: 'POST',
      path: 'webhooks',
      summary: 'Make a webhook',
      access: MANAGE,
      fields: {
        name: need(text()),
        url: need(text()),
        events: need(list(need(eventFields))),
        description: text(),
        secret: text(),
        status: oneOf(STATUSES),
      },
      handle: async (given, who) => {
        const events = given.events.map((event, index) => checkEvent(event, `events[${index}]`))
        const made = { ...given, events, description: given.description || undefined }
        return { webhook: await createWebhook(room, who, { ...made, secret: given.secret || undefined }) }
      },
    }),
    rpc({
      method: 'PATCH',
      path: 'webhooks/:webhook_id',
      summary: 'Change a webhook',
      access: MANAGE,
      fields: {
        webhook_id: id(),
        name: text(),
        url: text(),
        events: list(need(eventFields)),
        description: text(),
        secret: text(),
        status: oneOf(STATUSES),
      },
      handle: async ({ webhook_id, ...given }, who) => {
        const listed: WebhookEvent[] = given.events.map((event, index) => checkEvent(event, `events[${index}]`))
        const events = listed.length === 0 ? undefined : listed
        const change = { ...given, events, secret: given.secret || undefined }
        return { webhook: await updateWebhook(room, who, webhook_id, change) }
      },
    }),
    rpc({
      method: 'DELETE',
      path: 'webhooks/:webhook_id',
      summary: 'Delete a webhook with its deliveries',
      access: MANAGE,
      fields: { webhook_id: id() },
      handle: (given, who) => done(deleteWebhook(room, who, given.webhook_id)),
    }),
    rpc({
      method: 'POST',
      path: 'webhooks/:webhook_id/test',
      summary: 'Send an example to a webhook and tell how it was answered',
      access: MANAGE,
      fields: { webhook_id: id(), event: eventFields },
      handle: async ({ webhook_id, event }, who) => {
        const asked = event === undefined ? undefined : checkEvent(event, 'event')
        return { result: await testWebhook(room, who, webhook_id, asked) }
      },
    }),
  ]
}
