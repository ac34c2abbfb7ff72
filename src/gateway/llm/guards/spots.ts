/** The values of a JSON text where they stand in it, so that one can be changed and every other character stays as it came. */

/** Names and places that lead to a value. It is one list that changes: who keeps it copies it. */
export type Path = readonly (string | number)[]

/** Where a value begins and ends. `nested`: a list or an object that was passed over whole. */
export interface Spot {
  readonly from: number
  readonly to: number
  readonly kind: 'text' | 'number' | 'nested'
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
const OPEN = 0x7b
const CLOSE = 0x7d
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d

/**
 * Tells each text and number of a source, which must be valid JSON, in order; values of repeated names too. Lists and objects whose name is
 * one of `whole` are told as one spot.
 */
export function eachSpot(source: string, whole: ReadonlySet<string>, visit: (path: Path, spot: Spot) => void): void {
  const path: (string | number)[] = []
  let awaitsName = false
  let at = 0
  while (at < source.length) {
    const code = source.charCodeAt(at)
    if (code === QUOTE) {
      const to = pastText(source, at)
      if (awaitsName) path[path.length - 1] = textAt(source, at, to)
      else visit(path, { from: at, to, kind: 'text' })
      awaitsName = false
      at = to
    } else if (code === OPEN || code === OPEN_LIST) {
      const name = path.at(-1)
      if (typeof name === 'string' && whole.has(name)) {
        const to = pastNested(source, at)
        visit(path, { from: at, to, kind: 'nested' })
        at = to
        continue
      }
      path.push(code === OPEN ? '' : 0)
      awaitsName = code === OPEN
      at++
    } else if (isNumber(code)) {
      const to = pastNumber(source, at)
      visit(path, { from: at, to, kind: 'number' })
      at = to
    } else {
      if (code === CLOSE || code === CLOSE_LIST) {
        path.pop()
        awaitsName = false
      } else if (code === COMMA) {
        const last = path.at(-1)
        if (typeof last === 'number') path[path.length - 1] = last + 1
        else awaitsName = true
      }
      at++
    }
  }
}

/** The text that stands between two places, its quotes included there. */
export function textAt(source: string, from: number, to: number): string {
  const inside = source.slice(from + 1, to - 1)
  return inside.includes('\\') ? (JSON.parse(source.slice(from, to)) as string) : inside
}

/** A piece in place of what stands from `from` to `to`. */
export interface Change {
  readonly from: number
  readonly to: number
  readonly text: string
}

/** A text with pieces replaced; those are in order and do not overlap. */
export function changed(source: string, changes: readonly Change[]): string {
  if (changes.length === 0) return source
  const parts: string[] = []
  let at = 0
  for (const { from, to, text } of changes) {
    parts.push(source.slice(at, from), text)
    at = to
  }
  parts.push(source.slice(at))
  return parts.join('')
}

function isNumber(code: number): boolean {
  return code === MINUS || (code >= ZERO && code <= NINE)
}

const NUMBER = /[-+.\deE]+/y

function pastNumber(source: string, from: number): number {
  NUMBER.lastIndex = from
  NUMBER.test(source)
  return NUMBER.lastIndex
}

/** Behind the quote that ends the text which begins at `from`. */
function pastText(source: string, from: number): number {
  for (let end = source.indexOf('"', from + 1); end >= 0; end = source.indexOf('"', end + 1)) {
    let slashes = 0
    while (source.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++
    if (slashes % 2 === 0) return end + 1
  }
  return source.length
}

function pastNested(source: string, from: number): number {
  let depth = 0
  let at = from
  while (at < source.length) {
    const code = source.charCodeAt(at)
    if (code === QUOTE) {
      at = pastText(source, at)
      continue
    }
    at++
    if (code === OPEN || code === OPEN_LIST) depth++
    else if ((code === CLOSE || code === CLOSE_LIST) && --depth === 0) return at
  }
  return at
}
