/** All routes of webhooks: MLflow's protocol and the log of deliveries. */
import { webhooksApi } from '../../contract/webhooks.ts'
import { mount } from '../../http/mount.ts'
import type { Mounted } from '../../http/mount.ts'
import { rpcRoutes } from '../../mlflow/rpc.ts'
import { webhookCalls } from './calls.ts'
import { getDelivery, listDeliveries, retryDelivery } from './log.ts'
import type { Webhooks } from './room.ts'

export function webhookRoutes(room: Webhooks): Mounted[] {
  return [
    ...rpcRoutes(webhookCalls(room)),
    mount(webhooksApi.listWebhookDeliveries, ({ who, params, query }) => listDeliveries(room, who, params.id, query)),
    mount(webhooksApi.getWebhookDelivery, ({ who, params }) => getDelivery(room, who, params)),
    mount(webhooksApi.retryWebhookDelivery, ({ who, params }) => retryDelivery(room, who, params)),
  ]
}
