/** Items of steps with `for_each`, which may be very many: they are read a page at a time. */
import { z } from 'zod'
import { may } from '../access.ts'
import { id, listOf, name, page } from '../fields.ts'
import { Step, STEP_STATES } from '../pipelines.ts'
import { route } from '../route.ts'

/** An item of a step: what a step has that runs once, with the value that it is for. */
export const Item = Step.pick({
  name: true,
  state: true,
  skipped: true,
  cache: true,
  outputs: true,
  metrics: true,
  failure: true,
  tracking_run_id: true,
  started_at: true,
  finished_at: true,
  duration_ms: true,
  retry_at: true,
  due_at: true,
  attempts: true,
}).extend({
  /** From 0, in the order of the list. */
  number: z.number().int(),
  item: z.unknown(),
})

export const itemsApi = {
  listStepItems: route({
    method: 'GET',
    path: '/v1/pipeline-runs/:id/steps/:step/items',
    summary: 'List the items of a step with for_each, by number, all or those in a state',
    numerals: true,
    access: may('read', 'pipelines'),
    params: z.object({ id, step: name }),
    query: page.extend({ state: z.enum(STEP_STATES).optional() }),
    reply: listOf(Item),
    errors: ['not_found', 'invalid_field'],
  }),
}
