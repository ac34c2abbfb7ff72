/** A caller's rows as a model takes them: values in the order of its inputs, checked field by field. */
import { problem } from '../../contract/errors.ts'
import type { InputField } from './fields.ts'
import { toJson } from './json.ts'

/**
 * One value: missing is null. Numbers may be ±Infinity, never NaN (NaN is missing). A whole number beyond ±2^53 is a bigint
 * within the range of int64. A missing text is one of three, told apart for models of Python: null reaches them as None, NaN as NaN, and
 * undefined as None where pandas is older than 3, else as NaN.
 */
export type Value = number | string | boolean | bigint | null | undefined

/** A row as a protocol handed it over: values by input name. */
export type Named = Readonly<Record<string, unknown>>

/** The rows of one request, whatever form they came in. */
export interface Rows {
  readonly count: number
  /**
   * The rows by the inputs of a model. A field that is absent is refused when it is required; `null`, and "NaN" for a number, is a
   * missing value. Nothing is coerced between kinds. Fields that the model does not know are ignored. Missing texts are what MLflow's
   * scoring server makes of them in a call of these rows; which one is decided here, for rows are merged and split later on.
   * Throws `invalid_field` that names the first fault, with all of them (up to 20) in `issues`.
   */
  values(inputs: readonly InputField[]): Value[][]
  /** The same by columns, without an object a row; they may share memory with the request. */
  columns(inputs: readonly InputField[]): ValueColumn[]
  /** What the request has in row i for the j-th of some names, unread; undefined where it has nothing. */
  cells(names: readonly string[]): CellOf
}

/** Values of one input, one a row; numbers side by side, NaN where one is missing. */
export type ValueColumn = Float64Array | readonly Value[]

/** Rows of one request as a backend takes them. */
export type Batch = { readonly rows: Value[][] } | { readonly columns: readonly ValueColumn[] }

/** Row i of a batch as the model was given it: a missing number may be NaN. */
export function rowOf(batch: Batch, i: number): Value[] {
  return 'rows' in batch ? (batch.rows[i] as Value[]) : batch.columns.map((column) => column[i])
}

/** The same as it is logged: every missing value is null. */
export function loggedRow(batch: Batch, i: number): Value[] {
  return rowOf(batch, i).map(orNull)
}

function orNull(value: Value): Value {
  return value === undefined || Number.isNaN(value) ? null : value
}

/** The columns of rows that have `width` values each. */
export function columnsOf(rows: readonly (readonly Value[])[], width: number): Value[][] {
  return Array.from({ length: width }, (_, j) => rows.map((row) => row[j]))
}

/** One input's values: item i of the rows is `data[start + i * step]`. */
export interface Column {
  readonly data: ArrayLike<unknown>
  readonly start: number
  readonly step: number
}

/** One fault of one field. */
interface Fault {
  readonly field: string
  readonly value: unknown
  readonly expected: string
}

/** Faults listed in one refusal. */
const MAX_ISSUES = 20

/** Texts that stand for numbers JSON cannot write. */
const WORDS: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
}

/** Rows that came one object a row. */
export function namedRows(rows: readonly Named[]): Rows {
  return rowsFrom(rows.length, (names) => (i, j) => (rows[i] as Named)[names[j] as string])
}

/** Rows that came as columns of `count` values each. */
export function columnRows(columns: ReadonlyMap<string, Column>, count: number): Rows {
  const ready = (input: InputField): Float64Array | undefined => {
    const column = columns.get(input.name)
    return column?.step === 1 && input.kind === 'number' ? numbersOf(column, count) : undefined
  }
  const cells = (names: readonly string[]): CellOf => {
    const found = names.map((name) => columns.get(name))
    return (i, j) => {
      const column = found[j]
      return column?.data[column.start + i * column.step]
    }
  }
  return rowsFrom(count, cells, ready)
}

/** Rows that came as lists whose places mean `names`. */
export function listRows(names: readonly string[], lists: readonly (readonly unknown[])[]): Rows {
  return rowsFrom(lists.length, (wanted) => {
    const places = wanted.map((name) => names.indexOf(name))
    return (i, j) => {
      const place = places[j] as number
      return place < 0 ? undefined : (lists[i] as readonly unknown[])[place]
    }
  })
}

/** What a request has in row i for the j-th of some inputs. */
export type CellOf = (i: number, j: number) => unknown

