/** Routes of triggers: parse, check whose project it is, call, reply. */
import { triggersApi } from '../../contract/pipelines/triggers.ts'
import { problem } from '../../contract/errors.ts'
import { mount, type Mounted } from '../../http/mount.ts'
import { pageOf, parseToken } from '../context/pages.ts'
import { makeSecret, pathOf, takeCall } from './calls.ts'
import { listOfTrigger, readTriggers, requireTrigger, type DeliveryRow, type EventRow } from './rows.ts'
import type { Triggers } from './triggers.ts'
import { viewDelivery, viewEvent, viewTrigger } from './view.ts'

/** Bytes of a call: a push of GitHub with many commits fits. */
const MOST_BYTES = 5 * 1024 * 1024

export function triggerRoutes(triggers: Triggers): Mounted[] {
  const { context } = triggers.deps
  const { db, clock } = context.deps
  return [
    mount(triggersApi.listTriggers, async ({ query, who }) => {
      const found = await readTriggers(db, who.project ?? query.project)
      return { items: await Promise.all(found.map((one) => viewTrigger(db, one, clock()))) }
    }),
    mount(triggersApi.getTrigger, async ({ params, who }) =>
      viewTrigger(db, await requireTrigger(db, who, params), clock()),
    ),
    mount(triggersApi.listTriggerEvents, async ({ params, query, who }) => {
      const trigger = await requireTrigger(db, who, params)
      const asked = { before: parseToken(query.page_token), limit: query.limit + 1 }
      const rows = await listOfTrigger<EventRow>(db, 'pipeline_trigger_events', trigger, asked)
      return pageOf(rows, query.limit, viewEvent)
    }),
    mount(triggersApi.listTriggerDeliveries, async ({ params, query, who }) => {
      const trigger = await requireTrigger(db, who, params)
      const asked = { before: parseToken(query.page_token), limit: query.limit + 1 }
      const rows = await listOfTrigger<DeliveryRow>(db, 'pipeline_trigger_deliveries', trigger, asked)
      return pageOf(rows, query.limit, viewDelivery)
    }),
    mount(triggersApi.makeTriggerSecret, async ({ params, who }) => {
      const trigger = await requireTrigger(db, who, params)
      return { path: pathOf(trigger), secret: await makeSecret(context, who, trigger) }
    }),
    mount(triggersApi.callTrigger, async ({ params, headers, body }) => {
      const answer = await takeCall(context, params, { headers, body: await bytesOf(body) })
      triggers.wake()
      return answer
    }),
  ]
}

/** Throws `payload_too_large`. */
async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of body) {
    size += part.length
    if (size > MOST_BYTES) throw problem('payload_too_large', { limit: MOST_BYTES })
    parts.push(part)
  }
  return Buffer.concat(parts)
}
