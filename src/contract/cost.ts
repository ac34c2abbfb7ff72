/** Routes of cost: what runs, endpoints, projects and days cost, and the rate card that prices them. */
import { z } from 'zod'
import { may } from './access.ts'
import { allOf, microDollars, time } from './fields.ts'
import { route } from './route.ts'

/** What is metered. cpu: a vCPU for an hour; memory: a GiB for an hour; storage: a GiB for a month of 30 days. */
export const RESOURCES_PRICED = ['cpu', 'memory', 'storage'] as const
export const PricedResource = z.enum(RESOURCES_PRICED)
export type PricedResource = z.output<typeof PricedResource>

/** The unit that one price of the rate card is for. */
export const PRICE_UNITS = {
  cpu: 'vCPU hour',
  memory: 'GiB hour',
  storage: 'GiB month of 30 days',
} as const satisfies Record<PricedResource, string>

/** A price: it holds from its time until the next row of the same resource. */
export const Rate = z.object({
  resource: PricedResource,
  unit: z.string().describe('what the price is for: vCPU hour, GiB hour or GiB month of 30 days'),
  micro_dollars: microDollars.min(0).describe('price of one unit'),
  from: time,
  note: z.string(),
})
export type Rate = z.output<typeof Rate>

/** What one run, endpoint, project or day cost; the key of an endpoint of language models is `PROJECT/NAME`. An empty `key` holds what belongs to none, so the total never depends on `by`. */
export const CostItem = z.object({
  key: z.string(),
  label: z.string(),
  micro_dollars: microDollars,
  cpu_seconds: z.number(),
  memory_gib_seconds: z.number(),
  storage_gib_months: z.number(),
  predictions: z.number().int(),
  micro_dollars_per_1k: z
    .number()
    .nullable()
    .describe('of its serving, for a thousand predictions; null when it answered none'),
  entries: z.number().int(),
  unmeasured: z
    .number()
    .int()
    .describe('entries that used more than could be measured: attempts whose process and machine were lost'),
  llm_calls: z.number().int().describe('calls of language models'),
  unpriced_calls: z.number().int().describe('those of them whose price is not known: they are in no amount'),
  input_tokens: z.number().int(),
  output_tokens: z.number().int(),
  micro_dollars_per_1m_tokens: z
    .number()
    .nullable()
    .describe('of its calls with a known price, for a million tokens, input and output; null when there were none'),
})
export type CostItem = z.output<typeof CostItem>

export const CostBy = z.enum(['run', 'endpoint', 'project', 'day'])
export type CostBy = z.output<typeof CostBy>

export const CostReport = z.object({ items: z.array(CostItem), total_micro_dollars: microDollars })
export type CostReport = z.output<typeof CostReport>

const READ = may('read', 'cost')

export const costApi = {
  report: route({
    method: 'GET',
    path: '/v1/cost',
    summary: 'Costs by run, endpoint, project or day (UTC), dearest first; days in order',
    access: READ,
    query: z.object({
      by: CostBy.default('day'),
      from: time.optional().describe('entries that begin at or after this time'),
      to: time.optional().describe('entries that begin before this time'),
    }),
    reply: CostReport,
    errors: ['invalid_field'],
  }),
  rates: route({
    method: 'GET',
    path: '/v1/cost/rates',
    summary: 'The rate card, newest price first',
    access: READ,
    reply: allOf(Rate),
  }),
  setRates: route({
    method: 'PUT',
    path: '/v1/cost/rates',
    summary: 'Add prices that hold from a time on; entries keep the price they were written with',
    access: may('manage', 'cost'),
    body: z.strictObject({
      rates: z
        .array(
          z.strictObject({
            resource: PricedResource,
            micro_dollars: microDollars.min(0).max(1_000_000_000_000),
            from: time.optional().describe('default: now'),
            note: z.string().max(500).default(''),
          }),
        )
        .min(1)
        .max(100),
    }),
    reply: allOf(Rate),
    errors: ['invalid_field', 'conflict'],
  }),
}
