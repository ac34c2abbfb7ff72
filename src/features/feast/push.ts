/** Rows that callers of Feast's `/push` and `/write-to-online-store` bring, as our views take them. */
import { MOST_FEAST_PUSHED } from '../../contract/features/feast.ts'
import { Numeral } from '../../contract/values/numerals.ts'
import type { View } from '../definitions/definitions.ts'
import { fieldsOf, refused, tableByColumns, textIn, timeText, type Table } from './fields.ts'

export type FeastRow = Record<string, unknown>

/** `name`: of the view, or of the push source, which has the name of its view here. */
export interface FeastPush {
  readonly name: string
  readonly table: Table
}

/** A body of `/push`. Throws `invalid_field`; also where rows are to go into history, which is what sources of views are for. */
export function readFeastPush(body: unknown): FeastPush {
  const fields = fieldsOf(body)
  const name = textIn(fields, 'push_source_name')
  if (name === undefined) throw refused('push_source_name', fields['push_source_name'], 'the name of a view')
  const to = fields['to'] ?? 'online'
  if (to !== 'online')
    throw refused('to', to, '"online": pushed rows are kept for reading online, and history is what the source has')
  return { name, table: tableOf(fields['df']) }
}

/** A body of `/write-to-online-store`. Throws `invalid_field`. */
export function readFeastWrite(body: unknown): FeastPush {
  const fields = fieldsOf(body)
  const name = textIn(fields, 'feature_view_name')
  if (name === undefined) throw refused('feature_view_name', fields['feature_view_name'], 'the name of a view')
  return { name, table: tableOf(fields['df']) }
}

function tableOf(df: unknown): Table {
  const table = tableByColumns('df', df, MOST_FEAST_PUSHED)
  if (table.count === 0) throw refused('df', df, 'at least one row')
  return table
}

/** The columns of its times, whatever the view calls them: the SDK knows no others. */
const [EVENT, CREATED] = ['event_timestamp', 'created'] as const

/**
 * Rows with the names and the spelling that a push of the view takes. `event_timestamp` and `created` become the columns that the view
 * declares, unless these are there, and are left out where it declares none; a time without a zone is in UTC, and a time among the features
 * may be seconds since 1970. What cannot be read is left as it is, for the push to refuse by its name.
 */
export function rowsForView(view: View, rows: readonly FeastRow[]): FeastRow[] {
  const times = new Set(view.features.filter(({ type }) => type === 'time').map(({ name }) => name))
  return rows.map((row) => {
    const made: (readonly [string, unknown])[] = []
    for (const [given, value] of Object.entries(row)) {
      const name = columnFor(view, given, row)
      if (name === view.event_time) made.push([name, momentOf(value)])
      else if (name !== undefined && name === view.created_time) {
        const known = momentOf(value)
        // without one a row is known now
        if (known !== null) made.push([name, known])
      } else if (name !== undefined) made.push([name, times.has(name) ? timeOf(value) : value])
    }
    return Object.fromEntries(made)
  })
}

/** The name that a column of a row has in the view; undefined where it is left out. */
function columnFor(view: View, given: string, row: FeastRow): string | undefined {
  if (given !== EVENT && given !== CREATED) return given
  const declared = [view.event_time, view.created_time, ...[...view.keys, ...view.features].map(({ name }) => name)]
  if (declared.includes(given)) return given
  const name = given === EVENT ? view.event_time : view.created_time
  return name === null || Object.hasOwn(row, name) ? undefined : name
}

/** Of pandas' null comes a text. */
function momentOf(value: unknown): unknown {
  if (value === 'NaT') return null
  return typeof value === 'string' ? (timeText(value) ?? value) : value
}

/** Seconds since 1970 are what Feast's client makes of a time. */
function timeOf(value: unknown): unknown {
  const seconds = value instanceof Numeral ? Number(value.text) : value
  if (typeof seconds !== 'number') return momentOf(value)
  const total = Math.round(seconds * 1e6)
  const whole = Math.floor(total / 1e6)
  const date = new Date(whole * 1000)
  if (Number.isNaN(date.getTime())) return value
  const fraction = total === whole * 1e6 ? '' : `.${String(total - whole * 1e6).padStart(6, '0')}`
  return date.toISOString().replace('.000Z', `${fraction}Z`)
}
