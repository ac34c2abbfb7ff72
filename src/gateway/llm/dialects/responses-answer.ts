/** Answers of OpenAI's `/v1/responses`, written whole. */
import { defined } from './chat-request.ts'
import type { Asked, Json } from './dialects.ts'
import type { Reading } from './fields.ts'
import { loseSignature, type Answer, type Choice, type Finish, type Part } from './hub.ts'
import { SIGNED } from './responses-request.ts'
import type { Usage } from '../records/record.ts'

/** Writes a whole answer, of the first choice: clients of this dialect can ask for no more. */
export function writeResponsesAnswer(answer: Answer, asked: Asked, reading: Reading): Json {
  const [first, ...others] = answer.choices
  for (const { parts } of others) for (const { path } of parts) reading.lose(path)
  const output = itemsOf(first, asked.id, reading)
  return responseOf({ asked, id: answer.id ?? asked.id, output, finish: first?.finish ?? 'stop', usage: answer.usage })
}

/** What a response is made of; no finish = it is still in progress. */
export interface ResponseParts {
  readonly asked: Asked
  readonly id: string
  readonly output: readonly Json[]
  readonly finish: Finish | null
  readonly usage: Usage | null
}

/** A response, with what was asked for in it as OpenAI repeats it. */
export function responseOf({ asked, id, output, finish, usage }: ResponseParts): Json {
  const { body } = asked
  const cut = finish === 'length' || finish === 'filter'
  const reason = finish === 'length' ? 'max_output_tokens' : 'content_filter'
  const done = cut ? 'incomplete' : 'completed'
  return {
    id,
    object: 'response',
    created_at: asked.created,
    status: finish === null ? 'in_progress' : done,
    error: null,
    incomplete_details: cut ? { reason } : null,
    model: asked.model,
    output,
    previous_response_id: null,
    store: false,
    truncation: 'disabled',
    ...repeated(body),
    usage: usage === null ? null : writeResponsesUsage(usage),
  }
}

/** What a response repeats of its request, where it is not asked otherwise. */
const REPEATED: Json = {
  instructions: null,
  max_output_tokens: null,
  metadata: {},
  parallel_tool_calls: true,
  reasoning: { effort: null, summary: null },
  temperature: null,
  text: { format: { type: 'text' } },
  tool_choice: 'auto',
  tools: [],
  top_p: null,
}

function repeated(body: Json): Json {
  return Object.fromEntries(Object.entries(REPEATED).map(([key, usual]) => [key, body[key] ?? usual]))
}

function writeResponsesUsage(usage: Usage): Json {
  return {
    input_tokens: usage.input,
    input_tokens_details: { cached_tokens: usage.cache_read, cache_write_tokens: usage.cache_write },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.reasoning },
    total_tokens: usage.input + usage.output,
  }
}

/** Items of an answer: texts in a row are one message. */
function itemsOf(choice: Choice | undefined, id: string, reading: Reading): Json[] {
  const items: Json[] = []
  let content: Json[] = []
  const flush = (): void => {
    if (content.length > 0) items.push(messageItem(itemId('msg', id, items.length), content))
    content = []
  }
  for (const part of choice?.parts ?? []) {
    if (part.type === 'text' || part.type === 'refusal') {
      content.push(contentPart(part.type, part.text))
      continue
    }
    flush()
    if (part.type === 'call') loseSignature(part, reading)
    const item = itemOf(part, id, items.length)
    if (item === undefined) reading.lose(part.path)
    else items.push(item)
  }
  flush()
  return items
}

function itemOf(part: Part, id: string, n: number): Json | undefined {
  if (part.type === 'call')
    return callItem({ id: itemId('fc', id, n), call: part.id, name: part.name, args: part.args || '{}' })
  return part.type === 'reasoning' ? reasoningItem(itemId('rs', id, n), part.text, part.signature) : undefined
}

/** Id of an item: its kind, the id of the answer and its place. */
export function itemId(kind: 'msg' | 'fc' | 'rs', id: string, place: number): string {
  return `${kind}_${id}_${place}`
}

/** A part of a message's content. */
export function contentPart(type: 'text' | 'refusal', text: string): Json {
  return type === 'text' ? { type: 'output_text', text, annotations: [], logprobs: [] } : { type, refusal: text }
}

/** A message that has ended. */
export function messageItem(id: string, content: readonly Json[]): Json {
  return { id, type: 'message', status: 'completed', role: 'assistant', content }
}

/** A call of a tool that has ended. */
export function callItem(call: { id: string; call: string; name: string; args: string }): Json {
  const { id, name } = call
  return { id, type: 'function_call', status: 'completed', call_id: call.call, name, arguments: call.args }
}

/** Reasoning that has ended; a signature is kept as encrypted content, marked as not OpenAI's. */
export function reasoningItem(id: string, text: string, signature: string | null): Json {
  const summary = text === '' ? [] : [{ type: 'summary_text', text }]
  const sealed = signature === null ? undefined : `${SIGNED}${signature}`
  return defined({ id, type: 'reasoning', summary, encrypted_content: sealed })
}
