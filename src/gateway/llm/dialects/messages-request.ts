/** Requests of Anthropic's `/v1/messages`, read and written. */
import { defined, readFunction } from './chat-request.ts'
import type { Json } from './dialects.ts'
import { below, isObject, type Fields, type Reading, type Said } from './fields.ts'
import {
  argsOf,
  contentOf,
  isLaterClaude,
  loseSettings,
  objectSchema,
  plainId,
  systemApart,
  type Call,
  type Format,
  type Part,
  type Settings,
  type Source,
  type Tool,
  type ToolCall,
  type ToolChoice,
  type Turn,
} from './hub.ts'
import { mediaOfName } from './media.ts'

/** Output tokens of a call that sets no limit: Anthropic demands one, and every model of it can write as many. */
const MAX_TOKENS = 4096

/** Reads a request. Throws `invalid_field` for a field of a wrong type. */
export function readMessagesRequest(body: Json, reading: Reading): Call {
  const fields = reading.fields(body, '')
  fields.skip('model')
  refuseContinued(fields, reading)
  const system = contentOf(fields, 'system', PARTS)
  const turns = fields.neededObjects('messages').map(turnOf)
  const { choice, parallel } = readChoice(fields)
  const call: Call = {
    turns: system.length === 0 ? turns : [{ role: 'system', parts: system, path: 'system' }, ...turns],
    tools: readTools(fields),
    choice,
    settings: { ...readSettings(fields), parallel },
    stream: fields.flag('stream') ?? false,
  }
  fields.close()
  return call
}

/** A thread that goes on lies at Anthropic: without it the messages are not whole. One that begins is told as lost, as any field that is not read. */
function refuseContinued(fields: Fields, reading: Reading): void {
  const thread = fields.within('thread')
  const type = thread?.raw('type')
  if (type !== undefined && type !== 'create')
    throw reading.fault('thread', type, '"create" or none, for this model keeps nothing: send all messages')
  thread?.drop()
}

function readSettings(fields: Fields): Settings {
  const metadata = fields.within('metadata')
  const user = metadata?.saidText('user_id')
  const output = fields.within('output_config')
  const effort = output?.saidText('effort')
  const format = output?.within('format')
  const thinking = fields.object('thinking')
  const settings: Settings = {
    max: fields.saidNumber('max_tokens'),
    temperature: fields.saidNumber('temperature'),
    topP: fields.saidNumber('top_p'),
    topK: fields.saidNumber('top_k'),
    stop: fields.saidTexts('stop_sequences'),
    user,
    effort,
    thinking: thinking?.['type'] === 'disabled' ? undefined : fields.said('thinking', thinking),
    format: format === undefined ? undefined : readFormat(format),
  }
  return settings
}

function readFormat(format: Fields): Said<Format> | undefined {
  const schema = format.needed('type') === 'json_schema' ? format.object('schema') : undefined
  if (schema === undefined) {
    format.drop()
    return undefined
  }
  const none = { name: undefined, description: undefined, strict: undefined }
  return { value: { kind: 'schema', schema, at: format.path('schema'), ...none }, path: format.at }
}

function readTools(fields: Fields): Tool[] {
  return fields.objects('tools').flatMap((tool) => {
    const type = tool.text('type')
    if (type !== undefined && type !== 'custom') {
      tool.drop()
      return []
    }
    return readFunction(tool, 'input_schema')
  })
}

function readChoice(fields: Fields): { choice: Said<ToolChoice> | undefined; parallel: Said<boolean> | undefined } {
  const choice = fields.within('tool_choice')
  if (choice === undefined) return { choice: undefined, parallel: undefined }
  const type = choice.needed('type')
  const alone = choice.saidFlag('disable_parallel_tool_use', false)
  const parallel = alone === undefined ? undefined : { value: !alone.value, path: alone.path }
  const value: ToolChoice | undefined =
    type === 'tool' ? { mode: 'tool', name: choice.needed('name') } : MODES.find(([word]) => word === type)?.[1]
  if (value === undefined) throw fields.reading.fault(choice.path('type'), type, '"auto", "any", "tool" or "none"')
  return { choice: { value, path: choice.at }, parallel }
}

