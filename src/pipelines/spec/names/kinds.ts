/** Kinds of values that a param may have, and whether one may stand in place of another. */
import { Numeral } from '../../../contract/values/numerals.ts'

type Kind = 'nothing' | 'a text' | 'true or false' | 'a whole number' | 'a number' | 'a list' | 'keys with values'

/** Longest value that a message repeats. */
const SHOWN = 80

/** What was expected in place of a value of another kind than the declared one; undefined for one that may stand there. */
export function misfit(declared: unknown, value: unknown): string | undefined {
  const [wanted, got] = [kindOf(declared), kindOf(value)]
  if (wanted === 'nothing' || wanted === got) return undefined
  if (wanted === 'a number' && typeof value === 'number') return undefined
  const asText = wanted === 'a text' ? `; a text that looks like something else has quotes: "${String(value)}"` : ''
  return `${wanted}, as the project file declares it (${shown(declared)})${asText}`
}

/** The kind of a value, in words. */
export function kindOf(value: unknown): Kind {
  if (value === null || value === undefined) return 'nothing'
  if (value instanceof Numeral) return value.kind === 'int' ? 'a whole number' : 'a number'
  if (typeof value === 'string') return 'a text'
  if (typeof value === 'boolean') return 'true or false'
  if (typeof value === 'number') return Number.isInteger(value) ? 'a whole number' : 'a number'
  return Array.isArray(value) ? 'a list' : 'keys with values'
}

function shown(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
}
