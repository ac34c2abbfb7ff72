/** Sources that are files of SQLite: what the project file may say of one. */
import { z } from 'zod'
import { path } from './path.ts'

export const Sqlite = z
  .strictObject({
    file: path.describe('the database where the server runs, below a folder of SLIPWAY_SOURCE_FOLDERS'),
    query: z
      .string()
      .min(1, 'a query')
      .max(100_000)
      .optional()
      .describe('one query that reads; its rows become a Parquet file'),
    table: z.string().min(1, 'the name of a table or view').max(200).optional().describe('all rows of a table or view'),
    ordered: z
      .boolean()
      .default(false)
      .describe('keep the order of the query; else rows are sorted, so that it says nothing'),
    time: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe('the column whose largest value is the time of the data, for `fresh`'),
  })
  .refine(({ query, table }) => (query === undefined) !== (table === undefined), 'either "query" or "table"')

/** Where its rows are. */
export interface SqlitePlace {
  readonly kind: 'sqlite'
  readonly path: string
  readonly query: string
  readonly ordered: boolean
  readonly time: string | null
}

export function sqlitePlace({ file, query, table = '', ordered, time }: z.output<typeof Sqlite>): SqlitePlace {
  const all = `SELECT * FROM "${table.replaceAll('"', '""')}"`
  return { kind: 'sqlite', path: file, query: query ?? all, ordered, time: time ?? null }
}

/** What is wrong with the keys beside one. */
export function sqliteFaults({
  sqlite,
  table,
  fresh,
}: {
  readonly sqlite?: z.output<typeof Sqlite> | undefined
  readonly table?: string | undefined
  readonly fresh?: unknown
}): { readonly path: string[]; readonly message: string }[] {
  if (sqlite === undefined) return []
  const faults = []
  if (table === 'csv')
    faults.push({ path: ['table'], message: '"parquet" or nothing beside "sqlite": its rows are a parquet file' })
  if (fresh !== undefined && sqlite.time === undefined)
    faults.push({
      path: ['fresh'],
      message: '"time" in "sqlite" too, the column by which its rows say how old they are',
    })
  return faults
}
