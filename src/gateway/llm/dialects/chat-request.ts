/** Requests of OpenAI's `/v1/chat/completions`, read and written. */
import type { Json } from './dialects.ts'
import { isObject, type Fields, type Reading, type Said } from './fields.ts'
import {
  contentOf,
  loseSettings,
  namedSettings,
  textOf,
  type Call,
  type Format,
  type Part,
  type Reasoning,
  type SettingNames,
  type Settings,
  type Tool,
  type ToolCall,
  type ToolChoice,
  type Turn,
} from './hub.ts'
import { formatOf, sourceOf, urlOf } from './media.ts'

/** Reads a request. Throws `invalid_field` for a field of a wrong type. */
export function readChatRequest(body: Json, reading: Reading): Call {
  const fields = reading.fields(body, '')
  fields.skip('model', 'stream_options')
  if (fields.flag('store') === true) reading.lose('store')
  if (fields.flag('logprobs') === true) reading.lose('logprobs')
  const call: Call = {
    turns: fields.neededObjects('messages').map(turnOf),
    tools: readTools(fields),
    choice: readChoice(fields, (choice) => choice.within('function')?.needed('name')),
    settings: readSettings(fields),
    stream: fields.flag('stream') ?? false,
  }
  fields.close()
  return call
}

/** Settings that chat and completions have in common. */
export function readCommonSettings(fields: Fields): Settings {
  return {
    max: fields.saidNumber('max_tokens'),
    temperature: fields.saidNumber('temperature'),
    topP: fields.saidNumber('top_p'),
    stop: fields.saidTexts('stop'),
    seed: fields.saidNumber('seed'),
    n: fields.saidNumber('n', 1),
    user: fields.saidText('user'),
    frequency: fields.saidNumber('frequency_penalty', 0),
    presence: fields.saidNumber('presence_penalty', 0),
  }
}

function readSettings(fields: Fields): Settings {
  const common = readCommonSettings(fields)
  const max = fields.saidNumber('max_completion_tokens')
  if (max !== undefined) fields.lose('max_tokens')
  return {
    ...common,
    max: max ?? common.max,
    parallel: fields.saidFlag('parallel_tool_calls', true),
    effort: fields.saidText('reasoning_effort'),
    format: readFormat(fields),
  }
}

function readFormat(fields: Fields): Said<Format> | undefined {
  const format = fields.within('response_format')
  if (format === undefined) return undefined
  const type = format.needed('type')
  if (type === 'json_object') return { value: { kind: 'object' }, path: format.at }
  if (type === 'json_schema') {
    const spec = format.within('json_schema')
    const read = spec === undefined ? undefined : readSchema(spec)
    if (read === undefined) throw fields.reading.fault(`${format.at}.json_schema.schema`, undefined, 'a JSON Schema')
    return { value: read, path: format.at }
  }
  if (type !== 'text') format.drop()
  return undefined
}

/** The form that a schema with a name asks for; undefined where the schema is missing. */
export function readSchema(spec: Fields): Format | undefined {
  const schema = spec.object('schema')
  if (schema === undefined) return undefined
  const format: Format = {
    kind: 'schema',
    schema,
    at: spec.path('schema'),
    name: spec.saidText('name'),
    description: spec.saidText('description'),
    strict: spec.said('strict', spec.flag('strict')),
  }
  return format
}

function readTools(fields: Fields): Tool[] {
  return fields.objects('tools').flatMap((tool) => {
    const spec = tool.needed('type') === 'function' ? tool.within('function') : undefined
    if (spec === undefined) {
      tool.drop()
      return []
    }
    return readFunction(spec)
  })
}

/** A function that a model may call, its fields in the object itself; the schema of what it takes stands where the dialect puts it. */
export function readFunction(spec: Fields, schema: 'parameters' | 'input_schema' = 'parameters'): Tool {
  const tool: Tool = {
    name: spec.needed('name'),
    description: spec.text('description') ?? null,
    schema: spec.object(schema) ?? null,
    strict: spec.said('strict', spec.flag('strict')),
    path: spec.at,
  }
  return tool
}

/** The choice of tools in OpenAI's words; the name of a chosen function stands where the dialect puts it. */
export function readChoice(
  fields: Fields,
  nameOf: (choice: Fields) => string | undefined,
): Said<ToolChoice> | undefined {
  const value = fields.raw('tool_choice')
  const path = fields.path('tool_choice')
  if (value === undefined) return undefined
  if (value === 'auto' || value === 'none' || value === 'required') return { value: { mode: value }, path }
  const choice = isObject(value) ? fields.within('tool_choice') : undefined
  if (choice === undefined) throw fields.reading.fault(path, value, '"auto", "none", "required" or an object')
  const name = choice.text('type') === 'function' ? nameOf(choice) : undefined
  if (name !== undefined) return { value: { mode: 'tool', name }, path }
  choice.drop()
  return undefined
}

