/** The texts of a streamed answer in each dialect: which piece of an event belongs to which, and when one has ended. */
import type { Json, StreamEvent } from '../dialects/dialects.ts'
import { isObject } from '../dialects/fields.ts'
import type { Dialect } from '../../table/llm.ts'
import { isAnswered, isArguments, isMedia, LOGPROBS } from './places.ts'
import { eachSpot, textAt } from './spots.ts'
import type { Path, Spot } from './spots.ts'

/** A text that comes in pieces. */
export interface Channel {
  readonly key: string
  /** What ends together: an answer, or a part of one. */
  readonly group: string
  /** Arguments of a tool are looked at when they are whole. */
  readonly isArguments: boolean
  /** The answer whose text it is; null = it is no such text but reasoning, a refusal or arguments. */
  readonly answer: string | null
  /** An event that says a text of the channel and nothing else. */
  readonly copy: (text: string) => StreamEvent
}

export interface Piece {
  readonly channel: Channel
  readonly spot: Spot
  readonly text: string
}

/** What an event says. */
export interface EventView {
  readonly pieces: readonly Piece[]
  /** Texts and numbers that come whole. */
  readonly others: readonly { readonly spot: Spot; readonly isArguments: boolean }[]
  /** Lists and objects that repeat the text in pieces. */
  readonly probabilities: readonly Spot[]
  readonly sequence: Spot | undefined
  /** Groups that end with it. */
  readonly ends: 'all' | readonly string[]
}

interface Told {
  readonly dialect: Dialect
  readonly event: string | null
  readonly json: Json
}

/** Looks at an event; `source` is the JSON text of its data. */
export function eventView(told: Told, source: string): EventView {
  const pieces: Piece[] = []
  const others: { spot: Spot; isArguments: boolean }[] = []
  const probabilities: Spot[] = []
  let sequence: Spot | undefined
  eachSpot(source, LOGPROBS, (path, spot) => {
    if (spot.kind === 'nested') probabilities.push(spot)
    else if (path.length === 1 && path[0] === 'sequence_number') sequence = spot
    else if (isAnswered(path, spot.kind) && !isMedia(source, path, spot) && !isSound(told, path)) {
      const channel = spot.kind === 'text' ? channelOf(told, [...path]) : undefined
      if (channel === undefined) others.push({ spot, isArguments: isArguments(path) })
      else pieces.push({ channel, spot, text: textAt(source, spot.from, spot.to) })
    }
  })
  return { pieces, others, probabilities, sequence, ends: endsOf(told) }
}

/** Sound comes in pieces of base64 that may be short. */
function isSound({ json }: Told, path: Path): boolean {
  return (json['type'] === 'response.audio.delta' && path[0] === 'delta') || path.slice(-2).join('.') === 'audio.data'
}

function channelOf(told: Told, path: Path): Channel | undefined {
  switch (told.dialect) {
    case 'chat':
    case 'completions':
      return ofChoice(told, path)
    case 'messages':
      return ofBlock(told, path)
    case 'responses':
      return ofItem(told, path)
    case 'generate':
      return ofCandidate(told, path)
    default:
      return undefined
  }
}

function ofChoice({ event, json }: Told, path: Path): Channel | undefined {
  const [top, place, part, ...rest] = path
  const isDelta = part === 'delta' && rest.length > 0
  if (top !== 'choices' || !(isDelta || (part === 'text' && rest.length === 0))) return undefined
  const choice = itemOf(json['choices'], place)
  const group = idOf(choice['index'] ?? place)
  const said = isDelta ? { delta: nested(choice['delta'], rest) } : { text: (text: string) => text }
  return {
    key: `${group}/${isDelta ? keyOf(choice['delta'], rest) : 'text'}`,
    group,
    isArguments: isArguments(path),
    answer: !isDelta || rest.join('.') === 'content' ? group : null,
    copy: (text) => {
      const own = Object.fromEntries(Object.entries(said).map(([name, make]) => [name, make(text)]))
      const logprobs = Object.hasOwn(choice, 'logprobs') ? { logprobs: null } : {}
      return written(event, { ...json, choices: [{ ...choice, ...logprobs, finish_reason: null, ...own }] })
    },
  }
}

/** Makes what lies under a path hold a text and nothing else, but for what tells the items of lists apart. */
function nested(of: unknown, [head, ...tail]: Path): (text: string) => unknown {
  if (head === undefined) return (text) => text
  const inner = nested(at(of, head), tail)
  if (typeof head === 'string') return (text) => ({ [head]: inner(text) })
  const item = at(of, head)
  const told = isObject(item)
    ? Object.fromEntries(
        Object.entries(item).filter(([name]) => name === 'index' || (name === 'type' && tail.length < 2)),
      )
    : {}
  return (text) => {
    const made = inner(text)
    return [isObject(made) ? { ...told, ...made } : made]
  }
}

