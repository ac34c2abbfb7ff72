/** Guardrails on a streamed answer: each text goes on behind a window, arguments of tools when they are whole. */
import { problem } from '../../../contract/errors.ts'
import { writeEvent } from '../dialects/events.ts'
import { isObject } from '../dialects/fields.ts'
import type { Dialect } from '../../table/llm.ts'
import type { Block } from './blocks.ts'
import { Blocks, withData } from './blocks.ts'
import type { Channel, EventView, Piece } from './channels.ts'
import { eventView } from './channels.ts'
import type { Sight } from './sight.ts'
import { changed } from './spots.ts'
import type { Change, Spot } from './spots.ts'
import { TextWindow } from './window.ts'

/** Most characters of the arguments of all tools of an answer, which are held until they are whole. */
const MOST_ARGUMENTS = 8 * 1024 * 1024

interface OpenChannel {
  channel: Channel
  readonly window: TextWindow
  /** Arguments that have come. */
  held: string
}

/** What a stream has said, as it went on. */
export interface Said {
  readonly texts: readonly string[]
  /** Text of each answer. */
  readonly answers: readonly string[]
  /** True where a tool was called. */
  readonly calls: boolean
}

export class GuardedStream {
  readonly #dialect: Dialect
  readonly #sight: Sight
  /** True = nothing may tell otherwise what is held or taken out. */
  readonly #hides: boolean
  readonly #keeps: boolean
  readonly #blocks = new Blocks()
  readonly #open = new Map<string, OpenChannel>()
  readonly #texts = new Map<string, string>()
  readonly #answers = new Map<string, string>()
  #arguments = 0
  #calls = false
  #sequence: number | undefined

  /** `hides`: what repeats texts in pieces is left out. `keeps`: what was said is asked for at the end. */
  constructor(dialect: Dialect, sight: Sight, { hides, keeps }: { readonly hides: boolean; readonly keeps: boolean }) {
    this.#dialect = dialect
    this.#sight = sight
    this.#hides = hides
    this.#keeps = keeps
  }

  /** What goes on of a part of the stream. Throws `guardrail_blocked`, and `upstream_failed` for an event that is too long to be looked at. */
  push(bytes: Uint8Array): string {
    return this.#passed(this.#blocks.push(bytes))
  }

  /** What goes on at the end of the stream. Throws as `push`. */
  end(): string {
    return this.#passed(this.#blocks.end()) + this.#flushed('all')
  }

