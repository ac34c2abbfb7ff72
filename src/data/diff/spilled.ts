/** Hashes of the rows of two tables that are too many to be held: each in a file of the part into which its key falls. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Hashes that are written at once. */
const BLOCK = 8192

/** Which of the tables a row is of. */
export type TableOf = 'before' | 'after'

/** Files lie in a folder of the caller's, who removes it. */
export class SpilledHashes {
  readonly #parts: Readonly<Record<TableOf, readonly SpilledPart[]>>

  constructor(folder: string, parts: number) {
    const made = (of: TableOf): SpilledPart[] =>
      Array.from({ length: parts }, (_, part) => new SpilledPart(join(folder, `${of}-${part}`)))
    this.#parts = { before: made('before'), after: made('after') }
  }

  /** The part of a key: by bits of it that a place in a table of hashes does not go by. */
  add(of: TableOf, key: number, row: number): void {
    const parts = this.#parts[of]
    parts[Math.floor(key / 2 ** 32) % parts.length]!.add(key, row)
  }

  /** The rows of a part in their order. */
  each(of: TableOf, part: number, use: (key: number, row: number) => void): void {
    this.#parts[of][part]!.each(use)
  }

  close(): void {
    for (const part of [...this.#parts.before, ...this.#parts.after]) part.close()
  }
}

class SpilledPart {
  readonly #file: number
  readonly #block = new Float64Array(2 * BLOCK)
  #filled = 0
  #written = 0

  constructor(path: string) {
    this.#file = openSync(path, 'w+', 0o600)
  }

  add(key: number, row: number): void {
    this.#block[this.#filled] = key
    this.#block[this.#filled + 1] = row
    this.#filled += 2
    if (this.#filled === this.#block.length) this.#flush()
  }

  each(use: (key: number, row: number) => void): void {
    this.#flush()
    const bytes = new Uint8Array(this.#block.buffer)
    for (let at = 0; at < this.#written;) {
      const length = Math.min(bytes.length, this.#written - at)
      for (let done = 0; done < length;) {
        const read = readSync(this.#file, bytes, done, length - done, at + done)
        if (read === 0) throw new Error('hashes of rows that were written are not there')
        done += read
      }
      at += length
      for (let i = 0; i < length / 8; i += 2) use(this.#block[i]!, this.#block[i + 1]!)
    }
  }

  #flush(): void {
    const bytes = new Uint8Array(this.#block.buffer, 0, this.#filled * 8)
    for (let done = 0; done < bytes.length;)
      done += writeSync(this.#file, bytes, done, bytes.length - done, this.#written + done)
    this.#written += bytes.length
    this.#filled = 0
  }

  close(): void {
    closeSync(this.#file)
  }
}
