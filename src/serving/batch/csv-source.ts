/** A CSV file as a batch reads it: cut into records without being held, each record parsed as the gateway parses CSV. */
import { open, type FileHandle } from 'node:fs/promises'
import { problem } from '../../contract/errors.ts'
import { csvValue, parseCsv } from '../../gateway/protocols/columns.ts'
import type { Chunk, Mark, Source, SourceRow } from './table.ts'

const BLOCK = 1024 * 1024
/** A record above this is an open quote rather than a row. */
const LONGEST_RECORD = 16 * 1024 * 1024

interface RecordText {
  readonly text: string
  readonly line: number
  readonly next: Mark
}

/** Throws `unprocessable` for a file without a header, or one that names a column twice. */
export async function csvSource(path: string): Promise<Source> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const { names, first } = await headerOf(file)
    return {
      columns: names.map((name) => ({ name })),
      word: 'line',
      first,
      size,
      read: (from, count) => readChunk(file, from, { count, width: names.length }),
      value: (cell, { kind }) => csvValue(cell as string, kind),
      close: () => file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

async function headerOf(file: FileHandle): Promise<{ names: string[]; first: Mark }> {
  for await (const record of records(file, { at: 0, line: 1 })) {
    const names = cellsOf(record)
    if (names === undefined) continue
    const twice = names.find((name, i) => names.indexOf(name) !== i)
    if (twice !== undefined) throw refused(`its header names the column "${twice}" twice`)
    return { names, first: record.next }
  }
  throw refused('it is empty; a header line is expected')
}

async function readChunk(
  file: FileHandle,
  from: Mark,
  { count, width }: { count: number; width: number },
): Promise<Chunk> {
  const rows: SourceRow[] = []
  let next = from
  for await (const record of records(file, from)) {
    if (rows.length === count) return { rows, next, end: false }
    next = record.next
    const cells = cellsOf(record)
    if (cells !== undefined) rows.push(rowOf(cells, record.line, width))
  }
  return { rows, next, end: true }
}

function rowOf(cells: string[], line: number, width: number): SourceRow {
  if (cells.length === width) return { line, cells }
  const fault = `it has ${cells.length} cells, expected ${width} as in the header`
  return { line, cells: Array.from({ length: width }, (_, i) => cells[i] ?? ''), fault }
}

/** The cells of a record; undefined for an empty line. */
function cellsOf({ text, line }: RecordText): string[] | undefined {
  if (!text.includes('"') && line > 1) {
    const bare = text.replace(/\r?\n?$/, '')
    return bare === '' ? undefined : bare.split(',')
  }
  try {
    return parseCsv(text)[0]
  } catch {
    throw refused(`line ${line} has a stray quote or one that is never closed; rows after it cannot be told apart`)
  }
}

/** Records from a mark on. A line break inside quotes belongs to its record. */
async function* records(file: FileHandle, from: Mark): AsyncGenerator<RecordText> {
  let { at, line } = from
  let held: Buffer = Buffer.alloc(0)
  let [scanned, breaks, quoted] = [0, 0, false]
  for (let reading = at; ;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(BLOCK), 0, BLOCK, reading)
    reading += bytesRead
    held = Buffer.concat([held, buffer.subarray(0, bytesRead)])
    let start = 0
    for (let i = scanned; i < held.length; i++) {
      if (held[i] === 34) quoted = !quoted
      if (held[i] !== 10) continue
      breaks++
      if (quoted) continue
      yield { text: held.toString('utf8', start, i + 1), line, next: { at: at + i + 1, line: line + breaks } }
      start = i + 1
      line += breaks
      breaks = 0
    }
    at += start
    held = held.subarray(start)
    scanned = held.length
    if (held.length > LONGEST_RECORD) throw refused(`the row of line ${line} is longer than ${LONGEST_RECORD} bytes`)
    if (bytesRead > 0) continue
    if (held.length > 0) yield { text: held.toString('utf8'), line, next: { at: at + held.length, line: line + 1 } }
    return
  }
}

function refused(why: string): Error {
  return problem('unprocessable', { detail: `the CSV cannot be read: ${why}` })
}