/** Rows by their cells. `ready` gives columns that need no reading. */
export function rowsFrom(
  count: number,
  cells: (names: readonly string[]) => CellOf,
  ready?: (input: InputField) => Float64Array | undefined,
): Rows {
  const cellsOf = (inputs: readonly InputField[]): CellOf => cells(inputs.map(({ name }) => name))
  const values = (inputs: readonly InputField[]): Value[][] => read(count, inputs, cellsOf(inputs))
  return {
    count,
    values,
    cells,
    columns(inputs) {
      const columns: ValueColumn[] = []
      const cell = cellsOf(inputs)
      for (const [j, input] of inputs.entries()) {
        const column = ready?.(input) ?? readColumn(count, input, (i) => cell(i, j))
        // row by row, so that the refusal names the same faults, whatever form the model takes its rows in
        if (column === undefined) return columnsOf(values(inputs), inputs.length)
        columns.push(column)
      }
      return columns
    },
  }
}

/** A column of typed numbers; undefined for one of anything else. */
function numbersOf({ data, start }: Column, count: number): Float64Array | undefined {
  if (data instanceof Float64Array) return data.subarray(start, start + count)
  const typed = ArrayBuffer.isView(data) && !(data instanceof BigInt64Array || data instanceof BigUint64Array)
  return typed ? new Float64Array((data as Int32Array).subarray(start, start + count)) : undefined
}

/** One column; undefined where a value of it is refused. */
function readColumn(count: number, input: InputField, item: (i: number) => unknown): ValueColumn | undefined {
  if (input.kind === 'string' || input.kind === 'boolean') return readList(count, input, item)
  const numbers = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    const value = readValue(item(i), input)
    if (value === REFUSED) return undefined
    // beyond what a double holds
    if (typeof value === 'bigint') return readList(count, input, item)
    numbers[i] = value === null ? Number.NaN : (value as number)
  }
  return numbers
}

/** What `readValue` gives for a value that is refused. */
const REFUSED = Symbol('refused')

/**
 * Tells the missing texts of one column of a call apart as pandas does when it makes a DataFrame of it. Absent ones are NaN. One of them makes
 * all NaN where the call has no text in the column, and a text makes them all NaN from pandas 3 on.
 */
function settleTexts(values: readonly Value[], put: (i: number, value: Value) => void): void {
  const texts = values.some((value) => typeof value === 'string')
  if (!texts && !values.some(Number.isNaN)) return
  values.forEach((value, i) => {
    if (value === null) put(i, texts ? undefined : Number.NaN)
  })
}

function isText({ kind, dtype }: InputField): boolean {
  return kind === 'string' && dtype === 'string'
}

function readList(count: number, input: InputField, item: (i: number) => unknown): Value[] | undefined {
  const values: Value[] = []
  for (let i = 0; i < count; i++) {
    const value = readValue(item(i), input)
    if (value === REFUSED) return undefined
    values.push(value)
  }
  if (isText(input)) settleTexts(values, (i, value) => (values[i] = value))
  return values
}

function read(count: number, inputs: readonly InputField[], cell: CellOf): Value[][] {
  const rows: Value[][] = []
  let faults: Fault[] | undefined
  const lacking = new Set<number>()
  for (let i = 0; i < count; i++) {
    const values: Value[] = []
    for (let j = 0; j < inputs.length; j++) {
      const input = inputs[j] as InputField
      const item = cell(i, j)
      const value = readValue(item, input)
      if (value === null && isText(input)) lacking.add(j)
      if (value === REFUSED) (faults ??= []).push(fault(item, input, count > 1 ? i : -1))
      else values.push(value)
    }
    if (faults !== undefined && faults.length >= MAX_ISSUES) break
    rows.push(values)
  }
  if (faults !== undefined) throw refused(faults)
  for (const j of lacking) {
    const column = rows.map((row) => row[j])
    settleTexts(column, (i, value) => ((rows[i] as Value[])[j] = value))
  }
  return rows
}

/** The value as the model takes it, or that it is refused. */
function readValue(given: unknown, input: InputField): Value | typeof REFUSED {
  if (given === null) return null
  if (given === undefined) return input.required ? REFUSED : isText(input) ? Number.NaN : null
  switch (input.kind) {
    case 'number':
      return orRefused(readNumber(given))
    case 'integer':
      return orRefused(readInteger(given, RANGES[input.dtype]))
    case 'string':
      if (typeof given === 'string') return given
      return !Number.isNaN(given) ? REFUSED : isText(input) ? Number.NaN : null
    case 'boolean':
      return typeof given === 'boolean' ? given : REFUSED
  }
}

