/** What the pages of triggers read. */
import type { triggersApi } from '../../../src/contract/pipelines/triggers.ts'
import type { Reply } from '../../../src/contract/route.ts'
import { get } from '../get.ts'

export type Trigger = Reply<typeof triggersApi.getTrigger>

interface Named {
  readonly project: string
  readonly name: string
}

export const triggers = get<typeof triggersApi.listTriggers>(['pipelines', 'triggers'], '/v1/triggers')
export const trigger = ({ project, name }: Named) =>
  get<typeof triggersApi.getTrigger>(['pipelines', 'trigger', project, name], '/v1/triggers/:project/:name', {
    params: { project, name },
  })
export const triggerEvents = ({ project, name }: Named) =>
  get<typeof triggersApi.listTriggerEvents>(
    ['pipelines', 'trigger-events', project, name],
    '/v1/triggers/:project/:name/events',
    { params: { project, name }, query: { limit: 50 } },
  )
export const triggerDeliveries = ({ project, name }: Named) =>
  get<typeof triggersApi.listTriggerDeliveries>(
    ['pipelines', 'trigger-deliveries', project, name],
    '/v1/triggers/:project/:name/deliveries',
    { params: { project, name }, query: { limit: 50 } },
  )
