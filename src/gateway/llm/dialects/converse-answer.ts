/** Answers and streams of Bedrock's `converse`, read. */
import { broken, jsonOf, messageOf } from './chat-stream.ts'
import type { Json, StreamEvent } from './dialects.ts'
import { Reading, type Fields } from './fields.ts'
import type { Answer, Choice, Delta, Finish, Part, StreamReader } from './hub.ts'
import { usageOf } from './usage.ts'

const FINISHES: Readonly<Record<string, Finish>> = {
  end_turn: 'stop',
  stop_sequence: 'sequence',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'calls',
  guardrail_intervened: 'filter',
  content_filtered: 'filter',
}

function finishOf(word: string | undefined): Finish {
  return (Object.hasOwn(FINISHES, word ?? '') ? FINISHES[word ?? ''] : undefined) ?? 'stop'
}

/** Reads a whole answer. Throws `upstream_failed` for one that is none. */
export function readConverseAnswer(body: Json, reading: Reading): Answer {
  const fields = reading.fields(body, '')
  fields.skip('usage', 'metrics', 'performanceConfig', 'serviceTier')
  const message = fields.within('output')?.within('message')
  if (message === undefined) throw reading.fault('output.message', undefined, 'an object')
  message.skip('role')
  const parts = message.objects('content').flatMap((block) => {
    const read = readBlock(block)
    if (read === undefined) block.drop()
    return read ?? []
  })
  const choice: Choice = { parts, finish: finishOf(fields.text('stopReason')), sequence: null }
  const answer = { id: null, choices: [choice], usage: usageOf('converse', body)?.usage ?? null }
  fields.close()
  return answer
}

function readBlock(block: Fields): Part | undefined {
  const path = block.at
  const text = block.text('text')
  if (text !== undefined) return { type: 'text', text, path }
  const use = block.within('toolUse')
  if (use !== undefined) {
    const args = JSON.stringify(use.object('input') ?? {})
    const names = { id: use.needed('toolUseId'), name: use.needed('name') }
    return { type: 'call', ...names, args, signature: null, path: use.path('input') }
  }
  const reasoning = block.within('reasoningContent')
  if (reasoning === undefined) return undefined
  const redacted = reasoning.text('redactedContent')
  const told = reasoning.within('reasoningText')
  const signature = redacted ?? told?.text('signature') ?? null
  return { type: 'reasoning', text: told?.text('text') ?? '', signature, redacted: redacted !== undefined, path }
}

/** Reads events; `messageStop` is the end, and `metadata` after it tells the usage. */
export class ConverseStreamReader implements StreamReader {
  private readonly reading = new Reading('upstream')
  /** Which call each block of a tool is. */
  private readonly calls = new Map<number, number>()
  private done = false

  push(event: StreamEvent): Delta[] {
    const body = jsonOf(event)
    if (event.event?.endsWith('Exception') === true) throw broken(`${event.event}: ${messageOf(body)}`)
    const fields = this.reading.fields(body, '')
    if (event.event === 'messageStart') return [{ type: 'start', id: null, usage: null }]
    if (event.event === 'contentBlockStart') return this.begin(fields)
    if (event.event === 'contentBlockDelta') return this.step(fields)
    if (event.event === 'messageStop') {
      this.done = true
      return [{ type: 'finish', choice: 0, finish: finishOf(fields.text('stopReason')), sequence: null }]
    }
    const usage = event.event === 'metadata' ? usageOf('converse', body)?.usage : undefined
    return usage === undefined ? [] : [{ type: 'usage', usage }]
  }

  end(): Delta[] {
    if (!this.done) throw broken('its stream ended without messageStop')
    return []
  }

  private begin(fields: Fields): Delta[] {
    const use = fields.within('start')?.within('toolUse')
    if (use === undefined) return []
    const call = this.calls.size
    this.calls.set(fields.number('contentBlockIndex') ?? call, call)
    return [{ type: 'call', choice: 0, call, id: use.needed('toolUseId'), name: use.needed('name'), signature: null }]
  }

  private step(fields: Fields): Delta[] {
    const delta = fields.within('delta')
    const text = delta?.text('text')
    if (text !== undefined) return text === '' ? [] : [{ type: 'text', choice: 0, text }]
    const call = this.calls.get(fields.number('contentBlockIndex') ?? 0)
    const args = delta?.within('toolUse')?.text('input')
    if (args !== undefined && call !== undefined)
      return args === '' ? [] : [{ type: 'args', choice: 0, call, text: args }]
    const reasoning = delta?.within('reasoningContent')
    return reasoning === undefined ? [] : thoughtOf(reasoning)
  }
}

function thoughtOf(reasoning: Fields): Delta[] {
  const text = reasoning.text('text')
  if (text !== undefined) return text === '' ? [] : [{ type: 'reasoning', choice: 0, text }]
  const redacted = reasoning.text('redactedContent')
  const signature = redacted ?? reasoning.text('signature')
  if (signature === undefined) return []
  return [{ type: 'signature', choice: 0, signature, redacted: redacted !== undefined }]
}
