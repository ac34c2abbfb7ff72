/** The record of several predictions: packs their columns, and reads it as one prediction a row. */
import { predictionsOf, scoresOf } from '../../scoring/rows/results.ts'
import type { Numbers } from '../../scoring/rows/results.ts'
import { scoreOf } from '../../scoring/rows/scores.ts'
import type { BatchRecord, PackedColumn, PackedNumbers, PredictionRecord } from './records.ts'

/** A column as it is logged: numbers and missing ones as bytes, anything else as a list. */
export function packColumn(values: Float64Array | readonly unknown[]): PackedColumn {
  if (values instanceof Float64Array) return packNumbers({ data: values, width: undefined })
  const numbers = new Float64Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (typeof value !== 'number' && value !== null) return values
    numbers[i] = value ?? Number.NaN
  }
  return packNumbers({ data: numbers, width: undefined })
}

/** Numbers as they are logged. */
export function packNumbers({ data, width }: Numbers): PackedNumbers {
  const f64 = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')
  return width === undefined ? { f64 } : { f64, width }
}

/** The predictions of a record, as if each had been logged alone. Throws a plain Error for a column of another length. */
export function predictionsIn(record: BatchRecord): PredictionRecord[] {
  const { t: _, ids, et, x, s, p, es, ex, ...common } = record
  const count = ids.length
  const columns = x.map((column) => unpack(column, count))
  const predictions = p === null ? undefined : unpack(p, count)
  const scores = p === null ? undefined : s === undefined ? scoresIn(p, count) : unpack(s, count)
  const entities = Object.entries(es ?? {}).map(([name, column]) => [name, unpack(column, count)] as const)
  const explained = new Map(ex)
  return ids.map((id, i) => {
    const told = explained.get(i)
    return {
      ...common,
      t: 'p',
      id,
      et: typeof et === 'number' ? et : (et[i] as number),
      x: columns.map((column) => column[i]),
      s: (scores?.[i] ?? null) as number | null,
      p: predictions?.[i] ?? null,
      ...(entities.length > 0 && { e: Object.fromEntries(entities.map(([name, column]) => [name, column[i]])) }),
      ...(told !== undefined && { ex: told }),
      ...(i > 0 && { nth: true }),
    }
  })
}

/** Two records of half the rows each. */
export function halves(record: BatchRecord): [BatchRecord, BatchRecord] {
  const middle = record.ids.length >> 1
  return [partOf(record, 0, middle), partOf(record, middle, record.ids.length)]
}

function partOf(record: BatchRecord, from: number, to: number): BatchRecord {
  const { ids, et, x, s, p, es, ex } = record
  const cut = (column: PackedColumn): PackedColumn => {
    if (!('f64' in column)) return column.slice(from, to)
    const { data, width } = numbersIn(column)
    return packNumbers({ data: data.slice(from * (width ?? 1), to * (width ?? 1)), width })
  }
  return {
    ...record,
    ...(from > 0 && { nth: true }),
    ids: ids.slice(from, to),
    et: typeof et === 'number' ? et : et.slice(from, to),
    x: x.map(cut),
    p: p === null ? null : cut(p),
    ...(s !== undefined && { s: cut(s) }),
    ...(es !== undefined && {
      es: Object.fromEntries(Object.entries(es).map(([name, column]) => [name, cut(column)])),
    }),
    ...(ex !== undefined && {
      ex: ex.flatMap(([i, told]) => (i >= from && i < to ? [[i - from, told] as const] : [])),
    }),
  }
}

function unpack(column: PackedColumn, count: number): readonly unknown[] {
  const values = 'f64' in column ? plain(predictionsOf(count, numbersOf(column, count))) : column
  if (values.length !== count) throw new Error(`a column of ${values.length} values for ${count} rows`)
  return values
}

function scoresIn(column: PackedColumn, count: number): readonly (number | null)[] {
  return 'f64' in column ? scoresOf(count, numbersOf(column, count)) : column.map(scoreOf)
}

function numbersOf(column: PackedNumbers, count: number): Numbers {
  const numbers = numbersIn(column)
  if (numbers.data.length !== count * (numbers.width ?? 1))
    throw new Error(`a column of ${numbers.data.length} numbers for ${count} rows`)
  return numbers
}

function numbersIn({ f64, width }: PackedNumbers): Numbers {
  const bytes = Buffer.from(f64, 'base64')
  const data = new Float64Array(bytes.length / 8)
  new Uint8Array(data.buffer).set(bytes)
  return { data, width }
}

/** Numbers as JSON has them. */
function plain(values: readonly unknown[]): unknown[] {
  return values.map((value) => (Array.isArray(value) ? plain(value) : Number.isFinite(value) ? value : null))
}
