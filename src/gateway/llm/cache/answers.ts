/** Answers that are kept in the memory of a gateway to be given again: bounded in bytes, the least used leave first. */
import type { GuardRecord, Usage } from '../records/record.ts'
import type { ModelRoute, ProviderRoute } from '../../table/llm.ts'

/** In which of its two forms an answer came. */
export type Form = 'whole' | 'stream'

/** An answer as the client got it. */
export interface KeptAnswer {
  readonly form: Form
  /** The body, or the events of the stream one behind the other. */
  readonly body: Buffer
  /** Of its headers those that tell of the answer, and of no call. */
  readonly headers: Readonly<Record<string, string>>
  /** True for a stream that ends with its usage. */
  readonly tellsUsage: boolean
  readonly usage: Usage | null
  readonly finish: string | null
  /** What a translation lost. */
  readonly lost: readonly string[]
  /** What guardrails found in it. */
  readonly guards: readonly GuardRecord[]
  readonly provider: ProviderRoute
  readonly model: ModelRoute
  /** What it cost, nanodollars. */
  readonly cost: number
  /** When it was kept, and from when on it is not given again, ms. */
  readonly at: number
  readonly until: number
}

/** Where an answer is kept. */
export interface Place {
  readonly project: string
  /** Name of the endpoint. */
  readonly endpoint: string
  /** See `keyOf`. */
  readonly key: string
}

const MOST_BYTES = 64 * 1024 * 1024

/** Memory of an answer beside its body, bytes: what 50,000 of them were measured to take. */
const BESIDE = 1600

interface Slot {
  readonly answer: KeptAnswer
  readonly shelf: Shelf
}

/** What one endpoint keeps, the least used first. */
interface Shelf {
  readonly name: string
  readonly slots: Map<string, Slot>
  bytes: number
}

/** Both forms of an answer lie side by side. One endpoint may hold half of the bytes, so that it cannot drive out what all others keep. */
export class AnswerCache {
  readonly #most: number
  readonly #slots = new Map<string, Slot>()
  readonly #shelves = new Map<string, Shelf>()
  /** Memory that is held, bytes. */
  bytes = 0

  constructor(most: number = MOST_BYTES) {
    this.#most = most
  }

  /** Answers that are held. */
  get size(): number {
    return this.#slots.size
  }

  /** The answer of a form, unless it is too old; it counts as used now. */
  get({ key }: Place, form: Form, now: number): KeptAnswer | undefined {
    const name = nameOf(key, form)
    const slot = this.#slots.get(name)
    if (slot === undefined) return undefined
    const { answer, shelf } = slot
    // a clock that was set back must not keep it for longer
    if (now >= answer.until || now < answer.at) {
      this.#drop(name, slot)
      return undefined
    }
    for (const slots of [this.#slots, shelf.slots]) {
      slots.delete(name)
      slots.set(name, slot)
    }
    return answer
  }

  /** Keeps an answer in place of the one of its key and form. One that is larger than an endpoint may hold is not kept. */
  put(place: Place, answer: KeptAnswer): void {
    const size = sizeOf(answer)
    const half = this.#most / 2
    if (size > half) return
    const name = nameOf(place.key, answer.form)
    const before = this.#slots.get(name)
    if (before !== undefined) this.#drop(name, before)
    const shelf = this.#shelfOf(place)
    while (shelf.bytes + size > half) this.#dropFirst(shelf.slots)
    while (this.bytes + size > this.#most) this.#dropFirst(this.#slots)
    const slot = { answer, shelf }
    this.#shelves.set(shelf.name, shelf)
    this.#slots.set(name, slot)
    shelf.slots.set(name, slot)
    shelf.bytes += size
    this.bytes += size
  }

  #shelfOf({ project, endpoint }: Place): Shelf {
    const name = JSON.stringify([project, endpoint])
    return this.#shelves.get(name) ?? { name, slots: new Map(), bytes: 0 }
  }

  #dropFirst(slots: ReadonlyMap<string, Slot>): void {
    for (const [name, slot] of slots) {
      this.#drop(name, slot)
      return
    }
  }

  #drop(name: string, { answer, shelf }: Slot): void {
    const size = sizeOf(answer)
    this.#slots.delete(name)
    shelf.slots.delete(name)
    shelf.bytes -= size
    this.bytes -= size
    if (shelf.slots.size === 0) this.#shelves.delete(shelf.name)
  }
}

function nameOf(key: string, form: Form): string {
  return `${form} ${key}`
}

function sizeOf({ body }: KeptAnswer): number {
  return body.length + BESIDE
}
