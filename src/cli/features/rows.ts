/** Rows of a file for pushing and reading: a list or lines of JSON, or CSV whose cells have the types that are declared. */
import { text as readAll } from 'node:stream/consumers'
import { readUserText } from '../../contract/absence/user-file.ts'
import type { ValueType } from '../../contract/features/section.ts'
import { floatOf, NumberTooLarge, parseNumerals, readNumeral } from '../../contract/values/numerals.ts'
import { csvValues } from '../../store/csv.ts'
import { UsageError } from '../invocation/command.ts'

export type Row = Readonly<Record<string, unknown>>

/** Most that is read of a file of rows, bytes. */
const LARGEST = 256 * 1024 * 1024

/** Column → type; a column that is not there is refused. */
export type Types = ReadonlyMap<string, ValueType>

/**
 * The rows of a file, or of standard input where it is "-". `types` are asked for only where cells need them; where they are not known cells
 * are texts. Throws UsageError.
 */
export async function rowsOf(file: string, types: () => Promise<Types | undefined>): Promise<Row[]> {
  const text = file === '-' ? await readAll(process.stdin) : await readUserText(file, { most: LARGEST, pipes: true })
  const name = file === '-' ? 'standard input' : file
  const isCsv = /\.csv$/i.test(file) || !/^\s*[[{]/.test(text.replace(/^\ufeff/, ''))
  const rows = isCsv ? ofCsv(text, name, await types()) : ofJson(text, name)
  if (rows.length === 0) throw new UsageError(`${name} has no rows`)
  return rows
}

/** A list of objects, one object, or objects line by line. */
function ofJson(given: string, name: string): Row[] {
  const text = given.replace(/^\ufeff/, '').trim()
  const whole = parsed(text)
  if (!('fault' in whole)) {
    const all: readonly unknown[] = Array.isArray(whole.value) ? whole.value : [whole.value]
    return all.map((one, i) => objectOf(one, `row ${i + 1} of ${name}`))
  }
  if (text.startsWith('[')) throw new UsageError(`${name} is not valid JSON: ${whole.fault}`)
  return text.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return []
    const one = parsed(line)
    if ('fault' in one) throw new UsageError(`line ${i + 1} of ${name} is not valid JSON: ${one.fault}`)
    return [objectOf(one.value, `line ${i + 1} of ${name}`)]
  })
}

function parsed(text: string): { readonly value: unknown } | { readonly fault: string } {
  try {
    return { value: parseNumerals(text) }
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof NumberTooLarge) return { fault: error.message }
    throw error
  }
}

function objectOf(value: unknown, place: string): Row {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Row
  throw new UsageError(`${place} is ${JSON.stringify(value).slice(0, 80)}; expected an object, column → value`)
}

function ofCsv(text: string, name: string, types: Types | undefined): Row[] {
  const refuse = (detail: string): Error => new UsageError(`${name} is no CSV: ${detail}`)
  const cells = csvValues(text, refuse)
  const header = (cells.next().value ?? []).map((column) => column ?? '')
  for (const [i, column] of header.entries()) {
    if (header.indexOf(column) < i) throw new UsageError(`${name} has the column "${column}" twice`)
    if (types?.has(column) === false)
      throw new UsageError(`${name} has a column "${column}"; expected ${[...(types?.keys() ?? [])].join(', ')}`)
  }
  const rows: Row[] = []
  for (const row of cells) {
    const place = `row ${rows.length + 1} of ${name}`
    if (row.length !== header.length)
      throw new UsageError(`${place} has ${row.length} cells; expected ${header.length}, as the header has`)
    const values = header.map((column, i) => [
      column,
      typed(row[i] ?? null, types?.get(column) ?? 'text', [place, column]),
    ])
    rows.push(Object.fromEntries(values) as Row)
  }
  return rows
}

const EXPECTED: Readonly<Record<ValueType, string>> = {
  int: 'a whole number',
  float: 'a number',
  bool: 'true or false',
  text: 'a text',
  time: 'a time',
}

/** How files write floats that JSON has no number for, with small letters → how the server takes them. */
const FLOAT_NAMES: ReadonlyMap<string, string> = new Map([
  ['nan', 'NaN'],
  ...['inf', '+inf', 'infinity', '+infinity'].map((name) => [name, 'Infinity'] as const),
  ...['-inf', '-infinity'].map((name) => [name, '-Infinity'] as const),
])

const BOOLS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
])

/** What a text says as a value of a type; null is null. Throws UsageError that names the place and the column. */
export function typed(text: string | null, type: ValueType, [place, column]: readonly [string, string]): unknown {
  if (text === null || type === 'text' || type === 'time') return text
  const value = read(text.trim(), type)
  if (value !== undefined) return value
  throw new UsageError(`"${column}" in ${place} is "${text.slice(0, 80)}"; expected ${EXPECTED[type]}`)
}

function read(text: string, type: ValueType): unknown {
  if (type === 'bool') return BOOLS.get(text.toLowerCase())
  if (type === 'int') return /^[+-]?\d{1,19}$/.test(text) ? readNumeral(wholeText(text)) : undefined
  const name = FLOAT_NAMES.get(text.toLowerCase())
  if (name !== undefined) return name
  const value = Number(text)
  const isNumber = /^[+-]?[\d.]/.test(text) && Number.isFinite(value) && !/^[+-]?0[xob]/i.test(text)
  // minus zero would leave as 0
  return isNumber ? (Object.is(value, -0) ? floatOf(value) : value) : undefined
}

/** As JSON writes it: no plus, and no zeros before. */
function wholeText(text: string): string {
  return text.replace(/^\+/, '').replace(/^(-?)0+(?=\d)/, '$1')
}
