/** What the settings of MLflow's gateway have in common: they belong to a project, and have ids, names and times. */
import type { Principal } from '../../contract/access.ts'
import type { Reader, Sql, Tx } from '../../store/db.ts'
import { checkLength } from '../../mlflow/limits.ts'
import { visible } from '../../auth/visibility.ts'
import { hexId } from '../../tracking/context/ids.ts'
import type { Llm } from '../context/context.ts'
import { insertRow } from '../../store/sql/rows.ts'
import { all, fetchAll, raw, sql } from '../../store/sql/sql.ts'
import { invalid, missing, mlflowProblem } from '../../mlflow/wire.ts'

/** A kind of setting: its table, the columns of its id and its name, and its name in messages. */
export interface Kind {
  readonly table: string
  readonly id: string
  readonly name: string
  readonly word: string
}

export const SECRET: Kind = { table: 'gateway_secrets', id: 'secret_id', name: 'secret_name', word: 'Secret' }
export const DEFINITION: Kind = {
  table: 'gateway_model_definitions',
  id: 'model_definition_id',
  name: 'name',
  word: 'Model definition',
}
export const ENDPOINT: Kind = { table: 'gateway_endpoints', id: 'endpoint_id', name: 'name', word: 'Endpoint' }

/** Columns of every kind; times in ms since 1970. */
export interface Made {
  readonly project: string
  readonly created_at: number
  readonly last_updated_at: number
  readonly created_by: string
  readonly last_updated_by: string
}

const LONGEST_NAME = 255

/** The columns of a new one, made now by this caller. */
export function madeNow(room: Llm, who: Principal, project: string): Made {
  const now = room.clock()
  return { project, created_at: now, last_updated_at: now, created_by: who.name, last_updated_by: who.name }
}

/** A time after the last change, so that two changes in one millisecond are told apart. */
export function later(room: Llm, old: Made): number {
  return Math.max(room.clock(), old.last_updated_at + 1)
}

/** An id in MLflow's form. */
export function newId(room: Llm, letter: string): string {
  return `${letter}-${hexId(room)}`
}

/** Inserts a row, its columns being its keys. RESOURCE_ALREADY_EXISTS when its project has one of that name. */
export async function insertNamed(
  t: Tx,
  kind: Kind,
  row: Readonly<Record<string, string | number | null>>,
): Promise<void> {
  await t.lock(kind.table)
  await refuseTaken(t, kind, row)
  await insertRow(t, kind.table, row)
}

/** Refuses an empty or too long name, and one that another of the project has. */
export async function refuseTaken(
  t: Tx,
  kind: Kind,
  row: Readonly<Record<string, string | number | null>>,
): Promise<void> {
  const name = String(row[kind.name])
  if (name.trim() === '') throw invalid(`${kind.word} name cannot be empty.`)
  checkLength(name, kind.name, LONGEST_NAME)
  const taken = await t.get(
    `SELECT ${kind.id} FROM ${kind.table} WHERE project = ? AND ${kind.name} = ? AND ${kind.id} <> ?`,
    [row['project'] ?? '', name, row[kind.id] ?? ''],
  )
  if (taken === undefined) return
  throw mlflowProblem('RESOURCE_ALREADY_EXISTS', `${kind.word} with name '${name}' already exists`)
}

/** The row of that id, if the caller sees it. RESOURCE_DOES_NOT_EXIST. */
export function requireById<T>(reader: Reader, who: Principal, kind: Kind, id: string): Promise<T> {
  return requireBy<T>(reader, who, kind, { column: kind.id, value: id })
}

/** The row of an id or of a name, exactly one of which must be given. */
export function requireOne<T>(
  reader: Reader,
  who: Principal,
  kind: Kind,
  by: { readonly id: string | undefined; readonly name: string | undefined },
): Promise<T> {
  if (!by.id === !by.name) throw invalid(`Exactly one of ${kind.id} or ${kind.name} must be provided`)
  return requireBy<T>(
    reader,
    who,
    kind,
    by.id ? { column: kind.id, value: by.id } : { column: kind.name, value: by.name ?? '' },
  )
}

async function requireBy<T>(
  reader: Reader,
  who: Principal,
  kind: Kind,
  by: { readonly column: string; readonly value: string },
): Promise<T> {
  const query = sql`SELECT * FROM ${raw(kind.table)} WHERE ${raw(by.column)} = ${by.value} AND ${visible(who, 'project')}
    ORDER BY CASE WHEN project = 'default' THEN 0 ELSE 1 END, project`
  const [row] = await fetchAll<T>(reader, query)
  if (row === undefined)
    throw missing(`${kind.word} not found (${by.column}='${by.value}')`, kind.word.toLowerCase(), by.value)
  return row
}

/** The rows of a kind that the caller sees and that fit, oldest first. */
export function listOf<T>(reader: Reader, who: Principal, kind: Kind, where: readonly Sql[]): Promise<T[]> {
  const query = sql`SELECT * FROM ${raw(kind.table)} WHERE ${all([visible(who, 'project'), ...where])}
    ORDER BY created_at, ${raw(kind.id)}`
  return fetchAll<T>(reader, query)
}

/** Writes an audit row about one. */
export function recordChange(t: Tx, room: Llm, who: Principal, change: { id: string; what: string }): Promise<unknown> {
  const detail = { gateway: change.what }
  return Promise.resolve(room.record(t, who, { verb: 'write', resource: 'endpoints', id: change.id, detail }))
}
