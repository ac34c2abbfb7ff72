/** Recorded routing, caches and guardrails of endpoints of language models, and what calls say of them. */
import type { llmCallsApi } from '../../../src/contract/llm-calls.ts'
import type { llmProvidersApi } from '../../../src/contract/llm/providers.ts'
import type { Reply } from '../../../src/contract/route.ts'

type Endpoint = Reply<typeof llmProvidersApi.listLlmEndpoints>['items'][number]
type Options = Pick<Endpoint, 'routing' | 'cache' | 'guardrails'>
type Findings = Pick<Reply<typeof llmCallsApi.llmOverview>, 'cache' | 'guards' | 'guardrails' | 'guards_cut'>

/** Of an endpoint of which nothing is set beside its models. */
export const PLAIN: Options = { routing: 'weighted', cache: null, guardrails: [] }

/** Of one that has all of them; the address of the hook is shown as to who may not write endpoints. */
export const OPTIONS: Options = {
  routing: 'latency',
  cache: { ttl_s: 3600, share: 'key' },
  guardrails: [
    { kind: 'pii', name: 'personal data', on: 'both', action: 'redact', find: ['email', 'card'] },
    {
      kind: 'hook',
      name: 'house rules',
      on: 'request',
      action: 'block',
      url: 'https://rules.example.org/***',
      timeout_ms: 2000,
      on_fault: 'block',
    },
  ],
}

/** What caches and guardrails did in the calls of an overview. */
export function findings(empty: boolean): Findings {
  const none = { block: 0, redact: 0, flag: 0, failed: 0 }
  if (empty) return { cache: { hits: 0, misses: 0, saved_usd: 0 }, guards: none, guardrails: [], guards_cut: false }
  return {
    cache: { hits: 21_480, misses: 74_720, saved_usd: 21.53 },
    guards: { ...none, redact: 412, block: 9 },
    guardrails: [
      { name: 'personal data', action: 'redact', calls: 412 },
      { name: 'house rules', action: 'block', calls: 9 },
    ],
    guards_cut: false,
  }
}
