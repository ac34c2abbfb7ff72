/** Pushed rows, from the JSON in which they come to rows of the online store. */
import { problem } from '../../contract/errors.ts'
import type { Value } from '../as-of/windows.ts'
import type { View } from '../definitions/definitions.ts'
import { entityText, KeyError } from '../online/keys.ts'
import { MOST_TEXT } from '../online/pack.ts'
import type { NewRow } from '../online/store.ts'
import type { Entity } from './read.ts'
import { notA, readValue, toldValue, withoutNumeral } from './values.ts'

/** Rows that are pushed, made a part at a time. */
export interface Pushed {
  readonly count: number
  /** Those from `from`, up to `to`. */
  readonly rows: (from: number, to: number) => readonly Entity[]
}

/** Rows that are read in one turn of the loop: others need not wait for all of a large push. */
const READ_AT_ONCE = 1000

/** All rows of a push as the store takes them, read in turns. Throws as `pushedRows` does. */
export async function pushedInTurns(view: View, pushed: Pushed, now: bigint): Promise<NewRow[]> {
  const made: NewRow[] = []
  while (made.length < pushed.count) {
    const from = made.length
    for (const row of pushedRows(view, { rows: pushed.rows(from, from + READ_AT_ONCE), from }, now)) made.push(row)
    await new Promise(setImmediate)
  }
  return made
}

/** Rows of a call, of which the first is its row `from`. */
interface Part {
  readonly rows: readonly Entity[]
  readonly from: number
}

/**
 * The rows as the store takes them. Without a created time a row counts as known when it happened, and where the view declares one and the
 * row has none, at `now` (ns). Throws `invalid_field` for a column that is missing, unknown or of another type, and for a null key or time.
 */
function pushedRows(view: View, { rows, from }: Part, now: bigint): NewRow[] {
  const columns = new Set([
    ...view.keys.map(({ name }) => name),
    view.event_time,
    ...(view.created_time === null ? [] : [view.created_time]),
    ...view.features.map(({ column }) => column),
  ])
  return rows.map((row, at) => {
    const field = `rows[${from + at}]`
    for (const name of Object.keys(row))
      if (!columns.has(name))
        throw problem('invalid_field', {
          field: `${field}.${name}`,
          value: toldValue(row[name]),
          expected: `a column of view "${view.name}": ${[...columns].join(', ')}`,
        })
    const entity = entityOf(view, row, field)
    const event = momentIn(row, view.event_time, field)
    const created = view.created_time === null ? event : createdOf(row, view.created_time, field, now)
    const values = view.features.map(({ name, column, type }) => {
      if (Object.hasOwn(row, column))
        return storable(readValue(type, row[column], `${field}.${column}`), `${field}.${column}`)
      const expected = `a value of feature "${name}", or null`
      throw problem('invalid_field', { field: `${field}.${column}`, value: undefined, expected })
    })
    return { entity, event, created, values }
  })
}

function entityOf(view: View, row: Entity, field: string): string {
  const missing = view.keys.find(({ name }) => (row[name] ?? null) === null)
  if (missing !== undefined)
    throw problem('invalid_field', {
      field: `${field}.${missing.name}`,
      value: row[missing.name],
      expected: `a key of view "${view.name}": ${missing.type === 'int' ? 'a whole number' : 'a text'}`,
    })
  try {
    const text = entityText(
      view.keys,
      view.keys.map(({ name }) => withoutNumeral(row[name])),
    )
    if (text === null) throw new Error('no part of the key is null')
    return text
  } catch (error) {
    if (!(error instanceof KeyError)) throw error
    throw problem('invalid_field', { field: `${field}.${error.key}`, value: error.value, expected: error.expected })
  }
}

/** Throws `invalid_field` for a text that is too long to be read each time. */
function storable(value: Value, field: string): Value {
  if (typeof value !== 'string' || value.length <= MOST_TEXT) return value
  const told = `${value.slice(0, 40)}… (${value.length} characters)`
  throw problem('invalid_field', { field, value: told, expected: `a text of at most ${MOST_TEXT} characters` })
}

function momentIn(row: Entity, column: string, field: string): bigint {
  const moment = readValue('time', row[column], `${field}.${column}`)
  if (typeof moment === 'bigint') return moment
  throw notA('time', row[column], `${field}.${column}`)
}

function createdOf(row: Entity, column: string, field: string, now: bigint): bigint {
  return (row[column] ?? null) === null ? now : momentIn(row, column, field)
}
