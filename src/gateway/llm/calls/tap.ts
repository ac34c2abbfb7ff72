/** Looks at an answer while it passes: usage, reason of its end, whether it is whole. The bytes go on as they came. */
import type { StreamEvent } from '../dialects/dialects.ts'
import { SseParser } from '../dialects/events.ts'
import { finishOf, mergeUsage, usageOf } from '../dialects/usage.ts'
import type { Usage } from '../records/record.ts'
import type { Dialect } from '../../table/llm.ts'
import { textOf } from './text.ts'

/** What events of a stream tell, one by one. */
export class EventTap {
  readonly #dialect: Dialect
  readonly #said: ((text: string) => void) | undefined
  readonly #choices: number
  readonly #finished = new Set<unknown>()
  usage: Usage | null = null
  raw: unknown = null
  finish: string | null = null
  /** True once the stream has said that it is whole: by its last event, or by the reason of the end of each answer that was asked for. */
  get ended(): boolean {
    return this.isOver || this.#finished.size >= this.#choices
  }

  /** True once its last event has come: nothing that follows is a part of it. */
  isOver = false
  /** What the upstream said went wrong in mid-stream. */
  error: string | null = null

  /** `choices`: answers that were asked for. `said` is told the text of the first, piece by piece. */
  constructor(dialect: Dialect, choices: number, said?: (text: string) => void) {
    this.#dialect = dialect
    this.#choices = NAMED_ENDS.has(dialect) ? Infinity : choices
    this.#said = said
  }

