/** Reads what other tracing conventions say about calls of models and says it in MLflow's attributes too. */
import { fromJsonText, mapOf } from './values.ts'
import type { Value, ValueMap } from './values.ts'

export const KEYS = {
  traceId: 'mlflow.traceRequestId',
  type: 'mlflow.spanType',
  inputs: 'mlflow.spanInputs',
  outputs: 'mlflow.spanOutputs',
  usage: 'mlflow.chat.tokenUsage',
  cost: 'mlflow.llm.cost',
  model: 'mlflow.llm.model',
  provider: 'mlflow.llm.provider',
  tools: 'mlflow.chat.tools',
} as const

/** The type of a span that names none. */
export const UNKNOWN_TYPE = 'UNKNOWN'

/** Which attributes of one convention say what; in each list the first that is there counts. A pattern stands for the first key that fits. */
interface Convention {
  readonly kind: string
  readonly kinds: Readonly<Record<string, string>>
  readonly inputTokens?: readonly string[]
  readonly outputTokens?: readonly string[]
  readonly totalTokens?: readonly string[]
  readonly cacheRead?: readonly string[]
  readonly cacheWrite?: readonly string[]
  readonly inputs: readonly (string | RegExp)[]
  readonly outputs: readonly (string | RegExp)[]
  readonly models?: readonly string[]
  readonly providers?: readonly string[]
  readonly tools?: readonly string[]
}

/** OpenInference, OpenTelemetry's GenAI conventions (also their earlier names), Traceloop, Vercel's AI SDK. */
const CONVENTIONS: readonly Convention[] = [
  {
    kind: 'openinference.span.kind',
    kinds: same('TOOL CHAIN LLM RETRIEVER EMBEDDING AGENT RERANKER GUARDRAIL EVALUATOR'),
    inputTokens: ['llm.token_count.prompt'],
    outputTokens: ['llm.token_count.completion'],
    totalTokens: ['llm.token_count.total'],
    cacheRead: ['llm.token_count.prompt_details.cache_read'],
    cacheWrite: ['llm.token_count.prompt_details.cache_write'],
    inputs: ['input.value'],
    outputs: ['output.value'],
    models: ['llm.response.model_name', 'llm.model_name', 'llm.request.model_name', 'embedding.model_name'],
    providers: ['llm.provider'],
  },
  {
    kind: 'gen_ai.operation.name',
    kinds: {
      chat: 'CHAT_MODEL',
      create_agent: 'AGENT',
      invoke_agent: 'AGENT',
      embeddings: 'EMBEDDING',
      execute_tool: 'TOOL',
      generate_content: 'LLM',
      text_completion: 'LLM',
      response: 'LLM',
    },
    inputTokens: ['gen_ai.usage.input_tokens'],
    outputTokens: ['gen_ai.usage.output_tokens'],
    cacheRead: ['gen_ai.usage.cache_read.input_tokens'],
    cacheWrite: ['gen_ai.usage.cache_write.input_tokens', 'gen_ai.usage.cache_creation.input_tokens'],
    inputs: ['gen_ai.input.messages', 'gen_ai.tool.call.arguments'],
    outputs: ['gen_ai.output.messages', 'gen_ai.tool.call.result'],
    models: ['gen_ai.response.model', 'gen_ai.request.model'],
    providers: ['gen_ai.provider.name'],
    tools: ['gen_ai.tool.definitions'],
  },
  {
    kind: 'traceloop.span.kind',
    kinds: { workflow: 'WORKFLOW', task: 'TASK', agent: 'AGENT', tool: 'TOOL' },
    inputTokens: ['gen_ai.usage.prompt_tokens'],
    outputTokens: ['gen_ai.usage.completion_tokens'],
    totalTokens: ['llm.usage.total_tokens'],
    inputs: [
      'traceloop.entity.input',
      /^gen_ai\.prompt\.\d+\.content$/,
      /^gen_ai\.completion\.\d+\.tool_calls\.\d+\.arguments$/,
    ],
    outputs: ['traceloop.entity.output', /^gen_ai\.completion\.\d+\.content$/],
    providers: ['gen_ai.system'],
  },
  {
    kind: 'ai.operationId',
    kinds: {
      'ai.generateText': 'LLM',
      'ai.generateText.doGenerate': 'LLM',
      'ai.streamText': 'LLM',
      'ai.streamText.doStream': 'LLM',
      'ai.generateObject': 'LLM',
      'ai.generateObject.doGenerate': 'LLM',
      'ai.streamObject': 'LLM',
      'ai.streamObject.doStream': 'LLM',
      'ai.toolCall': 'TOOL',
      'ai.embed': 'EMBEDDING',
      'ai.embed.doEmbed': 'EMBEDDING',
      'ai.embedMany': 'EMBEDDING',
      'ai.embedMany.doEmbed': 'EMBEDDING',
    },
    inputTokens: ['ai.usage.promptTokens'],
    outputTokens: ['ai.usage.completionTokens'],
    inputs: ['ai.prompt.messages', 'ai.prompt', 'ai.toolCall.args', 'ai.value', 'ai.values'],
    outputs: ['ai.response.text', 'ai.response.object', 'ai.toolCall.result', 'ai.embedding', 'ai.embeddings'],
    models: ['ai.response.model', 'ai.model.id'],
    providers: ['ai.model.provider'],
  },
]

