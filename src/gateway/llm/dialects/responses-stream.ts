/** Streams of OpenAI's `/v1/responses`, written. */
import { broken } from './chat-stream.ts'
import type { Asked, Json, StreamEvent } from './dialects.ts'
import type { Delta, Finish, StreamWriter } from './hub.ts'
import { callItem, contentPart, itemId, messageItem, reasoningItem, responseOf } from './responses-answer.ts'
import type { Usage } from '../records/record.ts'

/** The item that is being written. */
interface OpenItem {
  readonly kind: 'text' | 'refusal' | 'reasoning' | number
  readonly id: string
  readonly name: string
  readonly call: string
  text: string
  signature: string | null
}

/** Writes events, one item open at a time, of the first choice alone. */
export class ResponsesStreamWriter implements StreamWriter {
  private readonly asked: Asked
  private id: string
  private sequence = 0
  private begun = false
  private readonly output: Json[] = []
  private item: OpenItem | null = null
  private usage: Usage | null = null
  private finish: Finish = 'stop'

  constructor(asked: Asked) {
    this.asked = asked
    this.id = asked.id
  }

  push(delta: Delta): StreamEvent[] {
    if (delta.type === 'usage') {
      this.usage = delta.usage
      return []
    }
    if (delta.type === 'start') {
      this.id = delta.id ?? this.id
      this.usage = delta.usage
      return this.begin()
    }
    if (delta.choice !== 0) return []
    return [...this.begin(), ...this.step(delta)]
  }

  end(): StreamEvent[] {
    const events = [...this.begin(), ...this.close()]
    const response = this.response(this.finish)
    const type = response['status'] === 'completed' ? 'response.completed' : 'response.incomplete'
    return [...events, this.event(type, { response })]
  }

  private begin(): StreamEvent[] {
    if (this.begun) return []
    this.begun = true
    const response = this.response(null)
    return [this.event('response.created', { response }), this.event('response.in_progress', { response })]
  }

  private response(finish: Finish | null): Json {
    const { asked, id, usage } = this
    return responseOf({ asked, id, output: [...this.output], finish, usage: finish === null ? null : usage })
  }

  private step(delta: Exclude<Delta, { type: 'start' | 'usage' }>): StreamEvent[] {
    if (delta.type === 'finish') {
      this.finish = delta.finish
      return []
    }
    if (delta.type === 'signature') return this.sign(delta.signature, delta.redacted)
    if (delta.type === 'call') return this.open(delta.call, delta.name, delta.id)
    if (delta.type === 'args') {
      if (this.item?.kind !== delta.call) throw broken('its stream mixes the arguments of several calls of tools')
      return [this.grow(this.item, delta.text)]
    }
    const opened = this.open(delta.type, '', '')
    return this.item === null ? opened : [...opened, this.grow(this.item, delta.text)]
  }

  private sign(signature: string, redacted: boolean): StreamEvent[] {
    const closed = redacted ? this.close() : []
    const opened = this.open('reasoning', '', '')
    if (this.item !== null) this.item.signature = signature
    return [...closed, ...opened, ...this.close()]
  }

  /** Opens an item, unless it is open. */
  private open(kind: OpenItem['kind'], name: string, call: string): StreamEvent[] {
    if (this.item?.kind === kind) return []
    const closed = this.close()
    const prefix = ((): 'msg' | 'fc' | 'rs' => {
      if (typeof kind === 'number') return 'fc'
      return kind === 'reasoning' ? 'rs' : 'msg'
    })()
    const id = itemId(prefix, this.asked.id, this.output.length)
    const item: OpenItem = { kind, id, name, call, text: '', signature: null }
    this.item = item
    const empty = { ...whole(item, ''), ...(kind === 'reasoning' ? {} : { status: 'in_progress' }) }
    const blank = kind === 'text' || kind === 'refusal' ? { ...empty, content: [] } : empty
    return [...closed, this.told('response.output_item.added', { item: blank }), ...this.openPart(item)]
  }

  private openPart(item: OpenItem): StreamEvent[] {
    if (item.kind === 'text' || item.kind === 'refusal')
      return [this.inItem(item, 'response.content_part.added', { part: contentPart(item.kind, '') })]
    if (item.kind !== 'reasoning') return []
    const part = { type: 'summary_text', text: '' }
    return [this.inItem(item, 'response.reasoning_summary_part.added', { part })]
  }

  private grow(item: OpenItem, delta: string): StreamEvent {
    item.text += delta
    const logprobs = item.kind === 'text' ? { logprobs: [] } : {}
    return this.inItem(item, `response.${EVENTS[String(item.kind)] ?? CALL}.delta`, { delta, ...logprobs })
  }

  private close(): StreamEvent[] {
    const { item } = this
    if (item === null) return []
    // A call without arguments is one with none.
    if (typeof item.kind === 'number' && item.text === '') item.text = '{}'
    const done = whole(item, item.text)
    const events = [...this.closePart(item), this.told('response.output_item.done', { item: done })]
    this.output.push(done)
    this.item = null
    return events
  }

  private closePart(item: OpenItem): StreamEvent[] {
    const { kind, text } = item
    if (kind === 'text' || kind === 'refusal') {
      const said = kind === 'text' ? { text, logprobs: [] } : { refusal: text }
      const part = contentPart(kind, text)
      return [
        this.inItem(item, `response.${EVENTS[kind] ?? CALL}.done`, said),
        this.inItem(item, 'response.content_part.done', { part }),
      ]
    }
    if (kind !== 'reasoning') return [this.inItem(item, `response.${CALL}.done`, { name: item.name, arguments: text })]
    const part = { type: 'summary_text', text }
    return [
      this.inItem(item, 'response.reasoning_summary_text.done', { text }),
      this.inItem(item, 'response.reasoning_summary_part.done', { part }),
    ]
  }

  /** An event of the open item; parts of it are counted, and here there is one. */
  private inItem(item: OpenItem, type: string, rest: Json): StreamEvent {
    const place = item.kind === 'reasoning' ? { summary_index: 0 } : { content_index: 0 }
    return this.told(type, { item_id: item.id, ...(typeof item.kind === 'number' ? {} : place), ...rest })
  }

  private told(type: string, rest: Json): StreamEvent {
    return this.event(type, { output_index: this.output.length, ...rest })
  }

  private event(type: string, rest: Json): StreamEvent {
    return { event: type, data: JSON.stringify({ type, sequence_number: this.sequence++, ...rest }) }
  }
}

const CALL = 'function_call_arguments'
const EVENTS: Readonly<Record<string, string>> = {
  text: 'output_text',
  refusal: 'refusal',
  reasoning: 'reasoning_summary_text',
}

/** An item with the text that it has. */
function whole(item: OpenItem, text: string): Json {
  const { kind, id, name, call } = item
  if (typeof kind === 'number') return callItem({ id, call, name, args: text })
  return kind === 'reasoning' ? reasoningItem(id, text, item.signature) : messageItem(id, [contentPart(kind, text)])
}
