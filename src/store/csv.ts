/** Rows of a CSV text (RFC 4180): quotes, doubled quotes, line ends in quotes, any line end; by chosen columns where a table is wide. */
import { problem } from '../contract/errors.ts'

/**
 * The rows as cells, the header first. Empty lines and a byte order mark are left out. A quote that is out of place or never closed is a
 * letter of its cell, or an error that `refuse` makes. Takes time in proportion to the text, whatever it is.
 */
export function csvRows(text: string, refuse?: Refuse): Generator<string[], undefined> {
  return rowsOf(text, refuse, '')
}

/** The same of a table in which a cell with nothing in it, not even quotes, is an absent value. */
export function csvValues(text: string, refuse: Refuse): Generator<(string | null)[], undefined> {
  return rowsOf(text, refuse, null)
}

type Refuse = (detail: string) => Error

function* rowsOf<T extends string | null>(
  text: string,
  refuse: Refuse | undefined,
  absent: T,
): Generator<(string | T)[], undefined> {
  let at = text.startsWith('\ufeff') ? 1 : 0
  while (at < text.length) {
    const end = nextOf(LINE_END, text, at)
    const line = text.slice(at, end)
    let cells: (string | T)[]
    // most lines need no more than to be cut at commas
    if (line.includes('"')) [cells, at] = quotedRow(text, at, refuse, absent)
    else [cells, at] = [cutAtCommas(line, absent), behind(text, end)]
    if (cells.length > 1 || cells[0] !== absent) yield cells
  }
  return undefined
}

function cutAtCommas<T extends string | null>(line: string, absent: T): (string | T)[] {
  const cells = line.split(',')
  return absent === '' ? cells : cells.map((cell) => (cell === '' ? absent : cell))
}

function quotedRow<T extends string | null>(
  text: string,
  from: number,
  ...[refuse, absent]: [refuse: Refuse | undefined, absent: T]
): [cells: (string | T)[], next: number] {
  const cells: (string | T)[] = []
  let at = from
  for (;;) {
    const quoted = text[at] === '"'
    let end = quoted ? closingQuote(text, at) + 1 : nextOf(MARK_OR_QUOTE, text, at)
    const stray = (quoted && end === 0) || !MARKS.has(text[end])
    if (stray && refuse !== undefined) throw refuse(`a stray quote or an open one near character ${at}`)
    if (stray) end = quoted && end === 0 ? text.length : nextOf(MARK, text, end)
    if (quoted && !stray) cells.push(text.slice(at + 1, end - 1).replaceAll('""', '"'))
    else cells.push(end === at ? absent : text.slice(at, end))
    at = behind(text, end)
    if (text[end] !== ',') return [cells, at]
  }
}

/** What may stand behind a cell. */
const MARKS = new Set<string | undefined>([',', '\r', '\n', undefined])
const MARK = /[,\r\n]/g
const MARK_OR_QUOTE = /[",\r\n]/g
const LINE_END = /[\r\n]/g

/** The place behind the comma or line end at `end`. */
function behind(text: string, end: number): number {
  return end + (text[end] === '\r' && text[end + 1] === '\n' ? 2 : 1)
}

function nextOf(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from
  return pattern.exec(text)?.index ?? text.length
}

/** The place of the quote that closes a cell: the next that is not doubled; -1 without one. */
function closingQuote(text: string, open: number): number {
  let at = text.indexOf('"', open + 1)
  while (at >= 0 && text[at + 1] === '"') at = text.indexOf('"', at + 2)
  return at
}

/** How a file of Parquet begins. */
const PARQUET = Buffer.from('PAR1')

export function isParquet(bytes: Uint8Array): boolean {
  return PARQUET.equals(bytes.subarray(0, PARQUET.length))
}

/** A header is looked for in so many bytes. */
const HEADER_BYTES = 1024 * 1024

/** The names of the columns. */
export function csvHeader(bytes: Uint8Array): string[] {
  return csvRows(new TextDecoder().decode(bytes.subarray(0, HEADER_BYTES))).next().value ?? []
}

/**
 * Cells of the wanted columns as text, row by row, in the order wanted. Throws `unprocessable` naming one that is not there, and for a file
 * of Parquet.
 */
export function csvColumns(bytes: Uint8Array, wanted: readonly string[]): string[][] {
  if (isParquet(bytes))
    throw problem('unprocessable', { detail: 'the table is a file of Parquet; expected a CSV with a header' })
  const rows = csvRows(new TextDecoder().decode(bytes))
  const header = rows.next().value ?? []
  const places = wanted.map((name) => header.indexOf(name))
  const missing = places.indexOf(-1)
  if (missing !== -1)
    throw problem('unprocessable', {
      detail: `the table has no column "${wanted[missing]}"; it has ${header.join(', ')}`,
    })
  const columns: string[][] = wanted.map(() => [])
  for (const cells of rows) for (const [k, place] of places.entries()) columns[k]?.push(cells[place] ?? '')
  return columns
}
