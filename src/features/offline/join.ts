/**
 * The offline join: for each row of a table of entities with a time, the features of a service as they were known then. One row comes
 * out for each that goes in, in the same order, and of each value is counted why it is there or is not.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { AsOfStatus } from '../as-of/as-of.ts'
import { asOfStatement, quoted, type AsOfPlan } from '../as-of/statement.ts'
import { windowStatement } from '../as-of/window-statement.ts'
import type { Key, Service, TakenView, View } from '../definitions/definitions.ts'
import { ColumnError, literal } from './columns.ts'
import { addOnDemand } from './on-demand.ts'
import { readColumn, readColumns } from './read-columns.ts'
import { keyColumn, requestsSql, viewRowsSql, windowColumn, type Files, type Relation } from './load.ts'
import { entitiesRelation, originSql, relation, requireOneStatement, values, type Entities } from './origin.ts'

export interface JoinRequest {
  readonly entities: Entities
  /** Their column of the moment that each row asks for. */
  readonly time: string
  readonly service: Service
  /** The views of the service, by the name that it has there. */
  readonly views: Readonly<Record<string, View>>
  /** Declared sources that the views read, by name. */
  readonly sources: Readonly<Record<string, Files>>
  /** Those of one view alone, by the name that it has in the service: two views may mean other things by one name. */
  readonly own?: Readonly<Record<string, Readonly<Record<string, Files>>>>
  /** Rows that became known after the moment count too. */
  readonly include_late_data: boolean
  /** Where the parquet file goes. */
  readonly into: string
}

export interface JoinResult {
  readonly rows: number
  /** Of each column of the service, how many of its values are of which status. */
  readonly columns: readonly { readonly name: string; readonly statuses: Partial<Record<AsOfStatus, number>> }[]
}

/** Runs a join. Throws `ColumnError`, or an error of DuckDB, whose messages name what does not fit. */
export async function join(duck: DuckDBConnection, request: JoinRequest): Promise<JoinResult> {
  const { service, views, entities, time } = request
  const keys = keysAsked(service, views)
  const given = await entitiesRelation(duck, entities)
  refuseTaken(given, service)
  await duck.run(`CREATE TEMP TABLE requests AS ${requestsSql(given, time, keys)}`)
  const seen = new Map<string, SeenTables>()
  for (const [at, taken] of service.views.entries()) {
    const view = views[taken.name]
    if (view === undefined) throw new Error(`the view "${taken.name}" was not handed over`)
    seen.set(taken.name, await see(duck, { at, taken, view, request }))
  }
  await duck.run(`CREATE TEMP TABLE joined AS ${joinedSql(service, seen)}`)
  const statuses = await countStatuses(duck, service, seen)
  const computed = await addOnDemand(duck, service, given)
  await duck.run(`COPY (${resultSql(given, service)}) TO ${literal(request.into)} (FORMAT parquet, COMPRESSION zstd)`)
  const [[rows = 0n] = []] = await values(duck, 'SELECT count(*) FROM requests')
  const columns = service.columns.map(({ name }) => ({
    name,
    statuses: statuses.get(name) ?? computed.get(name) ?? {},
  }))
  return { rows: Number(rows), columns }
}

/** The columns of a request that give keys, each once. Throws where two views want one as different types. */
function keysAsked({ views: taken }: Service, views: JoinRequest['views']): Key[] {
  const asked = new Map<string, Key>()
  for (const { name, keys } of taken) {
    for (const [i, column] of keys.entries()) {
      const type = views[name]?.keys[i]?.type ?? 'text'
      const before = asked.get(column)
      if (before !== undefined && before.type !== type)
        throw new ColumnError(
          `"${column}" is the key of two views, and ${before.type} for one and ${type} for the other`,
        )
      asked.set(column, { name: column, type })
    }
  }
  return [...asked.values()]
}

function refuseTaken({ columns }: Relation, service: Service): void {
  const taken = service.columns.find(({ name }) => columns.some((column) => column.name === name))
  if (taken !== undefined)
    throw new ColumnError(`the table of entities has a column "${taken.name}" already, which the join would give`)
}

/** Tables that a view left: what each request sees, and the rows themselves. */
export interface SeenTables {
  readonly table: string
  readonly rows: string
  /** Null where the view has no windows. */
  readonly windows: string | null
  readonly view: View
}

interface Seeing {
  readonly at: number
  readonly taken: TakenView
  readonly view: View
  readonly request: Pick<JoinRequest, 'sources' | 'own' | 'include_late_data'>
}

