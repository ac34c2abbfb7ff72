/** Recorded health of providers: one well, one that was overloaded and has two models, one failing, one idle, one removed. */
import type { llmHealthApi } from '../../../src/contract/llm/health.ts'
import type { Reply } from '../../../src/contract/route.ts'
import { before } from '../fixture-tracking.ts'

type Health = Reply<typeof llmHealthApi.llmProvidersHealth>
type Provider = Health['providers'][number]
type Figures = Provider['total']
type Failures = Figures['failures']

const DAY_MS = 86_400_000
const STEP_MS = 1_800_000
const STEPS = 48
const NONE: Failures = { rate_limited: 0, server_error: 0, no_answer: 0, cut: 0, denied: 0 }

/** Failures of some parts of the day, by their place. */
type Bad = Readonly<Record<number, Partial<Failures>>>

function figures(calls: number, failures: Partial<Failures>, first: number | null): Figures {
  return {
    calls,
    failures: { ...NONE, ...failures },
    first_us: { p50: first, p95: first === null ? null : first * 2.4 },
  }
}

function over(now: number, state: Provider['state'], a: { calls: number; first: number; bad?: Bad }) {
  const { calls, first, bad = {} } = a
  const since = Date.parse(before(now, DAY_MS))
  const places = Array.from({ length: STEPS }, (_, at) => at).filter((at) => calls > 0 && at !== 30 && at !== 31)
  const buckets = places.map((at) => ({
    at: new Date(since + at * STEP_MS).toISOString(),
    ...figures(calls, bad[at] ?? {}, first),
  }))
  const sum = (kind: keyof Failures): number => Object.values(bad).reduce((all, one) => all + (one[kind] ?? 0), 0)
  const failures = Object.fromEntries(Object.keys(NONE).map((kind) => [kind, sum(kind as keyof Failures)]))
  return { state, total: figures(calls * places.length, failures, calls === 0 ? null : first), buckets }
}

/** Of a server whose programs call; one on which nothing is set up has no providers. */
export function health(now: number, empty: boolean): Health {
  const plain = { project: 'default', last_failure: null, models: [], more_models: 0 }
  const overloaded: Bad = {
    40: { server_error: 40 },
    41: { server_error: 61, rate_limited: 12 },
    42: { server_error: 20 },
    43: { rate_limited: 2 },
  }
  const haiku = over(now, 'ok', { calls: 80, first: 520_000, bad: overloaded })
  const providers: Provider[] = [
    {
      ...plain,
      id: 'prv_anthropic',
      name: 'anthropic',
      ...over(now, 'ok', { calls: 84, first: 540_000, bad: overloaded }),
      last_failure: {
        at: before(now, 2 * 3_600_000),
        kind: 'rate_limited',
        status: 429,
        words: null,
        model: 'claude-haiku-4-5',
        call: 'llm_01k2chat',
      },
      models: [
        { model: 'claude-haiku-4-5', ...haiku },
        { model: 'claude-sonnet-4-5', ...over(now, 'ok', { calls: 4, first: 910_000 }) },
      ],
    },
    {
      ...plain,
      id: null,
      name: 'old-proxy',
      ...over(now, 'failing', { calls: 3, first: 300_000, bad: { 47: { no_answer: 3 } } }),
      last_failure: {
        at: before(now, 120_000),
        kind: 'no_answer',
        status: null,
        words: 'connect ECONNREFUSED 10.0.4.9:8000',
        model: null,
        call: 'llm_01k2failed',
      },
    },
    {
      ...plain,
      id: 'prv_openai',
      name: 'openai',
      ...over(now, 'ok', { calls: 2100, first: 360_000, bad: { 12: { cut: 1 } } }),
      models: [{ model: 'gpt-4.1-mini', ...over(now, 'ok', { calls: 2100, first: 360_000 }) }],
    },
    { ...plain, id: 'prv_watson', name: 'watson', ...over(now, 'idle', { calls: 0, first: 0 }) },
  ]
  return {
    since: before(now, DAY_MS),
    until: before(now, 1),
    step_ms: STEP_MS,
    providers: empty ? [] : providers,
    unknown: empty ? 0 : 14,
    read: empty ? 0 : 20_000,
    cut_parts: [],
  }
}
