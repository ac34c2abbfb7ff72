/** Requests of Gemini's `generateContent`, read and written. */
import { defined } from './chat-request.ts'
import type { Json } from './dialects.ts'
import { isObject, type Fields, type Reading, type Said } from './fields.ts'
import {
  argsOf,
  loseSettings,
  namedSettings,
  parsedObject,
  systemApart,
  textOf,
  type Call,
  type Format,
  type Part,
  type SettingNames,
  type Settings,
  type Source,
  type Tool,
  type ToolChoice,
  type Turn,
} from './hub.ts'
import { mediaOfName } from './media.ts'

/**
 * Reads a request. Gemini's path tells a stream, not its body: who routes the call sets `stream: true` in the body. Throws
 * `invalid_field` for a field of a wrong type.
 */
export function readGenerateRequest(body: Json, reading: Reading): Call {
  const fields = reading.fields(body, '')
  fields.skip('model')
  const ids = new CallIds()
  const instruction = fields.within('systemInstruction')
  const system = instruction === undefined ? [] : readParts(instruction, ids)
  instruction?.skip('role')
  const turns = fields.neededObjects('contents').map((content) => turnOf(content, ids))
  const call: Call = {
    turns: system.length === 0 ? turns : [{ role: 'system', parts: system, path: 'systemInstruction' }, ...turns],
    tools: readTools(fields),
    choice: readChoice(fields),
    settings: readSettings(fields),
    stream: fields.flag('stream') ?? false,
  }
  fields.close()
  return call
}

/** Gemini may leave out the ids of calls: then an answer belongs to the earliest unanswered call of its name. */
class CallIds {
  private readonly open: { name: string; id: string }[] = []
  private count = 0

  called(name: string, id: string | undefined): string {
    const given = id ?? `call_${this.count++}`
    this.open.push({ name, id: given })
    return given
  }

  answered(name: string, id: string | undefined): string {
    const at = this.open.findIndex((one) => (id === undefined ? one.name === name : one.id === id))
    const [found] = at < 0 ? [] : this.open.splice(at, 1)
    return id ?? found?.id ?? `call_${this.count++}`
  }
}

function turnOf(content: Fields, ids: CallIds): Turn {
  const role = content.text('role') ?? 'user'
  if (role !== 'user' && role !== 'model' && role !== 'function')
    throw content.reading.fault(content.path('role'), role, '"user" or "model"')
  const parts = readParts(content, ids)
  return { role: role === 'model' ? 'assistant' : 'user', parts, path: content.at }
}

function readParts(content: Fields, ids: CallIds): Part[] {
  return content.objects('parts').flatMap((part) => {
    const read = readPart(part, ids)
    if (read === undefined) part.drop()
    return read ?? []
  })
}

function readPart(part: Fields, ids: CallIds): Part | undefined {
  const path = part.at
  const text = part.text('text')
  if (text !== undefined && part.flag('thought') === true)
    return { type: 'reasoning', text, signature: null, redacted: false, path }
  if (text !== undefined) return { type: 'text', text, path }
  const call = part.within('functionCall')
  if (call !== undefined) {
    const name = call.needed('name')
    const args = JSON.stringify(call.object('args') ?? {})
    const signature = part.text('thoughtSignature') ?? null
    const read: Part = {
      type: 'call',
      id: ids.called(name, call.text('id')),
      name,
      args,
      signature,
      path: call.path('args'),
    }
    return read
  }
  const result = part.within('functionResponse')
  return result === undefined ? readMedia(part) : readResult(result, ids)
}

function readResult(result: Fields, ids: CallIds): Part {
  const name = result.needed('name')
  const response = result.object('response') ?? {}
  const path = result.path('response')
  const only =
    Object.keys(response).length === 1 ? (response['output'] ?? response['result'] ?? response['error']) : null
  const text = typeof only === 'string' ? only : JSON.stringify(response)
  const failed = response['error'] === undefined ? undefined : { value: true, path }
  const read: Part = {
    type: 'result',
    id: ids.answered(name, result.text('id')),
    name,
    parts: [{ type: 'text', text, path }],
    failed,
    path: result.at,
  }
  return read
}

function readMedia(part: Fields): Part | undefined {
  const inline = part.within('inlineData')
  const file = part.within('fileData')
  const media = inline?.needed('mimeType') ?? file?.text('mimeType') ?? ''
  const path = part.at
  if (inline !== undefined && media.startsWith('audio/'))
    return { type: 'audio', media, data: inline.needed('data'), path }
  const source = ((): Source | undefined => {
    if (inline !== undefined) return { kind: 'base64', media, data: inline.needed('data') }
    return file === undefined ? undefined : { kind: 'url', url: file.needed('fileUri') }
  })()
  const name = inline?.text('displayName') ?? file?.text('displayName') ?? null
  if (source === undefined || media.startsWith('video/')) return undefined
  return media.startsWith('image/') ? { type: 'image', source, path } : { type: 'file', source, name, path }
}

