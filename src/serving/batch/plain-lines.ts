/** Lines of a text file that have neither a quote nor a carriage return: most tables are nothing else, and are cut many lines at once. */
import { isUtf8 } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'

/** Bytes that are read at once. */
const BLOCK = 1024 * 1024
const [QUOTE, RETURN, LINE] = [34, 13, 10]

/** Lines that follow each other in a file. */
export class PlainLines {
  readonly #lines: readonly string[]
  readonly #isAscii: boolean
  #next = 0
  /** Where the next line begins, bytes. */
  at: number

  constructor(at: number, lines: readonly string[], isAscii: boolean) {
    this.at = at
    this.#lines = lines
    this.#isAscii = isAscii
  }

  get isEmpty(): boolean {
    return this.#next === this.#lines.length
  }

  /** The next line without its end; undefined after the last. */
  take(): string | undefined {
    const text = this.#lines[this.#next]
    if (text === undefined) return undefined
    this.#next++
    this.at += (this.#isAscii ? text.length : Buffer.byteLength(text)) + 1
    return text
  }
}

/** Whole lines from a place on: none where the next is not plain, is no UTF-8, is longer than what is read at once, or ends with the file. */
export async function plainLines(file: FileHandle, at: number): Promise<PlainLines> {
  const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(BLOCK), 0, BLOCK, at)
  const block = buffer.subarray(0, bytesRead)
  const odd = [QUOTE, RETURN].map((byte) => block.indexOf(byte)).filter((place) => place !== -1)
  const end = block.subarray(0, Math.min(bytesRead, ...odd)).lastIndexOf(LINE)
  const whole = block.subarray(0, Math.max(0, end))
  if (end === -1 || !isUtf8(whole)) return new PlainLines(at, [], true)
  const text = whole.toString('utf8')
  return new PlainLines(at, text.split('\n'), text.length === whole.length)
}
