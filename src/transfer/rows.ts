/** Rows of tables that move: read in pages by their key, written as they are and compared with what is there. */
import type { Principal } from '../contract/access.ts'
import { problem } from '../contract/errors.ts'
import type { Db, Row, Sql, SqlValue, Tx } from '../store/db.ts'
import { all, insertRows, joined, raw, searchAll, sql } from '../store/sql/sql.ts'
import { broughtBy, followedRow, noteBrought, writeChanges } from './follow.ts'
import type { Change } from './follow.ts'
import type { Column, MovedTable, Scope } from '../store/moved/table.ts'

/** Rows compared by one statement. */
const COMPARED = 50

export interface Written {
  readonly added: number
  readonly same: number
  /** Rows that a later import brought up to date. */
  readonly changed: number
  /** Rows that differ and stay as they are here, in words. */
  readonly kept: readonly string[]
}

/** What is written, and how. */
export interface Writing {
  readonly rows: readonly Row[]
  readonly dryRun: boolean
  /** The import whose rows are brought up to date. */
  readonly following?: string | undefined
}

/** A page of the rows of a scope behind `after`, the key of the last one as a JSON list. */
export async function readRows(
  db: Db,
  table: MovedTable,
  scope: Scope,
  page: { readonly after: string | undefined; readonly limit: number },
): Promise<{ rows: Row[]; after?: string }> {
  const within = table.within(scope)
  if (within === undefined) return { rows: [] }
  const after = page.after === undefined ? undefined : readKey(table, page.after)
  const rows =
    table.seen === undefined || db.kind === 'sqlite'
      ? await select(db, table, [within], { after, limit: page.limit })
      : await selectSeen(db, table, within, { after, limit: page.limit })
  const last = rows.at(-1)
  const leaving = table.leaving === undefined ? rows : rows.map(table.leaving)
  if (rows.length < page.limit || last === undefined) return { rows: leaving }
  return { rows: leaving, after: JSON.stringify(table.key.map((name) => last[name])) }
}

interface Page {
  readonly after: readonly SqlValue[] | undefined
  readonly limit: number
}

function select(db: Db, table: MovedTable, where: readonly Sql[], { after, limit }: Page): Promise<Row[]> {
  const keys = raw(table.key.join(', '))
  const behind = after === undefined ? [] : [sql`(${keys}) > (${values(after)})`]
  return searchAll<Row>(
    db,
    sql`SELECT ${raw(namesOf(table))} FROM ${raw(table.seen?.view ?? table.name)} WHERE ${all([...where, ...behind])}
      ORDER BY ${keys} LIMIT ${limit}`,
  )
}

/** How many places are looked into for a page: more of them while it is not full. */
const PLACES = [1, 16, 256, 4096]

/** PostgreSQL would make all the view's rows for each page: it is told between which places, each of which has a row at least. */
async function selectSeen(db: Db, table: MovedTable, within: Sql, { after, limit }: Page): Promise<Row[]> {
  const { by, places } = table.seen ?? { by: table.name, places: table.key }
  const names = raw(places.join(', '))
  const rows: Row[] = []
  let from = after?.slice(0, places.length)
  for (let round = 0; rows.length < limit; round++) {
    const most = PLACES[Math.min(round, PLACES.length - 1)] ?? 1
    const behind = from === undefined ? [] : [sql`(${names}) ${raw(round === 0 ? '>=' : '>')} (${values(from)})`]
    const found = await searchAll<Row>(
      db,
      sql`SELECT ${names} FROM ${raw(by)} WHERE ${all([within, ...behind])} ORDER BY ${names} LIMIT ${most}`,
    )
    const [first, last] = [found[0], found.at(-1)].map((row) => places.map((name) => row?.[name] ?? null))
    if (found.length === 0 || first === undefined || last === undefined) break
    const between = sql`(${names}) >= (${values(first)}) AND (${names}) <= (${values(last)})`
    const left = limit - rows.length
    rows.push(...(await select(db, table, [within, between], { after: round === 0 ? after : undefined, limit: left })))
    from = last
  }
  return rows
}

/**
 * Writes rows; those that are there with the same content change nothing. Where an import is followed, a row of a thing that it brought
 * before becomes what the table's origin says. Throws `invalid_field` for a row that does not fit the table, `conflict` naming
 * the first other row that is there with other content: then none of the rows is written.
 */
export async function writeRows(
  db: Db,
  who: Principal,
  table: MovedTable,
  { rows: given, dryRun, following }: Writing,
): Promise<Written> {
  for (const [index, row] of given.entries()) checkRow(table, row, index)
  const rows = table.arriving === undefined || dryRun ? given : await table.arriving(who, given)
  return db.tx(async (t) => {
    const compared = dryRun ? withoutFilled(table) : table
    const { fresh, changes, kept, same } = await sorted(t, compared, rows, following)
    if (!dryRun) {
      await insert(t, who, table, [...fresh.values()])
      if (table.origin !== undefined) await writeChanges(t, table, table.origin, changes)
      if (following !== undefined && table.origin?.root === true) await noteBrought(t, table.origin, following, rows)
    }
    return { added: fresh.size, same, changed: changes.length, kept }
  })
}

interface Sorted {
  readonly fresh: ReadonlyMap<string, Row>
  readonly changes: readonly Change[]
  readonly kept: readonly string[]
  readonly same: number
}

