/**
 * Which values of a body are texts that guardrails look at. Looked at is all that is not known to be something else, so that a name in another
 * spelling, or a vendor's own field, hides nothing.
 */
import type { Path, Spot } from './spots.ts'

/** Settings of a request, among them the descriptions of tools: a program's own words, which no user of it types. */
const SETTINGS = new Set([
  'model',
  'tools',
  'tool_choice',
  'toolConfig',
  'tool_config',
  'functions',
  'function_call',
  'response_format',
  'text',
  'generationConfig',
  'generation_config',
  'safetySettings',
  'safety_settings',
  'stream_options',
  'service_tier',
  'encoding_format',
  'reasoning',
  'reasoning_effort',
  'thinking',
  'truncation',
  'include',
  'modalities',
  'audio',
  'conversation',
])

/** What an answer tells beside its texts, and what it repeats of its request. */
const TOLD = new Set([
  'object',
  'model',
  'usage',
  'system_fingerprint',
  'service_tier',
  'usageMetadata',
  'modelVersion',
  'tools',
  'tool_choice',
  'metadata',
  'instructions',
  'stop_sequence',
])

/** Names of values that say what something is, not what somebody says. */
const NAMES = new Set([
  'role',
  'type',
  'id',
  'name',
  'object',
  'status',
  'detail',
  'format',
  'ttl',
  'media_type',
  'mime_type',
  'mimeType',
  'signature',
  'encrypted_content',
  'thought_signature',
  'thoughtSignature',
  'finish_reason',
  'finishReason',
  'stop_reason',
])
const IDS = /(?:_id|Id)$/

/** Objects whose names are a tool's own. */
const FREE = new Set(['input', 'args', 'response', 'variables'])

/** The texts of an answer once more, in pieces as small as words. */
export const LOGPROBS: ReadonlySet<string> = new Set(['logprobs', 'logprobsResult'])

/** Whether a value at a path of a request is looked at. */
export function isAsked(path: Path, kind: Spot['kind']): boolean {
  return !SETTINGS.has(String(path[0])) && isSaid(path, 0, kind)
}

/** Whether a value at a path of an answer, or of an event of one, is looked at. */
export function isAnswered(path: Path, kind: Spot['kind']): boolean {
  // Gemini answers with a list where it is not asked for events; events of others hold the answer within
  const top = typeof path[0] === 'number' || path[0] === 'response' || path[0] === 'message' ? 1 : 0
  if (TOLD.has(String(path[top]))) return false
  // a setting of responses, whose events have a text of this name
  if (path[top] === 'text' && typeof path[top + 1] === 'string') return false
  return isSaid(path, top, kind)
}

/** Texts wherever they stand, and numbers among the arguments and results of tools. */
function isSaid(path: Path, top: number, kind: Spot['kind']): boolean {
  for (let i = path.length - 2; i > top; i--) if (FREE.has(String(path[i]))) return true
  const name = path.findLast((one) => typeof one === 'string')
  return kind === 'text' && (name === undefined || !(NAMES.has(name) || IDS.test(name)))
}

const MEDIA = new Set(['data', 'file_data', 'image_url', 'url', 'b64_json', 'audio', 'partial_image_b64', 'result'])
const DATA_URL = /^"data:[\w.+/;=-]*;base64,/
const BASE64 = /^"[A-Za-z0-9+/=_-]{256}/

/** Whether a text is a picture, a sound or a file. */
export function isMedia(source: string, path: Path, { from }: Spot): boolean {
  const name = path.findLast((one) => typeof one === 'string')
  if (name === undefined || !MEDIA.has(name)) return false
  const beginning = source.slice(from, from + 300)
  return DATA_URL.test(beginning) || BASE64.test(beginning)
}

/** Whether a text at a path holds the arguments of a tool as JSON. */
export function isArguments(path: Path): boolean {
  return path.at(-1) === 'arguments'
}
