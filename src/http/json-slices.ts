/** Parses a large JSON body in slices, one a turn of the loop, so that other callers are answered between them. */
import {
  closingQuote,
  COLON,
  COMMA,
  DEEPEST,
  isSpace,
  LIST,
  LIST_END,
  malformed,
  OBJECT,
  OBJECT_END,
  QUOTE,
  shapeOf,
  SMALL,
  Walk,
} from './json-shape.ts'
import type { Shape } from './json-shape.ts'
import { inTurns, TURN_MS, turnOfLoop } from './callers/turns.ts'

/** How the parts of a body are parsed. */
export interface Parts {
  /** Parses bytes that are one whole value. Throws what bad syntax is refused with. */
  readonly parse: (bytes: Buffer) => unknown
  /** Refuse an object with a repeated key. */
  readonly uniqueKeys: boolean
  /** Most values of the body; `MOST_VALUES` where nothing is said. */
  readonly mostValues?: number | undefined
  /** The shape of the body, where it was walked to its end while it came. */
  readonly shape?: Shape | undefined
}

/** Most values, and most bytes, of a body that is read at once. */
const AT_ONCE = { values: 5000, bytes: 1024 * 1024 } as const

/** Bytes of a body that are walked in one turn. */
const STEP = 256 * 1024

/** A body of more values has the processor and the memory for itself: others of its size wait until it is read. */
const VAST = 250_000

/**
 * The value of a body, as `parts.parse` gives it; a promise of it where the body is long or holds many values. Throws what that throws,
 * and what `shapeOf` throws before anything is parsed.
 */
export function parseBody(bytes: Buffer, parts: Parts): unknown {
  if (parts.shape !== undefined) return parseShaped(bytes, parts.shape, parts)
  if (isSmall(bytes)) return parts.parse(bytes)
  if (bytes.length > AT_ONCE.bytes)
    return inTurns(async () => shapeInTurns(bytes, parts.mostValues)).then((shape) => parseShaped(bytes, shape, parts))
  return parseShaped(bytes, shapeOf(bytes, parts.mostValues), parts)
}

/** True when a body has so few bytes, and nests so little, that it is within every limit; most do. What is no JSON the parser tells. */
function isSmall(bytes: Buffer): boolean {
  const { length } = bytes
  if (length > 2 * AT_ONCE.values) return false
  let depth = 0
  for (let at = 0; at < length; at++) {
    const byte = bytes[at] as number
    if (byte === QUOTE) at = closingQuote(bytes, at)
    // [ and { differ in this one bit, and so do ] and }
    else if ((byte & 0xdf) === LIST && ++depth > DEEPEST) return false
    else if ((byte & 0xdf) === LIST_END) depth--
  }
  return true
}

async function shapeInTurns(bytes: Buffer, most: number | undefined): Promise<Shape> {
  const walk = new Walk(most)
  for (let at = 0; at < bytes.length; at += STEP) {
    if (at > 0) await turnOfLoop()
    walk.take(bytes.subarray(at, at + STEP))
  }
  return walk
}

function parseShaped(bytes: Buffer, shape: Shape, parts: Parts): unknown {
  if (shape.values <= AT_ONCE.values) {
    // a long text cannot be cut; where several come at once, each has a turn of its own
    return bytes.length > AT_ONCE.bytes ? turnOfLoop().then(() => parts.parse(bytes)) : parts.parse(bytes)
  }
  // the parser would find it after all the rest, at once
  if (shape.isOpen) throw malformed('it ends before what it opens is closed')
  return inTurns(() => new Slices(bytes, shape.large, parts).whole(), shape.values > VAST)
}

class Slices {
  readonly #bytes: Buffer
  readonly #large: Shape['large']
  readonly #parts: Parts
  #since = performance.now()

  constructor(bytes: Buffer, large: Shape['large'], parts: Parts) {
    this.#bytes = bytes
    this.#large = large
    this.#parts = parts
  }

