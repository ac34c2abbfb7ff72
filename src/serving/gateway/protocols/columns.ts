/** Turns columns and positional rows into rows by name, for the protocols that send them so. */
import { problem } from '../../../contract/errors.ts'
import type { InputField } from '../../table.ts'
import { invalid, isRecord, MAX_ROWS } from '../exchange.ts'
import type { Named } from '../rows.ts'

/** Rows of columns of equal length. Throws `invalid_field` when lengths differ. */
export function rowsOfColumns(field: string, columns: ReadonlyMap<string, readonly unknown[]>): Named[] {
  let count = -1
  for (const [name, values] of columns) {
    if (count >= 0 && values.length !== count)
      throw invalid(`${field}.${name}`, `${values.length} values`, `${count} values, as the columns before it have`)
    count = values.length
  }
  if (count > MAX_ROWS) throw invalid(field, `${count} rows`, `at most ${MAX_ROWS} rows`)
  const rows: Record<string, unknown>[] = Array.from({ length: Math.max(0, count) }, () => ({}))
  for (const [name, values] of columns) rows.forEach((row, i) => setField(row, name, values[i]))
  return rows
}

/** Rows of lists whose places mean `names`. */
export function rowsOfLists(field: string, names: readonly string[], lists: readonly unknown[]): Named[] {
  return lists.map((list, i) => {
    if (!Array.isArray(list)) throw invalid(`${field}.${i}`, list, `a list of ${names.length} values`)
    if (list.length !== names.length)
      throw invalid(`${field}.${i}`, `${list.length} values`, `${names.length} values, one a column`)
    const row: Record<string, unknown> = {}
    names.forEach((name, j) => setField(row, name, list[j]))
    return row
  })
}

/** Rows that a protocol sends as objects or, by place, as lists; one bare value a row serves a model of one input. */
export function rowsOfItems(field: string, items: readonly unknown[], inputs: readonly InputField[]): Named[] {
  if (items.every(isRecord)) return items as Named[]
  const names = inputs.map((input) => input.name)
  const bare = items.every((item) => !Array.isArray(item) && !isRecord(item))
  if (!bare) return rowsOfLists(field, names, items)
  if (names.length !== 1) throw invalid(field, items, `objects of fields, or lists of ${names.length} values`)
  return rowsOfLists(
    field,
    names,
    items.map((item) => [item]),
  )
}

function setField(row: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(row, name, { value, enumerable: true })
  else row[name] = value
}

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

/** Rows of a CSV text with a header line; values take the kinds of the model's inputs, other columns stay texts. */
export function rowsOfCsv(text: string, inputs: readonly InputField[]): Named[] {
  const [header, ...lines] = parseCsv(text)
  if (header === undefined) throw problem('malformed_body', { expected: 'CSV', detail: 'it has no header line' })
  if (lines.length > MAX_ROWS) throw invalid('inputs', `${lines.length} rows`, `at most ${MAX_ROWS} rows`)
  const kinds = header.map((name) => inputs.find((input) => input.name === name)?.kind ?? 'string')
  return lines.map((cells, i) => {
    if (cells.length !== header.length)
      throw problem('malformed_body', {
        expected: 'CSV',
        detail: `line ${i + 2} has ${cells.length} cells, the header ${header.length}`,
      })
    const row: Record<string, unknown> = {}
    header.forEach((name, j) => setField(row, name, csvValue(cells[j] as string, kinds[j] as InputField['kind'])))
    return row
  })
}

function csvValue(cell: string, kind: InputField['kind']): unknown {
  if (MISSING.has(cell)) return null
  if (kind === 'string') return cell
  if (kind === 'boolean')
    return cell === 'True' || cell === 'true' ? true : cell === 'False' || cell === 'false' ? false : cell
  const value = Number(cell)
  return Number.isNaN(value) ? cell : value
}

/** Cells of a CSV text (RFC 4180: quotes, doubled quotes, line ends in quotes). Empty lines are skipped. */
export function parseCsv(text: string): string[][] {
  const lines: string[][] = []
  const pattern = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|\r|$)/gy
  let cells: string[] = []
  pattern.lastIndex = text.startsWith('\ufeff') ? 1 : 0
  while (pattern.lastIndex < text.length || cells.length > 0) {
    const at = pattern.lastIndex
    const match = pattern.exec(text)
    if (match === null)
      throw problem('malformed_body', { expected: 'CSV', detail: `a stray quote or an open one near character ${at}` })
    cells.push(match[1] === undefined ? (match[2] ?? '') : match[1].replaceAll('""', '"'))
    if (match[3] === ',') continue
    if (cells.length > 1 || cells[0] !== '') lines.push(cells)
    cells = []
  }
  return lines
}
