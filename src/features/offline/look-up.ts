/** The look-up: what moments in the past see of some entities, by the statements of the join, with what was known and when. */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Seen } from '../as-of/as-of.ts'
import { quoted } from '../as-of/statement.ts'
import { smallest, type Value } from '../as-of/windows.ts'
import type { Key, TakenView, View } from '../definitions/definitions.ts'
import { pack } from '../online/pack.ts'
import { ColumnError } from './columns.ts'
import { see, valueSql, type SeenTables } from './join.ts'
import { keyColumn, type Files } from './load.ts'

export interface LookUpRequest {
  /** The columns that give keys, each once. */
  readonly keys: readonly Key[]
  /** Who is asked for: the moment, ns since 1970 as a text, and a text or null for each of the keys. */
  readonly rows: readonly { readonly at: string; readonly keys: readonly (string | null)[] }[]
  readonly views: readonly {
    readonly taken: TakenView
    readonly view: View
    readonly sources: Readonly<Record<string, Files>>
  }[]
}

/** When a row happened and when it became known, ns since 1970 as texts. */
export interface RowTimes {
  readonly event: string
  readonly known: string
}

/** What a moment sees of an entity in a view. */
export interface SeenAt {
  readonly status: Seen<never>['status']
  /** The row that is seen, also where it has expired. */
  readonly row: RowTimes | null
  /** The row that comes in its place later, as far as the source tells by now. */
  readonly next: RowTimes | null
  /** The features of the view and then its windows, packed; windows of an expired row are null. Null where no row is seen. */
  readonly packed: string | null
}

/** Of each view, in their order, what is seen of each row, in theirs. */
export interface LookedUp {
  readonly views: readonly (readonly SeenAt[])[]
}

/** What is answered at once, characters. */
const LARGEST = 8_000_000

/** Throws `ColumnError`, or an error of DuckDB, whose messages name what does not fit. */
export async function lookUp(duck: DuckDBConnection, { keys, rows, views }: LookUpRequest): Promise<LookedUp> {
  await fillRequests(duck, keys, rows)
  const all: SeenAt[][] = []
  let size = 0
  for (const [at, { taken, view, sources }] of views.entries()) {
    const request = { sources, include_late_data: false }
    const seen = await see(duck, { at, taken, view, request, withExpired: true })
    const found = (await duck.runAndReadAll(seenSql(seen, taken))).getRows().map((row) => seenAt(row as Value[]))
    for (const { packed } of found) size += packed?.length ?? 0
    if (size > LARGEST) throw new ColumnError('the values are more than 8 MB together; look up fewer entities at once')
    all.push(found)
  }
  return { views: all }
}

async function fillRequests(duck: DuckDBConnection, keys: readonly Key[], rows: LookUpRequest['rows']): Promise<void> {
  const columns = keys.map(({ name, type }) => `${quoted(keyColumn(name))} ${type === 'int' ? 'BIGINT' : 'VARCHAR'}`)
  await duck.run(`CREATE TEMP TABLE requests (${['"row" BIGINT', '"at" BIGINT', ...columns].join(', ')})`)
  const appender = await duck.createAppender('requests')
  for (const [i, { at, keys: texts }] of rows.entries()) {
    appender.appendBigInt(BigInt(i + 1))
    appender.appendBigInt(BigInt(at))
    for (const [k, { type }] of keys.entries()) {
      const text = texts[k] ?? null
      if (text === null) appender.appendNull()
      else if (type === 'int') appender.appendBigInt(BigInt(text))
      else appender.appendVarchar(text)
    }
    appender.endRow()
  }
  appender.closeSync()
}

/** Of each request the status, the times of the row that is seen and of the next, and the values. */
function seenSql(seen: SeenTables, taken: TakenView): string {
  const { table, rows, late, windows, view } = seen
  const one = new Map([[taken.name, seen]])
  const names = [...view.features, ...view.windows].map(({ name }) => name)
  const values = names.map((feature) => valueSql(one, { view: taken.name, feature }))
  const counted = windows === null ? '' : `LEFT JOIN ${windows} ON ${windows}."row" = r."row"`
  const found = late === null ? '' : `LEFT JOIN ${late.table} ON ${late.table}.arrival = ${table}.arrival`
  return `
SELECT ${[`${table}.status`, `${table}.event`, `${rows}.created`, 'n.next.event', 'n.next.created', ...values].join(', ')}
FROM requests AS r JOIN ${table} ON ${table}."row" = r."row"
LEFT JOIN ${rows} ON ${rows}.arrival = ${table}.arrival ${found} ${counted}
LEFT JOIN (${nextSql(seen, taken)}) AS n ON n."row" = r."row"
ORDER BY r."row"`
}

/** The first row that is seen after the moment: it is after the row that is seen, and happens or becomes known later. */
function nextSql({ table, rows, view }: SeenTables, taken: TakenView): string {
  const same = view.keys.map(({ name }, i) => `f.${quoted(name)} = r.${quoted(keyColumn(taken.keys[i] ?? name))}`)
  const met = [...same, 'greatest(f.event, f.created) > r."at"'].join(' AND ')
  return `
SELECT r."row", min(struct_pack(seen := greatest(f.event, f.created), event := f.event, created := f.created)) AS next
FROM requests AS r JOIN ${table} AS s ON s."row" = r."row" JOIN ${rows} AS f ON ${met}
WHERE s.event IS NULL OR f.event >= s.event
GROUP BY r."row"`
}

function seenAt([status, event, known, nextEvent, nextKnown, ...values]: Value[]): SeenAt {
  const row = timesOf(event, known)
  return {
    status: String(status) as SeenAt['status'],
    row,
    next: timesOf(nextEvent, nextKnown),
    packed: row === null ? null : pack(values.map(smallest)),
  }
}

function timesOf(event: Value | undefined, known: Value | undefined): RowTimes | null {
  return typeof event === 'bigint' && typeof known === 'bigint' ? { event: String(event), known: String(known) } : null
}
