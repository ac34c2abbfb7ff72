/** The text of an answer, or of a part of one, in each dialect. */
import type { Dialect } from '../../table/llm.ts'

type Json = Readonly<Record<string, unknown>>

/** Text that a whole answer or an event of a stream says to the client; '' where it says none. Of several choices it is the first. */
export function textOf(dialect: Dialect, json: Json): string {
  switch (dialect) {
    case 'chat':
    case 'completions':
      return ofChoice(first(json['choices']))
    case 'messages':
      return text(record(json['delta'])['text']) + ofParts(json['content'])
    case 'responses':
      if (json['type'] === 'response.output_text.delta') return text(json['delta'])
      return json['type'] === undefined
        ? list(json['output'])
            .map((item) => ofParts(item['content']))
            .join('')
        : ''
    case 'generate':
      return ofParts(record(first(json['candidates'])['content'])['parts'])
    case 'converse': {
      const message = record(record(json['output'])['message'])
      return text(record(json['delta'])['text']) + ofParts(message['content'])
    }
    default:
      return ''
  }
}

function ofChoice(choice: Json): string {
  return text(record(choice['delta'])['content']) + text(record(choice['message'])['content']) + text(choice['text'])
}

function ofParts(parts: unknown): string {
  return list(parts)
    .map((part) => text(part['text']))
    .join('')
}

function first(value: unknown): Json {
  return list(value)[0] ?? {}
}

function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(record) : []
}

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {}
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
