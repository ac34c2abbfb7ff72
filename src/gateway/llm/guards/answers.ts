/** The texts of the answers in a whole body, one of each choice. */
import type { Json } from '../dialects/dialects.ts'
import { isObject } from '../dialects/fields.ts'
import type { Dialect } from '../../table/llm.ts'
import type { Said } from './stream.ts'

/** The text of each answer in a body, and whether tools are called. The body must be valid JSON. */
export function answersIn(dialect: Dialect, source: string): Omit<Said, 'texts'> {
  const body: unknown = JSON.parse(source)
  if (Array.isArray(body)) return joinedAnswers(body.map((one) => answersOf(dialect, one)))
  return answersOf(dialect, body)
}

function answersOf(dialect: Dialect, body: unknown): Omit<Said, 'texts'> {
  const json = isObject(body) ? body : {}
  switch (dialect) {
    case 'chat':
      return joinedAnswers(objects(json['choices']).map(({ message }) => ofMessage(isObject(message) ? message : {})))
    case 'completions':
      return { answers: objects(json['choices']).map(({ text }) => textOf(text)), calls: false }
    case 'messages':
      return ofParts(objects(json['content']))
    case 'responses':
      return ofItems(objects(json['output']))
    case 'generate':
      return joinedAnswers(
        objects(json['candidates']).map(({ content }) => ofParts(objects(isObject(content) ? content['parts'] : []))),
      )
    default:
      return { answers: [], calls: false }
  }
}

function joinedAnswers(all: readonly Omit<Said, 'texts'>[]): Omit<Said, 'texts'> {
  return { answers: all.flatMap(({ answers }) => answers), calls: all.some(({ calls }) => calls) }
}

function ofMessage({ content, tool_calls: calls }: Json): Omit<Said, 'texts'> {
  const text =
    typeof content === 'string'
      ? content
      : objects(content)
          .map((part) => textOf(part['text']))
          .join('')
  return { answers: [text], calls: Array.isArray(calls) && calls.length > 0 }
}

/** Parts that are text, but no thought. */
function ofParts(parts: readonly Json[]): Omit<Said, 'texts'> {
  const text = parts.map((part) => (part['thought'] === true ? '' : textOf(part['text']))).join('')
  return {
    answers: [text],
    calls: parts.some((part) => part['type'] === 'tool_use' || part['functionCall'] !== undefined),
  }
}

function ofItems(items: readonly Json[]): Omit<Said, 'texts'> {
  const parts = items.filter(({ type }) => type === 'message').flatMap(({ content }) => objects(content))
  const calls = items.some(({ type }) => typeof type === 'string' && type.endsWith('_call'))
  return { answers: [parts.map((part) => textOf(part['text'])).join('')], calls }
}

function objects(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
