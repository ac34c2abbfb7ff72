/** Runs as CSV (RFC 4180): what a table shows, for programs that read tables. */
import { titleOf, cellOf } from './columns.ts'
import type { RunRow } from '../queries.ts'

const FIXED = ['run_id', 'name', 'experiment_id', 'status', 'user', 'started_at', 'ended_at'] as const

/** The header tells the kind of a column only where two have the same name. */
export function csvOf(rows: readonly RunRow[], columns: readonly string[]): string {
  const titles = columns.map(titleOf)
  const heads = columns.map((column, i) =>
    titles.indexOf(titleOf(column)) === i && titles.lastIndexOf(titleOf(column)) === i ? titleOf(column) : column,
  )
  const lines = rows.map((row) => [
    row.id,
    row.name,
    row.experiment_id,
    row.status,
    row.user,
    row.started_at,
    row.ended_at ?? '',
    ...columns.map((column) => String(cellOf(row, column) ?? '')),
  ])
  return [[...FIXED, ...heads], ...lines].map((line) => `${line.map(quoted).join(',')}\r\n`).join('')
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$|^[+-]Infinity$/i

/** Signs with which a formula begins, their full-width forms, which some spreadsheets read as these, and what may stand before them unseen. */
const FORMULA = /^[\s\0\u200b\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/

/** A text that a spreadsheet would run as a formula gets an apostrophe before it (OWASP, CSV injection); a number stays one. */
function quoted(text: string): string {
  const cell = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}