function readTools(fields: Fields): Tool[] {
  return fields.objects('tools').flatMap((tool) => {
    const found = tool.objects('functionDeclarations').map((spec): Tool => {
      const json = spec.object('parametersJsonSchema')
      const typed = spec.object('parameters')
      const read = {
        name: spec.needed('name'),
        description: spec.text('description') ?? null,
        schema: json ?? (typed === undefined ? null : jsonSchema(typed)),
        strict: undefined,
        path: spec.at,
      }
      return read
    })
    return found
  })
}

/** Deepest schema that is looked into; Gemini itself takes no deeper one. */
const DEEPEST = 100

/**
 * Gemini writes the types of its schemas in capitals, JSON Schema in small letters; and where Gemini says `nullable`, JSON Schema has null among
 * the types. Nothing else is changed.
 */
function jsonSchema(schema: Json, depth = 0): Json {
  const inner = (value: unknown): unknown => (isObject(value) && depth < DEEPEST ? jsonSchema(value, depth + 1) : value)
  const { nullable, ...others } = schema
  const isNullable = nullable === true && typeof schema['type'] === 'string'
  return Object.fromEntries(
    Object.entries(isNullable ? others : schema).map(([key, value]) => {
      if (key === 'type' && typeof value === 'string')
        return [key, isNullable ? [value.toLowerCase(), 'null'] : value.toLowerCase()]
      if (key === 'items') return [key, inner(value)]
      if (key === 'anyOf' && Array.isArray(value)) return [key, value.map(inner)]
      if (key !== 'properties' || !isObject(value)) return [key, value]
      return [key, Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inner(one)]))]
    }),
  )
}

const MODES: Readonly<Record<string, ToolChoice>> = {
  AUTO: { mode: 'auto' },
  ANY: { mode: 'required' },
  VALIDATED: { mode: 'auto' },
  NONE: { mode: 'none' },
}

function readChoice(fields: Fields): Said<ToolChoice> | undefined {
  const config = fields.within('toolConfig')?.within('functionCallingConfig')
  if (config === undefined) return undefined
  const mode = (config.text('mode') ?? 'AUTO').toUpperCase()
  const names = config.texts('allowedFunctionNames') ?? []
  const [name] = names
  const path = config.at
  if (mode === 'ANY' && names.length === 1 && name !== undefined) return { value: { mode: 'tool', name }, path }
  if (names.length > 0) config.lose('allowedFunctionNames')
  const value = Object.hasOwn(MODES, mode) ? MODES[mode] : undefined
  return value === undefined ? undefined : { value, path }
}

function readSettings(fields: Fields): Settings {
  const config = fields.within('generationConfig')
  if (config === undefined) return {}
  const schema = config.object('responseJsonSchema')
  const typed = config.object('responseSchema')
  const read = schema ?? (typed === undefined ? undefined : jsonSchema(typed))
  const at = config.path(schema === undefined ? 'responseSchema' : 'responseJsonSchema')
  const media = config.text('responseMimeType')
  const settings: Settings = {
    max: config.saidNumber('maxOutputTokens'),
    temperature: config.saidNumber('temperature'),
    topP: config.saidNumber('topP'),
    topK: config.saidNumber('topK'),
    stop: config.saidTexts('stopSequences'),
    seed: config.saidNumber('seed'),
    n: config.saidNumber('candidateCount', 1),
    frequency: config.saidNumber('frequencyPenalty', 0),
    presence: config.saidNumber('presencePenalty', 0),
    format: readFormat(config, media, read && { schema: read, at }),
  }
  return settings
}

function readFormat(
  config: Fields,
  media: string | undefined,
  read: { readonly schema: Json; readonly at: string } | undefined,
): Said<Format> | undefined {
  const path = config.path('responseMimeType')
  const none = { name: undefined, description: undefined, strict: undefined }
  if (read !== undefined) return { value: { kind: 'schema', ...read, ...none }, path }
  if (media === 'application/json') return { value: { kind: 'object' }, path }
  if (media !== undefined && media !== 'text/plain') config.reading.lose(path)
  return undefined
}

