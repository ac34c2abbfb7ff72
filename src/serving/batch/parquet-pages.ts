/** Rows of a parquet file, decoded page by page: each page once, and no more than one of each column is held. */
import { parquetSchema } from 'hyparquet'
import type { AsyncBuffer, ColumnMetaData, DecodedArray, FileMetaData, RowGroup, SchemaTree } from 'hyparquet'
// the reader of whole row groups decodes a group anew for each part of it that is asked for
import { parquetHeader, readPage } from 'hyparquet/src/column.js'
import { convert } from 'hyparquet/src/convert.js'
import { problem } from '../../contract/errors.ts'
import { decimalOf } from './decimals.ts'

type Decoder = Parameters<typeof readPage>[2]
type Header = ReturnType<typeof parquetHeader>

/** How cells are read, as the reader of pages is told. */
export type Reading = Pick<Decoder, 'parsers' | 'utf8'> & { readonly compressors: NonNullable<Decoder['compressors']> }

/** What a page may say of itself: writers make pages of some MiB, and memory is taken by its word. */
const MOST_VALUES = 32_000_000
const MOST_BYTES = 512 * 1024 * 1024

/** Going on where the last reading ended costs nothing; any other place is sought from the beginning of its row group. */
export class PageRows {
  readonly #file: AsyncBuffer
  readonly #metadata: FileMetaData
  readonly #reading: Reading
  readonly #tree: SchemaTree
  #columns: PageColumn[] = []
  #at = -1
  #groupEnd = -1

  constructor(file: AsyncBuffer, metadata: FileMetaData, reading: Reading) {
    this.#file = file
    this.#metadata = metadata
    this.#reading = reading
    this.#tree = parquetSchema(metadata)
  }

