/** Declared params as a form shows and reads them: each a text, checked by its type and range as the server does. */
import { expectedOf, fitted, type Declared } from '../../../src/contract/values/params.ts'

/** The text of a field that has this value; a list has a line for each of its values. */
export function fieldText(declared: Declared, value: unknown): string {
  if (declared.type === 'list') return Array.isArray(value) ? value.map(textOf).join('\n') : ''
  return textOf(value)
}

/** The value of such a text, or what was expected in its place. */
export function fieldValue(
  declared: Declared,
  text: string,
): { readonly value: unknown } | { readonly expected: string } {
  const value =
    declared.type === 'list'
      ? lines(text).map((line) => read(declared.of ?? 'string', line, declared.choices))
      : read(declared.type, text, declared.choices)
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    return { expected: `${expectedOf(declared)}, here of at most 16 digits` }
  return fitted(declared, value) === undefined ? { expected: expectedOf(declared) } : { value }
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function read(type: string, text: string, choices: readonly unknown[] = []): unknown {
  if (type === 'choice') return choices.find((one) => String(one) === text)
  if (type === 'bool') return text === 'true' ? true : text === 'false' ? false : undefined
  if (type === 'string') return text
  return text.trim() === '' ? undefined : Number(text)
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '')
}
