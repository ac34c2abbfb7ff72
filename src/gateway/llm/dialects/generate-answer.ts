/** Answers of Gemini's `generateContent`, read and written whole. */
import { defined } from './chat-request.ts'
import type { Asked, Json } from './dialects.ts'
import type { Fields, Reading } from './fields.ts'
import { argsOf, callId, type Answer, type Choice, type Finish, type Part } from './hub.ts'
import { usageOf } from './usage.ts'
import type { Usage } from '../records/record.ts'

const FILTERS = [
  'SAFETY',
  'RECITATION',
  'LANGUAGE',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'SPII',
  'IMAGE_SAFETY',
  'IMAGE_PROHIBITED_CONTENT',
  'IMAGE_RECITATION',
]

/** The reason that Gemini words so. It has no word for calls of tools: whoever called any has ended to do so. */
export function generateFinish(word: string | undefined, calls: boolean): Finish {
  if (word === 'MAX_TOKENS') return 'length'
  if (word !== undefined && FILTERS.includes(word)) return 'filter'
  return calls ? 'calls' : 'stop'
}

/** The word of Gemini for a reason. */
export function generateWord(finish: Finish): string {
  if (finish === 'length') return 'MAX_TOKENS'
  return finish === 'filter' ? 'SAFETY' : 'STOP'
}

/** Reads a whole answer; a prompt that was blocked is an answer without text. Throws `upstream_failed` for a body that is none. */
export function readGenerateAnswer(body: Json, reading: Reading, asked: Asked): Answer {
  const fields = reading.fields(body, '')
  fields.skip('modelVersion', 'usageMetadata', 'createTime')
  const choices = fields.objects('candidates').map((candidate, n) => readCandidate(candidate, asked, n))
  const blocked = fields.within('promptFeedback')?.text('blockReason')
  if (choices.length === 0 && blocked === undefined)
    throw reading.fault('candidates', undefined, 'a list that is not empty')
  const none: Choice = { parts: [], finish: 'filter', sequence: null }
  const usage = usageOf('generate', body)?.usage ?? null
  const answer = { id: fields.text('responseId') ?? null, choices: choices.length === 0 ? [none] : choices, usage }
  fields.close()
  return answer
}

function readCandidate(candidate: Fields, asked: Asked, n: number): Choice {
  candidate.skip('index', 'tokenCount', 'avgLogprobs')
  const content = candidate.within('content')
  content?.skip('role')
  let calls = 0
  const parts = (content?.objects('parts') ?? []).flatMap((part) => {
    const read = readGeneratePart(part, callId(asked, n, calls))
    if (read?.type === 'call') calls++
    if (read === undefined) part.drop()
    return read ?? []
  })
  const finish = generateFinish(candidate.text('finishReason'), calls > 0)
  return { parts, finish, sequence: null }
}

/** A part of an answer, whole or streamed; `id` is for a call that has none. */
export function readGeneratePart(part: Fields, id: string): Part | undefined {
  const path = part.at
  const text = part.text('text')
  if (text !== undefined) {
    if (part.flag('thought') === true) return { type: 'reasoning', text, signature: null, redacted: false, path }
    return { type: 'text', text, path }
  }
  const call = part.within('functionCall')
  if (call === undefined) return undefined
  return {
    type: 'call',
    id: call.text('id') || id,
    name: call.needed('name'),
    args: JSON.stringify(call.object('args') ?? {}),
    signature: part.text('thoughtSignature') ?? null,
    signed: part.path('thoughtSignature'),
    path: call.path('args'),
  }
}

/** Usage as Gemini tells it. */
export function writeGenerateUsage(usage: Usage): Json {
  return defined({
    promptTokenCount: usage.input,
    candidatesTokenCount: usage.output - usage.reasoning,
    totalTokenCount: usage.input + usage.output,
    cachedContentTokenCount: usage.cache_read > 0 ? usage.cache_read : undefined,
    thoughtsTokenCount: usage.reasoning > 0 ? usage.reasoning : undefined,
  })
}

/** Writes a whole answer. */
export function writeGenerateAnswer(answer: Answer, asked: Asked, reading: Reading): Json {
  return defined({
    candidates: answer.choices.map((choice, index) => ({
      content: { role: 'model', parts: choice.parts.flatMap((part) => writePart(part, reading) ?? []) },
      finishReason: generateWord(choice.finish),
      index,
    })),
    usageMetadata: answer.usage === null ? undefined : writeGenerateUsage(answer.usage),
    modelVersion: asked.model,
    responseId: answer.id ?? asked.id,
  })
}

function writePart(part: Part, reading: Reading): Json | undefined {
  if (part.type === 'text' || part.type === 'refusal') return { text: part.text }
  if (part.type === 'call')
    return defined({
      functionCall: { id: part.id, name: part.name, args: argsOf(part, reading) },
      thoughtSignature: part.signature ?? undefined,
    })
  if (part.type !== 'reasoning' || part.redacted) {
    reading.lose(part.path)
    return undefined
  }
  if (part.signature !== null) reading.lose(part.path)
  return { text: part.text, thought: true }
}