const MODES: readonly [string, ToolChoice][] = [
  ['auto', { mode: 'auto' }],
  ['any', { mode: 'required' }],
  ['none', { mode: 'none' }],
]

function turnOf(message: Fields): Turn {
  const role = message.needed('role')
  if (role !== 'user' && role !== 'assistant' && role !== 'system')
    throw message.reading.fault(message.path('role'), role, '"user", "assistant" or "system"')
  const turn: Turn = { role, parts: contentOf(message, 'content', PARTS), path: message.at }
  return turn
}

function readSource(part: Fields): Source | undefined {
  const source = part.within('source')
  source?.skip('media_type')
  if (source === undefined) throw part.reading.fault(part.path('source'), undefined, 'an object')
  const type = source.needed('type')
  if (type === 'url') return { kind: 'url', url: source.needed('url') }
  if (type === 'base64') return { kind: 'base64', media: source.needed('media_type'), data: source.needed('data') }
  return type === 'text' ? { kind: 'text', text: source.needed('data') } : undefined
}

const PARTS: Readonly<Record<string, (part: Fields) => Part | undefined>> = {
  text: (part) => ({ type: 'text', text: part.needed('text'), path: part.at }),
  image: (part) => {
    const source = readSource(part)
    return source === undefined ? undefined : { type: 'image', source, path: part.at }
  },
  document: (part) => {
    const source = readSource(part)
    return source === undefined ? undefined : { type: 'file', source, name: part.text('title') ?? null, path: part.at }
  },
  thinking: (part) => ({
    type: 'reasoning',
    text: part.text('thinking') ?? '',
    // Thoughts of other providers have none.
    signature: part.text('signature') || null,
    redacted: false,
    path: part.at,
  }),
  redacted_thinking: (part) => ({
    type: 'reasoning',
    text: '',
    signature: part.needed('data'),
    redacted: true,
    path: part.at,
  }),
  tool_use: readToolUse,
  tool_result: (part) => ({
    type: 'result',
    id: part.needed('tool_use_id'),
    name: null,
    parts: contentOf(part, 'content', RESULT_PARTS),
    failed: part.said('is_error', part.flag('is_error')),
    path: part.at,
  }),
}
const RESULT_PARTS = Object.fromEntries(
  Object.entries(PARTS).filter(([type]) => type === 'text' || type === 'image' || type === 'document'),
)

/** A block that calls a tool, of a request or an answer. */
export function readToolUse(part: Fields): ToolCall {
  part.skip('caller')
  return {
    type: 'call',
    id: part.needed('id'),
    name: part.needed('name'),
    args: JSON.stringify(part.object('input') ?? {}),
    signature: null,
    path: part.path('input'),
  }
}

/** Writes a request. */
export function writeMessagesRequest(call: Call, model: string, reading: Reading): Json {
  const { settings } = call
  const { system, others } = systemApart(call.turns, reading)
  const later = isLaterClaude(model)
  loseSettings(settings, [...KEPT, ...(later ? LATER : SAMPLING)], reading)
  // Anthropic demands a limit, so that one is made up.
  if (settings.max === undefined) reading.lose('max_tokens')
  return defined({
    model,
    max_tokens: settings.max?.value ?? MAX_TOKENS,
    system: system.length > 1 ? system.map((text) => ({ type: 'text', text })) : system[0],
    messages: others.flatMap((turn) => writeTurn(turn, reading)),
    tools: call.tools.length === 0 ? undefined : call.tools.map(writeTool),
    tool_choice: call.tools.length === 0 ? undefined : writeChoice(call),
    stop_sequences: writeStop(settings.stop, reading),
    ...(later ? {} : writeSampling(settings, model, reading)),
    thinking: settings.thinking?.value,
    metadata: settings.user === undefined ? undefined : { user_id: settings.user.value },
    output_config: writeOutput(settings, later, reading),
    stream: call.stream ? true : undefined,
  })
}

