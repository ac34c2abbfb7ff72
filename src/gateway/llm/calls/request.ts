/** Reads what a client asks of a language model: who is to answer, whether as a stream, and how much it may cost. */
import { problem } from '../../../contract/errors.ts'
import { shapeOf } from '../../../http/json-shape.ts'
import type { Json } from '../dialects/dialects.ts'
import { isObject } from '../dialects/fields.ts'
import { wantsUsage } from '../dialects/usage.ts'
import type { Dialect } from '../../table/llm.ts'
import type { Member } from './members.ts'
import { membersOf } from './members.ts'

/** A call as its body says it. */
export interface LlmAsk {
  readonly dialect: Dialect
  /** Name of the endpoint that is to answer. */
  readonly model: string
  readonly stream: boolean
  readonly body: Json
  readonly bytes: Buffer
  readonly members: readonly Member[]
  /** Most output tokens of one answer; null where the caller sets no limit. */
  readonly maxOutput: number | null
  /** Answers that it asks for. */
  readonly choices: number
  /** Input tokens that its bytes do not bound: what is fetched or kept elsewhere. */
  readonly extraInput: number
  /** True where a stream is to end with its usage. */
  readonly wantsUsage: boolean
}

/** Named in the path, where the dialect has it there. */
export interface Named {
  readonly model: string
  /** Absent where the body says it. */
  readonly stream?: boolean
}

/** Names that must come once: a server that takes another of two than we do would do what was not looked at. */
const ONCE = [
  'model',
  'stream',
  'stream_options',
  'n',
  'best_of',
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'service_tier',
  'speed',
  'inference_geo',
]

/** Reads a body; without a dialect it is one of `chat` or `embeddings`. Throws `malformed_body` and `invalid_field`. */
export function readAsk(given: Dialect | null, bytes: Buffer, named?: Named): LlmAsk {
  const body = objectOf(bytes)
  const dialect = given ?? (body['input'] !== undefined && body['messages'] === undefined ? 'embeddings' : 'chat')
  const members = membersOf(bytes)
  checkOnce(members)
  // it would be made after the answer, and cost what nobody is told here
  if (dialect === 'responses' && body['background'] === true)
    throw invalid('background', true, 'false: answers are waited for')
  const model = named?.model ?? body['model']
  if (typeof model !== 'string' || model === '') throw invalid('model', model, 'the name of a model')
  const stream = named?.stream ?? optionalFlag(body, 'stream')
  return {
    dialect,
    model,
    stream,
    body,
    bytes,
    members,
    maxOutput: maxOutputOf(dialect, body),
    choices: choicesOf(dialect, body),
    extraInput: extraInputOf(body, bytes),
    wantsUsage: wantsUsage(body),
  }
}

function objectOf(bytes: Buffer): Json {
  // what walks it below may recurse once a level
  shapeOf(bytes)
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw problem('malformed_body', { expected: 'JSON', detail: (error as Error).message }, error)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw problem('malformed_body', { expected: 'JSON', detail: 'it is no object' })
  return value as Json
}

function checkOnce(members: readonly Member[]): void {
  const seen = new Set<string>()
  for (const { name } of members) {
    if (seen.has(name) && ONCE.includes(name)) throw invalid(name, 'two values', 'one')
    const lower = name.toLowerCase()
    // some servers read names whatever their case
    if (lower !== name && ONCE.includes(lower)) throw invalid(name, 'a name in another case', lower)
    seen.add(name)
  }
}

function maxOutputOf(dialect: Dialect, body: Json): number | null {
  switch (dialect) {
    case 'chat':
    case 'completions': {
      // llama.cpp's own name wins over the others there
      const names = ['max_completion_tokens', 'max_tokens', 'n_predict']
      // some servers take 0 and less as no limit
      const given = names.map((name) => body[name] ?? null).some((one) => typeof one === 'number' && one <= 0)
      const counts = names.map((name) => (given ? null : optionalCount(body, name))).filter((one) => one !== null)
      return counts.length > 0 ? Math.max(...counts) : null
    }
    case 'responses':
      return optionalCount(body, 'max_output_tokens')
    case 'messages':
      return optionalCount(body, 'max_tokens')
    case 'generate': {
      return either(configOf(body), 'maxOutputTokens', 'max_output_tokens')
    }
    default:
      return 0
  }
}

function choicesOf(dialect: Dialect, body: Json): number {
  if (dialect === 'generate') {
    return either(configOf(body), 'candidateCount', 'candidate_count') ?? 1
  }
  if (dialect !== 'chat' && dialect !== 'completions') return 1
  const each = Math.max(optionalCount(body, 'n') ?? 1, optionalCount(body, 'best_of') ?? 1, 1)
  return each * promptsOf(body['prompt'])
}

/** Gemini takes names of both spellings. */
function configOf(body: Json): Json {
  const config = body['generationConfig'] ?? body['generation_config']
  return isObject(config) ? config : {}
}

/** The larger of two names for one count. */
function either(body: Json, one: string, other: string): number | null {
  const given = [optionalCount(body, one), optionalCount(body, other)].filter((count) => count !== null)
  return given.length > 0 ? Math.max(...given) : null
}

/** A list of texts, or of lists of tokens, is as many prompts; a list of tokens is one. */
function promptsOf(prompt: unknown): number {
  if (!Array.isArray(prompt)) return 1
  return typeof prompt[0] === 'number' ? 1 : Math.max(1, prompt.length)
}

/** Tokens of one picture or file that is fetched: more than the dearest picture of the vendors' own tables. */
const FETCHED_TOKENS = 50_000
/** Tokens of a conversation that the provider keeps. */
const KEPT_TOKENS = 200_000
/** Members that name input which the provider keeps; a prompt that is a text is the input itself. */
const KEPT = ['previous_response_id', 'conversation', 'prompt', 'cachedContent', 'cached_content']
const FETCHED = /"(?:url|image_url|file_url|file_id|fileUri|file_uri)"\s*:\s*"(?!data:)/g

function extraInputOf(body: Json, bytes: Buffer): number {
  const names = KEPT.some((name) => isObject(body[name]) || (name !== 'prompt' && typeof body[name] === 'string'))
  const kept = names || continues(body['thread']) ? KEPT_TOKENS : 0
  const mayFetch = ['url"', 'file_id"', 'ileUri"', 'ile_uri"'].some((part) => bytes.includes(part))
  const fetched = mayFetch ? (bytes.toString('latin1').match(FETCHED)?.length ?? 0) : 0
  return kept + fetched * FETCHED_TOKENS
}

/** Whether a thread of Anthropic's goes on: what was said before is input too. */
function continues(thread: unknown): boolean {
  return isObject(thread) && thread['type'] !== 'create'
}

function optionalFlag(body: Json, name: string): boolean {
  const value = body[name] ?? false
  if (typeof value !== 'boolean') throw invalid(name, value, 'true or false')
  return value
}

/** A bound that is no count bounds nothing, whatever a server makes of it. */
function optionalCount(body: Json, name: string): number | null {
  const value = body[name] ?? null
  if (value === null) return null
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw invalid(name, value, 'a whole number, 0 or more')
  return value
}

function invalid(field: string, value: unknown, expected: string): Error {
  const shown = value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 100)
  return problem('invalid_field', { field, value: shown, expected })
}
