/** Requests of Bedrock's `converse`, written. */
import { defined } from './chat-request.ts'
import type { Json } from './dialects.ts'
import type { Reading, Said } from './fields.ts'
import {
  argsOf,
  isLaterClaude,
  loseSettings,
  objectSchema,
  parsedObject,
  plainId,
  systemApart,
  type Call,
  type Format,
  type Part,
  type Settings,
  type Source,
  type Tool,
  type Turn,
} from './hub.ts'
import { formatOf } from './media.ts'

/** Writes a request; the model and whether it streams stand in Bedrock's path. */
export function writeConverseRequest(call: Call, model: string, reading: Reading): Json {
  const { settings } = call
  const { system, others } = systemApart(call.turns, reading)
  const later = isLaterClaude(model)
  const sampling: (keyof Settings)[] = later ? [] : ['temperature', 'topP']
  const claude: (keyof Settings)[] = model.includes('anthropic.') ? ['thinking'] : []
  loseSettings(settings, ['max', 'stop', 'format', ...sampling, ...claude], reading)
  const inference = defined({
    maxTokens: settings.max?.value,
    temperature: later ? undefined : temperatureOf(settings.temperature, model, reading),
    topP: later ? undefined : settings.topP?.value,
    stopSequences: settings.stop?.value,
  })
  const thinking = claude.length > 0 ? settings.thinking?.value : undefined
  const names = { count: 0 }
  return defined({
    system: system.length === 0 ? undefined : system.map((text) => ({ text })),
    messages: others.flatMap((turn) => writeTurn(turn, reading, names)),
    inferenceConfig: Object.keys(inference).length === 0 ? undefined : inference,
    toolConfig: writeTools(call, reading),
    outputConfig: settings.format === undefined ? undefined : writeFormat(settings.format, reading),
    additionalModelRequestFields: thinking === undefined ? undefined : { thinking },
  })
}

/** Temperatures of Anthropic's models end at 1. */
function temperatureOf(said: Said<number> | undefined, model: string, reading: Reading): number | undefined {
  if (said === undefined || said.value <= 1 || !model.includes('anthropic.')) return said?.value
  reading.lose(said.path)
  return 1
}

function writeFormat({ value, path }: Said<Format>, reading: Reading): Json | undefined {
  if (value.kind === 'object') {
    reading.lose(path)
    return undefined
  }
  if (value.strict?.value === false) reading.lose(value.strict.path)
  const { schema, name, description } = value
  const spec = { schema: JSON.stringify(schema), name: name?.value, description: description?.value }
  return { textFormat: { type: 'json_schema', structure: { jsonSchema: defined(spec) } } }
}

/** Bedrock cannot say that no tool is to be called: they are left out, unless the history needs them. */
function writeTools(call: Call, reading: Reading): Json | undefined {
  const { choice, tools } = call
  if (tools.length === 0) return undefined
  if (choice?.value.mode === 'none') {
    const used = call.turns.some(({ parts }) => parts.some(({ type }) => type === 'call' || type === 'result'))
    if (!used) return undefined
    reading.lose(choice.path)
  }
  return defined({ tools: tools.map((tool) => writeTool(tool, reading)), toolChoice: writeChoice(call) })
}

function writeChoice({ choice }: Call): Json | undefined {
  const mode = choice?.value.mode
  if (choice?.value.mode === 'tool') return { tool: { name: choice.value.name } }
  if (mode === 'required') return { any: {} }
  return mode === 'auto' ? { auto: {} } : undefined
}

function writeTool(tool: Tool, reading: Reading): Json {
  if (tool.strict?.value === true) reading.lose(tool.strict.path)
  const schema = objectSchema(tool.schema)
  const description = tool.description ?? undefined
  return { toolSpec: defined({ name: tool.name, description, inputSchema: { json: schema } }) }
}

/** Results of tools come first; a turn without a block is left out, for Bedrock refuses it. */
function writeTurn(turn: Turn, reading: Reading, names: { count: number }): Json[] {
  const results = turn.parts.filter((part) => part.type === 'result')
  const rest = turn.parts.filter((part) => part.type !== 'result')
  const content = [...results, ...rest].flatMap((part) => writePart(part, reading, names) ?? [])
  return content.length === 0 ? [] : [{ role: turn.role, content }]
}

function writePart(part: Part, reading: Reading, names: { count: number }): Json | undefined {
  if (part.type === 'text' || part.type === 'refusal') return part.text.trim() === '' ? undefined : { text: part.text }
  if (part.type === 'call')
    return { toolUse: { toolUseId: plainId(part.id), name: part.name, input: argsOf(part, reading) } }
  if (part.type === 'result') return writeResult(part, reading, names)
  if (part.type === 'reasoning' && part.signature !== null) {
    const { text, signature, redacted } = part
    return { reasoningContent: redacted ? { redactedContent: signature } : { reasoningText: { text, signature } } }
  }
  const block = part.type === 'image' || part.type === 'file' ? writeMedia(part, names) : undefined
  if (block === undefined) reading.lose(part.path)
  if (block !== undefined && part.type === 'image' && part.detail !== undefined) reading.lose(part.detail.path)
  return block
}

/** A result's text that is a JSON object goes as JSON. */
function writeResult(part: Extract<Part, { type: 'result' }>, reading: Reading, names: { count: number }): Json {
  const content = part.parts.flatMap((inner) => {
    const json = inner.type === 'text' ? parsedObject(inner.text) : undefined
    return json === undefined ? (writePart(inner, reading, names) ?? []) : [{ json }]
  })
  const status = part.failed?.value === true ? 'error' : undefined
  const empty = [{ text: '(empty)' }]
  return {
    toolResult: defined({ toolUseId: plainId(part.id), content: content.length === 0 ? empty : content, status }),
  }
}

const IMAGES = ['png', 'jpeg', 'gif', 'webp']
const DOCUMENTS = ['pdf', 'csv', 'doc', 'docx', 'xls', 'xlsx', 'html', 'txt', 'md']

/** Bedrock takes bytes of formats that it names; undefined for anything else. */
function writeMedia(part: Extract<Part, { type: 'image' | 'file' }>, names: { count: number }): Json | undefined {
  const { source } = part
  const format = source.kind === 'base64' ? formatOf(source.media) : 'txt'
  const bytes = bytesOf(source)
  if (bytes === undefined || format === undefined) return undefined
  if (part.type === 'image') return IMAGES.includes(format) ? { image: { format, source: { bytes } } } : undefined
  if (!DOCUMENTS.includes(format)) return undefined
  // Other characters are refused, and so are two documents of one name.
  const plain = (part.name ?? '')
    .replaceAll(/[^A-Za-z0-9\s()[\]-]/g, '-')
    .replaceAll(/\s+/g, ' ')
    .slice(0, 100)
  const name = `${plain.trim() || 'document'} ${++names.count}`
  return { document: { format, name, source: { bytes } } }
}

function bytesOf(source: Source): string | undefined {
  if (source.kind === 'base64') return source.data
  return source.kind === 'text' ? Buffer.from(source.text).toString('base64') : undefined
}
