/** The route of the playground: one conversation sent to an endpoint of language models, its answer as a stream of events. */
import { z } from 'zod'
import { may } from '../access.ts'
import { name } from '../fields.ts'
import { route } from '../route.ts'

export const PlaygroundCall = z.strictObject({
  endpoint: z.string().min(1).max(255),
  project: name.optional().describe('of the endpoint, where several projects have one of that name'),
  messages: z
    .array(
      z.strictObject({
        role: z.enum(['system', 'user', 'assistant']),
        content: z.string().max(500_000),
      }),
    )
    .min(1)
    .max(200),
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().min(0).max(1).optional(),
  max_tokens: z.number().int().min(1).max(10_000_000).optional(),
})
export type PlaygroundCall = z.input<typeof PlaygroundCall>

/**
 * What refused a call. `budget`: no room in a budget. `limit`: too many calls or tokens, here or at the provider. `guardrail`: what was asked or
 * answered is not let through. `provider`: it failed, did not answer, or broke off. `request`: what was sent cannot be answered.
 */
export const PLAYGROUND_REFUSALS = ['budget', 'limit', 'guardrail', 'provider', 'request'] as const

/** Data of the event `begin`, the first one of an answer: who answers, and how. */
const PlaygroundBegin = z.object({
  call: z.string().nullable().describe('id of the call'),
  model: z.string().nullable().describe('PROVIDER/MODEL that answers'),
  cache: z.string().nullable().describe('hit, miss or bypass; null = the endpoint has no cache'),
  lost: z.array(z.string()).describe('fields that a translation dropped or approximated, as JSON paths'),
})
export type PlaygroundBegin = z.output<typeof PlaygroundBegin>

/** Data of the event `text`: the next piece of the answer. */
const PlaygroundText = z.object({ text: z.string() })

/** Data of the event `end`, the last one: what became of the call. A stream without it broke off. */
const PlaygroundEnd = z.object({
  call: z.string().nullable(),
  model: z.string().nullable(),
  refusal: z
    .object({
      kind: z.enum(PLAYGROUND_REFUSALS),
      status: z.number().int().describe('HTTP status of the gateway; 200 where the answer had begun'),
      code: z.string(),
      message: z.string(),
    })
    .nullable()
    .describe('null = answered whole'),
  finish: z.string().nullable().describe('why the answer ended, as `finish_reason`'),
  first_ms: z.number().nullable().describe('from the call to the first piece of text, as this server saw it'),
  ms: z.number(),
  tokens: z.object({ input: z.number().int(), output: z.number().int() }).nullable(),
  cost_status: z.string().nullable().describe('as in the record of the call; null = the record is not there'),
  cost_nanodollars: z.number().int().nullable().describe('null = not known'),
  cache: z.string().nullable(),
  lost: z.array(z.string()),
})
export type PlaygroundEnd = z.output<typeof PlaygroundEnd>

/** The events of an answer, by their names. */
export const PlaygroundEvent = z.discriminatedUnion('event', [
  z.object({ event: z.literal('begin'), data: PlaygroundBegin }),
  z.object({ event: z.literal('text'), data: PlaygroundText }),
  z.object({ event: z.literal('end'), data: PlaygroundEnd }),
])
export type PlaygroundEvent = z.output<typeof PlaygroundEvent>

export const llmPlaygroundApi = {
  askPlayground: route({
    method: 'POST',
    path: '/v1/llm/playground',
    summary:
      'Send a conversation to an endpoint through the gateway, in the name of the caller; its answer comes as events `begin`, `text` and `end`',
    access: may('predict', 'endpoints'),
    body: PlaygroundCall,
    reply: 'events',
    errors: ['invalid_field', 'not_found', 'unprocessable', 'unavailable'],
  }),
}
