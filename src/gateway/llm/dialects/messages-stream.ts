/** Streams of Anthropic's `/v1/messages`, read and written. */
import { broken, jsonOf, messageOf } from './chat-stream.ts'
import type { Asked, Json, StreamEvent } from './dialects.ts'
import { Reading, type Fields } from './fields.ts'
import { plainId, type Delta, type Finish, type StreamReader, type StreamWriter } from './hub.ts'
import { messagesEnd, messagesFinish, NOTHING, writeMessagesUsage } from './messages-answer.ts'
import { mergeUsage, usageOf } from './usage.ts'
import type { Usage } from '../records/record.ts'

/** Reads events; `message_stop` is the end. */
export class MessagesStreamReader implements StreamReader {
  private readonly reading = new Reading('upstream')
  /** Which call each block of a tool is. */
  private readonly calls = new Map<number, number>()
  private usage: Usage | null = null
  private done = false

  push(event: StreamEvent): Delta[] {
    if (event.event === 'ping' || this.done) return []
    const body = jsonOf(event)
    const fields = this.reading.fields(body, '')
    const type = fields.text('type') ?? event.event
    if (type === 'error') throw broken(messageOf(body['error']))
    if (type === 'message_stop') this.done = true
    const told = usageOf('messages', body)?.usage
    if (told !== undefined) this.usage = this.usage === null ? told : mergeUsage(this.usage, told)
    if (type === 'message_start')
      return [{ type: 'start', id: fields.within('message')?.text('id') ?? null, usage: this.usage }]
    if (type === 'content_block_start') return this.begin(fields)
    if (type === 'content_block_delta') return this.step(fields)
    if (type === 'message_delta') return this.finish(fields)
    return []
  }

  end(): Delta[] {
    if (!this.done) throw broken('its stream ended without message_stop')
    return []
  }

  private begin(fields: Fields): Delta[] {
    const block = fields.within('content_block')
    const type = block?.text('type')
    if (block === undefined) return []
    if (type === 'text') return textDelta('text', block.text('text'))
    if (type === 'redacted_thinking')
      return [{ type: 'signature', choice: 0, signature: block.needed('data'), redacted: true }]
    if (type === 'thinking') return textDelta('reasoning', block.text('thinking'))
    if (type !== 'tool_use') return []
    const call = this.calls.size
    this.calls.set(fields.number('index') ?? call, call)
    return [{ type: 'call', choice: 0, call, id: block.needed('id'), name: block.needed('name'), signature: null }]
  }

  private step(fields: Fields): Delta[] {
    const delta = fields.within('delta')
    const type = delta?.text('type')
    if (type === 'text_delta') return textDelta('text', delta?.text('text'))
    if (type === 'thinking_delta') return textDelta('reasoning', delta?.text('thinking'))
    if (type === 'signature_delta')
      return [{ type: 'signature', choice: 0, signature: delta?.text('signature') ?? '', redacted: false }]
    const call = this.calls.get(fields.number('index') ?? 0)
    const text = delta?.text('partial_json')
    if (type !== 'input_json_delta' || call === undefined || text === undefined || text === '') return []
    return [{ type: 'args', choice: 0, call, text }]
  }

  private finish(fields: Fields): Delta[] {
    const delta = fields.within('delta')
    const word = delta?.text('stop_reason')
    const deltas: Delta[] = this.usage === null ? [] : [{ type: 'usage', usage: this.usage }]
    const sequence = delta?.text('stop_sequence') ?? null
    if (word !== undefined) deltas.push({ type: 'finish', choice: 0, finish: messagesFinish(word), sequence })
    return deltas
  }
}

function textDelta(type: 'text' | 'reasoning', text: string | undefined): Delta[] {
  return text === undefined || text === '' ? [] : [{ type, choice: 0, text }]
}

/** Writes events, one block open at a time, of the first choice alone. */
export class MessagesStreamWriter implements StreamWriter {
  private readonly asked: Asked
  private begun = false
  /** Place of the open block, or of the next. */
  private index = 0
  /** What the open block is: a kind, or the number of a call. */
  private block: 'text' | 'thinking' | number | null = null
  private usage: Usage | null = null
  private ended: { finish: Finish; sequence: string | null } | null = null

  constructor(asked: Asked) {
    this.asked = asked
  }

  push(delta: Delta): StreamEvent[] {
    if (delta.type === 'start') {
      this.usage = delta.usage
      return this.begin(delta.id)
    }
    if (delta.type === 'usage') {
      this.usage = delta.usage
      return []
    }
    if (delta.choice !== 0) return []
    return [...this.begin(null), ...this.step(delta)]
  }

  end(): StreamEvent[] {
    const delta = messagesEnd(this.ended ?? { finish: 'stop', sequence: null })
    const usage = writeMessagesUsage(this.usage ?? NOTHING)
    return [...this.begin(null), ...this.close(), told('message_delta', { delta, usage }), told('message_stop', {})]
  }

  private begin(id: string | null): StreamEvent[] {
    if (this.begun) return []
    this.begun = true
    const message = {
      id: id ?? this.asked.id,
      type: 'message',
      role: 'assistant',
      model: this.asked.model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      stop_details: null,
      usage: writeMessagesUsage(this.usage ?? NOTHING),
    }
    return [told('message_start', { message })]
  }

  private step(delta: Exclude<Delta, { type: 'start' | 'usage' }>): StreamEvent[] {
    if (delta.type === 'finish') {
      this.ended = { finish: delta.finish, sequence: delta.sequence }
      return []
    }
    if (delta.type === 'text' || delta.type === 'refusal')
      return [...this.open('text', TEXT), this.delta({ type: 'text_delta', text: delta.text })]
    if (delta.type === 'reasoning')
      return [...this.open('thinking', THINKING), this.delta({ type: 'thinking_delta', thinking: delta.text })]
    if (delta.type === 'signature') return this.sign(delta.signature, delta.redacted)
    if (delta.type === 'call') {
      const block = { type: 'tool_use', id: plainId(delta.id), name: delta.name, input: {} }
      return this.open(delta.call, block)
    }
    if (this.block !== delta.call) throw broken('its stream mixes the arguments of several calls of tools')
    return [this.delta({ type: 'input_json_delta', partial_json: delta.text })]
  }

  private sign(signature: string, redacted: boolean): StreamEvent[] {
    if (!redacted) {
      const events = [...this.open('thinking', THINKING), this.delta({ type: 'signature_delta', signature })]
      return [...events, ...this.close()]
    }
    const events = [...this.close(), this.start({ type: 'redacted_thinking', data: signature })]
    this.block = 'thinking'
    return [...events, ...this.close()]
  }

  /** Opens a block, unless it is open. */
  private open(block: 'text' | 'thinking' | number, content: Json): StreamEvent[] {
    if (this.block === block) return []
    const events = [...this.close(), this.start(content)]
    this.block = block
    return events
  }

  private start(content: Json): StreamEvent {
    return told('content_block_start', { index: this.index, content_block: content })
  }

  private close(): StreamEvent[] {
    if (this.block === null) return []
    this.block = null
    return [told('content_block_stop', { index: this.index++ })]
  }

  private delta(delta: Json): StreamEvent {
    return told('content_block_delta', { index: this.index, delta })
  }
}

const TEXT: Json = { type: 'text', text: '', citations: null }
const THINKING: Json = { type: 'thinking', thinking: '', signature: '' }

function told(type: string, rest: Json): StreamEvent {
  return { event: type, data: JSON.stringify({ type, ...rest }) }
}