const PARTS: Readonly<Record<string, (part: Fields) => Part | undefined>> = {
  text: (part) => ({ type: 'text', text: part.needed('text'), path: part.at }),
  refusal: (part) => ({ type: 'refusal', text: part.needed('refusal'), path: part.at }),
  image_url: (part) => {
    const image = part.within('image_url')
    if (image === undefined) throw part.reading.fault(part.path('image_url'), undefined, 'an object with a url')
    const detail = image.saidText('detail')
    const source = sourceOf(image.needed('url'))
    return { type: 'image', source, detail: detail?.value === 'auto' ? undefined : detail, path: part.at }
  },
  input_audio: (part) => {
    const audio = part.within('input_audio')
    if (audio === undefined) throw part.reading.fault(part.path('input_audio'), undefined, 'an object with data')
    const media = audio.needed('format') === 'mp3' ? 'audio/mpeg' : `audio/${audio.needed('format')}`
    return { type: 'audio', media, data: audio.needed('data'), path: part.at }
  },
  file: (part) => {
    const file = part.within('file')
    const data = file?.text('file_data')
    if (file === undefined || data === undefined) return undefined
    const name = file.text('filename') ?? null
    return { type: 'file', source: sourceOf(data), name, path: part.at }
  },
}

function turnOf(message: Fields): Turn {
  const role = message.needed('role')
  const turn = { parts: contentOf(message, 'content', PARTS), path: message.at }
  const read = readRole(role, message, turn.parts)
  return { ...turn, ...read }
}

function readRole(role: string, message: Fields, parts: readonly Part[]): Pick<Turn, 'role' | 'parts'> {
  if (role === 'system' || role === 'developer') return { role: 'system', parts }
  if (role === 'user') return { role: 'user', parts }
  if (role === 'tool') {
    const id = message.needed('tool_call_id')
    return { role: 'user', parts: [{ type: 'result', id, name: null, parts, failed: undefined, path: message.at }] }
  }
  if (role !== 'assistant')
    throw message.reading.fault(message.path('role'), role, '"system", "developer", "user", "assistant" or "tool"')
  const refusal = message.saidText('refusal')
  const refused: Part[] = refusal === undefined ? [] : [{ type: 'refusal', text: refusal.value, path: refusal.path }]
  const kept = readReasoning(message)
  // The text alone is told again by what is kept with its signature.
  if (kept.length > 0) message.skip('reasoning_content')
  return { role: 'assistant', parts: [...kept, ...parts, ...refused, ...readCalls(message)] }
}

/** Reasoning that an earlier answer of this gateway carried in the field `slipway`. */
function readReasoning(message: Fields): Reasoning[] {
  return (message.within('slipway')?.objects('reasoning') ?? []).map((one) => ({
    type: 'reasoning',
    text: one.text('text') ?? '',
    signature: one.text('signature') ?? null,
    redacted: one.flag('redacted') ?? false,
    path: one.at,
  }))
}

function readCalls(message: Fields): ToolCall[] {
  return message.objects('tool_calls').flatMap((call) => {
    const spec = call.text('type') === 'custom' ? undefined : call.within('function')
    if (spec === undefined) {
      call.drop()
      return []
    }
    const google = call.within('extra_content')?.within('google')
    call.skip('index', 'type')
    const read: ToolCall = {
      type: 'call',
      id: call.needed('id'),
      name: spec.needed('name'),
      args: spec.text('arguments') ?? '',
      signature: google?.text('thought_signature') ?? null,
      path: spec.path('arguments'),
    }
    return read
  })
}

/** Writes a request. A stream is asked to tell its usage, which the gateway needs whether or not the client does. */
export function writeChatRequest(call: Call, model: string, reading: Reading): Json {
  const { settings } = call
  loseSettings(settings, [...Object.keys(NAMES), 'max', 'effort', 'format', 'parallel'], reading)
  return defined({
    model,
    messages: call.turns.flatMap((turn) => writeTurn(turn, reading)),
    ...writeTools(call),
    // OpenAI's newer models refuse the old name; many other servers know no other.
    [/^(?:gpt-(?!oss)|o\d|chatgpt)/.test(model) ? 'max_completion_tokens' : 'max_tokens']: settings.max?.value,
    ...namedSettings(settings, NAMES),
    reasoning_effort: settings.effort === undefined ? undefined : writeEffort(settings.effort, reading),
    response_format: settings.format === undefined ? undefined : writeFormat(settings.format.value),
    stream: call.stream ? true : undefined,
    stream_options: call.stream ? { include_usage: true } : undefined,
  })
}

