/** A call becomes spans: one for the call, below it one for each upstream call, in the words of OpenTelemetry's conventions for generative AI. */
import { createHash } from 'node:crypto'
import type { Dialect, ProviderKind } from '../../gateway/table/llm.ts'
import type { AttemptRecord, LlmCallRecord, Outcome } from '../../gateway/llm/records/record.ts'
import { KEYS } from '../../traces/spans/conventions.ts'
import { DEEPEST_VALUE } from '../../traces/spans/span.ts'
import type { SpanData, SpanEvent, SpanLink } from '../../traces/spans/span.ts'
import type { Value, ValueMap } from '../../traces/spans/values.ts'
import { nestsDeeper } from './nesting.ts'

/** Operation by OpenTelemetry, and type of the span by MLflow. */
const OPERATIONS: Readonly<Record<Dialect, readonly [operation: string, type: string]>> = {
  chat: ['chat', 'CHAT_MODEL'],
  completions: ['text_completion', 'LLM'],
  responses: ['chat', 'CHAT_MODEL'],
  embeddings: ['embeddings', 'EMBEDDING'],
  messages: ['chat', 'CHAT_MODEL'],
  count_tokens: ['chat', 'LLM'],
  generate: ['generate_content', 'CHAT_MODEL'],
  converse: ['chat', 'CHAT_MODEL'],
}

/** Names of providers in `gen_ai.provider.name`, and in `gen_ai.system` before it. */
const PROVIDERS: Readonly<Record<ProviderKind, readonly [name: string, earlier: string]>> = {
  openai: ['openai', 'openai'],
  anthropic: ['anthropic', 'anthropic'],
  azure: ['azure.ai.openai', 'az.ai.openai'],
  gemini: ['gcp.gemini', 'gemini'],
  bedrock: ['aws.bedrock', 'aws.bedrock'],
}

/** OTLP's numbers. */
const CLIENT = 3
const OK = 1
const ERROR = 2
const UNSET = 0

const STATUS: Readonly<Record<Outcome, number>> = {
  ok: OK,
  refused: ERROR,
  failed: ERROR,
  // the caller's own doing
  aborted: UNSET,
  cut: ERROR,
  lost: ERROR,
}

const SERVICE: ValueMap = new Map([['service.name', 'slipway-gateway']])

/** The spans of a call: the same call gives the same ids. Where no content is kept they have the digests alone. */
export function spansOf(call: LlmCallRecord): SpanData[] {
  const trace_id = hex(call.id, 'trace', 32)
  const span_id = hex(call.id, 'call', 16)
  const start = BigInt(call.started) * 1_000_000n
  const of = { events: [], scope: 'slipway.gateway', resource: SERVICE }
  const root: SpanData = {
    ...of,
    events: findingsOf(call),
    trace_id,
    span_id,
    parent_id: null,
    name: `${OPERATIONS[call.dialect][0]} ${call.endpoint}`,
    kind: CLIENT,
    start,
    end: start + nanos(call.us),
    status: { code: STATUS[call.outcome], message: call.error ?? '' },
    attributes: attributesOf(call),
    links: linksOf(call.traceparent),
  }
  // records have no beginnings of attempts: each is drawn behind the one before it
  let at = start + nanos(call.own_us)
  const attempts = call.attempts.map((attempt, index): SpanData => {
    const from = at
    at += nanos(attempt.us)
    return {
      ...of,
      trace_id,
      span_id: hex(call.id, `attempt ${index}`, 16),
      parent_id: span_id,
      name: `attempt ${index + 1} ${attempt.model}`,
      kind: CLIENT,
      start: from,
      end: at,
      status: attemptStatus(attempt),
      attributes: filled([
        [KEYS.type, 'TASK'],
        ['slipway.llm.definition', attempt.model],
        ['http.response.status_code', whole(attempt.status)],
      ]),
      links: [],
    }
  })
  return [root, ...attempts]
}

/** What guardrails found: in the request as the call began, in the answer as it ended. */
function findingsOf({ guards, started, us }: LlmCallRecord): SpanEvent[] {
  const start = BigInt(started) * 1_000_000n
  return guards.map(({ name, on, action, found, detail }) => ({
    name: 'slipway.guardrail',
    time: on === 'request' ? start : start + nanos(us),
    attributes: filled([
      ['slipway.guardrail.name', name],
      ['slipway.guardrail.on', on],
      ['slipway.guardrail.action', action],
      ['slipway.guardrail.found', whole(found)],
      ['slipway.guardrail.detail', detail],
    ]),
  }))
}

function attemptStatus({ status, error }: AttemptRecord): SpanData['status'] {
  const failed = error !== undefined || status === null || status >= 400
  return { code: failed ? ERROR : OK, message: error ?? '' }
}

