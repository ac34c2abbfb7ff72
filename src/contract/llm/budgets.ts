/** Routes of budgets of language models: how much of whom in which time, and what happens then. */
import { z } from 'zod'
import { may } from '../access.ts'
import { allOf, byId, done, id, name, time } from '../fields.ts'
import { route } from '../route.ts'
import { dollars, dollarsOut } from './dollars.ts'

const Scope = z.enum(['key', 'user', 'team', 'project', 'tag'])
const Window = z.enum(['day', 'week', 'month', 'total']).describe('of the calendar, in UTC; a week begins on Monday')

const alert_at = z
  .array(z.number().gt(0).max(1))
  .max(10)
  .describe('parts of the limit at which somebody is told, each above 0 and at most 1')

export const LlmBudget = z.object({
  id,
  project: z.string(),
  scope: Scope,
  of: z.string().describe('the id of a key, a user, a team, the project or a tag'),
  window: Window,
  limit: dollarsOut,
  hard: z.boolean().describe('true = a call that could pass the limit is refused; false = it is told only'),
  alert_at,
  spent: dollarsOut.nullable().describe('in the present window; null = not known'),
  since: time.nullable().describe('the beginning of that window; null = not known, or of all time'),
  created_at: time,
  created_by: z.string(),
})
export type LlmBudget = z.output<typeof LlmBudget>

const limit = dollars.describe('dollars, a decimal with at most 9 places')

export const NewBudget = z.strictObject({
  project: name.optional().describe('default: the project of the token, else `default`'),
  scope: Scope,
  of: z.string().min(1).max(128).optional().describe('with scope `project` its name, which is the default'),
  window: Window,
  limit,
  hard: z.boolean().default(true),
  alert_at: alert_at.default([0.8]),
})
export type NewBudget = z.output<typeof NewBudget>

export const BudgetChange = z.strictObject({
  limit: limit.optional(),
  hard: z.boolean().optional(),
  alert_at: alert_at.optional(),
})
export type BudgetChange = z.output<typeof BudgetChange>

const MANAGE = may('manage', 'tokens')

export const llmBudgetsApi = {
  createLlmBudget: route({
    method: 'POST',
    path: '/v1/llm/budgets',
    summary: 'Limit what language models may cost',
    access: MANAGE,
    body: NewBudget,
    reply: LlmBudget,
    errors: ['invalid_field', 'not_found'],
  }),
  listLlmBudgets: route({
    method: 'GET',
    path: '/v1/llm/budgets',
    summary: 'List budgets of language models',
    access: may('read', 'cost'),
    query: z.object({ project: name.optional() }),
    reply: allOf(LlmBudget),
  }),
  changeLlmBudget: route({
    method: 'PATCH',
    path: '/v1/llm/budgets/:id',
    summary: 'Change the limit of a budget, or what happens at it',
    access: MANAGE,
    params: byId,
    body: BudgetChange,
    reply: LlmBudget,
    errors: ['invalid_field', 'not_found'],
  }),
  removeLlmBudget: route({
    method: 'DELETE',
    path: '/v1/llm/budgets/:id',
    summary: 'Remove a budget',
    access: MANAGE,
    params: byId,
    reply: done,
    errors: ['not_found'],
  }),
}
