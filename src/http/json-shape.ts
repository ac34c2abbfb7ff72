/** Walks the bytes of a JSON body once before anything is made of them: how deep it nests, how many values it holds, which parts are large. */
import { problem } from '../contract/errors.ts'

/** Deepest nesting of lists and objects. A function that walks a value may recurse once a level. */
export const DEEPEST = 100

/** Most values of one body: lists, objects, and what stands in them. */
export const MOST_VALUES = 2_000_000

/** Most fields of one object: a parser takes as long for each new name as for fifty numbers. */
export const MOST_FIELDS = 100_000

/** What is larger than this is a large part: values, and bytes. */
export const SMALL = { values: 2000, bytes: 16_384 } as const

export interface Shape {
  /** How many values the bytes hold. */
  readonly values: number
  /** Where each list and object that is not small begins, and where its closing bracket stands. */
  readonly large: ReadonlyMap<number, number>
  /** Whether a list, an object or a text is left open at the end. */
  readonly isOpen: boolean
}

/**
 * The shape of a body, in time proportional to its bytes. Knows strings and brackets only; what is wrong otherwise is for the parser to
 * tell. Throws `malformed_body` for nesting beyond `DEEPEST`, `too_many_values` beyond `most` (by default `MOST_VALUES`) and `MOST_FIELDS`.
 */
export function shapeOf(bytes: Uint8Array, most?: number): Shape {
  const walk = new Walk(most)
  walk.take(bytes)
  return walk
}

/** The same piece by piece, as a long body comes or in steps. */
export class Walk implements Shape {
  values = 1
  readonly large = new Map<number, number>()
  readonly #most: number
  #depth = -1
  /** By depth: where the list or object begins, how many values came before it, and how many commas it may still have. */
  readonly #starts = new Int32Array(DEEPEST)
  readonly #before = new Int32Array(DEEPEST)
  readonly #left = new Int32Array(DEEPEST)
  /** The piece that is walked, and where it begins in the body. */
  #piece: Uint8Array = NOTHING
  #from = 0
  /** Where the last byte that is no space stands, before the piece. */
  #last = -1
  /** What of a text goes on in the next piece: nothing, the text, or what follows its backslash. */
  #open: 'nothing' | 'text' | 'escape' = 'nothing'

  constructor(most: number = MOST_VALUES) {
    this.#most = most
  }

  get isOpen(): boolean {
    return this.#depth >= 0 || this.#open !== 'nothing'
  }

  /** Goes on with the next piece of the body. Throws as `shapeOf`. */
  take(piece: Uint8Array): void {
    this.#piece = piece
    const { length } = piece
    let at = this.#behindText()
    for (; at < length; at++) {
      const byte = piece[at] as number
      if (byte === QUOTE) {
        at = closingQuote(piece, at)
        if (at >= length) this.#open = at === length ? 'text' : 'escape'
      } else if (byte === COMMA) this.#comma(this.#from + at)
      else if (byte === LIST || byte === OBJECT) this.#opens(this.#from + at, byte)
      else if (byte === LIST_END || byte === OBJECT_END) this.#close(at)
    }
    this.#last = this.#lastBefore(length)
    this.#from += length
    this.#piece = NOTHING
  }

  /** Where the piece goes on behind a text that began before it. */
  #behindText(): number {
    if (this.#open === 'nothing') return 0
    const { length } = this.#piece
    const close = closingQuote(this.#piece, this.#open === 'text' ? -1 : 0)
    this.#open = close < length ? 'nothing' : close === length ? 'text' : 'escape'
    return close + 1
  }

  /** Where in the body the last byte stands that is no space, before this place of the piece. */
  #lastBefore(end: number): number {
    let at = end - 1
    while (at >= 0 && isSpace(this.#piece[at])) at--
    return at < 0 ? this.#last : this.#from + at
  }

  #comma(at: number): void {
    if (this.#depth < 0) throw malformed(`a comma outside of any list, at byte ${at}`)
    this.#count()
    const left = (this.#left[this.#depth] as number) - 1
    this.#left[this.#depth] = left
    if (left === 0) throw tooMany('fields in one object', MOST_FIELDS)
  }

  #opens(at: number, byte: number): void {
    if (++this.#depth >= DEEPEST) throw malformed(`it nests deeper than ${DEEPEST}, at byte ${at}`)
    this.#starts[this.#depth] = at
    this.#before[this.#depth] = this.values
    // a list has no more items than the body has values
    this.#left[this.#depth] = byte === OBJECT ? MOST_FIELDS : MOST_VALUES + 1
    this.#count()
  }

  #close(place: number): void {
    const at = this.#from + place
    if (this.#depth < 0) throw malformed(`the bracket at byte ${at} closes nothing`)
    const start = this.#starts[this.#depth] as number
    // an empty one has no value in it
    if (this.#lastBefore(place) === start) this.values--
    const values = this.values - (this.#before[this.#depth] as number)
    if (values > SMALL.values || at - start > SMALL.bytes) this.large.set(start, at)
    this.#depth--
  }

  #count(): void {
    if (++this.values > this.#most) throw tooMany('values', this.#most)
  }
}

const NOTHING = new Uint8Array(0)

/** Walks a body that comes in pieces; nothing where it is one piece, which is looked at once it is whole. */
export class Coming {
  #walk: Walk | undefined
  readonly #most: number | undefined

  constructor(most?: number) {
    this.#most = most
  }

  /** Undefined before the first piece. */
  get shape(): Shape | undefined {
    return this.#walk
  }

  /** Throws as `shapeOf`, for what cannot become a body that is taken. */
  readonly look = (piece: Uint8Array): void => {
    this.#walk ??= new Walk(this.#most)
    this.#walk.take(piece)
  }
}

/** Bytes with a meaning. */
export const [QUOTE, BACKSLASH, COMMA, COLON, OBJECT, OBJECT_END, LIST, LIST_END] = [34, 92, 44, 58, 123, 125, 91, 93]

/** So many bytes of a text are looked at one by one before the next quote is searched for, which is quicker in long texts. */
const NEAR = 128

/** The place of the quote that closes a text; the length of the bytes without one, and one more where they end in an escape. */
export function closingQuote(bytes: Uint8Array, open: number): number {
  const near = Math.min(bytes.length, open + NEAR)
  let at = open + 1
  while (at < near && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1
  return at < near || at >= bytes.length ? at : farQuote(bytes, at)
}

/** The same from within a text, where the quote is not near. */
function farQuote(bytes: Uint8Array, from: number): number {
  const { length } = bytes
  let at = nextQuote(bytes, from)
  while (at < length && bytes[at] !== QUOTE) {
    const near = Math.min(length, at + NEAR)
    while (at < near && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1
    if (at >= near && at < length) at = nextQuote(bytes, at)
  }
  return at
}

/** The next quote of a text, or the end; where a backslash stands before it, what follows it. Searches no byte twice. */
function nextQuote(bytes: Uint8Array, from: number): number {
  const found = bytes.indexOf(QUOTE, from)
  const quote = found < 0 ? bytes.length : found
  let first = quote
  while (first > from && bytes[first - 1] === BACKSLASH) first--
  return quote + ((quote - first) % 2)
}

/** True for the four bytes that may stand between values. */
export function isSpace(byte: number | undefined): boolean {
  return byte === 32 || byte === 10 || byte === 13 || byte === 9
}

/** A refusal of a body that is no JSON as it is taken here. */
export function malformed(detail: string): Error {
  return problem('malformed_body', { expected: 'JSON', detail })
}

function tooMany(what: string, limit: number): Error {
  return problem('too_many_values', { what, value: limit + 1, limit })
}
