/** Writes a value as JSON: a long list in slices, one a turn of the loop, so that other callers are answered between them. */
import { turnOfLoop } from './turns.ts'

/** A list of more items is written in slices; so many items are written between two looks at the clock. */
const LONG = 200
const BETWEEN = 20

/** Longest time for slices of one turn, ms. */
const TURN_MS = 8

/** How deep in a value long lists are looked for. */
const DEEPEST = 3

/** The JSON of a value, as `JSON.stringify` gives it; a promise of its bytes where it holds a long list. */
export function jsonText(value: unknown): string | Promise<Buffer> {
  return holdsLong(value, DEEPEST) ? inSlices(value) : JSON.stringify(value)
}

function holdsLong(value: unknown, deep: number): boolean {
  if (Array.isArray(value)) return value.length > LONG
  if (!isPlain(value) || deep === 0) return false
  for (const key in value) if (typeof value[key] === 'object' && holdsLong(value[key], deep - 1)) return true
  return false
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return false
  return Object.getPrototypeOf(value) === Object.prototype
}

async function inSlices(value: unknown): Promise<Buffer> {
  const slices: Buffer[] = []
  for await (const text of textsOf(value, DEEPEST, { since: performance.now() })) slices.push(Buffer.from(text))
  return Buffer.concat(slices)
}

async function* textsOf(value: unknown, deep: number, clock: { since: number }): AsyncGenerator<string> {
  if (!holdsLong(value, deep)) yield JSON.stringify(value)
  else if (Array.isArray(value)) yield* items(value, clock)
  else yield* fields(value as Record<string, unknown>, deep, clock)
}

async function* fields(
  object: Record<string, unknown>,
  deep: number,
  clock: { since: number },
): AsyncGenerator<string> {
  let before = '{'
  for (const key of Object.keys(object)) {
    const value = object[key]
    // what JSON has no word for is left out, as everywhere
    if (JSON.stringify(typeof value === 'object' ? null : value) === undefined) continue
    yield `${before}${JSON.stringify(key)}:`
    yield* textsOf(value, deep - 1, clock)
    before = ','
  }
  yield before === '{' ? '{}' : '}'
}

async function* items(list: readonly unknown[], clock: { since: number }): AsyncGenerator<string> {
  for (let at = 0; at < list.length; at += BETWEEN) {
    const text = JSON.stringify(list.slice(at, at + BETWEEN)).slice(1, -1)
    yield at === 0 ? `[${text}` : `,${text}`
    if (performance.now() - clock.since < TURN_MS) continue
    await turnOfLoop()
    clock.since = performance.now()
  }
  yield ']'
}
