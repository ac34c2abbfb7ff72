/** Turns columns and positional rows into rows by name, for the protocols that send them so. */
import { isUtf8 } from 'node:buffer'
import { problem } from '../../contract/errors.ts'
import { MOST_VALUES } from '../../http/json-shape.ts'
import { inTurns, turnOfLoop } from '../../http/callers/turns.ts'
import { csvRows } from '../../store/csv.ts'
import type { InputField } from '../../scoring/rows/fields.ts'
import { MAX_ROWS } from './exchange.ts'
import { isRecord, readWhole } from '../../scoring/rows/json.ts'
import type { Rows } from '../../scoring/rows/rows.ts'
import { columnRows, invalid, listRows, namedRows } from '../../scoring/rows/rows.ts'

/** Rows of columns of equal length. Throws `invalid_field` when lengths differ. */
export function rowsOfColumns(field: string, columns: ReadonlyMap<string, ArrayLike<unknown>>): Rows {
  let count = -1
  for (const [name, values] of columns) {
    if (count >= 0 && values.length !== count)
      throw invalid(`${field}.${name}`, `${values.length} values`, `${count} values, as the columns before it have`)
    count = values.length
  }
  const strided = new Map([...columns].map(([name, data]) => [name, { data, start: 0, step: 1 }]))
  return columnRows(strided, Math.max(0, count))
}

/** Rows of lists whose places mean `names`. Throws `invalid_field` for a list of another length. */
export function rowsOfLists(field: string, names: readonly string[], lists: readonly unknown[]): Rows {
  lists.forEach((list, i) => {
    if (!Array.isArray(list)) throw invalid(`${field}.${i}`, list, `a list of ${names.length} values`)
    if (list.length !== names.length)
      throw invalid(`${field}.${i}`, `${list.length} values`, `${names.length} values, one a column`)
  })
  return listRows(names, lists as unknown[][])
}

/** Rows that a protocol sends as objects or, by place, as lists; one bare value a row serves a model of one input. */
export function rowsOfItems(field: string, items: readonly unknown[], inputs: readonly InputField[]): Rows {
  if (items.every(isRecord)) return namedRows(items)
  const names = inputs.map((input) => input.name)
  const bare = items.every((item) => !Array.isArray(item) && !isRecord(item))
  if (!bare)
    return rowsOfLists(
      field,
      names,
      items.map((item) => flat(item, names.length)),
    )
  if (names.length !== 1) throw invalid(field, items, `objects of fields, or lists of ${names.length} values`)
  return rowsOfLists(
    field,
    names,
    items.map((item) => [item]),
  )
}

/** A row of a tensor may be nested as its shape is: its `width` values in row-major order. */
function flat(item: unknown, width: number): unknown {
  if (!Array.isArray(item) || item.length === width || !item.some(Array.isArray)) return item
  return item.flat(MOST_DIMENSIONS) as unknown
}

const MOST_DIMENSIONS = 16

/** Texts that pandas reads as missing in a CSV file. */
const MISSING = new Set(
  [
    '',
    '#N/A',
    '#N/A N/A',
    '#NA',
    '-1.#IND',
    '-1.#QNAN',
    '-NaN',
    '-nan',
    '1.#IND',
    '1.#QNAN',
    '<NA>',
    'N/A',
    'NA',
  ].concat(['NULL', 'NaN', 'None', 'n/a', 'nan', 'null']),
)

/** Rows of a CSV text; values take the kinds of the model's inputs, other columns stay texts. Without a header line, places count. */
export function rowsOfCsv(
  given: string | readonly (readonly string[])[],
  inputs: readonly InputField[],
  headless = false,
): Rows {
  const cells = typeof given === 'string' ? parseCsv(given) : [...given]
  const header = headless ? inputs.map((input) => input.name) : cells.shift()
  if (header === undefined) throw problem('malformed_body', { expected: 'CSV', detail: 'it has no header line' })
  if (cells.length > MAX_ROWS) throw invalid('inputs', `${cells.length} rows`, `at most ${MAX_ROWS} rows`)
  const known = new Map(inputs.map(({ name, kind }) => [name, kind]))
  const kinds = header.map((name) => known.get(name) ?? 'string')
  const lists = cells.map((line, i) => {
    if (line.length !== header.length)
      throw problem('malformed_body', {
        expected: 'CSV',
        detail: `line ${i + (headless ? 1 : 2)} has ${line.length} cells, the header ${header.length}`,
      })
    return line.map((cell, j) => csvValue(cell, kinds[j] as InputField['kind']))
  })
  return listRows(header, lists)
}

/** The value that a cell stands for; a text that is none of its kind stays a text, which the check of the row refuses. */
export function csvValue(cell: string, kind: InputField['kind']): unknown {
  // pandas reads a missing text of a file as NaN, whatever stands beside it
  if (MISSING.has(cell)) return kind === 'string' ? Number.NaN : null
  if (kind === 'string') return cell
  if (kind === 'boolean')
    return /^(?:[Tt]rue|TRUE)$/.test(cell) ? true : /^(?:[Ff]alse|FALSE)$/.test(cell) ? false : cell
  if (/^-?\d{16,}$/.test(cell)) return readWhole(cell)
  if (NUMBER.test(cell)) return Number(cell)
  const infinite = INFINITE.exec(cell)
  return infinite === null ? cell : infinite[1] === '-' ? -Infinity : Infinity
}

/** Numbers as pandas reads them: `Number` alone also takes an empty text and 0x10. */
const NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/
const INFINITE = /^\s*([+-]?)inf(?:inity)?\s*$/i

/** Cells of a CSV text. Throws `malformed_body` for a quote that is out of place. */
export function parseCsv(text: string): string[][] {
  return [...rowsIn(text)]
}

function rowsIn(text: string): Generator<string[], undefined> {
  return csvRows(text, (detail) => problem('malformed_body', { expected: 'CSV', detail }))
}

/** Longest text that is cut into cells at once, characters. */
const AT_ONCE = 65_536

/** The cells of a CSV body; a promise of them where it is long. Throws as `parseCsv`, and `invalid_field` and `too_many_values` at once. */
export function prepareCsv(body: Buffer): string[][] | Promise<string[][]> {
  if (!isUtf8(body)) throw problem('malformed_body', { expected: 'CSV', detail: 'it is not UTF-8' })
  let marks = 0
  for (let at = 0; at < body.length; at++) if (body[at] === COMMA || body[at] === LINE) marks++
  if (marks > MOST_VALUES)
    throw problem('too_many_values', { what: 'commas and lines', value: marks, limit: MOST_VALUES })
  const text = body.toString('utf8')
  return body.length <= AT_ONCE ? parseCsv(text) : inTurns(() => parseInTurns(text))
}

async function parseInTurns(text: string): Promise<string[][]> {
  const rows: string[][] = []
  let since = 0
  for (const row of rowsIn(text)) {
    // a row more is the header
    if (rows.push(row) > MAX_ROWS + 1)
      throw invalid('inputs', `${rows.length} rows or more`, `at most ${MAX_ROWS} rows`)
    since += row.length
    if (since > CELLS_A_TURN) {
      since = 0
      await turnOfLoop()
    }
  }
  return rows
}

const CELLS_A_TURN = 20_000
const [COMMA, LINE] = [44, 10]
