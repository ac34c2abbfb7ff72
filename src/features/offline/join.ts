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
import {
  keyColumn,
  lateFeatures,
  lateSql,
  requestsSql,
  viewRowsSql,
  windowColumn,
  type Files,
  type Relation,
} from './load.ts'
import { entitiesRelation, originOf, requireOneStatement, values, type Entities } from './origin.ts'

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
    seen.set(taken.name, await see(duck, { at, taken, view, request, withExpired: service.on_expired === 'value' }))
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
  // a name in other letters is the same one for DuckDB
  const given = new Map(columns.map(({ name }) => [name.toLowerCase(), name]))
  const taken = service.columns.find(({ name }) => given.has(name.toLowerCase()))
  if (taken === undefined) return
  const own = given.get(taken.name.toLowerCase())
  throw new ColumnError(`the table of entities has a column "${own}" already, and the join would give "${taken.name}"`)
}

/** Tables that a view left: what each request sees, and the rows themselves. */
export interface SeenTables {
  readonly table: string
  readonly rows: string
  /** Features that were read of the rows that are seen alone, and their table; null where there are none. */
  readonly late: { readonly table: string; readonly features: ReadonlySet<string> } | null
  /** Null where the view has no windows. */
  readonly windows: string | null
  readonly view: View
}

interface Seeing {
  readonly at: number
  readonly taken: TakenView
  readonly view: View
  readonly request: Pick<JoinRequest, 'sources' | 'own' | 'include_late_data'>
  /** Whether features of expired rows are read too; their windows never are. */
  readonly withExpired: boolean
}

function shownSql(withExpired: boolean): string {
  return withExpired ? "IN ('live', 'expired')" : "= 'live'"
}

/** Finds what the requests of the table `requests` see of a view, the `at`th of them. */
export async function see(
  duck: DuckDBConnection,
  { at, taken, view, request, withExpired }: Seeing,
): Promise<SeenTables> {
  const [rows, table, windows] = [`rows${at}`, `seen${at}`, `windows${at}`]
  const asked = taken.keys.map(keyColumn)
  await requireOneStatement(duck, view)
  const from = await originOf(duck, view, { ...request.sources, ...request.own?.[taken.name] })
  const features = lateFeatures(view, from)
  const own = viewRowsSql(view, from, { asked: { table: 'requests', keys: asked }, without: features })
  await duck.run(`CREATE TEMP TABLE ${rows} AS ${own}`)
  const keys = view.keys.map(({ name }) => name)
  const ttl = view.ttl_ms === null ? null : BigInt(view.ttl_ms) * 1_000_000n
  const rules = { ttl, includeLateData: request.include_late_data }
  const plan = await choosePlan(duck, { rows, keys, asked })
  await duck.run(
    `CREATE TEMP TABLE ${table} AS ${asOfStatement({ requests: 'requests', rows, keys, asked, rules, plan })}`,
  )
  const late = features.size === 0 ? null : { table: `late${at}`, features }
  if (late !== null) {
    const shown = `(SELECT arrival FROM ${table} WHERE status ${shownSql(withExpired)})`
    await duck.run(`CREATE TEMP TABLE ${late.table} AS ${lateSql(view, from, features, shown)}`)
  }
  const seen = { table, rows, late, view }
  if (view.windows.length === 0) return { ...seen, windows: null }
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
  return { ...seen, windows }
}

/** Pairs of a request and a row of its keys, for each row of both tables, from which on sorting both is cheaper than looking at all pairs. */
const MOST_PAIRS = 16

/** Counts the pairs: few entities of very many rows make most of them, whatever the average is. */
async function choosePlan(
  duck: DuckDBConnection,
  { rows, keys, asked }: { readonly rows: string; readonly keys: readonly string[]; readonly asked: readonly string[] },
): Promise<AsOfPlan> {
  const same = keys.map((_, i) => `f.k${i} = r.k${i}`).join(' AND ') || 'TRUE'
  const sql = `SELECT (SELECT count(*) FROM ${rows}) + (SELECT count(*) FROM requests), coalesce(sum(f.n * r.n), 0)
FROM ${byKeys(rows, keys)} AS f JOIN ${byKeys('requests', asked)} AS r ON ${same}`
  const [[all = 0, pairs = 0] = []] = await values(duck, sql)
  return Number(pairs) > MOST_PAIRS * Number(all) ? 'sorted' : 'hash'
}

/** How many rows of a table have the same keys, which are k0, k1 and so on. */
function byKeys(table: string, columns: readonly string[]): string {
  const named = columns.map((column, i) => `${quoted(column)} AS k${i}, `).join('')
  return `(SELECT ${named}count(*)::DOUBLE AS n FROM ${table}${columns.length === 0 ? '' : ' GROUP BY ALL'})`
}

/** A row of each request with all columns of the service that are read, and the status of each view. */
function joinedSql(service: Service, seen: ReadonlyMap<string, SeenTables>): string {
  const all = [...seen.values()]
  const columns = readColumns(service).map(({ of, as }) => `${valueSql(seen, of)} AS ${quoted(as)}`)
  const statuses = all.map(({ table }) => `${table}.status AS ${table}`)
  const given = shownSql(service.on_expired === 'value')
  // with the status as a condition of its own every row would meet every other
  const joins = all.map(({ table, rows, late, windows, view }) => {
    const counted = windows === null ? '' : ` LEFT JOIN ${windows} ON ${windows}."row" = r."row"`
    const isAllLate = view.features.every(({ name }) => late?.features.has(name))
    const tables = [...(isAllLate ? [] : [rows]), ...(late === null ? [] : [late.table])]
    const found = tables.map(
      (from) => ` LEFT JOIN ${from} ON ${from}.arrival = CASE WHEN ${table}.status ${given} THEN ${table}.arrival END`,
    )
    return `JOIN ${table} ON ${table}."row" = r."row"${found.join('')}${counted}`
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
  const { view, table, rows, late, windows } = found
  const window = view.windows.find((one) => one.name === feature)
  if (window === undefined) return `${late?.features.has(feature) === true ? late.table : rows}.${quoted(feature)}`
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
  for (const [name, { table }] of seen) {
    const columns = service.columns.filter(({ of }) => 'view' in of && of.view === name)
    const counts = columns.map(({ of }) => ('view' in of ? `, count(${quoted(readColumn(of))})` : ''))
    const rows = await values(
      duck,
      `SELECT ${table} AS status, count(*)${counts.join('')} FROM joined GROUP BY status ORDER BY status`,
    )
    for (const [i, column] of columns.entries()) {
      const statuses: [string, number][] = rows.flatMap(([status, all, ...present]) => {
        if (status !== 'live') return [[String(status), Number(all)]]
        const there = Number(present[i] ?? 0)
        return [
          ['present', there],
          ['null_value', Number(all) - there],
        ]
      })
      counted.set(column.name, sorted(statuses.filter(([, count]) => count > 0)))
    }
  }
  return counted
}

function sorted(counts: readonly (readonly [string, number])[]): Partial<Record<AsOfStatus, number>> {
  return Object.fromEntries(counts.toSorted(([a], [b]) => (a < b ? -1 : 1)))
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
