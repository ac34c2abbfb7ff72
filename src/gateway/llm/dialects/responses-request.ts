/** Requests of OpenAI's `/v1/responses`, read. */
import { readChoice, readFunction, readSchema } from './chat-request.ts'
import type { Json } from './dialects.ts'
import type { Fields, Reading, Said } from './fields.ts'
import { contentOf, type Call, type Format, type Part, type Settings, type Tool, type Turn } from './hub.ts'
import { sourceOf } from './media.ts'

/** Marks encrypted reasoning that is a signature of an upstream's, not OpenAI's own. */
export const SIGNED = 'slipway:'

/**
 * Reads a request. Throws `invalid_field` for a field of a wrong type, and for one that means what only OpenAI keeps: an earlier
 * response, a conversation or a stored prompt, without which the input is not whole.
 */
export function readResponsesRequest(body: Json, reading: Reading): Call {
  const fields = reading.fields(body, '')
  fields.skip('model', 'stream_options')
  for (const key of ['previous_response_id', 'conversation', 'prompt']) {
    const value = fields.raw(key)
    if (value !== undefined)
      throw reading.fault(key, value, 'none, for this model keeps nothing: send all of it as input')
  }
  if (fields.flag('store') === true) reading.lose('store')
  if (fields.flag('background') === true) reading.lose('background')
  if (fields.text('truncation') === 'auto') reading.lose('truncation')
  const instructions = fields.text('instructions')
  const parts: Part[] = instructions === undefined ? [] : [{ type: 'text', text: instructions, path: 'instructions' }]
  const system: Turn[] = parts.length === 0 ? [] : [{ role: 'system', parts, path: 'instructions' }]
  const call: Call = {
    turns: [...system, ...readInput(fields)],
    tools: readTools(fields),
    choice: readChoice(fields, (choice) => choice.text('name')),
    settings: readSettings(fields),
    stream: fields.flag('stream') ?? false,
  }
  fields.close()
  return call
}

function readSettings(fields: Fields): Settings {
  const reasoning = fields.within('reasoning')
  const effort = reasoning?.saidText('effort')
  const text = fields.within('text')
  const format = text?.within('format')
  return {
    max: fields.saidNumber('max_output_tokens'),
    temperature: fields.saidNumber('temperature'),
    topP: fields.saidNumber('top_p'),
    user: fields.saidText('user'),
    parallel: fields.saidFlag('parallel_tool_calls', true),
    effort,
    format: format === undefined ? undefined : readFormat(format),
  }
}

function readFormat(format: Fields): Said<Format> | undefined {
  const type = format.needed('type')
  if (type === 'json_object') return { value: { kind: 'object' }, path: format.at }
  if (type === 'json_schema') {
    const value = readSchema(format)
    if (value === undefined) throw format.reading.fault(format.path('schema'), undefined, 'a JSON Schema')
    return { value, path: format.at }
  }
  if (type !== 'text') format.drop()
  return undefined
}

function readTools(fields: Fields): Tool[] {
  return fields.objects('tools').flatMap((tool) => {
    if (tool.needed('type') === 'function') return readFunction(tool)
    tool.drop()
    return []
  })
}

function readInput(fields: Fields): Turn[] {
  const input = fields.raw('input')
  const path = fields.path('input')
  if (typeof input === 'string') return [{ role: 'user', parts: [{ type: 'text', text: input, path }], path }]
  if (!Array.isArray(input)) throw fields.reading.fault(path, input, 'a text or a list of items')
  const turns: Turn[] = []
  for (const item of fields.objects('input')) {
    const turn = readItem(item)
    if (turn === undefined) {
      item.drop()
      continue
    }
    // Reasoning, text and calls of one answer are items of their own here, and one message elsewhere.
    const last = turns.at(-1)
    if (last?.role === 'assistant' && turn.role === 'assistant')
      turns.splice(-1, 1, { ...last, parts: [...last.parts, ...turn.parts] })
    else turns.push(turn)
  }
  return turns
}

function readItem(item: Fields): Turn | undefined {
  const type = item.text('type') ?? 'message'
  const path = item.at
  item.skip('id', 'status', 'phase')
  if (type === 'message') return readMessage(item)
  if (type === 'function_call') {
    const args = { args: item.text('arguments') ?? '', path: item.path('arguments') }
    const part: Part = { type: 'call', id: item.needed('call_id'), name: item.needed('name'), signature: null, ...args }
    return { role: 'assistant', parts: [part], path }
  }
  if (type === 'function_call_output') {
    const parts = contentOf(item, 'output', PARTS)
    const part: Part = { type: 'result', id: item.needed('call_id'), name: null, parts, failed: undefined, path }
    return { role: 'user', parts: [part], path }
  }
  return type === 'reasoning' ? readReasoning(item) : undefined
}

/** Only reasoning that this gateway wrote can be proven to a provider; that of OpenAI is lost. */
function readReasoning(item: Fields): Turn | undefined {
  const sealed = item.text('encrypted_content')
  if (sealed?.startsWith(SIGNED) !== true) return undefined
  const text = item.objects('summary').map((part) => {
    part.skip('type')
    return part.text('text') ?? ''
  })
  const signature = sealed.slice(SIGNED.length)
  item.skip('content')
  const redacted = text.length === 0
  return {
    role: 'assistant',
    parts: [{ type: 'reasoning', text: text.join(''), signature, redacted, path: item.at }],
    path: item.at,
  }
}

function readMessage(item: Fields): Turn {
  const role = item.needed('role')
  const turn = { parts: contentOf(item, 'content', PARTS), path: item.at }
  if (role === 'system' || role === 'developer') return { ...turn, role: 'system' }
  if (role === 'user' || role === 'assistant') return { ...turn, role }
  throw item.reading.fault(item.path('role'), role, '"system", "developer", "user" or "assistant"')
}

function readText(part: Fields): Part {
  part.skip('annotations', 'logprobs')
  return { type: 'text', text: part.needed('text'), path: part.at }
}

const PARTS: Readonly<Record<string, (part: Fields) => Part | undefined>> = {
  input_text: readText,
  output_text: readText,
  refusal: (part) => ({ type: 'refusal', text: part.needed('refusal'), path: part.at }),
  input_image: (part) => {
    const url = part.text('image_url')
    const detail = part.saidText('detail')
    if (url === undefined) return undefined
    const asked = detail?.value === 'auto' ? undefined : detail
    return { type: 'image', source: sourceOf(url), detail: asked, path: part.at }
  },
  input_file: (part) => {
    const url = part.text('file_data') ?? part.text('file_url')
    const name = part.text('filename') ?? null
    return url === undefined ? undefined : { type: 'file', source: sourceOf(url), name, path: part.at }
  },
}