  async whole(): Promise<unknown> {
    const start = this.#behindSpace(0)
    const end = this.#large.get(start)
    if (end === undefined) return this.#parts.parse(this.#bytes)
    const rest = this.#behindSpace(end + 1)
    if (rest < this.#bytes.length) throw malformed(`unexpected bytes behind the value, at byte ${rest}`)
    return this.#largePart(start, end)
  }

  #largePart(start: number, end: number): Promise<unknown> {
    const [open, close] = [this.#bytes[start], this.#bytes[end]]
    if (open === LIST && close === LIST_END) return this.#list(start + 1, end)
    if (open === OBJECT && close === OBJECT_END) return this.#object(start + 1, end)
    throw malformed(`the bracket at byte ${end} closes another kind of bracket`)
  }

  async #list(start: number, end: number): Promise<unknown[]> {
    const list: unknown[] = []
    const add = (items: unknown): void => {
      for (const item of items as unknown[]) list.push(item)
    }
    for await (const part of this.#partsOf(start, end, (at) => at)) {
      if (part.large === undefined) add(this.#small('[', part, ']'))
      else list.push(await this.#largePart(part.large, this.#large.get(part.large) as number))
    }
    return list
  }

  async #object(start: number, end: number): Promise<Record<string, unknown>> {
    const object: Record<string, unknown> = {}
    const set = (key: string, value: unknown): void => {
      if (this.#parts.uniqueKeys && Object.hasOwn(object, key)) throw twice(key)
      if (this.#parts.uniqueKeys && key === UNTOLD) throw untold()
      // a plain assignment would set the prototype instead
      if (key === '__proto__')
        Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
      else object[key] = value
    }
    for await (const part of this.#partsOf(start, end, (at) => this.#valueOfField(at))) {
      if (part.large === undefined) {
        const fields = this.#small('{', part, '}') as Record<string, unknown>
        for (const key of Object.keys(fields)) set(key, fields[key])
      } else {
        const [key] = Object.keys(this.#small('{', { from: part.from, to: part.large }, '0}') as object)
        set(key as string, await this.#largePart(part.large, this.#large.get(part.large) as number))
      }
    }
    return object
  }

  /** The items of a list or an object: large ones alone, the others joined up to a slice. */
  async *#partsOf(start: number, end: number, valueAt: (item: number) => number): AsyncGenerator<Part> {
    let [from, at, count] = [start, start, 0]
    // nothing at all is fine, nothing beside a comma is not
    if (this.#behindSpace(start) >= end) return
    while (at <= end) {
      const { next, large } = this.#itemAt(at, end, valueAt)
      const joined = large === undefined && next < end && ++count < SMALL.values && next - from < SMALL.bytes
      if (!joined) {
        if (large === undefined) yield { from, to: next }
        else if (at > from) yield { from, to: at - 1 }
        if (large !== undefined) yield { from: at, to: next, large }
        ;[from, count] = [next + 1, 0]
        if (performance.now() - this.#since > TURN_MS) await this.#pause()
      }
      at = next + 1
    }
  }

  /** Where the item at `at` ends, at a comma or at the end; and where its value begins, if that is large. */
  #itemAt(at: number, end: number, valueAt: (item: number) => number): { next: number; large?: number } {
    const item = this.#behindSpace(at)
    if (item >= end || this.#bytes[item] === COMMA) throw malformed(`a value is missing at byte ${item}`)
    const value = valueAt(item)
    const close = this.#large.get(value)
    if (close === undefined) return { next: this.#endOfItem(item, end) }
    const next = this.#behindSpace(close + 1)
    if (next < end && this.#bytes[next] !== COMMA) throw malformed(`a comma is missing at byte ${next}`)
    return { next, large: value }
  }

  async #pause(): Promise<void> {
    await turnOfLoop()
    this.#since = performance.now()
  }

  #small(open: string, { from, to }: Part, close: string): unknown {
    return this.#parts.parse(Buffer.concat([Buffer.from(open), this.#bytes.subarray(from, to), Buffer.from(close)]))
  }

  /** Where the value of the field at `item` begins; the item itself where it is no field. */
  #valueOfField(item: number): number {
    if (this.#bytes[item] !== QUOTE) return item
    const colon = this.#behindSpace(closingQuote(this.#bytes, item) + 1)
    return this.#bytes[colon] === COLON ? this.#behindSpace(colon + 1) : item
  }

  /** The comma behind a small item, or the end. */
  #endOfItem(item: number, end: number): number {
    let depth = 0
    for (let at = item; at < end; at++) {
      const byte = this.#bytes[at]
      if (byte === QUOTE) at = closingQuote(this.#bytes, at)
      else if (byte === LIST || byte === OBJECT) {
        // a small item holds no large one: something stands before it that is no key
        if (this.#large.has(at)) throw malformed(`a comma is missing before byte ${at}`)
        depth++
      } else if (byte === LIST_END || byte === OBJECT_END) depth--
      else if (byte === COMMA && depth === 0) return at
    }
    return end
  }

  #behindSpace(from: number): number {
    let at = from
    while (isSpace(this.#bytes[at])) at++
    return at
  }
}

/** A piece of a list or an object: the bytes from one place to another, and where its value begins when that is large. */
interface Part {
  readonly from: number
  readonly to: number
  readonly large?: number
}

/** A key that schemas drop without a word. */
export const UNTOLD = '__proto__'

/** A refusal of it: what was sent would be answered as if it were done. */
export function untold(): Error {
  return malformed(`the key "${UNTOLD}" is not accepted`)
}

/** A refusal of an object with a key that stands in it twice. */
export function twice(key: string): Error {
  return malformed(`the key ${JSON.stringify(key.slice(0, 100))} stands twice in one object`)
}
