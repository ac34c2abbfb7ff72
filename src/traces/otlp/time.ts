/** Times and durations as protobuf's JSON says them. */
import { invalid } from '../../mlflow/wire.ts'

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/
const DURATION = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/

/** The times that protobuf allows, in ms since 1970: years 1 to 9999. */
const FIRST_MS = -62_135_596_800_000
const LAST_MS = 253_402_300_799_999

/** Ms since 1970 of "2026-05-03T10:00:00.5Z"; INVALID_PARAMETER_VALUE for other text. */
export function readTimestamp(text: string, field: string): number {
  const ms = TIMESTAMP.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms)) throw invalid(`Invalid value '${text}' for parameter '${field}': expected a time as RFC 3339.`)
  return ms
}

/** Text of ms since 1970; one beyond protobuf's range is shown as its end. */
export function writeTimestamp(ms: number): string {
  return new Date(Math.max(FIRST_MS, Math.min(ms, LAST_MS))).toISOString()
}

/** Ms of "1.5s", parts of a ms cut off; INVALID_PARAMETER_VALUE for other text. */
export function readDuration(text: string, field: string): number {
  const match = DURATION.exec(text)
  if (match === null) throw invalid(`Invalid value '${text}' for parameter '${field}': expected seconds, such as 1.5s.`)
  const ms = Number(match[2]) * 1000 + Number((match[3] ?? '').padEnd(3, '0').slice(0, 3))
  return match[1] === '-' ? -ms : ms
}

/** Text of ms, for example "1.500s". */
export function writeDuration(ms: number): string {
  return `${(ms / 1000).toFixed(3)}s`
}
