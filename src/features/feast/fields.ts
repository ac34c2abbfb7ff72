/** What bodies of Feast's requests have in common: fields that are checked by name, tables by columns, and its spelling of times. */
import { problem, type Problem } from '../../contract/errors.ts'
import { Numeral } from '../../contract/values/numerals.ts'

/** The refusal of a field. */
export function refused(field: string, value: unknown, expected: string): Problem {
  return problem('invalid_field', { field, value: short(value), expected })
}

/** Enough of a value to know it by. */
function short(value: unknown): unknown {
  if (value instanceof Numeral) return value
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'string') return value.length > 200 ? `${value.slice(0, 200)}…` : value
  return typeof value === 'object' && value !== null ? 'an object' : value
}

export type Fields = Readonly<Record<string, unknown>>

/** A body as an object. Fields that nobody asks for are left alone, as Feast's server does. Throws `invalid_field`. */
export function fieldsOf(body: unknown): Fields {
  if (!isObject(body)) throw refused('body', body, 'an object')
  return body
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Numeral)
}

/** A text, or undefined where the field is absent or null. Throws `invalid_field`. */
export function textIn(fields: Fields, field: string): string | undefined {
  const value = fields[field] ?? undefined
  if (value !== undefined && (typeof value !== 'string' || value === '')) throw refused(field, value, 'a text')
  return value
}

/** False where the field is absent or null. Throws `invalid_field`. */
export function flagIn(fields: Fields, field: string): boolean {
  const value = fields[field] ?? false
  if (typeof value !== 'boolean') throw refused(field, value, 'true or false')
  return value
}

/** A list of texts, or undefined where the field is absent or null. Throws `invalid_field`. */
export function textsIn(fields: Fields, field: string): string[] | undefined {
  const value = fields[field] ?? undefined
  if (value === undefined) return undefined
  if (!Array.isArray(value)) throw refused(field, value, 'a list of names')
  for (const [i, one] of value.entries())
    if (typeof one !== 'string' || one === '') throw refused(`${field}[${i}]`, one, 'a name')
  return value as string[]
}

/** A table that is given by columns, of which rows are made as they are needed: all of a large one would be many objects at once. */
export interface Table {
  readonly count: number
  /** Those from `from`, up to `to`; default all. */
  readonly rows: (from?: number, to?: number) => Record<string, unknown>[]
}

/**
 * Reads a table that is given by columns, `{column: [value, …], …}`, of `most` rows at most. Throws `invalid_field` where a column is no list,
 * or not as long as the first.
 */
export function tableByColumns(field: string, table: unknown, most: number): Table {
  if (!isObject(table)) throw refused(field, table, 'an object of lists, one for each column')
  const columns = Object.entries(table)
  const [first, values] = columns[0] ?? []
  if (first === undefined) return { count: 0, rows: () => [] }
  for (const [name, list] of columns) {
    if (!Array.isArray(list)) throw refused(`${field}.${name}`, list, 'a list of values, one for each row')
    if (Array.isArray(values) && list.length !== values.length)
      throw refused(`${field}.${name}`, list, `as many values as "${first}" has, ${values.length}`)
  }
  const count = (values as unknown[]).length
  if (count > most) throw refused(field, `${count} rows`, `${most} rows at most`)
  const row = (i: number): Record<string, unknown> =>
    Object.fromEntries(columns.map(([name, list]) => [name, (list as unknown[])[i] ?? null]))
  return {
    count,
    rows: (from = 0, to = count) =>
      Array.from({ length: Math.max(0, Math.min(to, count) - from) }, (_, i) => row(from + i)),
  }
}

const DATE_TIME = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2}(?:\.\d{1,9})?)?)?\s*(Z|[+-]\d{2}:?\d{2})?$/i

/**
 * A time as RFC 3339: Feast's client leaves out the zone, which means UTC, and pandas writes a space, a date alone, or no seconds.
 * Undefined where the text is no such time.
 */
export function timeText(text: string): string | undefined {
  const match = DATE_TIME.exec(text.trim())
  if (match === null) return undefined
  const [, day = '', minutes = '00:00', seconds = ':00', zone = 'Z'] = match
  const offset = zone.toUpperCase().replace(/^([+-]\d{2})(\d{2})$/, '$1:$2')
  const whole = `${day}T${minutes}${seconds}${offset}`
  // a day that no calendar has is moved by Date, and no zone of the text may hide that
  const moment = Date.parse(`${day}T${minutes}${seconds.slice(0, 3)}Z`)
  if (Number.isNaN(moment) || !new Date(moment).toISOString().startsWith(day)) return undefined
  return Number.isNaN(Date.parse(whole)) ? undefined : whole
}
