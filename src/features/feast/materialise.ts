/** What callers of Feast's `/materialize` and `/materialize-incremental` want. */
import { fieldsOf, flagIn, refused, textIn, textsIn, timeText, type Fields } from './fields.ts'

export interface FeastMaterialise {
  /** Undefined: all views. */
  readonly views: string[] | undefined
  /** Undefined: the newest. */
  readonly version: number | undefined
  /** RFC 3339: rows that happened, or became known, later are left out; undefined: now. */
  readonly until: string | undefined
}

/**
 * A body of `/materialize`. Its beginning is checked and no more: a view is always materialised from all that its source has, so that what
 * was removed there is gone here too. Throws `invalid_field`.
 */
export function readFeastMaterialise(body: unknown): FeastMaterialise {
  const fields = fieldsOf(body)
  const which = viewsOf(fields)
  if (flagIn(fields, 'disable_event_timestamp')) return { ...which, until: undefined }
  const start = timeIn(fields, 'start_ts')
  const until = timeIn(fields, 'end_ts')
  if (Date.parse(start) >= Date.parse(until))
    throw refused('start_ts', fields['start_ts'], `a time before end_ts, ${until}`)
  return { ...which, until }
}

/** A body of `/materialize-incremental`. Throws `invalid_field`. */
export function readFeastIncremental(body: unknown): FeastMaterialise {
  const fields = fieldsOf(body)
  return { ...viewsOf(fields), until: timeIn(fields, 'end_ts') }
}

function timeIn(fields: Fields, field: string): string {
  const given = textIn(fields, field)
  const time = given === undefined ? undefined : timeText(given)
  if (time === undefined) throw refused(field, fields[field], 'a time, for example 2026-05-03T10:00:00Z')
  return time
}

function viewsOf(fields: Fields): Pick<FeastMaterialise, 'views' | 'version'> {
  const views = textsIn(fields, 'feature_views')
  if (views?.length === 0) throw refused('feature_views', [], 'at least one name, or null for all')
  const version = textIn(fields, 'version')
  if (version === undefined) return { views, version: undefined }
  const number = /^v?([1-9]\d{0,8})$/.exec(version)?.[1]
  if (number === undefined) throw refused('version', version, 'a version, for example v2')
  if (views?.length !== 1) throw refused('feature_views', views, 'one name beside a version')
  return { views, version: Number(number) }
}