/** What becomes of each row. */
async function sorted(t: Tx, table: MovedTable, rows: readonly Row[], following: string | undefined): Promise<Sorted> {
  const { origin } = table
  const ours = following === undefined || origin === undefined ? new Set() : await broughtBy(t, origin, following, rows)
  const known = await existing(t, table, rows)
  const fresh = new Map<string, Row>()
  const changes: Change[] = []
  const kept: string[] = []
  for (const row of rows) {
    const key = keyText(table, row)
    const here = known.get(key) ?? fresh.get(key)
    if (here === undefined || (await isReplaced(t, table, here, row))) fresh.set(key, row)
    else if (origin === undefined || !ours.has(origin.of(row))) refuseOther(table, here, row)
    else if (origin.columns?.length === 0)
      kept.push(...(difference(table, here, origin.merged?.(here, row) ?? row) ?? []))
    else if (differing(table, here, followedRow(table, origin, { here, row })) !== undefined)
      changes.push({ here, row })
  }
  return { fresh, changes, kept, same: rows.length - fresh.size - changes.length - kept.length }
}

async function isReplaced(t: Tx, table: MovedTable, here: Row, row: Row): Promise<boolean> {
  return differing(table, here, row) !== undefined && (await table.replaceable?.(t, row)) === true
}

async function insert(t: Tx, who: Principal, table: MovedTable, rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return
  const full: Row[] = []
  for (const row of rows) full.push({ ...row, ...(await table.given?.(t, row)) })
  const names = Object.keys(full[0] as Row)
  const keys = table.key.join(', ')
  const rest = names.filter((name) => !table.key.includes(name))
  const update = rest.map((name) => `${name} = excluded.${name}`).join(', ')
  const tail = table.replaceable === undefined ? '' : `ON CONFLICT (${keys}) DO UPDATE SET ${update}`
  await insertRows(
    t,
    `INSERT INTO ${table.name} (${names.join(', ')})`,
    full.map((row) => names.map((name) => row[name] ?? null)),
    tail,
  ).catch((error: unknown) => {
    if (!/unique/i.test(String(error))) throw error
    const detail = `${table.name}: a name among the rows from ${keyText(table, rows[0] as Row)} on belongs to something else here`
    throw problem('conflict', { detail }, error)
  })
  await table.written?.(t, who, full)
}

async function existing(t: Tx, table: MovedTable, rows: readonly Row[]): Promise<Map<string, Row>> {
  const known = new Map<string, Row>()
  for (let at = 0; at < rows.length; at += COMPARED) {
    const alternatives = rows
      .slice(at, at + COMPARED)
      .map((row) => sql`(${all(table.key.map((name) => sql`${raw(name)} = ${row[name] ?? null}`))})`)
    const query = sql`SELECT ${raw(namesOf(table))} FROM ${raw(table.seen?.view ?? table.name)} WHERE ${joined(alternatives, ' OR ')}`
    for (const row of await t.all(query.text, query.params)) known.set(keyText(table, row), row)
  }
  return known
}

function withoutFilled(table: MovedTable): MovedTable {
  const fills = table.fills ?? []
  return fills.length === 0 ? table : { ...table, columns: table.columns.filter(({ name }) => !fills.includes(name)) }
}

function refuseOther(table: MovedTable, here: Row, row: Row): void {
  const detail = difference(table, here, row)?.[0]
  if (detail !== undefined) throw problem('conflict', { detail })
}

/** The first difference of two rows, in words. */
function difference(table: MovedTable, here: Row, row: Row): [string] | undefined {
  const name = differing(table, here, row)
  if (name === undefined) return undefined
  return [
    `${table.name} ${keyText(table, row)}: ${name} is ${shown(here[name])} here and ${shown(row[name])} in the import`,
  ]
}

function differing(table: MovedTable, here: Row, row: Row): string | undefined {
  const left = table.leaving?.(here) ?? here
  return table.columns.find(({ name }) => (left[name] ?? null) !== (row[name] ?? null))?.name
}

function checkRow(table: MovedTable, row: Row, index: number): void {
  const known = new Set(table.columns.map((column) => column.name))
  const odd = Object.keys(row).find((name) => !known.has(name))
  if (odd !== undefined) throw misfit(`rows[${index}].${odd}`, row[odd], `a column of ${table.name}`)
  for (const column of table.columns) {
    const value = row[column.name] ?? null
    if (!fits(column, value)) {
      const wanted = `${column.type}${column.nullable ? ' or null' : ''}`
      throw misfit(`rows[${index}].${column.name}`, value, wanted)
    }
  }
}

function fits(column: Column, value: SqlValue): boolean {
  if (value === null) return column.nullable
  if (column.type === 'text') return typeof value === 'string' && !value.includes('\0')
  if (column.type === 'int') return Number.isSafeInteger(value)
  return typeof value === 'number' && Number.isFinite(value)
}

function misfit(field: string, value: unknown, expected: string): Error {
  return problem('invalid_field', { field, value: shown(value), expected })
}

function readKey(table: MovedTable, after: string): SqlValue[] {
  let read: unknown
  try {
    read = JSON.parse(after)
  } catch {
    read = undefined
  }
  const types = new Map(table.columns.map((column) => [column.name, { ...column, nullable: false }]))
  const ok =
    Array.isArray(read) &&
    read.length === table.key.length &&
    table.key.every((name, at) => fits(types.get(name) as Column, (read as SqlValue[])[at] as SqlValue))
  if (!ok) throw misfit('after', after, 'what the page before answered')
  return read as SqlValue[]
}

function values(list: readonly SqlValue[]): Sql {
  return joined(
    list.map((value) => sql`${value}`),
    ', ',
  )
}

function namesOf(table: MovedTable): string {
  return table.columns.map((column) => column.name).join(', ')
}

function keyText(table: MovedTable, row: Row): string {
  return table.key.map((name) => String(row[name])).join('/')
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}
