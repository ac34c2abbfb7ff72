/** One recorded call of a language model, told whole. */
import type { llmCallsApi } from '../../../src/contract/llm-calls.ts'
import type { Reply } from '../../../src/contract/route.ts'
import { before } from '../fixture-tracking.ts'

type Call = Reply<typeof llmCallsApi.getLlmCall>

/** A call of which all is told. */
export function wholeCall(now: number, key: string): Call {
  return {
    id: 'llm_01k2chat',
    project: 'default',
    endpoint: 'chat',
    key,
    user: 'ada@example.org',
    team: 'travel',
    tags: ['production'],
    provider: 'openai',
    model: 'gpt-4.1-mini',
    dialect: 'messages',
    stream: true,
    started: before(now, 42_000),
    us: 2_340_512,
    first_us: 412_080,
    own_us: 310,
    status: 200,
    outcome: 'ok',
    error: null,
    tokens: { input: 1480, output: 190, cache_read: 1024, cache_write: 0, reasoning: 64 },
    cost_status: 'priced',
    cost_nanodollars: 588_800,
    price: 'genai-prices:openai:gpt-4.1-mini:2026-05-01',
    cache: 'miss',
    saved_nanodollars: 0,
    guards: [{ name: 'personal data', on: 'request', action: 'redact', found: 2 }],
    trace: 'tr-1',
    reserved_nanodollars: 6_553_600,
    budgets: ['bud_support', 'bud_project'],
    attempts: [
      { model: 'mdl_haiku', status: 529, us: 180_200, error: 'overloaded_error: Overloaded' },
      { model: 'mdl_mini', status: 200, us: 2_159_900 },
    ],
    raw_usage: {
      prompt_tokens: 1480,
      completion_tokens: 190,
      prompt_tokens_details: { cached_tokens: 1024 },
      completion_tokens_details: { reasoning_tokens: 64 },
    },
    lost: ['$.top_k', '$.messages[2].content[0].cache_control'],
    finish: 'stop',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    digest: { request: 'ab'.repeat(32), answer: 'cd'.repeat(32) },
    content: {
      request: JSON.stringify(
        { model: 'chat', stream: true, messages: [{ role: 'user', content: 'Will UA 221 be late?' }] },
        null,
        2,
      ),
      answer: 'Yes, by 20 minutes: the aircraft comes late from Denver.',
    },
  }
}