/**
 * The attributes of a span as they are kept: those that were sent, unpacked where MLflow's exporter had packed them as JSON
 * text, and MLflow's own where another convention says the same.
 */
export function understood(sent: ValueMap, traceId: string): Map<string, Value> {
  const attributes = unpacked(sent)
  attributes.set(KEYS.traceId, traceId)
  const type = attributes.get(KEYS.type)
  if (type === undefined || type === null || type === UNKNOWN_TYPE)
    fill(attributes, KEYS.type, typeOf(attributes), true)
  fill(attributes, KEYS.inputs, unpackedText(first(attributes, (one) => one.inputs)))
  fill(attributes, KEYS.outputs, unpackedText(first(attributes, (one) => one.outputs)))
  fill(attributes, KEYS.usage, usageOf(attributes))
  fill(attributes, KEYS.tools, unpackedText(first(attributes, (one) => one.tools)))
  fill(attributes, KEYS.model, first(attributes, (one) => one.models) ?? modelIn(attributes))
  fill(
    attributes,
    KEYS.provider,
    first(attributes, (one) => one.providers),
  )
  return attributes
}

/** A span that names its trace in quotes comes from MLflow's exporter of raw spans: there every value is JSON text. */
function unpacked(sent: ValueMap): Map<string, Value> {
  const named = sent.get(KEYS.traceId)
  const packed = typeof named === 'string' && named.startsWith('"')
  const attributes = new Map(sent)
  for (const [key, value] of sent) {
    if (packed || key.startsWith('mlflow.'))
      attributes.set(key, packed ? fromText(value) : (unpackedText(value) ?? null))
  }
  return attributes
}

function fromText(value: Value): Value {
  return typeof value === 'string' ? (fromJsonText(value) ?? value) : value
}

/** Text that is JSON of a text, a list or an object becomes that; "1" and "true" stay text. */
function unpackedText(value: Value | undefined): Value | undefined {
  if (typeof value !== 'string' || !/^\s*["[{]/.test(value)) return value
  return fromJsonText(value) ?? value
}

function fill(attributes: Map<string, Value>, key: string, value: Value | undefined, over = false): void {
  if (value === undefined || value === null || (!over && attributes.has(key))) return
  attributes.set(key, value)
}

function typeOf(attributes: ValueMap): string | undefined {
  for (const { kind, kinds } of CONVENTIONS) {
    const named = unpackedText(attributes.get(kind))
    if (typeof named === 'string' && Object.hasOwn(kinds, named)) return kinds[named]
  }
  return undefined
}

/** The first attribute with something in it, over all conventions. */
function first(
  attributes: ValueMap,
  keys: (convention: Convention) => readonly (string | RegExp)[] | undefined,
): Value | undefined {
  for (const convention of CONVENTIONS) {
    const found = firstOf(attributes, keys(convention) ?? [])
    if (found !== undefined) return found
  }
  return undefined
}

function firstOf(attributes: ValueMap, keys: readonly (string | RegExp)[]): Value | undefined {
  for (const key of keys) {
    const name = typeof key === 'string' ? key : [...attributes.keys()].find((one) => key.test(one))
    const value = name === undefined ? undefined : attributes.get(name)
    if (value !== undefined && value !== null && value !== '') return value
  }
  return undefined
}

function usageOf(attributes: ValueMap): ValueMap | undefined {
  for (const one of CONVENTIONS) {
    const input = countOf(attributes, one.inputTokens)
    const output = countOf(attributes, one.outputTokens)
    const both = input !== undefined && output !== undefined ? input + output : undefined
    const total = countOf(attributes, one.totalTokens) ?? both
    const counts = [
      ['input_tokens', input],
      ['output_tokens', output],
      ['total_tokens', total],
      ['cache_read_input_tokens', countOf(attributes, one.cacheRead)],
      ['cache_creation_input_tokens', countOf(attributes, one.cacheWrite)],
    ] as const
    if (input === undefined && output === undefined && total === undefined) continue
    return new Map(counts.flatMap(([key, count]) => (count === undefined ? [] : [[key, BigInt(count)] as const])))
  }
  return undefined
}

function countOf(attributes: ValueMap, keys: readonly string[] | undefined): number | undefined {
  const value = keys === undefined ? undefined : firstOf(attributes, keys)
  const count =
    typeof value === 'string' || typeof value === 'bigint' || typeof value === 'number' ? Number(value) : NaN
  return Number.isSafeInteger(count) && count >= 0 ? count : undefined
}

/** Requests and replies of chat APIs name their model. */
function modelIn(attributes: ValueMap): Value | undefined {
  for (const key of [KEYS.inputs, KEYS.outputs]) {
    const model = mapOf(attributes.get(key))?.get('model')
    if (typeof model === 'string' && model !== '') return model
  }
  return undefined
}

function same(names: string): Record<string, string> {
  return Object.fromEntries(names.split(' ').map((name) => [name, name]))
}
