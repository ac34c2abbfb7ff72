/** Free-form evidence as lines a person can read. */
import { eventTime, figure, words } from '../../../src/contract/text/format.ts'

const ITEMS = 6
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/

/** Each entry's name and its value in words; nested objects become `key value` pairs. */
export function evidenceLines(evidence: Readonly<Record<string, unknown>>): [term: string, value: string][] {
  return Object.entries(evidence).map(([key, value]) => [words(key), valueText(value)])
}

/** A value in words: numbers shortened, times in UTC, lists cut after six. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined) return '–'
  if (typeof value === 'number') return figure(value)
  if (typeof value === 'string') return TIME.test(value) ? eventTime(value) : value
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value)) {
    const shown = value.slice(0, ITEMS).map(valueText).join(', ')
    return value.length > ITEMS ? `${shown} and ${value.length - ITEMS} more` : shown || 'none'
  }
  return Object.entries(value)
    .map(([key, inner]) => `${words(key)} ${valueText(inner)}`)
    .join(', ')
}
