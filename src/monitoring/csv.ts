/** Reads chosen columns of a CSV (RFC 4180: quotes, doubled quotes, either line end). */
import { problem } from '../contract/errors.ts'

export interface CsvColumns {
  /** Cells of a column as text, row by row. */
  column(name: string): string[]
}

/** Throws `unprocessable` naming a column that is wanted and not there. */
export function readCsv(bytes: Uint8Array, wanted: readonly string[]): CsvColumns {
  const text = new TextDecoder().decode(bytes)
  const lines = rowsOf(text)
  const header = lines.next().value ?? []
  const columns = new Map(wanted.map((name) => [name, [] as string[]]))
  const places = wanted.map((name) => header.indexOf(name))
  const missing = places.indexOf(-1)
  if (missing !== -1)
    throw problem('unprocessable', {
      detail: `the table has no column "${wanted[missing]}"; it has ${header.join(', ')}`,
    })
  const targets = [...columns.values()]
  for (const cells of lines) {
    if (cells.length < 2 && (cells[0] ?? '') === '') continue
    for (const [k, place] of places.entries()) (targets[k] as string[]).push(cells[place] ?? '')
  }
  return { column: (name) => columns.get(name) ?? [] }
}

/** Lines without quotes are split at commas; others are read letter by letter. */
function* rowsOf(text: string): Generator<string[], undefined> {
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n', at)
    const line = text.slice(at, end === -1 ? text.length : end)
    if (!line.includes('"')) {
      yield (line.endsWith('\r') ? line.slice(0, -1) : line).split(',')
      at = end === -1 ? text.length : end + 1
      continue
    }
    const [cells, next] = quotedRow(text, at)
    yield cells
    at = next
  }
  return undefined
}

function quotedRow(text: string, from: number): [cells: string[], next: number] {
  const cells: string[] = []
  let cell = ''
  let quoted = false
  let at = from
  for (; at < text.length; at++) {
    const letter = text.charAt(at)
    if (quoted) {
      if (letter !== '"') cell += letter
      else if (text.charAt(at + 1) === '"') cell += text.charAt(at++)
      else quoted = false
    } else if (letter === '"') quoted = true
    else if (letter === ',') {
      cells.push(cell)
      cell = ''
    } else if (letter === '\n') break
    else if (letter !== '\r') cell += letter
  }
  cells.push(cell)
  return [cells, at + 1]
}