/** Finds what the requests of the table `requests` see of a view, the `at`th of them. */
export async function see(duck: DuckDBConnection, { at, taken, view, request }: Seeing): Promise<SeenTables> {
  const [rows, table, windows] = [`rows${at}`, `seen${at}`, `windows${at}`]
  const asked = taken.keys.map(keyColumn)
  await requireOneStatement(duck, view)
  const from = await relation(duck, originSql(view, { ...request.sources, ...request.own?.[taken.name] }))
  await duck.run(`CREATE TEMP TABLE ${rows} AS ${viewRowsSql(view, from, { table: 'requests', keys: asked })}`)
  const keys = view.keys.map(({ name }) => name)
  const ttl = view.ttl_ms === null ? null : BigInt(view.ttl_ms) * 1_000_000n
  const rules = { ttl, includeLateData: request.include_late_data }
  const plan = await choosePlan(duck, rows, keys)
  await duck.run(
    `CREATE TEMP TABLE ${table} AS ${asOfStatement({ requests: 'requests', rows, keys, asked, rules, plan })}`,
  )
  if (view.windows.length === 0) return { table, rows, windows: null, view }
  const of = view.windows.map(({ name, take, column, over_ms, step_ms, q }) => ({
    name,
    take,
    column: column === null ? null : windowColumn(name),
    over: BigInt(over_ms) * 1_000_000n,
    step: BigInt(step_ms) * 1_000_000n,
    q,
  }))
  const { includeLateData } = rules
  await duck.run(
    `CREATE TEMP TABLE ${windows} AS ${windowStatement({ requests: 'requests', rows, keys, asked, windows: of, includeLateData })}`,
  )
  return { table, rows, windows, view }
}

/** Rows of an entity from which on both sides are sorted once instead of each request meeting all of them. */
const MANY = 64

async function choosePlan(duck: DuckDBConnection, rows: string, keys: readonly string[]): Promise<AsOfPlan> {
  const each = keys.length === 0 ? '1' : `approx_count_distinct((${keys.map(quoted).join(', ')}))`
  const [[count = 0, entities = 1] = []] = await values(duck, `SELECT count(*), ${each} FROM ${rows}`)
  return Number(count) / Math.max(1, Number(entities)) >= MANY ? 'sorted' : 'hash'
}

/** A row of each request with all columns of the service that are read, and the status of each view. */
function joinedSql(service: Service, seen: ReadonlyMap<string, SeenTables>): string {
  const all = [...seen.values()]
  const columns = readColumns(service).map(({ of, as }) => `${valueSql(seen, of)} AS ${quoted(as)}`)
  const statuses = all.map(({ table }) => `${table}.status AS ${table}`)
  // a window of an expired row is not served either
  const given = service.on_expired === 'value' ? "IN ('live', 'expired')" : "= 'live'"
  // with the status as a condition of its own every row would meet every other
  const joins = all.map(({ table, rows, windows }) => {
    const counted = windows === null ? '' : ` LEFT JOIN ${windows} ON ${windows}."row" = r."row"`
    return `JOIN ${table} ON ${table}."row" = r."row" LEFT JOIN ${rows} ON ${rows}.arrival = CASE WHEN ${table}.status ${given} THEN ${table}.arrival END${counted}`
  })
  return `SELECT r."row", ${[...statuses, ...columns].join(', ')} FROM requests AS r ${joins.join(' ')}`
}

/** A feature of the row that is joined, or of the windows where the row is live. */
export function valueSql(
  seen: ReadonlyMap<string, SeenTables>,
  { view: name, feature }: { view: string; feature: string },
): string {
  const found = seen.get(name)
  if (found === undefined) throw new Error(`nothing was read of "${name}"`)
  const { view, table, rows, windows } = found
  const window = view.windows.find((one) => one.name === feature)
  if (window === undefined) return `${rows}.${quoted(feature)}`
  const value = `${windows}.${quoted(feature)}`
  const counted = window.take === 'count' || window.take === 'distinct' ? `coalesce(${value}, 0)` : value
  return `CASE WHEN ${table}.status = 'live' THEN ${counted} END`
}

async function countStatuses(
  duck: DuckDBConnection,
  service: Service,
  seen: ReadonlyMap<string, SeenTables>,
): Promise<Map<string, Partial<Record<AsOfStatus, number>>>> {
  const counted = new Map<string, Partial<Record<AsOfStatus, number>>>()
  for (const { name, of } of service.columns) {
    if (!('view' in of)) continue
    const status = seen.get(of.view)?.table ?? ''
    const value = quoted(readColumn(of))
    const rows = await values(
      duck,
      `SELECT CASE WHEN ${status} <> 'live' THEN ${status} WHEN ${value} IS NULL THEN 'null_value' ELSE 'present' END AS s, count(*) FROM joined GROUP BY s ORDER BY s`,
    )
    counted.set(name, Object.fromEntries(rows.map(([one, count]) => [String(one), Number(count)])))
  }
  return counted
}

/** Numbers the rows of a table that may have a column of any name. */
const OWN_ROW = quoted('slipway: row')

/** The table of entities as it was given, with the columns of the service behind it. */
function resultSql(given: Relation, service: Service): string {
  const types = service.columns.map(({ name, type, of }) => {
    const from = 'view' in of ? `j.${quoted(readColumn(of))}` : `d.${quoted(of.on_demand)}`
    return `${type === 'time' ? `make_timestamp_ns(${from})` : from} AS ${quoted(name)}`
  })
  const computed = service.on_demand.length === 0 ? '' : ' JOIN computed AS d ON d."row" = j."row"'
  return `
SELECT g.* EXCLUDE (${OWN_ROW})${types.length === 0 ? '' : `, ${types.join(', ')}`}
FROM (SELECT row_number() OVER () AS ${OWN_ROW}, * FROM (${given.sql})) AS g
JOIN joined AS j ON j."row" = g.${OWN_ROW}${computed}
ORDER BY g.${OWN_ROW}`
}
