/** Parses JSON in which some numbers mean more than a double: the dear look is at these alone, not at each value. */

/** The numbers of a JSON text that a double would change, and what they mean. */
export interface ExactNumbers {
  /** Finds each of them, whole, with `g`; made by `numbers`. What it finds may be within a text, or no such number after all. */
  readonly pattern: RegExp
  /** Finds something in each text that has such a number, and in few others: where it can be simple, it saves the dearer look. */
  readonly hint?: RegExp
  /** What a number means, by its digits as they stand in the text. */
  readonly read: (source: string) => unknown
}

/** Finds numbers of JSON that have one of these forms, no part of a longer word and no key. */
export function numbers(forms: string): RegExp {
  return new RegExp(`(?<![\\w.+-])(?:${forms})(?![\\w.+-]|\\s*:)`, 'g')
}

/**
 * As `JSON.parse` with a reviver that gives `read` the source of each number which `pattern` finds and which is no fraction: those
 * are what doubles say. A reviver takes ten times as long as the parser, for every value of the text. Throws what `JSON.parse` and
 * `read` throw.
 */
export function parseExact(text: string, { pattern, hint, read }: ExactNumbers): unknown {
  if (hint?.test(text) === false) return JSON.parse(text)
  const sources: string[] = []
  // nobody can write a text that is taken for a number
  let mark = ''
  let parts = ''
  let copied = 0
  for (const { source, index } of special(text, pattern)) {
    if (mark === '') mark = newMark()
    parts += `${text.slice(copied, index)}"${mark}${sources.length}"`
    copied = index + source.length
    sources.push(source)
  }
  if (sources.length === 0) return JSON.parse(text)
  let value: unknown
  try {
    value = JSON.parse(parts + text.slice(copied))
  } catch (error) {
    // the error names a place of the text as it was given
    JSON.parse(text)
    throw error
  }
  return new Marked(mark, sources, read).restored(value)
}

interface Found {
  readonly source: string
  readonly index: number
}

/** The numbers that the pattern finds outside of texts, in order, without fractions. */
function* special(text: string, pattern: RegExp): Generator<Found, void> {
  // it stays where another text, or a fault, has left it
  pattern.lastIndex = 0
  /** Where no text is open, and the next one opens. */
  let quote = text.indexOf('"')
  for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
    const { 0: source, index } = found
    let end = 0
    while (quote >= 0 && quote < index) {
      end = endOfText(text, quote)
      quote = text.indexOf('"', end)
    }
    if (end > index) pattern.lastIndex = end
    else if (!isFraction(source)) yield { source, index }
  }
}

/** The place behind the text that the quote at `open` begins; the end of all where it is not closed. */
export function endOfText(text: string, open: number): number {
  for (let at = text.indexOf('"', open + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let first = at
    while (text[first - 1] === '\\') first--
    if ((at - first) % 2 === 0) return at + 1
  }
  return text.length
}

function isFraction(source: string): boolean {
  const value = Number(source)
  return Number.isFinite(value) && !Number.isInteger(value)
}

function newMark(): string {
  return `${crypto.getRandomValues(new Uint32Array(4)).join('-')}#`
}

/** A parsed value in which texts stand for numbers. */
class Marked {
  readonly #mark: string
  readonly #sources: readonly string[]
  readonly #read: ExactNumbers['read']
  /** How many of them may still stand somewhere; those under a key that stood twice are gone. */
  #left: number

  constructor(mark: string, sources: readonly string[], read: ExactNumbers['read']) {
    this.#mark = mark
    this.#sources = sources
    this.#read = read
    this.#left = sources.length
  }

  /** The value with the numbers. Lists and objects are filled in place. */
  restored(value: unknown): unknown {
    if (typeof value === 'string') return this.#numberOf(value)
    if (typeof value === 'object' && value !== null) this.#fill(value as Record<string, unknown>)
    return value
  }

  #fill(owner: Record<string, unknown> | unknown[]): void {
    if (Array.isArray(owner)) {
      for (let at = 0; at < owner.length && this.#left > 0; at++) {
        const value = owner[at]
        if (typeof value === 'string') owner[at] = this.#numberOf(value)
        else if (typeof value === 'object' && value !== null) this.#fill(value as Record<string, unknown>)
      }
      return
    }
    for (const key of Object.keys(owner)) {
      if (this.#left === 0) return
      const value = owner[key]
      // a key that is its own, `__proto__` too, is set and never inherited
      if (typeof value === 'string') owner[key] = this.#numberOf(value)
      else if (typeof value === 'object' && value !== null) this.#fill(value as Record<string, unknown>)
    }
  }

  #numberOf(value: string): unknown {
    if (!value.startsWith(this.#mark)) return value
    this.#left--
    return this.#read(this.#sources[Number(value.slice(this.#mark.length))] as string)
  }
}
