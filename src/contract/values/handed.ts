/** What a step can be handed: values that Python reads from JSON, and arguments and variables that the system takes. */
import { Numeral } from './numerals.ts'

/** Digits from which Python reads no whole number out of a text. */
const MOST_DIGITS = 4300
/** Bytes of one argument, and of one variable with its name, that Linux takes. */
const MOST_BYTES = 131_072

/**
 * Bytes of all arguments and variables of a step together. Linux gives a program a quarter of what its stack may grow to, 2 MiB where that is
 * 8 MiB; the other half is for secrets and what the machine sets.
 */
const MOST_TOGETHER = 1_048_576
/** What one of them takes besides its text: a zero byte and an address. */
const BESIDE = 9

/** `{inputs.NAME}`, `{outputs.NAME}`, `{params.NAME}` in a list of arguments. */
export const PLACEHOLDER = /\{(inputs|outputs|params)\.([A-Za-z_]\w*)\}/g

/** Where in a value something stands that Python does not read, and what it takes there. */
export interface Unread {
  readonly path: readonly PropertyKey[]
  readonly value: unknown
  readonly expected: string
}

/** The first part of a param that no step could read, or no run could keep; undefined where all of it is fine. The value nests no deeper than a body of JSON may. */
export function unreadIn(value: unknown, path: readonly PropertyKey[] = []): Unread | undefined {
  const here = (expected: string): Unread => ({ path, value, expected })
  if (value instanceof Numeral) {
    const digits = value.kind === 'int' ? value.text.replace('-', '').length : 0
    return digits > MOST_DIGITS
      ? here(`a whole number of at most ${MOST_DIGITS} digits, as Python reads them`)
      : undefined
  }
  if (typeof value === 'string') {
    const expected = unkept(value)
    return expected === undefined ? undefined : here(expected)
  }
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, part] of Array.isArray(value) ? value.entries() : Object.entries(value)) {
    const unread = (typeof key === 'string' ? unreadIn(key, path) : undefined) ?? unreadIn(part, [...path, key])
    if (unread !== undefined) return unread
  }
  return undefined
}

/** What is expected in place of a text that no param can be; undefined for one that can. */
function unkept(text: string): string | undefined {
  if (text.includes('\0')) return 'a text without a zero byte, which no table keeps'
  return text.isWellFormed() ? undefined : 'a text of whole characters: it has half of a surrogate pair'
}

/** What is expected in place of a text that no program can be given as an argument, or as a variable behind `before`; undefined for one that can. */
export function ungiven(text: string, before = ''): string | undefined {
  if (text.includes('\0')) return 'a text without a zero byte, which no program can be given'
  const bytes = Buffer.byteLength(before) + Buffer.byteLength(text)
  return bytes < MOST_BYTES ? undefined : `at most ${MOST_BYTES - 1} bytes, which is what Linux gives a program`
}

/** What is expected in place of arguments and variables that each fit, and not together; undefined where they do. */
export function ungivenTogether(given: readonly string[], env: Readonly<Record<string, string>>): string | undefined {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const bytes = [...given, ...variables].reduce((sum, text) => sum + Buffer.byteLength(text) + BESIDE, 0)
  if (bytes <= MOST_TOGETHER) return undefined
  const what = given.length === 0 ? 'env' : 'arguments and env'
  return `at most ${MOST_TOGETHER} bytes of ${what} together (they have ${bytes}), for a program is given both in one place; hand over what is large in a file`
}

/** An argument of a command with its placeholders filled. Paths are relative to its working folder; of inputs that are left out they are empty. */
export function filled(
  argument: string,
  params: Readonly<Record<string, unknown>>,
  leftOut: readonly string[] = [],
): string {
  return argument.replace(PLACEHOLDER, (_, kind: string, name: string) => {
    if (kind === 'inputs') return leftOut.includes(name) ? '' : `../in/${name}`
    if (kind === 'outputs') return `../out/${name}`
    const value = params[name]
    return typeof value === 'string' ? value : JSON.stringify(value)
  })
}
