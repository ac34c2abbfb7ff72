/** What the process that queries a database of SQLite is asked for, and what it answers. */

export interface QueryTask {
  /** The database, as an address of SQLite that says how it is opened. */
  readonly uri: string
  readonly query: string
  /** Whether the rows keep the order of the query; else they are sorted by what they say. */
  readonly ordered: boolean
  /** The column whose largest value is the time of the data; null where there is none. */
  readonly time: string | null
  /** Bytes of the values that the query may give: 8 of a number, 1 of a null, and those of a text. */
  readonly limit_bytes: number
  /** Memory that the process may take, bytes. */
  readonly memory_bytes: number
  /** Longest wait for a lock of another program, ms. */
  readonly patience_ms: number
  /** The Parquet file that is written, and an empty folder for what does not fit into memory. */
  readonly into: string
  readonly scratch: string
}

export interface Queried {
  readonly rows: number
  /** ms since 1970; null where no column tells it, or no value of it is a time. */
  readonly data_at: number | null
  /** False where the query asks for the time of the day or for chance, so that the same file may give other rows. */
  readonly is_fixed: boolean
}

/**
 * The whole answer, in one line. `refused`: it will not be otherwise at another try; `away`: it may be; `over`: so many bytes were given,
 * which are too many.
 */
export type Answer =
  | { readonly done: Queried }
  | { readonly refused: string }
  | { readonly away: string }
  | { readonly over: number }

/** Ends a query with an answer that is no result. */
export class NotQueried extends Error {
  readonly answer: Answer

  constructor(answer: Answer) {
    super(JSON.stringify(answer))
    this.answer = answer
  }
}
