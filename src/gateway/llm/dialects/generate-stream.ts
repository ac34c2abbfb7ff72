/** Streams of Gemini's `streamGenerateContent` as server-sent events, read and written. */
import { broken, jsonOf, messageOf } from './chat-stream.ts'
import type { Asked, Json, StreamEvent } from './dialects.ts'
import { Reading, type Fields } from './fields.ts'
import { callId, parsedObject, type Delta, type Part, type StreamReader, type StreamWriter } from './hub.ts'
import { generateFinish, generateWord, readGeneratePart, writeGenerateUsage } from './generate-answer.ts'
import { usageOf } from './usage.ts'
import type { Usage } from '../records/record.ts'

/** Reads chunks. The dialect has no end marker: a reason of the end, or of a blocked prompt, is it. */
export class GenerateStreamReader implements StreamReader {
  private readonly asked: Asked
  private readonly reading = new Reading('upstream')
  /** Calls of each candidate so far. */
  private readonly calls = new Map<number, number>()
  /** Candidates that have not ended; null = none has begun. */
  private open: Set<number> | null = null
  private started = false

  constructor(asked: Asked) {
    this.asked = asked
  }

  push(event: StreamEvent): Delta[] {
    const chunk = jsonOf(event)
    if (chunk['error'] !== undefined) throw broken(messageOf(chunk['error']))
    const fields = this.reading.fields(chunk, '')
    const deltas: Delta[] = []
    if (!this.started) {
      this.started = true
      deltas.push({ type: 'start', id: fields.text('responseId') ?? null, usage: null })
    }
    for (const candidate of fields.objects('candidates')) deltas.push(...this.candidate(candidate))
    const usage = usageOf('generate', chunk)?.usage
    if (usage !== undefined) deltas.push({ type: 'usage', usage })
    if (fields.within('promptFeedback')?.text('blockReason') !== undefined) {
      this.open = new Set()
      deltas.push({ type: 'finish', choice: 0, finish: 'filter', sequence: null })
    }
    return deltas
  }

  end(): Delta[] {
    if (this.open?.size !== 0) throw broken('its stream ended without a finishReason')
    return []
  }

  private candidate(candidate: Fields): Delta[] {
    const choice = candidate.number('index') ?? 0
    this.open = (this.open ?? new Set()).add(choice)
    const parts = candidate.within('content')?.objects('parts') ?? []
    const deltas = parts.flatMap((fields) => {
      const call = this.calls.get(choice) ?? 0
      const part = readGeneratePart(fields, callId(this.asked, choice, call))
      if (part?.type === 'call') this.calls.set(choice, call + 1)
      return part === undefined ? [] : stepsOf(part, choice, call)
    })
    const word = candidate.text('finishReason')
    if (word === undefined || word === 'FINISH_REASON_UNSPECIFIED') return deltas
    this.open.delete(choice)
    const finish = generateFinish(word, (this.calls.get(choice) ?? 0) > 0)
    return [...deltas, { type: 'finish', choice, finish, sequence: null }]
  }
}

function stepsOf(part: Part, choice: number, call: number): Delta[] {
  if (part.type === 'text' || part.type === 'reasoning')
    return part.text === '' ? [] : [{ type: part.type, choice, text: part.text }]
  if (part.type !== 'call') return []
  const { id, name, signature, args } = part
  return [
    { type: 'call', choice, call, id, name, signature },
    { type: 'args', choice, call, text: args },
  ]
}

interface PendingCall {
  readonly id: string
  readonly name: string
  readonly signature: string | null
  args: string
}

/** Writes chunks. Gemini has no calls in pieces, so that each is held until its arguments are whole. */
export class GenerateStreamWriter implements StreamWriter {
  private readonly asked: Asked
  private readonly calls = new Map<number, Map<number, PendingCall>>()
  private readonly ends = new Map<number, string>()
  private id: string
  private usage: Usage | null = null

  constructor(asked: Asked) {
    this.asked = asked
    this.id = asked.id
  }

  push(delta: Delta): StreamEvent[] {
    if (delta.type === 'start') this.id = delta.id ?? this.id
    if (delta.type === 'start' || delta.type === 'usage') {
      this.usage = delta.usage ?? this.usage
      return []
    }
    const { choice } = delta
    if (delta.type === 'text' || delta.type === 'refusal') return [this.chunk(choice, [{ text: delta.text }])]
    if (delta.type === 'reasoning') return [this.chunk(choice, [{ text: delta.text, thought: true }])]
    if (delta.type === 'finish') this.ends.set(choice, generateWord(delta.finish))
    if (delta.type === 'call') {
      const { id, name, signature } = delta
      this.pending(choice).set(delta.call, { id, name, signature, args: '' })
    }
    const pending = delta.type === 'args' ? this.pending(choice).get(delta.call) : undefined
    if (pending !== undefined && delta.type === 'args') pending.args += delta.text
    return []
  }

  /** The last chunk of each candidate has its calls, its reason and the usage. */
  end(): StreamEvent[] {
    const choices = new Set([...this.ends.keys(), ...this.calls.keys()])
    if (choices.size === 0) choices.add(0)
    return [...choices].sort((a, b) => a - b).map((choice) => this.last(choice))
  }

  private last(choice: number): StreamEvent {
    const calls = [...this.pending(choice).values()].map((call): Json => {
      const args = call.args.trim() === '' ? {} : parsedObject(call.args)
      if (args === undefined) throw broken('the arguments of a call of a tool are no JSON object')
      const functionCall = { id: call.id, name: call.name, args }
      return call.signature === null ? { functionCall } : { functionCall, thoughtSignature: call.signature }
    })
    const parts = calls.length === 0 ? [{ text: '' }] : calls
    const usage = this.usage === null ? {} : { usageMetadata: writeGenerateUsage(this.usage) }
    return this.chunk(choice, parts, { finishReason: this.ends.get(choice) ?? 'STOP' }, usage)
  }

  private pending(choice: number): Map<number, PendingCall> {
    const found = this.calls.get(choice) ?? new Map<number, PendingCall>()
    this.calls.set(choice, found)
    return found
  }

  private chunk(index: number, parts: readonly Json[], end: Json = {}, rest: Json = {}): StreamEvent {
    const candidates = [{ content: { role: 'model', parts }, ...end, index }]
    const { model } = this.asked
    return { event: null, data: JSON.stringify({ candidates, ...rest, modelVersion: model, responseId: this.id }) }
  }
}
