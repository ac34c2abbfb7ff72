/** What an endpoint of language models does beside calling one: how it chooses among its models, what it answers from its cache, what its guardrails look for. */
import { z } from 'zod'

/**
 * How the first of the primary models is chosen for a call. `weighted`: by the shares of their weights. `least_busy`: the one with fewest calls
 * under way for its weight. `latency`: the fastest as measured lately. `cost`: the cheapest at its price. `prefix`: the one that answered a
 * call with the longest common beginning, whose cache of prompts knows it already; else as `least_busy`.
 */
export const LLM_ROUTINGS = ['weighted', 'least_busy', 'latency', 'cost', 'prefix'] as const
export const LlmRouting = z.enum(LLM_ROUTINGS)
export type LlmRouting = z.output<typeof LlmRouting>

/** An exact cache: a call whose body equals an earlier one is given its answer. */
export const LlmCache = z.strictObject({
  ttl_s: z.number().int().min(1).max(2_592_000).describe('how long an answer is given again, seconds'),
  share: z
    .enum(['endpoint', 'key'])
    .default('endpoint')
    .describe('who is given it: all callers of the endpoint, or only the key that asked first'),
})
export type LlmCache = z.output<typeof LlmCache>

/** Personal data that guardrails find. Cards are checked by Luhn's sum, IBANs by ISO 7064 MOD 97-10. */
export const PII_KINDS = ['email', 'phone', 'card', 'iban', 'us_ssn', 'ip'] as const

const common = {
  name: z.string().min(1).max(100).describe('told to callers and in traces'),
  on: z.enum(['request', 'answer', 'both']).default('both').describe('what it looks at'),
  action: z
    .enum(['block', 'redact', 'flag'])
    .describe('block: the call is refused, or its answer ends; redact: what was found is replaced; flag: it is noted'),
}
/** What cannot say which characters it did not like. */
const whole = { ...common, action: z.enum(['block', 'flag']) }

/** One guardrail. `regex`, `pii` and `secrets` also work on streams; on an answer `length` does too; a stream is held back whole for `schema` and `hook`. */
export const LlmGuardrail = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('regex'),
    ...common,
    patterns: z.array(z.string().min(1).max(1000)).min(1).max(50).describe('RE2 expressions'),
  }),
  z.strictObject({
    kind: z.literal('pii'),
    ...common,
    find: z
      .array(z.enum(PII_KINDS))
      .min(1)
      .default([...PII_KINDS]),
  }),
  z.strictObject({ kind: z.literal('secrets'), ...common }),
  z.strictObject({
    kind: z.literal('length'),
    ...whole,
    most: z.number().int().min(1).max(100_000_000).describe('most characters of all texts together'),
  }),
  z.strictObject({
    kind: z.literal('schema'),
    ...whole,
    on: z.literal('answer').default('answer'),
    schema: z.record(z.string(), z.unknown()).describe('JSON Schema 2020-12 that the text of each answer is held to'),
  }),
  z.strictObject({
    kind: z.literal('hook'),
    ...whole,
    url: z
      .url({ protocol: /^https?$/ })
      .max(2048)
      .describe('is posted the texts, and answers {"allow": true} or {"allow": false, "reason": "…"}'),
    timeout_ms: z.number().int().min(1).max(60_000).default(2000),
    on_fault: z.enum(['block', 'pass']).default('block').describe('what happens where it does not answer'),
  }),
])
export type LlmGuardrail = z.output<typeof LlmGuardrail>

/** What is set of an endpoint beside its models; what is absent is as its default says. */
export const LlmOptions = z.strictObject({
  routing: LlmRouting.default('weighted'),
  cache: LlmCache.nullable().default(null).describe('null = no cache'),
  guardrails: z.array(LlmGuardrail).max(50).readonly().default([]).describe('in the order in which they look'),
})
export type LlmOptions = z.output<typeof LlmOptions>
