/** A CSV file as a batch reads it: cut into records without being held, each record parsed as the gateway parses CSV. */
import { isUtf8 } from 'node:buffer'
import { open, type FileHandle } from 'node:fs/promises'
import { problem } from '../../contract/errors.ts'
import { csvValue, parseCsv } from '../../gateway/protocols/columns.ts'
import { plainLines, type PlainLines } from './plain-lines.ts'
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
    const reader = new Reader(file, size, names.length)
    return {
      columns: names.map((name) => ({ name })),
      word: 'line',
      first,
      size,
      read: (from, count) => reader.read(from, count),
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

/** Cuts the file into chunks: plain lines many at once, others one by one. */
class Reader {
  readonly #file: FileHandle
  readonly #size: number
  readonly #width: number
  /** Lines that the chunk before has left. */
  #left: PlainLines | undefined

  constructor(file: FileHandle, size: number, width: number) {
    this.#file = file
    this.#size = size
    this.#width = width
  }

  async read(from: Mark, count: number): Promise<Chunk> {
    const rows: SourceRow[] = []
    let next = await this.#plain(from, count, rows)
    if (rows.length === count) return { rows, next, end: next.at >= this.#size }
    for await (const record of records(this.#file, next)) {
      if (rows.length === count) return { rows, next, end: false }
      next = record.next
      const cells = cellsOf(record)
      if (cells !== undefined) rows.push(rowOf(cells, record.line, this.#width))
    }
    return { rows, next, end: true }
  }

  /** Adds rows up to so many, or to the first line that is not plain; the place behind them. */
  async #plain({ at, line }: Mark, count: number, rows: SourceRow[]): Promise<Mark> {
    // a mark of bytes may lie before the file's own sign of UTF-8
    if (line === 1) return { at, line }
    while (rows.length < count) {
      const lines = await this.#linesAt(at)
      if (lines.isEmpty) break
      while (rows.length < count) {
        const text = lines.take()
        if (text === undefined) break
        if (text !== '') rows.push(rowOf(text.split(','), line, this.#width))
        line++
      }
      at = lines.at
      this.#left = lines
    }
    return { at, line }
  }

  /** Taken out while they are in use: two chunks may be read at once. */
  #linesAt(at: number): PlainLines | Promise<PlainLines> {
    const left = this.#left
    this.#left = undefined
    return left?.at === at && !left.isEmpty ? left : plainLines(this.#file, at)
  }
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
    if (bare.includes('\r')) throw loneReturn(line)
    return bare === '' ? undefined : bare.split(',')
  }
  const rows = recordRows({ text, line })
  if (rows.length > 1) throw loneReturn(line)
  return rows[0]
}

function recordRows({ text, line }: Pick<RecordText, 'text' | 'line'>): string[][] {
  try {
    return parseCsv(text)
  } catch {
    throw refused(`line ${line} has a stray quote or one that is never closed; rows after it cannot be told apart`)
  }
}

/** Others take it for the end of a line, so that their rows would be other ones. */
function loneReturn(line: number): Error {
  return refused(`line ${line} has a carriage return alone; lines end with LF, or CR and LF`)
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
      yield { text: textOf(held.subarray(start, i + 1), line), line, next: { at: at + i + 1, line: line + breaks } }
      start = i + 1
      line += breaks
      breaks = 0
    }
    at += start
    held = held.subarray(start)
    scanned = held.length
    if (held.length > LONGEST_RECORD) throw refused(`the row of line ${line} is longer than ${LONGEST_RECORD} bytes`)
    if (bytesRead > 0) continue
    if (held.length > 0) yield { text: textOf(held, line), line, next: { at: at + held.length, line: line + 1 } }
    return
  }
}

/** In another encoding different letters would come to one, and the next program would read what nobody wrote. */
function textOf(record: Buffer, line: number): string {
  const text = record.toString('utf8')
  if (text.includes('\uFFFD') && !isUtf8(record)) throw refused(`line ${line} is not UTF-8`)
  return text
}

function refused(why: string): Error {
  return problem('unprocessable', { detail: `the CSV cannot be read: ${why}` })
}
