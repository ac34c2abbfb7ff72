/**
 * Columns of a table as SQL of DuckDB reads them into our types. A value that does not fit ends the statement with an error that names
 * the column and the value: a number that was rounded, or a text that became null, would be found by nobody.
 */
import type { ValueType } from '../../contract/features/section.ts'
import { quoted } from '../as-of/statement.ts'

/** What DuckDB says of a column: its name and its type, for example `TIMESTAMP WITH TIME ZONE`. */
export interface SourceColumn {
  readonly name: string
  readonly type: string
}

/** A column that cannot be read as it is declared. */
export class ColumnError extends Error {}

/** Before what an error of ours says, so that it is told from those of DuckDB. */
export const MARK = 'slipway: '

const WHOLE = /^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/
const FRACTIONAL = /^(FLOAT|DOUBLE|DECIMAL\(.*\))$/
const TIMES = /^(TIMESTAMP(_S|_MS|_NS)?|TIMESTAMP WITH TIME ZONE|DATE)$/
const TEXTS = /^(VARCHAR|ENUM\(.*\)|UUID)$/

const NARROW = /^(U?(TINY|SMALL)INT|U?INTEGER|BIGINT)$/

/** Whether every value of a column can be read as `type`, so that reading it can never end a statement. */
export function alwaysFits({ type: from }: SourceColumn, type: ValueType): boolean {
  switch (type) {
    case 'int':
      return NARROW.test(from)
    case 'float':
      return WHOLE.test(from) || FRACTIONAL.test(from)
    case 'bool':
      return from === 'BOOLEAN'
    case 'text':
      return TEXTS.test(from)
    case 'time':
      return false
  }
}

/** SQL for a column as `type`, null where it is null. Throws `ColumnError` where its type in the table can never be that. */
export function columnSql(column: SourceColumn, type: ValueType): string {
  const from = quoted(column.name)
  const isText = TEXTS.test(column.type)
  const refused = new ColumnError(`column "${column.name}" is ${column.type} in the source, and ${type} is declared`)
  switch (type) {
    case 'int': {
      if (alwaysFits(column, type)) return `CAST(${from} AS BIGINT)`
      const condition = wholeWhere(column)
      if (condition === undefined) throw refused
      return orError(column, `CASE WHEN ${condition} THEN TRY_CAST(${from} AS BIGINT) END`, type)
    }
    case 'float':
      if (WHOLE.test(column.type) || FRACTIONAL.test(column.type)) return `CAST(${from} AS DOUBLE)`
      if (isText) return orError(column, `TRY_CAST(${from} AS DOUBLE)`, type)
      throw refused
    case 'bool':
      if (column.type === 'BOOLEAN') return from
      if (WHOLE.test(column.type)) return orError(column, `CASE ${from} WHEN 0 THEN FALSE WHEN 1 THEN TRUE END`, type)
      if (isText) return orError(column, `CASE lower(${from}) WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END`, type)
      throw refused
    case 'text':
      if (isText) return `CAST(${from} AS VARCHAR)`
      throw refused
    case 'time':
      return timeSql(column)
  }
}

/** Where a value of a column is whole: a cast would round a fraction. Undefined for a type that is never a number. */
function wholeWhere({ name, type }: SourceColumn): string | undefined {
  const from = quoted(name)
  if (WHOLE.test(type)) return 'TRUE'
  if (FRACTIONAL.test(type)) return `${from} = trunc(${from})`
  return TEXTS.test(type) ? `regexp_full_match(trim(${from}), '[-+]?\\d+')` : undefined
}

/** Nanoseconds since 1970 of a column of times; a time without a zone is in UTC. Throws `ColumnError` for what is no time. */
export function timeSql(column: SourceColumn): string {
  const from = quoted(column.name)
  if (TEXTS.test(column.type)) {
    const time = `TRY_CAST(${from} AS TIMESTAMP_NS)`
    return orError(column, `CASE WHEN isfinite(${time}) THEN epoch_ns(${time}) END`, 'time')
  }
  if (!TIMES.test(column.type))
    throw new ColumnError(`column "${column.name}" is ${column.type} in the source, and a time was expected`)
  const inRange = `${from} > '${EARLIEST}' AND ${from} < '${LATEST}'`
  return orError(column, `CASE WHEN ${inRange} THEN epoch_ns(${from}) END`, 'time')
}

/** Between them 64 bits hold the nanoseconds; infinities lie outside. */
const [EARLIEST, LATEST] = ['1678-01-01', '2262-01-01']

const EXPECTED: Readonly<Record<ValueType, string>> = {
  int: 'a whole number of 64 bits',
  float: 'a number',
  bool: 'true or false',
  text: 'a text',
  time: `a time between ${EARLIEST} and ${LATEST}`,
}

/** The value, null where the column is null, and an error where it could not be read. */
function orError({ name }: SourceColumn, sql: string, type: ValueType): string {
  const from = quoted(name)
  const told = literal(`${MARK}column "${name}" has `)
  const message = `${told} || left(CAST(${from} AS VARCHAR), 100) || ${literal(`, and ${EXPECTED[type]} was expected`)}`
  return `CASE WHEN ${from} IS NULL THEN NULL ELSE coalesce(${sql}, error(${message})) END`
}

/** The same for what may not be null. */
export function neverNull(sql: string, name: string, why: string): string {
  return `coalesce(${sql}, error(${literal(`${MARK}column "${name}" is null in a row, ${why}`)}))`
}

/** A text of SQL. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