const KEPT: readonly (keyof Settings)[] = ['max', 'stop', 'user', 'parallel', 'format', 'thinking']
const LATER: readonly (keyof Settings)[] = ['effort']
const SAMPLING: readonly (keyof Settings)[] = ['temperature', 'topP', 'topK']

/** Sampling as Anthropic takes it: temperatures end at 1, and newer models refuse `top_p` beside one. */
function writeSampling(settings: Settings, model: string, reading: Reading): Json {
  const { temperature, topP, topK } = settings
  if (temperature !== undefined && temperature.value > 1) reading.lose(temperature.path)
  const both = temperature !== undefined && topP !== undefined && model.includes('claude')
  if (both) reading.lose(topP.path)
  return {
    temperature: temperature === undefined ? undefined : Math.min(1, temperature.value),
    top_p: both ? undefined : topP?.value,
    top_k: topK?.value,
  }
}

const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max']

function writeOutput(settings: Settings, later: boolean, reading: Reading): Json | undefined {
  const { format, effort } = settings
  const known = later && effort !== undefined && EFFORTS.includes(effort.value)
  if (later && effort !== undefined && !known) reading.lose(effort.path)
  const output: Json = { effort: known ? effort.value : undefined, format: writeFormat(format, reading) }
  return output['effort'] === undefined && output['format'] === undefined ? undefined : defined(output)
}

function writeFormat(format: Said<Format> | undefined, reading: Reading): Json | undefined {
  if (format === undefined) return undefined
  if (format.value.kind === 'object') {
    reading.lose(format.path)
    return undefined
  }
  const { schema, at, name, description, strict } = format.value
  for (const said of [name, description]) if (said !== undefined) reading.lose(said.path)
  // The schema always holds here.
  if (strict?.value === false) reading.lose(strict.path)
  return { type: 'json_schema', schema: closedSchema(schema, at, reading) }
}

/** Bounds of a schema that Anthropic refuses. */
const BOUNDS: ReadonlySet<string> = new Set([
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
])
/** Where a schema has others: one, a list of them, or one a name. */
const INNER: ReadonlySet<string> = new Set(['items', 'anyOf', 'oneOf', 'allOf', 'properties', '$defs', 'definitions'])
const BY_NAME: ReadonlySet<string> = new Set(['properties', '$defs', 'definitions'])

/**
 * A schema as Anthropic takes it: every object is closed, and bounds that it refuses are left out. An answer to a closed object is one to the open
 * one too, so that closing it loses nothing; bounds that are left out, and fields of any name, are told as lost. The body has checked how deep it is.
 */
function closedSchema(schema: Json, at: string, reading: Reading): Json {
  const made: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(schema)) {
    const path = `${at}.${key}`
    const isMore = key === 'minItems' && typeof value === 'number' && value > 1
    const isOpen = key === 'additionalProperties' && value !== false
    if (isMore || isOpen || BOUNDS.has(key)) reading.lose(path)
    else made[key] = INNER.has(key) ? closedInner(value, { path, isNamed: BY_NAME.has(key) }, reading) : value
  }
  if (isOfObjects(schema)) made['additionalProperties'] = false
  return made
}

function closedInner(value: unknown, { path, isNamed }: { path: string; isNamed: boolean }, reading: Reading): unknown {
  if (Array.isArray(value))
    return value.map((one: unknown, i) => (isObject(one) ? closedSchema(one, `${path}[${i}]`, reading) : one))
  if (!isObject(value)) return value
  if (!isNamed) return closedSchema(value, path, reading)
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name,
      isObject(one) ? closedSchema(one, below(path, name), reading) : one,
    ]),
  )
}

function isOfObjects({ type, properties }: Json): boolean {
  return (
    type === 'object' ||
    (Array.isArray(type) && type.includes('object')) ||
    (type === undefined && isObject(properties))
  )
}