/** Writes a request; the model and whether it streams stand in Gemini's path. */
export function writeGenerateRequest(call: Call, model: string, reading: Reading): Json {
  const { settings } = call
  const { system, others } = systemApart(call.turns, reading)
  loseSettings(settings, [...Object.keys(NAMES), 'format'], reading)
  const names = new Map(
    others.flatMap(({ parts }) => parts.flatMap((part) => (part.type === 'call' ? [[part.id, part.name]] : []))),
  )
  const config = writeConfig(settings, reading)
  const write = { reading, names, signs: /gemini-(?:[3-9]|\d\d)/.test(model) }
  return defined({
    systemInstruction: system.length === 0 ? undefined : { parts: system.map((text) => ({ text })) },
    contents: others.flatMap((turn) => writeTurn(turn, write)),
    tools:
      call.tools.length === 0
        ? undefined
        : [{ functionDeclarations: call.tools.map((tool) => writeTool(tool, reading)) }],
    toolConfig:
      call.tools.length === 0 || call.choice === undefined
        ? undefined
        : { functionCallingConfig: writeChoice(call.choice.value) },
    generationConfig: Object.keys(config).length === 0 ? undefined : config,
  })
}

const NAMES: SettingNames = {
  max: 'maxOutputTokens',
  temperature: 'temperature',
  topP: 'topP',
  topK: 'topK',
  stop: 'stopSequences',
  seed: 'seed',
  n: 'candidateCount',
  frequency: 'frequencyPenalty',
  presence: 'presencePenalty',
}

function writeConfig(settings: Settings, reading: Reading): Json {
  const format = settings.format?.value
  if (format?.kind === 'schema')
    for (const said of [format.name, format.description, format.strict]) if (said !== undefined) reading.lose(said.path)
  return defined({
    ...namedSettings(settings, NAMES),
    responseMimeType: format === undefined ? undefined : 'application/json',
    responseJsonSchema: format?.kind === 'schema' ? format.schema : undefined,
  })
}

function writeTool(tool: Tool, reading: Reading): Json {
  if (tool.strict?.value === true) reading.lose(tool.strict.path)
  return defined({
    name: tool.name,
    description: tool.description ?? undefined,
    parametersJsonSchema: tool.schema ?? undefined,
  })
}

function writeChoice(choice: ToolChoice): Json {
  if (choice.mode === 'tool') return { mode: 'ANY', allowedFunctionNames: [choice.name] }
  return { mode: { auto: 'AUTO', none: 'NONE', required: 'ANY' }[choice.mode] }
}

interface Writing {
  readonly reading: Reading
  /** Names of tools by the ids of their calls, which Gemini wants beside a result. */
  readonly names: ReadonlyMap<string | undefined, string | undefined>
  /** True = the model signs the first call of each of its turns, and refuses a history in which it has not. */
  readonly signs: boolean
}

/** What Google names as a signature of calls that Gemini did not make itself. */
const FOREIGN = 'skip_thought_signature_validator'

function writeTurn(turn: Turn, writing: Writing): Json[] {
  const calls = turn.parts.filter((part) => part.type === 'call')
  const [first] = writing.signs && calls.every(({ signature }) => signature === null) ? calls : []
  const parts = turn.parts.flatMap((part) => {
    return writePart(part === first ? { ...first, signature: FOREIGN } : part, writing) ?? []
  })
  return parts.length === 0 ? [] : [{ role: turn.role === 'assistant' ? 'model' : 'user', parts }]
}

function writePart(part: Part, writing: Writing): Json | undefined {
  const { reading } = writing
  if (part.type === 'text' || part.type === 'refusal') return part.text === '' ? undefined : { text: part.text }
  if (part.type === 'audio') return { inlineData: { mimeType: part.media, data: part.data } }
  if (part.type === 'image') {
    if (part.detail !== undefined) reading.lose(part.detail.path)
    return writeSource(part.source, part.path, reading)
  }
  if (part.type === 'file') return writeSource(part.source, part.path, reading)
  if (part.type === 'call') {
    const thoughtSignature = part.signature ?? undefined
    return defined({ functionCall: { id: part.id, name: part.name, args: argsOf(part, reading) }, thoughtSignature })
  }
  if (part.type === 'result') return writeResult(part, writing)
  reading.lose(part.path)
  return undefined
}

function writeResult(part: Extract<Part, { type: 'result' }>, { reading, names }: Writing): Json {
  const text = textOf(part.parts, reading)
  const failed = part.failed?.value === true
  const response = failed ? { error: text } : (parsedObject(text) ?? { output: text })
  const name = part.name ?? names.get(part.id)
  if (name === undefined) throw reading.fault(part.path, part.id, 'an id that an earlier call of a tool has')
  return { functionResponse: { id: part.id, name, response } }
}

function writeSource(source: Source, path: string, reading: Reading): Json {
  if (source.kind === 'text') return { text: source.text }
  if (source.kind === 'base64') return { inlineData: { mimeType: source.media, data: source.data } }
  const media = mediaOfName(source.url)
  // The type of an address that does not show it is guessed by Gemini itself.
  if (media === undefined) reading.lose(path)
  return { fileData: defined({ mimeType: media, fileUri: source.url }) }
}
