/** The short text of a trace's request and response, from the inputs and outputs of its root span. */
import { mapOf, pythonJson } from './values.ts'
import type { Value, ValueMap } from './values.ts'

/** Longest preview, in characters. */
const LONGEST = 1000

/** The last message of a role where the value is a chat request or reply, else its JSON; cut to 1000 characters. */
export function previewOf(value: Value | undefined, role: 'user' | 'assistant'): string | null {
  if (value === undefined || value === null) return null
  const messages = messagesOf(mapOf(value))
  const message = messages.findLast((one) => one.get('role') === role) ?? messages.at(-1)
  const text = (message && contentOf(message)) || pythonJson(value)
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 3)}...`
}

/** Messages in the shapes of chat completions and of responses. */
function messagesOf(value: ValueMap | undefined): ValueMap[] {
  if (value === undefined) return []
  const first = mapOf(listOf(value.get('choices'))[0])
  const reply = mapOf(first?.get('message'))
  const found = [value.get('messages'), reply && [reply], value.get('input'), value.get('output')]
    .map((one) => listOf(one).flatMap((item) => (isMessage(mapOf(item)) ? [mapOf(item) as ValueMap] : [])))
    .find((messages) => messages.length > 0)
  return found ?? (value.has('request') ? messagesOf(mapOf(value.get('request'))) : [])
}

function isMessage(value: ValueMap | undefined): boolean {
  return value !== undefined && value.has('role') && value.has('content')
}

function contentOf(message: ValueMap): string {
  const content = message.get('content')
  if (typeof content === 'string') return content
  for (const part of listOf(content)) {
    if (typeof part === 'string') return part
    const text = mapOf(part)?.get('text')
    if (typeof text === 'string') return text
  }
  return ''
}

function listOf(value: Value | undefined): readonly Value[] {
  return Array.isArray(value) ? (value as readonly Value[]) : []
}
