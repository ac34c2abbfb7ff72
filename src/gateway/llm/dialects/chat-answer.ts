/** Answers of OpenAI's `/v1/chat/completions`, read and written whole. */
import { defined, writeCall } from './chat-request.ts'
import type { Asked, Json } from './dialects.ts'
import { isObject, type Fields, type Reading } from './fields.ts'
import { callId, type Answer, type Choice, type Finish, type Part, type ToolCall } from './hub.ts'
import { usageOf } from './usage.ts'
import type { Usage } from '../records/record.ts'

const FINISHES: Readonly<Record<string, Finish>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'calls',
  function_call: 'calls',
  content_filter: 'filter',
}

/** The reason that chat words so; an unknown one is an end by itself. */
export function chatFinish(word: string | undefined): Finish {
  return (Object.hasOwn(FINISHES, word ?? '') ? FINISHES[word ?? ''] : undefined) ?? 'stop'
}

/** The word of chat for a reason. */
export function chatWord(finish: Finish): string {
  if (finish === 'calls') return 'tool_calls'
  if (finish === 'filter') return 'content_filter'
  return finish === 'length' ? 'length' : 'stop'
}

/** Reads a whole answer. Throws `upstream_failed` for one that is none. */
export function readChatAnswer(body: Json, reading: Reading, asked: Asked): Answer {
  const fields = reading.fields(body, '')
  fields.skip('object', 'created', 'model', 'usage', 'system_fingerprint', 'service_tier')
  const choices = fields.objects('choices').map((choice, n) => readChoice(choice, asked, n))
  if (choices.length === 0) throw reading.fault('choices', body['choices'], 'a list that is not empty')
  const answer = { id: fields.text('id') ?? null, choices, usage: usageOf('chat', body)?.usage ?? null }
  fields.close()
  return answer
}

function readChoice(choice: Fields, asked: Asked, n: number): Choice {
  choice.skip('index', 'stop_reason')
  const message = choice.within('message')
  if (message === undefined) throw choice.reading.fault(choice.path('message'), undefined, 'an object')
  message.skip('role')
  const parts: Part[] = []
  const thought = message.text('reasoning_content') ?? message.text('reasoning')
  const path = message.at
  if (thought !== undefined && thought !== '')
    parts.push({ type: 'reasoning', text: thought, signature: null, redacted: false, path })
  const text = message.text('content')
  if (text !== undefined && text !== '') parts.push({ type: 'text', text, path })
  const refusal = message.text('refusal')
  if (refusal !== undefined && refusal !== '') parts.push({ type: 'refusal', text: refusal, path })
  parts.push(...message.objects('tool_calls').map((call, place) => readCall(call, callId(asked, n, place))))
  if (Array.isArray(message.raw('annotations')) && message.items('annotations')?.length !== 0)
    message.lose('annotations')
  message.skip('reasoning')
  const word = chatFinish(choice.text('finish_reason'))
  // Some servers word an end by calls of tools as any other.
  const finish = word === 'stop' && parts.some(({ type }) => type === 'call') ? 'calls' : word
  return { parts, finish, sequence: null }
}

function readCall(call: Fields, id: string): ToolCall {
  const spec = call.within('function')
  call.skip('type', 'index')
  if (spec === undefined) throw call.reading.fault(call.path('function'), undefined, 'an object')
  const args = spec.raw('arguments')
  const google = call.within('extra_content')?.within('google')
  return {
    type: 'call',
    id: call.text('id') || id,
    name: spec.needed('name'),
    // Some servers send the arguments as an object.
    args: isObject(args) ? JSON.stringify(args) : (spec.text('arguments') ?? ''),
    signature: google?.text('thought_signature') ?? null,
    ...(google && { signed: google.path('thought_signature') }),
    path: spec.path('arguments'),
  }
}

/** Usage as chat tells it. */
export function writeChatUsage(usage: Usage): Json {
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cache_read },
    completion_tokens_details: { reasoning_tokens: usage.reasoning },
  }
}

/** Writes a whole answer. */
export function writeChatAnswer(answer: Answer, asked: Asked, reading: Reading): Json {
  return defined({
    id: answer.id ?? asked.id,
    object: 'chat.completion',
    created: asked.created,
    model: asked.model,
    choices: answer.choices.map((choice, index) => ({
      index,
      message: writeMessage(choice, reading),
      logprobs: null,
      finish_reason: chatWord(choice.finish),
    })),
    usage: answer.usage === null ? undefined : writeChatUsage(answer.usage),
  })
}

function writeMessage({ parts }: Choice, reading: Reading): Json {
  const calls = parts.filter((part) => part.type === 'call')
  const notes = parts.filter((part) => part.type === 'reasoning')
  const said = (type: 'text' | 'refusal' | 'reasoning'): string =>
    parts.map((part) => (part.type === type && 'text' in part ? part.text : '')).join('')
  for (const part of parts)
    if (part.type === 'image' || part.type === 'file' || part.type === 'audio' || part.type === 'result')
      reading.lose(part.path)
  const signed = notes.filter(({ signature }) => signature !== null)
  return defined({
    role: 'assistant',
    content: parts.some(({ type }) => type === 'text') ? said('text') : null,
    refusal: said('refusal') || null,
    reasoning_content: said('reasoning') || undefined,
    slipway: signed.length === 0 ? undefined : { reasoning: signed.map(writeReasoning) },
    tool_calls: calls.length === 0 ? undefined : calls.map(writeCall),
  })
}

/** Reasoning as the namespaced field keeps it, so that a client who sends the message back proves it. */
export function writeReasoning(note: { text: string; signature: string | null; redacted: boolean }): Json {
  return note.redacted ? { redacted: true, signature: note.signature } : { text: note.text, signature: note.signature }
}