  /** Rows from a place on, each with a cell for each column; null where there is no value. Throws `unprocessable` for pages that are not there or cannot be decoded. */
  async read(at: number, count: number): Promise<unknown[][]> {
    const rows = Array.from({ length: count }, (): unknown[] => [])
    for (let filled = 0; filled < count;) {
      if (this.#at !== at + filled || this.#at >= this.#groupEnd) await this.#seek(at + filled)
      const taken = Math.min(count - filled, this.#groupEnd - this.#at)
      for (const [place, column] of this.#columns.entries()) column.fill(rows, { from: filled, count: taken, place })
      this.#at += taken
      filled += taken
    }
    return rows
  }

  async #seek(at: number): Promise<void> {
    this.#columns = []
    let start = 0
    for (const group of this.#metadata.row_groups) {
      const end = start + Number(group.num_rows)
      if (at < end) {
        this.#columns = await this.#open(group)
        for (const column of this.#columns) column.skip(at - start)
        this.#at = at
        this.#groupEnd = end
        return
      }
      start = end
    }
    throw refused(`it ends after ${start} of its ${Number(this.#metadata.num_rows)} rows`)
  }

  /** Leaves of a flat schema and chunks of a row group stand in the same order; names may be there twice. */
  async #open({ columns }: RowGroup): Promise<PageColumn[]> {
    if (columns.length !== this.#tree.children.length) throw refused('a row group has not the columns of its schema')
    const opened: PageColumn[] = []
    for (const [i, child] of this.#tree.children.entries()) {
      const meta = columns[i]?.meta_data
      if (meta === undefined) throw refused(`nothing says where its column "${child.element.name}" lies`)
      opened.push(new PageColumn(await this.#bytesOf(meta), child, this.#decoder(child, meta)))
    }
    return opened
  }

  async #bytesOf(meta: ColumnMetaData): Promise<DataView> {
    // polars names no place of the dictionary: there the first page is it
    const start = Number(meta.dictionary_page_offset || meta.data_page_offset)
    const end = start + Number(meta.total_compressed_size)
    if (!(start >= 0 && end >= start && end <= this.#file.byteLength))
      throw refused(`a column lies at ${start} to ${end} of its ${this.#file.byteLength} bytes`)
    return new DataView(await this.#file.slice(start, end))
  }

  #decoder(child: SchemaTree, { type, codec }: ColumnMetaData): Decoder {
    const { converted_type: _converted, logical_type: _logical, ...bare } = child.element
    // a decimal without its meaning comes as it lies there
    const element = scaleOf(child.element) === undefined ? child.element : bare
    return { ...this.#reading, pathInSchema: child.path, type, codec, schemaPath: [this.#tree, child], element }
  }
}

/** The scale of a column of decimals; undefined for any other. */
function scaleOf({ converted_type, logical_type, scale }: SchemaTree['element']): number | undefined {
  if (logical_type?.type === 'DECIMAL') return logical_type.scale
  return converted_type === 'DECIMAL' ? (scale ?? 0) : undefined
}

interface Part {
  readonly from: number
  readonly count: number
  readonly place: number
}

/** One column of a row group. */
class PageColumn {
  readonly #reader: { view: DataView<ArrayBuffer>; offset: number }
  readonly #decoder: Decoder
  readonly #name: string
  readonly #scale: number | undefined
  #dictionary: DecodedArray | undefined
  #values: ArrayLike<unknown> = []
  #at = 0

  constructor(view: DataView, { element }: SchemaTree, decoder: Decoder) {
    this.#reader = { view: view as DataView<ArrayBuffer>, offset: 0 }
    this.#decoder = decoder
    this.#name = element.name
    this.#scale = scaleOf(element)
  }

  fill(rows: readonly unknown[][], { from, count, place }: Part): void {
    for (let done = 0; done < count;) {
      if (this.#at === this.#values.length) this.#turn(0)
      const taken = Math.min(count - done, this.#values.length - this.#at)
      for (let i = 0; i < taken; i++) rows[from + done + i]![place] = this.#values[this.#at + i] ?? null
      this.#at += taken
      done += taken
    }
  }

  skip(count: number): void {
    for (let left = count; left > 0;) {
      const taken = Math.min(left, this.#values.length - this.#at)
      this.#at += taken
      left -= taken
      if (left > 0) left -= this.#turn(left)
    }
  }

  /** Decodes the next page with values, or passes over it where `wanted` begins behind it: the values that were passed over. */
  #turn(wanted: number): number {
    while (this.#reader.offset < this.#reader.view.byteLength - 1) {
      const header = parquetHeader(this.#reader)
      checkPage(header, this.#name)
      const page = readPage(this.#reader, header, this.#decoder, this.#dictionary, undefined, wanted)
      if (header.type === 'DICTIONARY_PAGE') {
        this.#dictionary = page.data && convert(page.data, this.#decoder)
        continue
      }
      if (page.skipped > 0) return page.skipped
      this.#values = this.#meant(page.data ?? [])
      this.#at = 0
      if (this.#values.length > 0) return 0
    }
    throw refused(`its column "${this.#name}" ends before its rows do`)
  }

  #meant(values: DecodedArray): ArrayLike<unknown> {
    const scale = this.#scale
    if (scale === undefined) return values
    const raw = values as ArrayLike<number | bigint | Uint8Array | null | undefined>
    return Array.from(raw, (one) => (one === null || one === undefined ? null : decimalOf(one, scale)))
  }
}

function checkPage(header: Header, name: string): void {
  const { data_page_header: one, data_page_header_v2: two, dictionary_page_header: words } = header
  const values = (one ?? two ?? words)?.num_values ?? 0
  if (values >= 0 && values <= MOST_VALUES && header.uncompressed_page_size <= MOST_BYTES) return
  throw refused(
    `a page of its column "${name}" says that it has ${values} values in ${header.uncompressed_page_size} bytes; at most ${MOST_VALUES} and ${MOST_BYTES} are read`,
  )
}

export function refused(why: string, cause?: Error): Error {
  return problem('unprocessable', { detail: `the parquet file cannot be read: ${why}` }, cause)
}