  /** What was said, once it has ended. */
  get said(): Said {
    return { texts: [...this.#texts.values()], answers: [...this.#answers.values()], calls: this.#calls }
  }

  #passed(blocks: readonly Block[]): string {
    return blocks.map((block) => this.#block(block)).join('')
  }

  #block(block: Block): string {
    const { data, event } = block
    if (data === null) return block.raw
    if (data.trim() === '[DONE]') return this.#flushed('all') + block.raw
    const json = parsed(data)
    if (!isObject(json)) return withData(block, this.#sight.plain(data))
    const view = eventView({ dialect: this.#dialect, event, json }, data)
    let before = ''
    const changes: Change[] = []
    const released = view.pieces.map((piece) => {
      before += this.#aside(piece)
      return { piece, text: this.#piece(piece) }
    })
    const own = new Set(view.pieces.map(({ channel }) => channel.key))
    before += this.#flushed(view.ends, own)
    for (const { piece, text } of released) {
      const rest = isEnded(view, piece.channel) ? this.#flush(piece.channel.key) : ''
      if (text + rest !== piece.text) changes.push({ ...placeOf(piece.spot), text: JSON.stringify(text + rest) })
    }
    changes.push(...this.#others(view, data), ...this.#sequenced(view, data))
    return (
      before +
      withData(
        block,
        changed(
          data,
          changes.sort((a, b) => a.from - b.from),
        ),
      )
    )
  }

  /** A text that goes on in another channel of its group has ended there: what it holds comes before. */
  #aside({ channel, text }: Piece): string {
    if (text === '') return ''
    const others = [...this.#open.values()].filter(
      ({ channel: one }) => one.group === channel.group && one.key !== channel.key && !one.isArguments,
    )
    return others.map(({ channel: { key } }) => this.#copied(key)).join('')
  }

  /** What of a piece goes on now. */
  #piece({ channel, text }: Piece): string {
    if (text === '') return ''
    this.#sight.measure(text.length)
    if (channel.isArguments) this.#calls = true
    if (!this.#sight.looks) return this.#noted(channel, text)
    let open = this.#open.get(channel.key)
    if (open === undefined) {
      open = { channel, window: new TextWindow(this.#sight), held: '' }
      this.#open.set(channel.key, open)
    }
    open.channel = channel
    if (!channel.isArguments) return this.#noted(channel, open.window.push(text))
    this.#arguments += text.length
    if (this.#arguments > MOST_ARGUMENTS) {
      const detail = `the arguments of its calls of tools have more than ${MOST_ARGUMENTS} characters`
      throw problem('upstream_failed', { what: 'the provider', detail })
    }
    open.held += text
    return ''
  }

  /** The rest of a channel, which has ended. */
  #flush(key: string): string {
    const open = this.#open.get(key)
    if (open === undefined) return ''
    this.#open.delete(key)
    const { channel, window, held } = open
    return this.#noted(channel, channel.isArguments ? this.#sight.json(held) : window.flush())
  }

  #noted({ key, answer }: Channel, text: string): string {
    if (!this.#keeps || text === '') return text
    this.#texts.set(key, (this.#texts.get(key) ?? '') + text)
    if (answer !== null) this.#answers.set(answer, (this.#answers.get(answer) ?? '') + text)
    return text
  }

  /** Events with the rests of the groups that end, but for the channels that an event says itself. */
  #flushed(ends: EventView['ends'], but: ReadonlySet<string> = new Set()): string {
    if (ends.length === 0 || this.#open.size === 0) return ''
    const ending = [...this.#open.values()].filter(
      ({ channel: { key, group } }) => !but.has(key) && (ends === 'all' || ends.includes(group)),
    )
    return ending.map(({ channel: { key } }) => this.#copied(key)).join('')
  }

  #copied(key: string): string {
    const copy = this.#open.get(key)?.channel.copy
    const rest = this.#flush(key)
    if (copy === undefined || rest === '') return ''
    const event = copy(rest)
    if (this.#sequence === undefined) return writeEvent(event)
    const data = JSON.parse(event.data) as Record<string, unknown>
    return writeEvent({ ...event, data: JSON.stringify({ ...data, sequence_number: this.#sequence++ }) })
  }

  /** What stands in place of texts that came whole, and of what repeats texts in pieces. */
  #others({ others, probabilities, sequence }: EventView, source: string): Change[] {
    // events of responses that are numbered end a text by repeating it
    this.#sight.repeats = sequence !== undefined
    const found = others.flatMap(({ spot, isArguments }): Change[] => {
      const text = isArguments ? this.#whole(source, spot) : this.#sight.literal(source, spot)
      return text === undefined ? [] : [{ ...placeOf(spot), text }]
    })
    this.#sight.repeats = false
    if (!this.#hides) return found
    return [
      ...found,
      ...probabilities.map((spot) => ({ ...placeOf(spot), text: source[spot.from] === '[' ? '[]' : 'null' })),
    ]
  }

  #whole(source: string, { from, to }: Spot): string | undefined {
    const text = JSON.parse(source.slice(from, to)) as unknown
    if (typeof text !== 'string') return undefined
    const out = this.#sight.json(text)
    return out === text ? undefined : JSON.stringify(out)
  }

  /** Events are counted on where some were put among them. */
  #sequenced({ sequence }: EventView, source: string): Change[] {
    if (sequence === undefined) return []
    const given = Number(source.slice(sequence.from, sequence.to))
    const own = this.#sequence ?? given
    this.#sequence = own + 1
    return own === given ? [] : [{ ...placeOf(sequence), text: String(own) }]
  }
}

function isEnded({ ends }: EventView, { group }: Channel): boolean {
  return ends === 'all' || ends.includes(group)
}

function placeOf({ from, to }: Spot): Pick<Change, 'from' | 'to'> {
  return { from, to }
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    return undefined
  }
}
