/** Writes a value as JSON: a long list in slices, one a turn of the loop, so that other callers are answered between them. */
import { MadeList } from './made-list.ts'
import { TURN_MS, turnOfLoop } from './turns.ts'

/** A list of more items is written in slices, and one whose items hold so many values between them. */
const LONG = 200
const HEAVY = 10_000

/** So many items are written between two looks at the clock: twice as many as before while that is quick, ms, else half as many. */
const BETWEEN = 20
const MOST_BETWEEN = 200
const QUICK_MS = 1

/** How deep in a value long lists are looked for. */
const DEEPEST = 3

/** The JSON of a value, as `JSON.stringify` gives it; a promise of its bytes where it holds a long list. */
export function jsonText(value: unknown): string | Promise<Buffer> {
  return holdsLong(value, DEEPEST) ? new Slices().whole(value) : JSON.stringify(value)
}

function holdsLong(value: unknown, deep: number): boolean {
  if (isList(value)) return value.length > LONG || (value.length > 1 && valuesIn(value, HEAVY) >= HEAVY)
  if (!isPlain(value) || deep === 0) return false
  for (const key in value) if (typeof value[key] === 'object' && holdsLong(value[key], deep - 1)) return true
  return false
}

/** How deep values are counted: deeper ones are of no use to a caller. */
const DEEPEST_COUNTED = 20

/** How many values it holds, counted up to about `most`. */
function valuesIn(value: unknown, most: number, deep = DEEPEST_COUNTED): number {
  const isArray = Array.isArray(value)
  if (deep === 0 || !(isArray || isPlain(value))) return 1
  let count = 1
  for (const inside of isArray ? (value as readonly unknown[]) : Object.values(value)) {
    if (count >= most) break
    count += typeof inside === 'object' ? valuesIn(inside, most - count, deep - 1) : 1
  }
  return count
}

/** A list, or one whose items are made as they are written. */
type List = Pick<readonly unknown[], 'length' | 'slice'>

function isList(value: unknown): value is List {
  return Array.isArray(value) || value instanceof MadeList
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return false
  return Object.getPrototypeOf(value) === Object.prototype
}

class Slices {
  readonly #slices: Buffer[] = []
  #text = ''
  #since = performance.now()

  async whole(value: unknown): Promise<Buffer> {
    await this.#value(value, DEEPEST)
    this.#slices.push(Buffer.from(this.#text))
    return Buffer.concat(this.#slices)
  }

  async #value(value: unknown, deep: number): Promise<void> {
    if (!holdsLong(value, deep)) this.#text += JSON.stringify(value)
    else if (isList(value)) await this.#items(value)
    else await this.#fields(value as Record<string, unknown>, deep)
  }

  async #fields(object: Record<string, unknown>, deep: number): Promise<void> {
    let before = '{'
    for (const key of Object.keys(object)) {
      const value = object[key]
      // what JSON has no word for is left out, as everywhere
      if (JSON.stringify(typeof value === 'object' ? null : value) === undefined) continue
      this.#text += `${before}${JSON.stringify(key)}:`
      await this.#value(value, deep - 1)
      before = ','
    }
    this.#text += before === '{' ? '{}' : '}'
  }

  async #items(list: List): Promise<void> {
    let size = BETWEEN
    for (let at = 0; at < list.length;) {
      const began = performance.now()
      const text = JSON.stringify(list.slice(at, at + size))
      this.#text += at === 0 ? text.slice(0, -1) : `,${text.slice(1, -1)}`
      at += size
      const now = performance.now()
      size = now - began < QUICK_MS ? Math.min(2 * size, MOST_BETWEEN) : Math.max(1, Math.min(size >> 1, BETWEEN))
      if (now - this.#since > TURN_MS) await this.#pause()
    }
    this.#text += ']'
  }

  async #pause(): Promise<void> {
    this.#slices.push(Buffer.from(this.#text))
    this.#text = ''
    await turnOfLoop()
    this.#since = performance.now()
  }
}