function attributesOf(call: LlmCallRecord): ValueMap {
  const [operation, type] = OPERATIONS[call.dialect]
  const [provider, system] = call.kind === null ? [undefined, undefined] : PROVIDERS[call.kind]
  return filled([
    [KEYS.type, type],
    ['gen_ai.operation.name', operation],
    ['gen_ai.provider.name', provider],
    ['gen_ai.system', system],
    ['gen_ai.request.model', call.model],
    ['gen_ai.response.model', call.outcome === 'ok' ? call.model : null],
    ['gen_ai.response.finish_reasons', call.finish === null ? null : [call.finish]],
    ['http.response.status_code', whole(call.status)],
    ['error.type', STATUS[call.outcome] === ERROR ? call.outcome : null],
    ['user.id', call.user],
    ...usageOf(call),
    ...moneyOf(call),
    ...contentOf(call),
    ['slipway.llm.call', call.id],
    ['slipway.llm.endpoint', call.endpoint],
    ['slipway.llm.dialect', call.dialect],
    ['slipway.llm.stream', call.stream],
    ['slipway.llm.provider', call.provider],
    ['slipway.llm.key', call.key],
    ['slipway.llm.team', call.team],
    ['slipway.llm.tags', listed(call.tags)],
    ['slipway.llm.outcome', call.outcome],
    ['slipway.llm.first_us', whole(call.first_us)],
    ['slipway.llm.own_us', whole(call.own_us)],
    ['slipway.llm.lost', listed(call.lost)],
    ['slipway.llm.cache', call.cache],
    ['slipway.llm.saved_nanodollars', call.cache === 'hit' ? whole(call.saved) : null],
    ['slipway.llm.guardrails', listed([...new Set(call.guards.map(({ name }) => name))])],
    ['mlflow.traceTag.slipway.llm.call', call.id],
    ['mlflow.traceTag.slipway.llm.endpoint', call.endpoint],
  ])
}

type Pair = readonly [key: string, value: Value | undefined]

function usageOf({ usage }: LlmCallRecord): Pair[] {
  if (usage === null) return []
  return [
    ['gen_ai.usage.input_tokens', whole(usage.input)],
    ['gen_ai.usage.output_tokens', whole(usage.output)],
    ['gen_ai.usage.prompt_tokens', whole(usage.input)],
    ['gen_ai.usage.completion_tokens', whole(usage.output)],
    ['gen_ai.usage.cache_read.input_tokens', whole(usage.cache_read)],
    ['gen_ai.usage.cache_creation.input_tokens', whole(usage.cache_write)],
    ['gen_ai.usage.reasoning.output_tokens', whole(usage.reasoning)],
  ]
}

/** Dollars for MLflow, which knows no smaller unit; nanodollars as they are charged. */
function moneyOf(call: LlmCallRecord): Pair[] {
  const told = call.cost !== null && call.cost_status !== 'none'
  return [
    [KEYS.cost, told ? new Map([['total_cost', (call.cost ?? 0) / 1e9]]) : null],
    ['slipway.llm.cost_nanodollars', whole(call.cost)],
    ['slipway.llm.cost_status', call.cost_status],
    ['slipway.llm.price', call.price],
    ['slipway.llm.reserved_nanodollars', whole(call.reserved)],
    ['slipway.llm.budgets', listed(call.budgets)],
  ]
}

function contentOf({ content, digest }: LlmCallRecord): Pair[] {
  const digests: Pair[] = [
    ['slipway.llm.request_sha256', digest.request],
    ['slipway.llm.answer_sha256', digest.answer],
  ]
  if (content === undefined) return digests
  return [...digests, [KEYS.inputs, kept(content.request)], [KEYS.outputs, kept(content.answer)]]
}

/**
 * Text is kept as what it says where it is JSON, but for the character 0, of which previews and names of models could be made that no
 * database keeps. What nests too deep for a span's value is only named.
 */
function kept(text: string): string {
  if (nestsDeeper(text, DEEPEST_VALUE)) return `(nests deeper than ${DEEPEST_VALUE}; see the call)`
  return text.replaceAll('\\u0000', '\\ufffd')
}

/** W3C: version, trace id, span id, flags. Ids of zeros name nothing. */
function linksOf(traceparent: string | null): SpanLink[] {
  const [, trace_id, span_id] =
    /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-/.exec(traceparent ?? '') ?? []
  if (trace_id === undefined || span_id === undefined) return []
  return [{ trace_id, span_id, attributes: new Map([['slipway.link', 'caller']]) }]
}

function filled(pairs: readonly Pair[]): ValueMap {
  return new Map(
    pairs.flatMap(([key, value]) => (value === undefined || value === null ? [] : [[key, value] as const])),
  )
}

function listed(values: readonly string[]): Value | null {
  return values.length === 0 ? null : values
}

function whole(value: number | null): bigint | null {
  return value === null ? null : BigInt(Math.round(value))
}

function nanos(us: number): bigint {
  return BigInt(Math.round(us)) * 1000n
}

function hex(id: string, part: string, digits: number): string {
  return createHash('sha256').update(`llm ${part} of ${id}`).digest('hex').slice(0, digits)
}
