/** Params of a retraining: what the project file says, with the day of the incident and the rows marked bad put in. */
import { BAD_ROWS, UNTIL } from '../../contract/values/retraining.ts'
import { DAY_MS } from '../../contract/ids.ts'

export interface Retraining {
  /** Event time of the incident, ms. */
  readonly until: number
  /** Prediction ids of rows that were marked bad. */
  readonly bad_rows: readonly string[]
}

type Params = Record<string, Record<string, unknown>>

/** Fills `{until}`, `{until-Nd}` (days as YYYY-MM-DD, UTC) and `{bad_rows}` (a list); every other value stays as it is. */
export function retrainParams(
  settings: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  given: Retraining,
): Params {
  return Object.fromEntries(
    Object.entries(settings).map(([step, params]) => [
      step,
      Object.fromEntries(Object.entries(params).map(([param, value]) => [param, fill(value, given)])),
    ]),
  )
}

function fill(value: unknown, given: Retraining): unknown {
  if (value === BAD_ROWS) return [...given.bad_rows]
  const day = typeof value === 'string' ? UNTIL.exec(value) : null
  if (day === null) return value
  return new Date(given.until - Number(day[1] ?? 0) * DAY_MS).toISOString().slice(0, 10)
}
