/** Streams of OpenAI's `/v1/chat/completions`, read and written. */
import { chatFinish, chatWord, writeChatUsage, writeReasoning } from './chat-answer.ts'
import { defined } from './chat-request.ts'
import type { Asked, Json, StreamEvent } from './dialects.ts'
import { isObject, Reading, type Fields } from './fields.ts'
import { callId, parsedObject, type Delta, type StreamReader, type StreamWriter } from './hub.ts'
import { usageOf, wantsUsage } from './usage.ts'
import { problem } from '../../../contract/errors.ts'
import type { Usage } from '../records/record.ts'

/** The fault of a provider in mid-stream. */
export function broken(detail: string): Error {
  return problem('upstream_failed', { what: 'the provider', detail })
}

/** JSON of an event. Throws `upstream_failed` for a text that is no object. */
export function jsonOf(event: StreamEvent): Json {
  const value = parsedObject(event.data)
  if (value === undefined) throw broken(`an event of its stream is no JSON object: ${event.data.slice(0, 100)}`)
  return value
}

/** Message of an error within a stream; a text of any shape will do. */
export function messageOf(error: unknown): string {
  const message = isObject(error) ? error['message'] : error
  return typeof message === 'string' ? message : (JSON.stringify(error) ?? 'it told an error').slice(0, 200)
}

/** Reads chunks; `[DONE]` is the end, what comes after it is not looked at. */
export class ChatStreamReader implements StreamReader {
  private readonly asked: Asked
  private readonly reading = new Reading('upstream')
  private readonly calls = new Set<string>()
  private started = false
  private done = false

  constructor(asked: Asked) {
    this.asked = asked
  }

  push(event: StreamEvent): Delta[] {
    if (this.done) return []
    if (event.data.trim() === '[DONE]') {
      this.done = true
      return []
    }
    const chunk = jsonOf(event)
    const error = chunk['error']
    if (error !== undefined && error !== null) throw broken(messageOf(error))
    if (chunk['object'] === 'error') throw broken(messageOf(chunk))
    const fields = this.reading.fields(chunk, '')
    const deltas: Delta[] = []
    if (!this.started) {
      this.started = true
      deltas.push({ type: 'start', id: fields.text('id') || null, usage: null })
    }
    for (const choice of fields.objects('choices')) deltas.push(...this.choice(choice))
    const usage = usageOf('chat', chunk)?.usage
    if (usage !== undefined) deltas.push({ type: 'usage', usage })
    return deltas
  }

  end(): Delta[] {
    if (!this.done) throw broken('its stream ended without [DONE]')
    return []
  }

  private choice(fields: Fields): Delta[] {
    const choice = fields.number('index') ?? 0
    const delta = fields.within('delta')
    const deltas: Delta[] = []
    if (delta !== undefined) {
      const texts = [
        ['reasoning', delta.text('reasoning_content') ?? delta.text('reasoning')],
        ['text', delta.text('content')],
        ['refusal', delta.text('refusal')],
      ] as const
      for (const [type, text] of texts) if (text !== undefined && text !== '') deltas.push({ type, choice, text })
      for (const [n, call] of delta.objects('tool_calls').entries()) deltas.push(...this.call(choice, call, n))
    }
    const word = fields.text('finish_reason')
    if (word === undefined) return deltas
    const finish = chatFinish(word)
    // Some servers word an end by calls of tools as any other.
    const called = finish === 'stop' && [...this.calls].some((key) => key.startsWith(`${choice} `))
    return [...deltas, { type: 'finish', choice, finish: called ? 'calls' : finish, sequence: null }]
  }

  private call(choice: number, fields: Fields, n: number): Delta[] {
    const call = fields.number('index') ?? n
    const spec = fields.within('function')
    const deltas: Delta[] = []
    const key = `${choice} ${call}`
    if (!this.calls.has(key)) {
      this.calls.add(key)
      const id = fields.text('id') || callId(this.asked, choice, call)
      const signature = fields.within('extra_content')?.within('google')?.text('thought_signature') ?? null
      deltas.push({ type: 'call', choice, call, id, name: spec?.needed('name') ?? '', signature })
    }
    const text = spec?.text('arguments')
    if (text !== undefined && text !== '') deltas.push({ type: 'args', choice, call, text })
    return deltas
  }
}

