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
}

/**
 * The shape of a body, in time proportional to its bytes. Knows strings and brackets only; what is wrong otherwise is for the parser to
 * tell. Throws `malformed_body` for nesting beyond `DEEPEST`, `too_many_values` beyond `most` (by default `MOST_VALUES`) and `MOST_FIELDS`.
 */
export function shapeOf(bytes: Uint8Array, most?: number): Shape {
  const walk = new Walk(bytes, most)
  walk.step(bytes.length)
  return walk
}

/** The same in steps, for a long body. */
export class Walk implements Shape {
  values = 1
  readonly large = new Map<number, number>()
  readonly #bytes: Uint8Array
  readonly #most: number
  #at = 0
  #depth = -1
  /** By depth: where the list or object begins, how many values came before it, and how many commas it may still have. */
  readonly #starts = new Int32Array(DEEPEST)
  readonly #before = new Int32Array(DEEPEST)
  readonly #left = new Int32Array(DEEPEST)

  constructor(bytes: Uint8Array, most: number = MOST_VALUES) {
    this.#bytes = bytes
    this.#most = most
  }

  /** Goes on by so many bytes, or to the end of the text that it comes into. True at the end. Throws as `shapeOf`. */
  step(size: number): boolean {
    const bytes = this.#bytes
    const end = Math.min(bytes.length, this.#at + size)
    let at = this.#at
    for (; at < end; at++) {
      const byte = bytes[at] as number
      if (byte === QUOTE) at = closingQuote(bytes, at)
      else if (byte === COMMA) this.#comma(at)
      else if (byte === LIST || byte === OBJECT) this.#open(at, byte)
      else if (byte === LIST_END || byte === OBJECT_END) this.#close(at)
    }
    this.#at = at
    return at >= bytes.length
  }

  #comma(at: number): void {
    if (this.#depth < 0) throw malformed(`a comma outside of any list, at byte ${at}`)
    this.#count()
    const left = (this.#left[this.#depth] as number) - 1
    this.#left[this.#depth] = left
    if (left === 0) throw tooMany('fields in one object', MOST_FIELDS)
  }

  #open(at: number, byte: number): void {
    if (++this.#depth >= DEEPEST) throw malformed(`it nests deeper than ${DEEPEST}, at byte ${at}`)
    this.#starts[this.#depth] = at
    this.#before[this.#depth] = this.values
    // a list has no more items than the body has values
    this.#left[this.#depth] = byte === OBJECT ? MOST_FIELDS : MOST_VALUES + 1
    this.#count()
  }

  #close(at: number): void {
    if (this.#depth < 0) throw malformed(`the bracket at byte ${at} closes nothing`)
    const start = this.#starts[this.#depth] as number
    if (isEmpty(this.#bytes, start, at)) this.values--
    const values = this.values - (this.#before[this.#depth] as number)
    if (values > SMALL.values || at - start > SMALL.bytes) this.large.set(start, at)
    this.#depth--
  }

  #count(): void {
    if (++this.values > this.#most) throw tooMany('values', this.#most)
  }
}

function isEmpty(bytes: Uint8Array, start: number, end: number): boolean {
  let at = end - 1
  while (isSpace(bytes[at])) at--
  return at === start
}

/** Bytes with a meaning. */
export const [QUOTE, BACKSLASH, COMMA, COLON, OBJECT, OBJECT_END, LIST, LIST_END] = [34, 92, 44, 58, 123, 125, 91, 93]

/** The place of the quote that closes a text; the length of the bytes without one. */
export function closingQuote(bytes: Uint8Array, open: number): number {
  let at = open + 1
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1
  return at
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
