/** Answers of Anthropic's `/v1/messages`, read and written whole. */
import type { Asked, Json } from './dialects.ts'
import type { Fields, Reading } from './fields.ts'
import { argsOf, loseSignature, plainId, type Answer, type Choice, type Finish, type Part } from './hub.ts'
import { readToolUse, writeThinking } from './messages-request.ts'
import { usageOf } from './usage.ts'
import type { Usage } from '../records/record.ts'

const FINISHES: Readonly<Record<string, Finish>> = {
  end_turn: 'stop',
  pause_turn: 'stop',
  stop_sequence: 'sequence',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'calls',
  refusal: 'filter',
}

/** The reason that Anthropic words so; an unknown one is an end by itself. */
export function messagesFinish(word: string | undefined): Finish {
  return (Object.hasOwn(FINISHES, word ?? '') ? FINISHES[word ?? ''] : undefined) ?? 'stop'
}

const WORDS: Readonly<Record<Finish, string>> = {
  stop: 'end_turn',
  sequence: 'stop_sequence',
  length: 'max_tokens',
  calls: 'tool_use',
  filter: 'refusal',
}

/** The end of an answer in the words of Anthropic. */
export function messagesEnd({ finish, sequence }: Pick<Choice, 'finish' | 'sequence'>): Json {
  const details = finish === 'filter' ? { type: 'refusal', category: null, explanation: null } : null
  return { stop_reason: WORDS[finish], stop_sequence: sequence, stop_details: details }
}

/** Reads a whole answer. Throws `upstream_failed` for one that is none. */
export function readMessagesAnswer(body: Json, reading: Reading): Answer {
  const fields = reading.fields(body, '')
  fields.skip('type', 'role', 'model', 'usage', 'stop_details')
  const parts = fields.neededObjects('content').flatMap((part) => readPart(part) ?? [])
  const finish = messagesFinish(fields.text('stop_reason'))
  const choice: Choice = { parts, finish, sequence: fields.text('stop_sequence') ?? null }
  const answer = { id: fields.text('id') ?? null, choices: [choice], usage: usageOf('messages', body)?.usage ?? null }
  fields.close()
  return answer
}

function readPart(part: Fields): Part | undefined {
  const type = part.needed('type')
  const path = part.at
  const read = ((): Part | undefined => {
    if (type === 'text') return { type, text: part.needed('text'), path }
    if (type === 'tool_use') return readToolUse(part)
    if (type === 'redacted_thinking')
      return { type: 'reasoning', text: '', signature: part.needed('data'), redacted: true, path }
    if (type !== 'thinking') return undefined
    const text = part.text('thinking') ?? ''
    return { type: 'reasoning', text, signature: part.text('signature') ?? null, redacted: false, path }
  })()
  if (read === undefined) part.drop()
  return read
}

/** Usage as Anthropic tells it: what the cache had is not counted in `input_tokens`. */
export function writeMessagesUsage(usage: Usage): Json {
  return {
    input_tokens: Math.max(0, usage.input - usage.cache_read - usage.cache_write),
    cache_creation_input_tokens: usage.cache_write,
    cache_read_input_tokens: usage.cache_read,
    output_tokens: usage.output,
    ...(usage.reasoning > 0 ? { output_tokens_details: { thinking_tokens: usage.reasoning } } : {}),
  }
}

/** Writes a whole answer, of the first choice: clients of this dialect can ask for no more. */
export function writeMessagesAnswer(answer: Answer, asked: Asked, reading: Reading): Json {
  const [first, ...others] = answer.choices
  for (const { parts } of others) for (const { path } of parts) reading.lose(path)
  return {
    id: answer.id ?? asked.id,
    type: 'message',
    role: 'assistant',
    model: asked.model,
    content: (first?.parts ?? []).flatMap((part) => writePart(part, reading) ?? []),
    ...messagesEnd(first ?? { finish: 'stop', sequence: null }),
    usage: writeMessagesUsage(answer.usage ?? NOTHING),
  }
}

/** The dialect has no answer without usage. */
export const NOTHING: Usage = { input: 0, output: 0, cache_read: 0, cache_write: 0, reasoning: 0 }

function writePart(part: Part, reading: Reading): Json | undefined {
  if (part.type === 'text' || part.type === 'refusal') return { type: 'text', text: part.text, citations: null }
  if (part.type === 'call') {
    loseSignature(part, reading)
    return { type: 'tool_use', id: plainId(part.id), name: part.name, input: argsOf(part, reading) }
  }
  if (part.type === 'reasoning') return writeThinking(part.text, part.signature ?? '', part.redacted)
  reading.lose(part.path)
  return undefined
}
