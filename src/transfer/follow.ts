/** A later import of the same source: what it brought before becomes what it is there now; what came from elsewhere is not touched. */
import { problem } from '../contract/errors.ts'
import type { Row, SqlValue, Tx } from '../store/db.ts'
import { all, inList, insertRows, joined, raw, sql } from '../store/sql/sql.ts'
import type { MovedTable, Origin } from '../store/moved/table.ts'

/** A row that is here and differs, and what becomes of it. */
export interface Change {
  readonly here: Row
  readonly row: Row
}

/** The things among these rows that the import brought before. */
export async function broughtBy(
  t: Tx,
  origin: Origin,
  importId: string,
  rows: readonly Row[],
): Promise<ReadonlySet<string>> {
  const things = [...new Set(rows.map(origin.of))]
  if (things.length === 0) return new Set()
  const query = sql`SELECT thing FROM tracking_import_origins WHERE import_id = ${importId} AND thing IN ${inList(things)}`
  return new Set((await t.all<{ thing: string }>(query.text, query.params)).map(({ thing }) => thing))
}

/** Notes that the import brought these things, or found them as they are there. */
export async function noteBrought(t: Tx, origin: Origin, importId: string, rows: readonly Row[]): Promise<void> {
  const things = [...new Set(rows.map(origin.of))].map((thing) => [importId, thing])
  await insertRows(t, 'INSERT INTO tracking_import_origins (import_id, thing)', things, 'ON CONFLICT DO NOTHING')
}

/** The row that is to be here: columns that are not followed stay. */
export function followedRow(table: MovedTable, origin: Origin, { here, row }: Change): Row {
  const wanted = origin.merged?.(here, row) ?? row
  const names = origin.columns ?? table.columns.map(({ name }) => name)
  return { ...here, ...Object.fromEntries(names.map((name) => [name, wanted[name] ?? null])) }
}

/** Writes changed rows. Throws `conflict` where a name belongs to something else. */
export async function writeChanges(
  t: Tx,
  table: MovedTable,
  origin: Origin,
  changes: readonly Change[],
): Promise<void> {
  if (changes.length === 0) return
  await origin.before?.(
    t,
    changes.map(({ row }) => row),
  )
  for (const change of changes) await writeChange(t, table, followedRow(table, origin, change), change.here)
}

async function writeChange(t: Tx, table: MovedTable, next: Row, here: Row): Promise<void> {
  const value = (name: string): SqlValue => next[name] ?? null
  const names = table.columns.map(({ name }) => name).filter((name) => value(name) !== (here[name] ?? null))
  if (names.length === 0) return
  const set = joined(
    names.map((name) => sql`${raw(name)} = ${value(name)}`),
    ', ',
  )
  const query = sql`UPDATE ${raw(table.name)} SET ${set} WHERE ${all(table.key.map((name) => sql`${raw(name)} = ${value(name)}`))}`
  await t.run(query.text, query.params).catch((error: unknown) => {
    if (!/unique/i.test(String(error))) throw error
    const key = table.key.map((name) => String(next[name])).join('/')
    throw problem('conflict', { detail: `${table.name} ${key}: its name belongs to something else here` }, error)
  })
}