function orRefused(value: Value): Value | typeof REFUSED {
  return value === undefined ? REFUSED : value
}

function readNumber(given: unknown): Value | undefined {
  if (typeof given === 'number') return given === given ? given : null
  if (typeof given === 'bigint') return Number(given)
  if (typeof given !== 'string') return undefined
  const word = WORDS[given]
  if (word === undefined) return undefined
  return word === word ? word : null
}

const INT64_LEAST = -(2n ** 63n)
const INT64_MOST = 2n ** 63n - 1n

/** Least and most of the types that are narrower than int64. */
const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  integer: [-(2 ** 31), 2 ** 31 - 1],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int16: [-(2 ** 15), 2 ** 15 - 1],
  int8: [-128, 127],
  uint32: [0, 2 ** 32 - 1],
  uint16: [0, 2 ** 16 - 1],
  uint8: [0, 255],
}

function readInteger(given: unknown, range: readonly [number, number] | undefined): Value | undefined {
  const value = readInt64(given)
  if (range === undefined || value === undefined) return value
  return Number(value) >= range[0] && Number(value) <= range[1] ? value : undefined
}

function readInt64(given: unknown): number | bigint | undefined {
  if (typeof given === 'number') return Number.isSafeInteger(given) ? given : undefined
  if (typeof given !== 'bigint' || given < INT64_LEAST || given > INT64_MOST) return undefined
  const near = Number(given)
  return Number.isSafeInteger(near) ? near : given
}

const EXPECTED: Readonly<Record<InputField['kind'], string>> = {
  number: 'a number or null',
  integer: 'a whole number of int64 or null',
  string: 'a text or null',
  boolean: 'true, false or null',
}

function fault(given: unknown, input: InputField, row: number): Fault {
  const field = row < 0 ? `inputs.${input.name}` : `inputs.${row}.${input.name}`
  return { field, value: typeof given === 'bigint' ? String(given) : given, expected: expectedOf(input) }
}

function expectedOf({ kind, dtype }: InputField): string {
  const range = kind === 'integer' ? RANGES[dtype] : undefined
  return range === undefined ? EXPECTED[kind] : `a whole number from ${range[0]} to ${range[1]} or null`
}

function refused(faults: readonly Fault[]): Error {
  const first = faults[0] as Fault
  return invalid(first.field, first.value, first.expected, faults.slice(0, MAX_ISSUES).map(issueOf))
}

function issueOf({ field, value, expected }: Fault): Issue {
  const text = value === undefined ? 'nothing' : (toJson(value) ?? typeof value)
  return { field, message: `got ${text.length > 80 ? `${text.slice(0, 80)}…` : text}, expected ${expected}` }
}

/** One of several faults in a refusal. */
export interface Issue {
  readonly field: string
  readonly message: string
}

/** The refusal of one field. */
export function invalid(field: string, value: unknown, expected: string, issues?: readonly Issue[]): Error {
  const simple = value !== null && (typeof value === 'object' || typeof value === 'bigint') ? clipped(value) : value
  return problem('invalid_field', {
    field,
    value: simple === undefined ? 'nothing' : simple,
    expected,
    ...(issues !== undefined && { issues }),
  })
}

/** Longest text of a caller's value that a refusal keeps. */
const KEPT = 1000

/** The first items of a value: a list of a million is not written out for the sake of its first thousand letters. */
function beginning(value: unknown, budget: { left: number }): unknown {
  if (typeof value !== 'object' || value === null || --budget.left < 0) return typeof value === 'object' ? null : value
  if (Array.isArray(value)) return value.slice(0, budget.left).map((item) => beginning(item, budget))
  const entries = Object.entries(value).slice(0, budget.left)
  return Object.fromEntries(entries.map(([key, item]) => [key, beginning(item, budget)]))
}

/** A list or an object that may hold bigints, as text. */
function clipped(value: object | bigint): string {
  const text = toJson(beginning(value, { left: KEPT }))
  return text.length > KEPT ? `${text.slice(0, KEPT)}…` : text
}
