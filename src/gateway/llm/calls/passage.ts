/** How a stream passes from an upstream to a client: plain, or event by event through a translation. */
import type { Asked, StreamEvent, StreamTranslator } from '../dialects/dialects.ts'
import { EventStreamParser } from '../dialects/event-stream.ts'
import { SseParser, writeEvent } from '../dialects/events.ts'
import type { Dialect } from '../../table/llm.ts'
import type { Journey } from './journey.ts'
import type { Way } from './outgoing.ts'
import { EventTap, StreamTap } from './tap.ts'

export interface Passage {
  /** What goes on to the client of a piece that came. */
  push(chunk: Buffer): Buffer
  /** What goes on at the end of the upstream's stream. */
  end(): Buffer
  /** True when the stream has said that it is whole. */
  readonly ended: boolean
  /** True once its last event has come: that the connection breaks behind it changes nothing. */
  readonly isOver: boolean
  /** What the upstream said went wrong. */
  readonly error: string | null
  /** Notes on the journey what was seen. */
  note(): void
  /** True = nothing goes on before `rest`. */
  readonly holds?: boolean
  /** What goes on behind the end, once it was looked at as a whole; nothing for a client that has left by then. */
  rest?(left: AbortSignal): Promise<Buffer>
}

/** The text of an answer is looked at only where it is kept; guardrails say what may be. */
function saidTo(journey: Journey): ((text: string) => void) | undefined {
  return journey.keeps && journey.guardrails === null ? (text) => journey.said(text) : undefined
}

function noted(journey: Journey, seen: EventTap, { events, ended }: { events: number; ended: boolean }): void {
  journey.usage = seen.usage
  journey.raw = seen.raw
  journey.finish = seen.finish
  // of one that came whole the usage is what it cost, also where nothing of it goes on
  journey.guessed = ended && seen.usage !== null ? 0 : events
}

/** Bytes go on as they came. */
export class PlainPassage implements Passage {
  readonly #tap: StreamTap
  readonly #journey: Journey

  constructor(dialect: Dialect, strip: boolean, journey: Journey) {
    this.#tap = new StreamTap(dialect, { strip, choices: journey.ask.choices, said: saidTo(journey) })
    this.#journey = journey
  }

  push(chunk: Buffer): Buffer {
    return this.#tap.push(chunk)
  }

  end(): Buffer {
    return this.#tap.end()
  }

  get ended(): boolean {
    return this.#tap.seen.ended
  }

  get isOver(): boolean {
    return this.#tap.seen.isOver
  }

  get error(): string | null {
    return this.#tap.seen.error
  }

  note(): void {
    noted(this.#journey, this.#tap.seen, { events: this.#tap.events, ended: this.ended })
  }
}

/** Events go on in the client's dialect. */
export class TranslatedPassage implements Passage {
  readonly #parser: { push(bytes: Uint8Array): readonly StreamEvent[]; end(): readonly StreamEvent[] }
  readonly #translator: StreamTranslator
  readonly #seen: EventTap
  readonly #journey: Journey
  #events = 0
  ended = false
  readonly isOver = false

  constructor(way: Way, asked: Asked, journey: Journey) {
    if (way.translation === undefined) throw new Error('a way without a translation')
    this.#parser = way.dialect === 'converse' ? new EventStreamParser() : new SseParser()
    this.#translator = way.translation.stream(asked)
    this.#seen = new EventTap(way.dialect, journey.ask.choices, saidTo(journey))
    this.#journey = journey
  }

  push(chunk: Buffer): Buffer {
    return this.#passed(this.#parser.push(chunk))
  }

  end(): Buffer {
    const last = this.#passed(this.#parser.end())
    const end = this.#translator.end()
    this.ended = true
    return Buffer.concat([last, written(end)])
  }

  get error(): string | null {
    return this.#seen.error
  }

  note(): void {
    noted(this.#journey, this.#seen, { events: this.#events, ended: this.ended })
  }

  #passed(events: readonly StreamEvent[]): Buffer {
    const out: StreamEvent[] = []
    for (const event of events) {
      this.#events++
      this.#seen.see(event)
      out.push(...this.#translator.push(event))
    }
    return written(out)
  }
}

function written(events: readonly StreamEvent[]): Buffer {
  return Buffer.from(events.map(writeEvent).join(''))
}