/** Writes chunks: the role first, usage last and only where it was asked for, then `[DONE]`. */
export class ChatStreamWriter implements StreamWriter {
  private readonly asked: Asked
  private readonly wantsUsage: boolean
  private readonly begun = new Set<number>()
  /** Calls that have no arguments yet, which may never get any. */
  private readonly bare = new Map<string, { choice: number; call: number }>()
  private readonly notes = new Map<number, { text: string; signature: string | null; redacted: boolean }[]>()
  private id: string
  private usage: Usage | null = null

  constructor(asked: Asked) {
    this.asked = asked
    this.id = asked.id
    this.wantsUsage = wantsUsage(asked.body)
  }

  push(delta: Delta): StreamEvent[] {
    if (delta.type === 'start') {
      this.id = delta.id ?? this.id
      this.usage = delta.usage
      return this.begin(0)
    }
    if (delta.type === 'usage') {
      this.usage = delta.usage
      return []
    }
    return [...this.begin(delta.choice), ...this.step(delta)]
  }

  end(): StreamEvent[] {
    const last = { event: null, data: '[DONE]' }
    if (!this.wantsUsage || this.usage === null) return [last]
    return [this.event({ choices: [], usage: writeChatUsage(this.usage) }), last]
  }

  private begin(choice: number): StreamEvent[] {
    if (this.begun.has(choice)) return []
    this.begun.add(choice)
    return [this.chunk(choice, { role: 'assistant', content: '' })]
  }

  private step(delta: Exclude<Delta, { type: 'start' | 'usage' }>): StreamEvent[] {
    const { choice } = delta
    if (delta.type === 'text') return [this.chunk(choice, { content: delta.text })]
    if (delta.type === 'refusal') return [this.chunk(choice, { refusal: delta.text })]
    if (delta.type === 'reasoning') {
      const note = this.open(choice)
      note.text += delta.text
      return [this.chunk(choice, { reasoning_content: delta.text })]
    }
    if (delta.type === 'signature') {
      if (delta.redacted) this.noted(choice).push({ text: '', signature: delta.signature, redacted: true })
      else this.open(choice).signature = delta.signature
      return []
    }
    if (delta.type === 'call') {
      this.bare.set(`${choice} ${delta.call}`, { choice, call: delta.call })
      const google = delta.signature === null ? undefined : { google: { thought_signature: delta.signature } }
      const spec = { name: delta.name, arguments: '' }
      const call = { index: delta.call, id: delta.id, type: 'function', function: spec, extra_content: google }
      return [this.chunk(choice, { tool_calls: [defined(call)] })]
    }
    if (delta.type === 'args') {
      this.bare.delete(`${choice} ${delta.call}`)
      return [this.args(choice, delta.call, delta.text)]
    }
    return [...this.closing(choice), this.event({ choices: [this.choice(choice, {}, chatWord(delta.finish))] })]
  }

  /** What is told before the reason of the end: arguments of calls that have none, and signatures. */
  private closing(choice: number): StreamEvent[] {
    const bare = [...this.bare.values()].filter((one) => one.choice === choice)
    const signed = this.noted(choice).filter(({ signature }) => signature !== null)
    const events = bare.map(({ call }) => this.args(choice, call, '{}'))
    if (signed.length > 0) events.push(this.chunk(choice, { slipway: { reasoning: signed.map(writeReasoning) } }))
    return events
  }

  private args(choice: number, index: number, text: string): StreamEvent {
    return this.chunk(choice, { tool_calls: [{ index, function: { arguments: text } }] })
  }

  private noted(choice: number): { text: string; signature: string | null; redacted: boolean }[] {
    const notes = this.notes.get(choice) ?? []
    this.notes.set(choice, notes)
    return notes
  }

  /** The piece of reasoning that is being written. */
  private open(choice: number): { text: string; signature: string | null; redacted: boolean } {
    const notes = this.noted(choice)
    const last = notes.at(-1)
    if (last?.signature === null) return last
    const next = { text: '', signature: null, redacted: false }
    notes.push(next)
    return next
  }

  private chunk(choice: number, delta: Json): StreamEvent {
    return this.event({ choices: [this.choice(choice, delta, null)] })
  }

  private choice(index: number, delta: Json, finish: string | null): Json {
    return { index, delta, logprobs: null, finish_reason: finish }
  }

  private event(rest: Json): StreamEvent {
    const chunk = {
      id: this.id,
      object: 'chat.completion.chunk',
      created: this.asked.created,
      model: this.asked.model,
      ...rest,
    }
    // With usage asked for, every chunk has the field.
    const usage = this.wantsUsage && rest['usage'] === undefined ? { usage: null } : {}
    return { event: null, data: JSON.stringify({ ...chunk, ...usage }) }
  }
}