  see({ event, data }: StreamEvent): void {
    if (data.trim() === '[DONE]') {
      this.isOver = true
      return
    }
    const json = parsed(data)
    if (json === undefined) return
    if (this.#said !== undefined) this.#said(textOf(this.#dialect, json))
    const told = usageOf(this.#dialect, json)
    if (told !== undefined) {
      this.usage = this.usage === null ? told.usage : mergeUsage(this.usage, told.usage)
      this.raw = told.raw
    }
    this.finish = finishOf(this.#dialect, json) ?? this.finish
    const type = typeof json['type'] === 'string' ? json['type'] : event
    if (ENDS.has(type ?? '')) this.isOver = true
    for (const choice of finishedIn(this.#dialect, json)) this.#finished.add(choice)
    if (type === 'error' || json['error'] != null) this.error = JSON.stringify(json['error'] ?? json).slice(0, 500)
  }
}

/** Events that say that nothing more comes. */
const ENDS = new Set(['message_stop', 'response.completed', 'response.incomplete', 'response.failed', 'messageStop'])
/** Dialects whose end is an event of its own. */
const NAMED_ENDS = new Set<Dialect>(['messages', 'responses'])

/** The places of the answers that an event ends. */
function finishedIn(dialect: Dialect, json: Readonly<Record<string, unknown>>): unknown[] {
  if (dialect === 'converse') return finishOf(dialect, json) === null ? [] : [0]
  const [list, reason] = dialect === 'generate' ? ['candidates', 'finishReason'] : ['choices', 'finish_reason']
  const items = json[list]
  if (!Array.isArray(items)) return []
  return (items as Readonly<Record<string, unknown>>[]).flatMap((one) =>
    one[reason] == null ? [] : [one['index'] ?? 0],
  )
}

function parsed(data: string): Record<string, unknown> | undefined {
  try {
    const json = JSON.parse(data) as unknown
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** Longest event that is waited for, bytes; the pieces of a longer one go on as they come. */
const LONGEST = 8 * 1024 * 1024

export interface Tapped {
  readonly strip: boolean
  readonly choices: number
  readonly said: ((text: string) => void) | undefined
}

/** Passes a stream of server-sent events on, whole events at a time. */
export class StreamTap {
  readonly #strip: boolean
  readonly #marks: readonly string[]
  readonly #seen: EventTap
  #rest: Buffer | undefined
  /** Events that have passed. */
  events = 0

  /**
   * `strip`: the event that tells the usage is kept back, for the client did not ask for it. `said` is told the text, for which every event
   * is parsed.
   */
  constructor(dialect: Dialect, { strip, choices, said }: Tapped) {
    this.#strip = strip
    this.#marks = (said === undefined ? MARKS[dialect] : undefined) ?? ['data:']
    this.#seen = new EventTap(dialect, choices, said)
  }

  get seen(): EventTap {
    return this.#seen
  }

  /** What of the stream may go on now. */
  push(chunk: Buffer): Buffer {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    const cut = endOfEvents(bytes)
    this.#rest = cut === bytes.length ? undefined : bytes.subarray(cut)
    if (this.#rest !== undefined && this.#rest.length > LONGEST) {
      this.#rest = undefined
      return bytes
    }
    return cut === 0 ? NOTHING : this.#passed(bytes.subarray(0, cut))
  }

  /** What is left of the stream at its end. */
  end(): Buffer {
    const rest = this.#rest
    this.#rest = undefined
    return rest === undefined ? NOTHING : this.#passed(rest)
  }

  #passed(bytes: Buffer): Buffer {
    this.events += eventsIn(bytes)
    if (!this.#marks.some((mark) => bytes.includes(mark))) return bytes
    if (!this.#strip) {
      this.#look(bytes)
      return bytes
    }
    const kept = eventsOf(bytes).filter((event) => !this.#tellsUsage(event))
    return kept.length === 1 ? (kept[0] as Buffer) : Buffer.concat(kept)
  }

  #look(bytes: Buffer): void {
    const parser = new SseParser()
    // the last event of a stream may lack the empty line behind it
    for (const event of [...parser.push(bytes), ...parser.push(BLANK), ...parser.end()]) this.#seen.see(event)
  }

  /** Whether an event is the one that was asked for only by us: usage, and no choice. */
  #tellsUsage(bytes: Buffer): boolean {
    this.#look(bytes)
    return TOLD_USAGE.test(bytes.toString('latin1')) && EMPTY_CHOICES.test(bytes.toString('latin1'))
  }
}

const TOLD_USAGE = /"usage"\s*:\s*\{/
const EMPTY_CHOICES = /"choices"\s*:\s*\[\s*\]/
const NOTHING = Buffer.alloc(0)
const BLANK = Buffer.from('\n\n')

/** What an event that tells something holds; the others are not parsed. */
const MARKS: Readonly<Partial<Record<Dialect, readonly string[]>>> = {
  chat: ['"usage":{', '"usage": {', '"finish_reason":"', '"finish_reason": "', '[DONE]', '"error"'],
  completions: ['"usage":{', '"usage": {', '"finish_reason":"', '"finish_reason": "', '[DONE]', '"error"'],
  messages: ['message_start', 'message_delta', 'message_stop', 'event: error'],
  responses: ['response.completed', 'response.incomplete', 'response.failed', 'event: error'],
}

/** Where the last whole event ends; 0 = none is whole. */
function endOfEvents(bytes: Buffer): number {
  const plain = bytes.lastIndexOf('\n\n')
  if (plain >= 0 && plain + 2 === bytes.length) return bytes.length
  const windows = bytes.lastIndexOf('\n\r\n')
  return Math.max(plain < 0 ? 0 : plain + 2, windows < 0 ? 0 : windows + 3)
}

/** How many events end in some bytes. */
function eventsIn(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf('\n\n'); at >= 0; at = bytes.indexOf('\n\n', at + 2)) count++
  return count > 0 ? count : eventsOf(bytes).length
}

function eventsOf(bytes: Buffer): Buffer[] {
  const events: Buffer[] = []
  let from = 0
  while (from < bytes.length) {
    const plain = bytes.indexOf('\n\n', from)
    const windows = bytes.indexOf('\n\r\n', from)
    const ends = [plain < 0 ? Infinity : plain + 2, windows < 0 ? Infinity : windows + 3, bytes.length]
    const end = Math.min(...ends)
    events.push(bytes.subarray(from, end))
    from = end
  }
  return events
}