const NAMES: SettingNames = {
  temperature: 'temperature',
  topP: 'top_p',
  stop: 'stop',
  seed: 'seed',
  n: 'n',
  user: 'user',
  frequency: 'frequency_penalty',
  presence: 'presence_penalty',
}

/** The object without members that are undefined. */
export function defined(object: Json): Json {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
}

function writeEffort(effort: Said<string>, reading: Reading): string {
  if (effort.value !== 'max') return effort.value
  reading.lose(effort.path)
  return 'xhigh'
}

function writeFormat(format: Format): Json {
  if (format.kind === 'object') return { type: 'json_object' }
  const { schema, name, description, strict } = format
  const spec = defined({
    name: name?.value ?? 'answer',
    description: description?.value,
    schema,
    strict: strict?.value,
  })
  return { type: 'json_schema', json_schema: spec }
}

/** Without tools, the others are refused. */
function writeTools({ tools, choice, settings }: Call): Json {
  if (tools.length === 0) return {}
  return defined({
    tools: tools.map(writeTool),
    tool_choice: choice === undefined ? undefined : writeChoice(choice.value),
    parallel_tool_calls: settings.parallel?.value,
  })
}

function writeTool(tool: Tool): Json {
  const spec = defined({
    name: tool.name,
    description: tool.description ?? undefined,
    parameters: tool.schema ?? undefined,
    strict: tool.strict?.value,
  })
  return { type: 'function', function: spec }
}

function writeChoice(choice: ToolChoice): unknown {
  return choice.mode === 'tool' ? { type: 'function', function: { name: choice.name } } : choice.mode
}

function writeTurn(turn: Turn, reading: Reading): Json[] {
  if (turn.role === 'assistant') return [writeAssistant(turn, reading)]
  const results = turn.parts.flatMap((part) => {
    if (part.type !== 'result') return []
    if (part.failed?.value === true) reading.lose(part.failed.path)
    return [{ role: 'tool', tool_call_id: part.id, content: textOf(part.parts, reading) }]
  })
  const rest = turn.parts.filter((part) => part.type !== 'result')
  if (rest.length === 0 && results.length > 0) return results
  return [...results, { role: turn.role, content: writeContent(rest, reading) }]
}

/** One text is written as a text, which every server knows; anything else as a list. */
function writeContent(parts: readonly Part[], reading: Reading): unknown {
  const [first, ...others] = parts
  if (first === undefined) return ''
  if (others.length === 0 && first.type === 'text') return first.text
  const content = parts.flatMap((part) => writePart(part, reading) ?? [])
  return content.length === 0 ? '' : content
}

function writePart(part: Part, reading: Reading): Json | undefined {
  if (part.type === 'text') return { type: 'text', text: part.text }
  if (part.type === 'image')
    return { type: 'image_url', image_url: defined({ url: urlOf(part.source), detail: part.detail?.value }) }
  if (part.type === 'audio') {
    const format = formatOf(part.media) ?? part.media.split('/')[1]
    return { type: 'input_audio', input_audio: { data: part.data, format } }
  }
  if (part.type === 'file' && part.source.kind === 'text') return { type: 'text', text: part.source.text }
  if (part.type === 'file' && part.source.kind === 'base64') {
    const filename = part.name ?? `document.${formatOf(part.source.media) ?? 'pdf'}`
    return { type: 'file', file: { filename, file_data: urlOf(part.source) } }
  }
  reading.lose(part.path)
  return undefined
}

function writeAssistant(turn: Turn, reading: Reading): Json {
  const calls = turn.parts.filter((part) => part.type === 'call')
  const texts = turn.parts.filter((part) => part.type === 'text')
  const refusals = turn.parts.filter((part) => part.type === 'refusal')
  for (const part of turn.parts)
    if (part.type !== 'call' && part.type !== 'text' && part.type !== 'refusal') reading.lose(part.path)
  const only = texts.length === 1 ? texts[0]?.text : undefined
  return defined({
    role: 'assistant',
    content:
      texts.length === 0 ? (calls.length > 0 ? null : '') : (only ?? texts.map(({ text }) => ({ type: 'text', text }))),
    refusal: refusals.length === 0 ? undefined : refusals.map(({ text }) => text).join(''),
    tool_calls: calls.length === 0 ? undefined : calls.map(writeCall),
  })
}

/** A call of a tool as chat writes it, in requests and answers; Gemini's signature stands where Google's own compatible API has it. */
export function writeCall(call: ToolCall): Json {
  return defined({
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: call.args === '' ? '{}' : call.args },
    extra_content: call.signature === null ? undefined : { google: { thought_signature: call.signature } },
  })
}
