/** OpenAI's older `/v1/completions`, for upstreams that only chat: a prompt is what the user says. */
import { chatWord, writeChatUsage } from './chat-answer.ts'
import { defined, readCommonSettings } from './chat-request.ts'
import type { Asked, Json, StreamEvent } from './dialects.ts'
import type { Reading } from './fields.ts'
import { textOf, type Answer, type Call, type Delta, type StreamWriter } from './hub.ts'
import { wantsUsage } from './usage.ts'
import type { Usage } from '../records/record.ts'

/** Reads a request. Throws `invalid_field` for a prompt that is not one text: tokens, or several prompts, cannot be chatted. */
export function readCompletionsRequest(body: Json, reading: Reading): Call {
  const fields = reading.fields(body, '')
  fields.skip('model', 'stream_options')
  const prompt = fields.raw('prompt')
  const one: unknown = Array.isArray(prompt) && prompt.length === 1 ? prompt[0] : prompt
  if (typeof one !== 'string')
    throw reading.fault('prompt', prompt, 'one text, for this model has no tokens and no lists')
  if (fields.flag('echo') === true) reading.lose('echo')
  if ((fields.number('best_of') ?? 1) > (fields.number('n') ?? 1)) fields.lose('best_of')
  const call: Call = {
    turns: [{ role: 'user', parts: [{ type: 'text', text: one, path: 'prompt' }], path: 'prompt' }],
    tools: [],
    choice: undefined,
    settings: readCommonSettings(fields),
    stream: fields.flag('stream') ?? false,
  }
  fields.close()
  return call
}

/** Writes a whole answer. */
export function writeCompletionsAnswer(answer: Answer, asked: Asked, reading: Reading): Json {
  return defined({
    id: answer.id ?? asked.id,
    object: 'text_completion',
    created: asked.created,
    model: asked.model,
    choices: answer.choices.map(({ parts, finish }, index) => {
      const text = textOf(parts, reading)
      return { text, index, logprobs: null, finish_reason: wordOf(finish) }
    }),
    usage: answer.usage === null ? undefined : writeChatUsage(answer.usage),
  })
}

/** The dialect has no tools, so that nothing ends by one. */
function wordOf(finish: Answer['choices'][number]['finish']): string {
  return finish === 'calls' ? 'stop' : chatWord(finish)
}

/** Writes chunks; usage only where it was asked for. */
export class CompletionsStreamWriter implements StreamWriter {
  private readonly asked: Asked
  private readonly wantsUsage: boolean
  private id: string
  private usage: Usage | null = null

  constructor(asked: Asked) {
    this.asked = asked
    this.id = asked.id
    this.wantsUsage = wantsUsage(asked.body)
  }

  push(delta: Delta): StreamEvent[] {
    if (delta.type === 'start') this.id = delta.id ?? this.id
    if (delta.type === 'start' || delta.type === 'usage') this.usage = delta.usage ?? this.usage
    if (delta.type === 'text' || delta.type === 'refusal') return [this.chunk(delta.choice, delta.text, null)]
    return delta.type === 'finish' ? [this.chunk(delta.choice, '', wordOf(delta.finish))] : []
  }

  end(): StreamEvent[] {
    const last = { event: null, data: '[DONE]' }
    if (!this.wantsUsage || this.usage === null) return [last]
    return [this.event({ choices: [], usage: writeChatUsage(this.usage) }), last]
  }

  private chunk(index: number, text: string, finish: string | null): StreamEvent {
    return this.event({ choices: [{ text, index, logprobs: null, finish_reason: finish }] })
  }

  private event(rest: Json): StreamEvent {
    const { created, model } = this.asked
    return { event: null, data: JSON.stringify({ id: this.id, object: 'text_completion', created, model, ...rest }) }
  }
}
