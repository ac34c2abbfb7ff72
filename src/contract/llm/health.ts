/** Route of the health of providers of language models: what came of what was sent to them, over time. */
import { z } from 'zod'
import { may } from '../access.ts'
import { name, time } from '../fields.ts'
import { route } from '../route.ts'

/** ok: it answers. failing: half of what was sent to it lately failed. idle: nothing was sent to it lately. */
const HealthState = z.enum(['ok', 'failing', 'idle'])

/** Ways in which a provider fails. What it refuses for the caller's own fault, as HTTP 400, is none of them. */
const FAILURES = ['rate_limited', 'server_error', 'no_answer', 'cut', 'denied'] as const

const n = z.number().int()
const us = z.number().nullable().describe('µs; null = nothing was measured')

const Figures = z.object({
  calls: n.describe('tries that were sent: one call of a client may be sent several times'),
  failures: z.object({
    rate_limited: n.describe('HTTP 429'),
    server_error: n.describe('HTTP 408, and 500 and above'),
    no_answer: n.describe('no connection, or nothing in time'),
    cut: n.describe('an answer that broke off'),
    denied: n.describe('HTTP 401 or 403: what the gateway authenticates with is refused'),
  }),
  first_us: z
    .object({ p50: us, p95: us })
    .describe('from the try to the first byte of the answer, waits between tries included'),
})

const over = {
  state: HealthState,
  total: Figures,
  buckets: z.array(Figures.extend({ at: time })).describe('in order; those in which nothing was sent are left out'),
}

const ProviderHealth = z.object({
  id: z.string().nullable().describe('null = it was removed'),
  name: z.string(),
  project: z.string(),
  ...over,
  last_failure: z
    .object({
      at: time,
      kind: z.enum(FAILURES),
      status: n.nullable().describe('null = no answer'),
      words: z.string().nullable().describe('null = none beside the status'),
      model: z.string().nullable(),
      call: z.string().describe('the call of a client that it happened to'),
    })
    .nullable(),
  models: z.array(z.object({ model: z.string(), ...over })).describe('those that most was sent to'),
  more_models: n.describe('models that are not listed, for they are too many; they are in `total`'),
})

export const LlmHealth = z.object({
  since: time,
  until: time,
  step_ms: n,
  providers: z
    .array(ProviderHealth)
    .describe('those that are set up, and those that were removed meanwhile; by project and name'),
  unknown: n.describe('tries of models that are set up no longer, where nothing says whose they were'),
  read: n.describe('calls of clients that this is made of'),
  cut_parts: z
    .array(time)
    .describe('beginnings of parts that have more calls than are read: their figures are those of their newest calls'),
})
export type LlmHealth = z.output<typeof LlmHealth>

export const llmHealthApi = {
  llmProvidersHealth: route({
    method: 'GET',
    path: '/v1/llm/providers/health',
    summary: 'How providers of language models answered, by provider, model and time',
    access: may('read', 'cost'),
    query: z.object({
      project: name.optional(),
      hours: z.coerce.number().int().min(1).max(168).default(24).describe('how far back'),
      buckets: z.coerce.number().int().min(1).max(96).default(48).describe('parts of that time'),
    }),
    reply: LlmHealth,
  }),
}