/** A path with the index that an item of a list has, in place of its place in this event. */
function keyOf(of: unknown, path: Path): string {
  let found = of
  return path
    .map((one) => {
      found = at(found, one)
      return typeof one === 'number' && isObject(found) ? idOf(found['index'] ?? one) : String(one)
    })
    .join('/')
}

function at(of: unknown, key: string | number): unknown {
  if (Array.isArray(of)) return (of as unknown[])[Number(key)]
  return isObject(of) && Object.hasOwn(of, key) ? of[key] : undefined
}

/** What tells an item of a list apart, as text. */
function idOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

function itemOf(list: unknown, place: unknown): Json {
  const item = at(list, typeof place === 'number' ? place : -1)
  return isObject(item) ? item : {}
}

function ofBlock({ json }: Told, path: Path): Channel | undefined {
  const [top, name] = path
  if (path.length !== 2 || typeof name !== 'string' || (top !== 'delta' && top !== 'content_block')) return undefined
  const { index } = json
  if (index === undefined) return undefined
  const given = isObject(json['delta'])
    ? json['delta']
    : { type: name === 'thinking' ? 'thinking_delta' : 'text_delta' }
  return {
    key: `${idOf(index)}/${name}`,
    group: idOf(index),
    isArguments: name === 'partial_json',
    answer: name === 'text' ? '0' : null,
    copy: (text) => {
      const type = 'content_block_delta'
      return written(type, { ...json, type, content_block: undefined, index, delta: { ...given, [name]: text } })
    },
  }
}

function ofItem({ event, json }: Told, path: Path): Channel | undefined {
  const type = typeof json['type'] === 'string' ? json['type'] : (event ?? '')
  if (path.length !== 1 || path[0] !== 'delta' || !type.endsWith('.delta')) return undefined
  const group = idOf(json['output_index'] ?? json['item_id'])
  const logprobs = Object.hasOwn(json, 'logprobs') ? { logprobs: [] } : {}
  return {
    key: [group, json['content_index'], json['summary_index'], type].join('/'),
    group,
    isArguments: type.includes('arguments.'),
    answer: type === 'response.output_text.delta' ? '0' : null,
    copy: (text) => written(event, { ...json, ...logprobs, delta: text }),
  }
}

function ofCandidate({ event, json }: Told, path: Path): Channel | undefined {
  const [top, place, content, parts, nth, name] = path
  if (top !== 'candidates' || content !== 'content' || parts !== 'parts' || name !== 'text' || path.length !== 6)
    return undefined
  const candidate = itemOf(json['candidates'], place)
  const said = isObject(candidate['content']) ? candidate['content'] : {}
  const part = itemOf(said['parts'], nth)
  const group = idOf(candidate['index'] ?? place)
  const isThought = part['thought'] === true
  return {
    key: `${group}/${isThought ? 'thought' : 'text'}`,
    group,
    isArguments: false,
    answer: isThought ? null : group,
    copy: (text) => {
      const own = { ...candidate, finishReason: undefined, content: { ...said, parts: [{ ...part, text }] } }
      return written(event, { ...json, usageMetadata: undefined, candidates: [own] })
    },
  }
}

function written(event: string | null, json: Json): StreamEvent {
  return { event, data: JSON.stringify(json) }
}

const LAST = new Set(['message_delta', 'message_stop', 'error'])
const LAST_OF_RESPONSE = /^(?:response\.(?:completed|incomplete|failed)|error)$/

function endsOf({ dialect, event, json }: Told): 'all' | readonly string[] {
  const type = typeof json['type'] === 'string' ? json['type'] : (event ?? '')
  if (dialect === 'messages') {
    if (LAST.has(type)) return 'all'
    return type === 'content_block_stop' ? [idOf(json['index'])] : []
  }
  if (dialect === 'responses') {
    if (LAST_OF_RESPONSE.test(type)) return 'all'
    const item = json['output_index'] ?? json['item_id']
    return item === undefined || type.endsWith('.delta') ? [] : [idOf(item)]
  }
  const list = dialect === 'generate' ? json['candidates'] : json['choices']
  if (!Array.isArray(list)) return []
  return (list as unknown[]).flatMap((one, place) => {
    const item = isObject(one) ? one : {}
    const isEnd =
      dialect === 'generate' ? item['finishReason'] != null || callsTool(item) : item['finish_reason'] != null
    return isEnd ? [idOf(item['index'] ?? place)] : []
  })
}

/** What was said before a call of a tool goes out before it. */
function callsTool({ content }: Json): boolean {
  const parts = isObject(content) ? content['parts'] : undefined
  return Array.isArray(parts) && (parts as unknown[]).some((one) => isObject(one) && one['functionCall'] !== undefined)
}
