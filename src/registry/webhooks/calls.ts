/** MLflow's calls about webhooks. */
import { done, pageSize } from '../../mlflow/fields.ts'
import { int, list, need, object, oneOf, text } from '../../mlflow/input.ts'
import { callsOf } from '../../mlflow/rpc.ts'
import type { Rpc } from '../../mlflow/rpc.ts'
import { testWebhook } from './deliver.ts'
import { ACTIONS, checkEvent, ENTITIES, STATUSES } from './events.ts'
import type { WebhookEvent } from './events.ts'
import { createWebhook, deleteWebhook, getWebhook, listWebhooks, updateWebhook } from './hooks.ts'
import type { Webhooks } from './room.ts'

/** An address may hold a password of its receiver, so who may not promote does not see it either. */
const { promote } = callsOf('models')

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
    promote.get('webhooks', 'List webhooks', {
      fields: { max_results: int(), page_token: text() },
      handle: (given, who) =>
        listWebhooks(room, who, { ...given, max_results: pageSize(given.max_results, PAGE, LARGEST_PAGE) }),
    }),
    promote.get('webhooks/:webhook_id', 'Get a webhook', {
      fields: { webhook_id: id() },
      handle: async (given, who) => ({ webhook: await getWebhook(room, who, given.webhook_id) }),
    }),
  ]
}

function writes(room: Webhooks): Rpc[] {
  return [
    promote.post('webhooks', 'Make a webhook', {
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
    promote.patch('webhooks/:webhook_id', 'Change a webhook', {
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
    promote.delete('webhooks/:webhook_id', 'Delete a webhook with its deliveries', {
      fields: { webhook_id: id() },
      handle: (given, who) => done(deleteWebhook(room, who, given.webhook_id)),
    }),
    promote.post('webhooks/:webhook_id/test', 'Send an example to a webhook and tell how it was answered', {
      fields: { webhook_id: id(), event: eventFields },
      handle: async ({ webhook_id, event }, who) => {
        const asked = event === undefined ? undefined : checkEvent(event, 'event')
        return { result: await testWebhook(room, who, webhook_id, asked) }
      },
    }),
  ]
}
