/** What an answer says of its use of tokens and of its end, in each dialect. */
import type { Dialect } from '../../table/llm.ts'
import type { Usage } from '../records/record.ts'
import type { Json } from './dialects.ts'
import { isObject } from './fields.ts'

/** Usage in the one form, and as it was told. */
export interface ToldUsage {
  readonly usage: Usage
  readonly raw: unknown
}

/**
 * Usage that a whole answer or one event of a stream tells; undefined where it tells none. Numbers that are negative or not
 * whole are as if absent.
 */
export function usageOf(dialect: Dialect, body: unknown): ToldUsage | undefined {
  if (!isObject(body)) return undefined
  const raw = rawUsage(dialect, body)
  if (!isObject(raw)) return undefined
  const usage = READERS[dialect](raw)
  return usage === undefined ? undefined : { usage, raw }
}

/** Whether a request in OpenAI's words asks for usage at the end of its stream. */
export function wantsUsage(body: Json): boolean {
  const options = body['stream_options']
  return isObject(options) && options['include_usage'] === true
}

/** Where each dialect keeps it; of streams, the event is looked into. */
function rawUsage(dialect: Dialect, body: Json): unknown {
  if (dialect === 'generate') return body['usageMetadata']
  const around = AROUND[dialect]
  return body['usage'] ?? (around === undefined ? undefined : member(body[around], 'usage'))
}

const AROUND: Readonly<Partial<Record<Dialect, string>>> = {
  messages: 'message',
  responses: 'response',
  converse: 'metadata',
}

/** Numbers of an object, 0 for what is no count; `told` is true once one was a count. */
class Counts {
  told = false
  private readonly raw: unknown

  constructor(raw: unknown) {
    this.raw = raw
  }

  of(key: string): number {
    const value = isObject(this.raw) ? this.raw[key] : undefined
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) return 0
    this.told = true
    return value
  }
}

function openAi(raw: Json, input: string, output: string): Usage | undefined {
  const counts = new Counts(raw)
  const cached = new Counts(raw[`${input}_details`])
  const made = new Counts(raw[`${output}_details`])
  const usage = {
    input: counts.of(input),
    output: counts.of(output),
    cache_read: cached.of('cached_tokens'),
    cache_write: cached.of('cache_write_tokens'),
    reasoning: made.of('reasoning_tokens'),
  }
  return counts.told ? usage : undefined
}

/** Anthropic and Bedrock count what the cache had apart from the input. An event that leaves the input out says nothing of it. */
function apart(counts: Counts, keys: readonly [string, string, string, string], reasoning: number): Usage | undefined {
  const [inputKey, outputKey, readKey, writeKey] = keys
  const fresh = counts.of(inputKey)
  const hasInput = counts.told
  const output = counts.of(outputKey)
  if (!counts.told) return undefined
  const read = hasInput ? counts.of(readKey) : 0
  const written = hasInput ? counts.of(writeKey) : 0
  return { input: fresh + read + written, output, cache_read: read, cache_write: written, reasoning }
}

function anthropic(raw: Json): Usage | undefined {
  const thought = new Counts(raw['output_tokens_details']).of('thinking_tokens')
  const keys = ['input_tokens', 'output_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'] as const
  return apart(new Counts(raw), keys, thought)
}

function gemini(raw: Json): Usage | undefined {
  const counts = new Counts(raw)
  const thoughts = counts.of('thoughtsTokenCount')
  const usage = {
    input: counts.of('promptTokenCount') + counts.of('toolUsePromptTokenCount'),
    output: counts.of('candidatesTokenCount') + thoughts,
    cache_read: counts.of('cachedContentTokenCount'),
    cache_write: 0,
    reasoning: thoughts,
  }
  return counts.told ? usage : undefined
}

function bedrock(raw: Json): Usage | undefined {
  const keys = ['inputTokens', 'outputTokens', 'cacheReadInputTokens', 'cacheWriteInputTokens'] as const
  return apart(new Counts(raw), keys, 0)
}

const READERS: Readonly<Record<Dialect, (raw: Json) => Usage | undefined>> = {
  chat: (raw) => openAi(raw, 'prompt_tokens', 'completion_tokens'),
  completions: (raw) => openAi(raw, 'prompt_tokens', 'completion_tokens'),
  embeddings: (raw) => openAi(raw, 'prompt_tokens', 'completion_tokens'),
  responses: (raw) => openAi(raw, 'input_tokens', 'output_tokens'),
  messages: anthropic,
  // A count of tokens uses none.
  count_tokens: () => undefined,
  generate: gemini,
  converse: bedrock,
}

/**
 * Usage after a later event of the same stream: what the later tells replaces what was known and is never added, for events tell
 * all so far. A side that the later event leaves at 0 stays.
 */
export function mergeUsage(earlier: Usage, later: Usage): Usage {
  const input = later.input > 0 ? later : earlier
  const output = later.output > 0 ? later : earlier
  return {
    input: input.input,
    cache_read: input.cache_read,
    cache_write: input.cache_write,
    output: output.output,
    reasoning: output.reasoning,
  }
}

/** Why an answer ended, as the provider words it, of a whole answer or an event; null where it does not say. */
export function finishOf(dialect: Dialect, body: unknown): string | null {
  const word = isObject(body) ? wordOf(dialect, body) : undefined
  return typeof word === 'string' ? word : null
}

function wordOf(dialect: Dialect, body: Json): unknown {
  if (dialect === 'chat' || dialect === 'completions') return member(firstOf(body['choices']), 'finish_reason')
  if (dialect === 'messages') return body['stop_reason'] ?? member(body['delta'], 'stop_reason')
  if (dialect === 'converse') return body['stopReason'] ?? member(body['messageStop'], 'stopReason')
  if (dialect === 'generate')
    return member(firstOf(body['candidates']), 'finishReason') ?? member(body['promptFeedback'], 'blockReason')
  if (dialect !== 'responses') return undefined
  const response = isObject(body['response']) ? body['response'] : body
  const status = response['status']
  // Until it has ended, a status is no reason.
  if (status === 'in_progress' || status === 'queued' || response['output'] === undefined) return undefined
  return member(response['incomplete_details'], 'reason') ?? status
}

function member(value: unknown, key: string): unknown {
  return isObject(value) ? value[key] : undefined
}

function firstOf(list: unknown): unknown {
  return Array.isArray(list) ? list[0] : undefined
}
