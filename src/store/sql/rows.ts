/** Statements about rows whose columns are the keys of an object: inserted, changed, deleted. */
import type { Sql, SqlValue, Tx } from '../db.ts'
import { joined, raw, sql } from './sql.ts'

/** Values by the names of their columns, which the program itself wrote; never a caller's text. */
export type Values = Readonly<Record<string, SqlValue>>

/** Inserts a row; `tail` follows its values (ON CONFLICT …). Returns how many rows were inserted or updated. */
export function insertRow(t: Tx, table: string, row: Values, tail = ''): Promise<number> {
  return run(t, insertion(table, row, tail))
}

/** The statement that inserts a row, for those who want rows back (RETURNING …). */
export function insertion(table: string, row: Values, tail = ''): Sql {
  const values = Object.values(row).map((value) => sql`${value}`)
  return sql`INSERT INTO ${raw(table)} (${raw(Object.keys(row).join(', '))}) VALUES (${joined(values, ', ')}) ${raw(tail)}`
}

/** Sets columns of the rows that fit. Returns how many there were. */
export function updateRows(t: Tx, table: string, changes: Values, where: Sql): Promise<number> {
  const sets = Object.entries(changes).map(([column, value]) => sql`${raw(column)} = ${value}`)
  return run(t, sql`UPDATE ${raw(table)} SET ${joined(sets, ', ')} WHERE ${where}`)
}

/** Deletes the rows that fit; all of the table without a condition. Returns how many there were. */
export function deleteRows(t: Tx, table: string, where: Sql = raw('1 = 1')): Promise<number> {
  return run(t, sql`DELETE FROM ${raw(table)} WHERE ${where}`)
}

/** Runs a composed statement. Returns how many rows it changed. */
export function run(t: Tx, statement: Sql): Promise<number> {
  return t.run(statement.text, statement.params)
}
