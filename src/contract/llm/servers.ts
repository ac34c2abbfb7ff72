/** Routes of the servers that divide hard budgets of language models on one database. */
import { z } from 'zod'
import { may } from '../access.ts'
import { allOf, byId, done, id, time } from '../fields.ts'
import { route } from '../route.ts'
import { dollarsOut } from './dollars.ts'

export const LlmServer = z.object({
  id,
  name: z.string().describe('host and data folder'),
  seen_at: time,
  live: z.boolean().describe('false = not seen for a minute: what it holds is kept for it, for its gateways may go on'),
  budgets: z.number().int().describe('hard budgets of which it holds a share in their present windows'),
  held: dollarsOut.describe('what it may still spend of them, all together'),
})
export type LlmServer = z.output<typeof LlmServer>

export const llmServersApi = {
  listLlmServers: route({
    method: 'GET',
    path: '/v1/llm/servers',
    summary: 'List the servers that divide hard budgets on this database; none where it has one server alone',
    access: may('manage', 'tokens'),
    reply: allOf(LlmServer),
  }),
  removeLlmServer: route({
    method: 'DELETE',
    path: '/v1/llm/servers/:id',
    summary: 'Take back what a server that is gone, with all its gateways, may still spend of budgets',
    access: may('manage', 'tokens'),
    params: byId,
    reply: done,
    errors: ['not_found', 'conflict'],
  }),
}
