/** On-demand features of a join, computed row by row by the functions that serve them, and counted. */
import type { DuckDBAppender, DuckDBConnection } from '@duckdb/node-api'
import type { ValueType } from '../../contract/features/section.ts'
import type { AsOfStatus } from '../as-of/as-of.ts'
import { quoted } from '../as-of/statement.ts'
import { smallest, type Value } from '../as-of/windows.ts'
import type { Service } from '../definitions/definitions.ts'
import { planOnDemand, type Need } from '../definitions/on-demand.ts'
import { ColumnError, columnSql } from './columns.ts'
import type { Relation } from './load.ts'
import { values } from './origin.ts'
import { readColumn } from './read-columns.ts'

const DUCK_TYPES: Readonly<Record<ValueType, string>> = {
  int: 'BIGINT',
  float: 'DOUBLE',
  bool: 'BOOLEAN',
  text: 'VARCHAR',
  time: 'BIGINT',
}

/** Makes the table `computed`, of `row` and a column for each on-demand feature; of those that are columns of the service it counts the statuses. */
export async function addOnDemand(
  duck: DuckDBConnection,
  { on_demand, columns }: Service,
  given: Relation,
): Promise<Map<string, Partial<Record<AsOfStatus, number>>>> {
  if (on_demand.length === 0) return new Map()
  const plan = planOnDemand(on_demand)
  const types = on_demand.map(({ type }) => type)
  const declared = on_demand.map(({ name, type }) => `${quoted(name)} ${DUCK_TYPES[type]}`)
  await duck.run(`CREATE TEMP TABLE computed ("row" BIGINT, ${declared.join(', ')})`)
  const appender = await duck.createAppender('computed')
  const nulls = types.map(() => 0)
  let rows = 0
  await duck.run(`CREATE TEMP TABLE needed AS ${needsSql(plan.needs, given)}`)
  const [[last] = []] = await values(duck, 'SELECT coalesce(max("row"), 0) FROM needed')
  for (let from = 0n; from < BigInt(last ?? 0); from += SLICE) {
    // a slice is read to its end before anything is appended: an appender that flushes ends what is being streamed
    const slice = await values(duck, `SELECT * FROM needed WHERE "row" > ${from} AND "row" <= ${from + SLICE}`)
    for (const [row, ...inputs] of slice as Value[][]) {
      appender.appendBigInt(row as bigint)
      const computed = plan.compute(
        inputs.map((value, i) => (plan.needs[i]?.type === 'time' ? value : smallest(value))),
      )
      for (const [i, value] of computed.entries()) {
        if (value === null) nulls[i] = (nulls[i] ?? 0) + 1
        append(appender, value, types[i] ?? 'float')
      }
      appender.endRow()
      rows += 1
    }
  }
  appender.closeSync()
  await duck.run('DROP TABLE needed')
  await requireAll(duck)
  const own = columns.flatMap(({ name, of }) =>
    'on_demand' in of ? [{ name, at: plan.names.indexOf(of.on_demand) }] : [],
  )
  return new Map(own.map(({ name, at }) => [name, countsOf(rows, nulls[at] ?? 0)]))
}

/** Rows that are read and computed at once. */
const SLICE = 50_000n

/** A row that was not computed would be missing from the result, and nothing would tell. */
async function requireAll(duck: DuckDBConnection): Promise<void> {
  const [[asked, computed] = []] = await values(
    duck,
    'SELECT (SELECT count(*) FROM joined), (SELECT count(*) FROM computed)',
  )
  if (asked !== computed) throw new Error(`${String(computed)} of ${String(asked)} rows were computed`)
}

function countsOf(rows: number, none: number): Partial<Record<AsOfStatus, number>> {
  return { ...(rows > none && { present: rows - none }), ...(none > 0 && { null_value: none }) }
}

/** `row` and all that is needed, in its order, from what was read and from the columns of the table of entities. */
function needsSql(needs: readonly Need[], given: Relation): string {
  const columns = needs.map(({ of, type }) => {
    if (of.kind === 'feature') return `j.${quoted(readColumn(of))}`
    const column = given.columns.find(({ name }) => name === of.field)
    if (column !== undefined) return columnSql(column, type)
    throw new ColumnError(
      `the table of entities has no column "${of.field}", which an on-demand feature takes from the request`,
    )
  })
  const rows = `SELECT row_number() OVER () AS "slipway: row", * FROM (${given.sql})`
  return `SELECT j."row"${columns.map((column, i) => `, ${column} AS need${i}`).join('')} FROM joined AS j JOIN (${rows}) AS g ON g."slipway: row" = j."row"`
}

function append(appender: DuckDBAppender, value: Value, type: ValueType): void {
  if (value === null) appender.appendNull()
  else if (type === 'text') appender.appendVarchar(String(value))
  else if (type === 'bool') appender.appendBoolean(Boolean(value))
  else if (type === 'float') appender.appendDouble(Number(value))
  else appender.appendBigInt(BigInt(value))
}
