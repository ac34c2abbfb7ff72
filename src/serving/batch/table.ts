/** What a batch reads: a table of named columns, taken in chunks of rows from a place that can be found again. */
import type { SchemaElement } from 'hyparquet'
import type { InputField } from '../../scoring/rows/fields.ts'

export interface Column {
  readonly name: string
  /** The column in a parquet file; absent where the table has texts only. */
  readonly element?: SchemaElement
}

/** A place between two rows. `at`: bytes of a text, rows of a parquet file. `line`: what a person would count, from 1. */
export interface Mark {
  readonly at: number
  readonly line: number
}

export interface SourceRow {
  readonly line: number
  /** Values in the order of the columns, as they are written out again. */
  readonly cells: readonly unknown[]
  /** Why it is no row of the table; its cells are then filled up or cut. */
  readonly fault?: string
}

export interface Chunk {
  readonly rows: readonly SourceRow[]
  /** Where the next chunk begins. */
  readonly next: Mark
  /** Nothing follows. */
  readonly end: boolean
}

export interface Source {
  readonly columns: readonly Column[]
  /** What a line is called: "line" of a text, "row" of a file without lines. */
  readonly word: string
  readonly first: Mark
  /** Size of the whole in the unit of `at`. */
  readonly size: number
  /** Up to `count` rows from a mark on. */
  read(from: Mark, count: number): Promise<Chunk>
  /** What a cell of a column is to an input of a model. */
  value(cell: unknown, input: InputField): unknown
  close(): Promise<void>
}