/** Anthropic refuses sequences of blanks alone. */
function writeStop(stop: Said<string[]> | undefined, reading: Reading): string[] | undefined {
  if (stop === undefined) return undefined
  const kept = stop.value.filter((sequence) => sequence.trim() !== '')
  if (kept.length < stop.value.length) reading.lose(stop.path)
  return kept.length === 0 ? undefined : kept
}

function writeTool(tool: Tool): Json {
  return defined({
    name: tool.name,
    description: tool.description ?? undefined,
    input_schema: objectSchema(tool.schema),
    strict: tool.strict?.value === true ? true : undefined,
  })
}

function writeChoice({ choice, settings }: Call): Json | undefined {
  const alone = settings.parallel?.value === false ? true : undefined
  if (choice === undefined) return alone === undefined ? undefined : { type: 'auto', disable_parallel_tool_use: true }
  if (choice.value.mode === 'none') return { type: 'none' }
  const named = choice.value.mode === 'tool' ? { type: 'tool', name: choice.value.name } : undefined
  const type = choice.value.mode === 'required' ? 'any' : 'auto'
  return defined({ ...(named ?? { type }), disable_parallel_tool_use: alone })
}

/** A turn without a block is left out, for Anthropic refuses it; results of tools come first, as it demands. */
function writeTurn(turn: Turn, reading: Reading): Json[] {
  const results = turn.parts.filter((part) => part.type === 'result')
  const rest = turn.parts.filter((part) => part.type !== 'result')
  const content = [...results, ...rest].flatMap<Json>((part) => writePart(part, reading) ?? [])
  if (content.length === 0) return []
  const only = content.length === 1 ? content[0] : undefined
  const plain = only?.['type'] === 'text' ? only['text'] : content
  return [{ role: turn.role, content: plain }]
}

function writePart(part: Part, reading: Reading): Json | undefined {
  if (part.type === 'text' || part.type === 'refusal')
    return part.text === '' ? undefined : { type: 'text', text: part.text }
  if (part.type === 'image') return writeImage(part.source, part.detail, reading)
  if (part.type === 'file') return writeDocument(part.source, part.name)
  if (part.type === 'call')
    return { type: 'tool_use', id: plainId(part.id), name: part.name, input: argsOf(part, reading) }
  if (part.type === 'result') {
    const content = part.parts.flatMap((inner) => writePart(inner, reading) ?? [])
    const failed = part.failed?.value === true ? true : undefined
    return defined({
      type: 'tool_result',
      tool_use_id: plainId(part.id),
      content: content.length === 0 ? undefined : content,
      is_error: failed,
    })
  }
  if (part.type === 'reasoning' && part.signature !== null)
    return writeThinking(part.text, part.signature, part.redacted)
  reading.lose(part.path)
  return undefined
}

/** A block of reasoning, of a request or an answer. */
export function writeThinking(text: string, signature: string, redacted: boolean): Json {
  return redacted ? { type: 'redacted_thinking', data: signature } : { type: 'thinking', thinking: text, signature }
}

function writeImage(source: Source, detail: Said<string> | undefined, reading: Reading): Json {
  if (detail !== undefined) reading.lose(detail.path)
  return { type: 'image', source: writeSource(source) }
}

function writeDocument(source: Source, name: string | null): Json {
  return defined({ type: 'document', source: writeSource(source), title: name ?? undefined })
}

function writeSource(source: Source): Json {
  if (source.kind === 'url') return { type: 'url', url: source.url }
  if (source.kind === 'text') return { type: 'text', media_type: 'text/plain', data: source.text }
  const { media, data } = source
  if (media === 'text/plain') return { type: 'text', media_type: media, data: Buffer.from(data, 'base64').toString() }
  const known = media === 'application/octet-stream' ? mediaOfName('x.pdf') : media
  return { type: 'base64', media_type: known, data }
}
