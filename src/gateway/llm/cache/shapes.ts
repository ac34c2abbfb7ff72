/** What a dialect's answers are made of, as far as it survives a change between whole and stream: an answer with more is not changed. */
import type { Json, StreamEvent } from '../dialects/dialects.ts'
import { isObject } from '../dialects/fields.ts'
import { parsedObject } from '../dialects/hub.ts'

/** The shapes of one dialect. */
export interface Shapes {
  /** Why each choice of a whole answer ended, in the dialect's words; undefined where the answer has more than both forms can say. */
  ends(answer: Json): unknown[] | undefined
  /** The same of a stream. */
  streamEnds(events: readonly StreamEvent[]): unknown[] | undefined
  /** The object of a stream or of a whole answer that names the model. */
  head(body: Json): Json
}

/** True where every field that says something is among the known. */
function hasOnly(value: unknown, known: ReadonlySet<string>): boolean {
  return isObject(value) && Object.entries(value).every(([name, one]) => known.has(name) || isBlank(one))
}

/** What says nothing. */
function isBlank(value: unknown): boolean {
  return value === null || (Array.isArray(value) && value.length === 0)
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

/** The objects of the events; undefined where one has none. */
function objectsOf(events: readonly StreamEvent[]): Json[] | undefined {
  const found = events.map(({ data }) => parsedObject(data)).filter((one) => one !== undefined)
  return found.length === events.length ? found : undefined
}

const names = (text: string): ReadonlySet<string> => new Set(text.split(' '))

const CHUNK = names('id object created model choices usage system_fingerprint service_tier obfuscation')
const CHOICE = names('index delta finish_reason')
const DELTA = names('role content refusal reasoning_content reasoning tool_calls')
const CALL = names('index id type function extra_content')
const FUNCTION = names('name arguments')

function isKnownChunk(chunk: Json): boolean {
  return (
    hasOnly(chunk, CHUNK) &&
    list(chunk['choices']).every((choice) => {
      if (!isObject(choice) || !hasOnly(choice, CHOICE)) return false
      const delta = choice['delta'] ?? {}
      if (!isObject(delta) || !hasOnly(delta, DELTA)) return false
      const calls = list(delta['tool_calls'])
      return calls.every((call) => isObject(call) && hasOnly(call, CALL) && hasOnly(call['function'] ?? {}, FUNCTION))
    })
  )
}

/** What the reader of whole answers does not name as lost is known to it, but for what a server says more of an end. */
export const CHAT_SHAPES: Shapes = {
  ends: (answer) => {
    const choices = list(answer['choices']).filter(isObject)
    const inOrder = choices.every((choice, n) => (choice['index'] ?? n) === n && isBlank(choice['stop_reason'] ?? null))
    return inOrder ? choices.map((choice) => choice['finish_reason']) : undefined
  },
  streamEnds: (events) => {
    const chunks = objectsOf(events.filter(({ data }) => data.trim() !== '[DONE]'))
    if (chunks?.every(isKnownChunk) !== true) return undefined
    const ends: unknown[] = []
    for (const choice of chunks.flatMap((chunk) => list(chunk['choices'])).filter(isObject))
      if (typeof choice['finish_reason'] === 'string') ends[Number(choice['index'] ?? 0)] = choice['finish_reason']
    return ends
  },
  head: (body) => body,
}

const MESSAGE = names('id type role model content usage')
const BLOCKS: Readonly<Record<string, ReadonlySet<string>>> = {
  text: names('type text'),
  thinking: names('type thinking signature'),
  redacted_thinking: names('type data'),
  tool_use: names('type id name input caller'),
}
const STEPS = names('text_delta thinking_delta signature_delta input_json_delta')
const END = names('stop_reason stop_sequence')

/** Two texts in a row would become one. */
function areApart(blocks: readonly unknown[]): boolean {
  const types = blocks.map((block) => (isObject(block) ? block['type'] : undefined))
  return types.every((type, n) => type === 'tool_use' || type !== types[n - 1])
}

/** Numbers that are not kept exactly when arguments are read and written. */
const LONG = /\d{16}/

function isKnownBlock(block: unknown): boolean {
  if (!isObject(block)) return false
  const known = BLOCKS[String(block['type'])]
  return known !== undefined && hasOnly(block, known)
}

/** What an event of a known type may say. */
const EVENTS: Readonly<Record<string, (event: Json) => boolean>> = {
  ping: () => true,
  message_start: (event) => hasOnly(event['message'], MESSAGE),
  // arguments come in steps
  content_block_start: ({ content_block: block }) =>
    isKnownBlock(block) && isObject(block) && Object.keys(block['input'] ?? {}).length === 0,
  content_block_delta: ({ delta }) => isObject(delta) && STEPS.has(String(delta['type'])),
  content_block_stop: () => true,
  message_delta: ({ delta }) => hasOnly(delta, END),
  message_stop: () => true,
}

export const MESSAGES_SHAPES: Shapes = {
  ends: (answer) => {
    const content = list(answer['content'])
    const isKnown = content.every(isKnownBlock) && areApart(content) && !LONG.test(JSON.stringify(inputsOf(content)))
    return isKnown && isBlank(answer['stop_details'] ?? null) ? [answer['stop_reason']] : undefined
  },
  streamEnds: (events) => {
    const told = objectsOf(events)
    if (told === undefined) return undefined
    const isKnown = told.every((event) => EVENTS[String(event['type'])]?.(event) === true)
    const blocks = told.flatMap((event) => event['content_block'] ?? [])
    if (!isKnown || !areApart(blocks)) return undefined
    const ends = told.flatMap(({ type, delta }) =>
      type === 'message_delta' && isObject(delta) && delta['stop_reason'] != null ? [delta['stop_reason']] : [],
    )
    return ends.slice(-1)
  },
  head: (body) => (isObject(body['message']) ? body['message'] : body),
}

function inputsOf(content: readonly unknown[]): unknown[] {
  return content.map((block) => (isObject(block) ? block['input'] : undefined))
}
