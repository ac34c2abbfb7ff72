/** A long read on PostgreSQL: rows are taken as they come, up to a limit. */
import pg from 'pg'
import type { Sql } from '../db.ts'
import type { Gathering } from '../reads/columns.ts'
import { packedColumns } from '../reads/columns.ts'
import { tooManyRows } from '../reads/limits.ts'
import { numbered } from '../sql/placeholders.ts'

/** Rows that are put together at once. */
const AT_ONCE = 1000

export interface Bounded<T> {
  readonly gathered: Gathering<T>
  /** Most rows. */
  readonly most: number
}

/** All rows of a read, unless there are more than `most`: the connection is to be ended then, for it still sends. */
export async function gather<T>(
  client: pg.PoolClient,
  { text, params }: Sql,
  { gathered, most }: Bounded<T>,
): Promise<T> {
  const asArrays: pg.QueryArrayConfig = { text: numbered(text), values: [...params], rowMode: 'array' }
  const query = new pg.Query<unknown[]>(asArrays)
  let [seen, some] = [0, [] as unknown[][]]
  let columns: string[] = []
  const put = (): void => {
    gathered.add(columns, packedColumns(some, columns.length), some.length)
    some = []
  }
  await new Promise<void>((resolve, reject) => {
    // the client's own timeout is told to a callback alone
    const callback = (error: Error | null | undefined): void => (error ? reject(error) : resolve())
    query.on('row', (row: unknown[], result) => {
      if (++seen > most) {
        reject(tooManyRows(most))
        return
      }
      if (result !== undefined) {
        if (seen === 1) columns = result.fields.map(({ name }) => name)
        // with a callback it keeps all rows
        result.rows.length = 0
      }
      if (some.push(row) === AT_ONCE) put()
    })
    client.query(Object.assign(query, { callback }))
  })
  if (some.length > 0) put()
  return gathered.done()
}
