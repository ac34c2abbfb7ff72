/** Records of evaluation datasets: put in by their inputs, read in pages, deleted. */
import { createHash } from 'node:crypto'
import type { Principal } from '../../contract/access.ts'
import type { Tx } from '../../store/db.ts'
import { pageToken, queryHash, readToken } from '../../mlflow/paging.ts'
import { hexId } from '../../tracking/context/ids.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { insertRow, updateRows } from '../../store/sql/rows.ts'
import { fetchAll, inList, raw, sql } from '../../store/sql/sql.ts'
import { invalid } from '../../mlflow/wire.ts'
import { digestOf, requireSet } from './sets.ts'
import type { SetRow } from './sets.ts'

type Json = Readonly<Record<string, unknown>>

/** A record as a client sends it, checked. */
export interface NewRecord {
  readonly inputs: Json
  readonly outputs: unknown
  readonly expectations: Json | undefined
  readonly tags: Json | undefined
  readonly source: { readonly source_type: string; readonly source_data: Json } | undefined
}

interface RecordRow {
  readonly record_id: string
  readonly inputs: string
  readonly outputs: string | null
  readonly expectations: string | null
  readonly tags: string | null
  readonly source: string | null
  readonly source_type: string | null
  readonly source_id: string | null
  readonly created_time: number
  readonly last_update_time: number
  readonly created_by: string | null
  readonly last_updated_by: string | null
}

const SOURCES = ['UNSPECIFIED', 'TRACE', 'HUMAN', 'DOCUMENT', 'CODE']
const USER_TAG = 'mlflow.user'
/** Records taken by one call at most. */
const MOST_RECORDS = 10_000

/** Reads the JSON text of a list of records. */
export function recordsOf(text: string): NewRecord[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw invalid("Invalid value for parameter 'records' supplied: expected a JSON list of records.")
  }
  if (!Array.isArray(value)) throw invalid("Invalid value for parameter 'records' supplied: expected a JSON list.")
  if (value.length > MOST_RECORDS) {
    throw invalid(`A call can put at most ${MOST_RECORDS} records. Got ${value.length} records.`)
  }
  return value.map((one, index) => recordOf(one, `records[${index}]`))
}

/** Puts records in: one whose inputs are there already is merged into it, the others are new. */
export async function putRecords(
  room: Tracking,
  who: Principal,
  id: string,
  records: readonly NewRecord[],
): Promise<{ inserted_count: number; updated_count: number }> {
  return room.db.tx(async (t) => {
    await t.lock(`dataset ${id}`)
    const set = await requireSet(t, who, id)
    let inserted = 0
    for (const record of records) if (await putRecord(t, room, id, record)) inserted++
    const now = room.clock()
    const user = records.map(userOf).findLast((one) => one !== null) ?? null
    await t.run(
      'UPDATE evaluation_datasets SET records = records + ?, schema = ?, digest = ?, last_update_time = ?, last_updated_by = ? WHERE dataset_id = ?',
      [inserted, schemaOf(set, records), digestOf(set.name, now), now, user, id],
    )
    return { inserted_count: inserted, updated_count: records.length - inserted }
  })
}

/** A page of records in MLflow's shape, oldest first. */
export async function readRecords(
  room: Tracking,
  who: Principal,
  id: string,
  page: { readonly max_results: number; readonly page_token: string | undefined },
): Promise<{ records: Json[]; next_page_token?: string }> {
  await requireSet(room.db, who, id)
  const hash = queryHash(['records', id])
  const position = readToken(page.page_token, hash)
  const [time, last] = position !== undefined && 'after' in position ? position.after : []
  if (position !== undefined && (typeof time !== 'number' || typeof last !== 'string')) {
    throw invalid('Invalid page token, it has no position')
  }
  const after =
    typeof time === 'number' && typeof last === 'string'
      ? sql`(created_time > ${time} OR (created_time = ${time} AND record_id > ${last}))`
      : raw('1 = 1')
  const rows = await fetchAll<RecordRow>(
    room.db,
    sql`SELECT * FROM evaluation_records WHERE dataset_id = ${id} AND ${after}
      ORDER BY created_time, record_id LIMIT ${page.max_results + 1}`,
  )
  const shown = rows.slice(0, page.max_results)
  const end = shown.at(-1)
  const records = shown.map((row) => wire(id, row))
  if (rows.length <= page.max_results || end === undefined) return { records }
  return { records, next_page_token: pageToken(hash, [end.created_time, end.record_id]) }
}

/** Deletes records; returns how many there were. */
export async function deleteRecords(
  room: Tracking,
  who: Principal,
  id: string,
  recordIds: readonly string[],
): Promise<number> {
  return room.db.tx(async (t) => {
    await t.lock(`dataset ${id}`)
    const set = await requireSet(t, who, id)
    let gone = 0
    for (let at = 0; at < recordIds.length; at += 256) {
      const some = sql`DELETE FROM evaluation_records WHERE dataset_id = ${id} AND record_id IN ${inList(recordIds.slice(at, at + 256))}`
      gone += await t.run(some.text, some.params)
    }
    const now = room.clock()
    if (gone > 0) {
      await t.run(
        'UPDATE evaluation_datasets SET records = records - ?, digest = ?, last_update_time = ? WHERE dataset_id = ?',
        [gone, digestOf(set.name, now), now, id],
      )
    }
    return gone
  })
}

function recordOf(value: unknown, path: string): NewRecord {
  const record = objectAt(value, path)
  if (record['inputs'] === undefined) throw invalid(`Missing value for required parameter '${path}.inputs'.`)
  const optional = (key: string) =>
    record[key] === undefined || record[key] === null ? undefined : objectAt(record[key], `${path}.${key}`)
  const source = optional('source')
  return {
    inputs: objectAt(record['inputs'], `${path}.inputs`),
    outputs: record['outputs'] ?? undefined,
    expectations: optional('expectations'),
    tags: optional('tags'),
    source: source === undefined ? undefined : sourceOf(source, `${path}.source`),
  }
}

function sourceOf(source: Json, path: string): NewRecord['source'] {
  const given = source['source_type'] ?? 'UNSPECIFIED'
  const type = typeof given === 'string' ? given.toUpperCase() : JSON.stringify(given)
  if (!SOURCES.includes(type)) {
    throw invalid(`Invalid dataset record source type: ${type}. Valid source types: ['${SOURCES.join("', '")}']`)
  }
  const data = source['source_data']
  return {
    source_type: type,
    source_data: data === undefined || data === null ? {} : objectAt(data, `${path}.source_data`),
  }
}

function objectAt(value: unknown, path: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw invalid(`Invalid value for parameter '${path}' supplied: expected a JSON object.`)
}

/** True when the record is new. */
async function putRecord(t: Tx, room: Tracking, id: string, record: NewRecord): Promise<boolean> {
  const hash = inputHash(record.inputs)
  const known = await t.get<RecordRow>('SELECT * FROM evaluation_records WHERE dataset_id = ? AND input_hash = ?', [
    id,
    hash,
  ])
  const now = room.clock()
  const user = userOf(record)
  if (known === undefined) {
    await insertRow(t, 'evaluation_records', {
      dataset_id: id,
      record_id: `dr-${hexId(room)}`,
      input_hash: hash,
      inputs: JSON.stringify(record.inputs),
      outputs: textOf(record.outputs),
      expectations: textOf(record.expectations),
      tags: textOf(record.tags),
      source: textOf(record.source),
      source_type: record.source?.source_type ?? null,
      source_id: sourceId(record),
      created_time: now,
      last_update_time: now,
      created_by: user,
      last_updated_by: user,
    })
    return true
  }
  const changes = {
    outputs: textOf(record.outputs) ?? known.outputs,
    expectations: merged(known.expectations, record.expectations),
    tags: merged(known.tags, record.tags),
    // where a record comes from is what was said first
    source: known.source ?? textOf(record.source),
    source_type: known.source_type ?? record.source?.source_type ?? null,
    source_id: known.source_id ?? sourceId(record),
    last_update_time: now,
    last_updated_by: user ?? known.last_updated_by,
  }
  await updateRows(t, 'evaluation_records', changes, sql`dataset_id = ${id} AND record_id = ${known.record_id}`)
  return false
}

function textOf(value: unknown): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value)
}

function merged(old: string | null, more: Json | undefined): string | null {
  if (more === undefined) return old
  return JSON.stringify({ ...(old === null ? {} : (JSON.parse(old) as Json)), ...more })
}

function userOf(record: NewRecord): string | null {
  const user = record.tags?.[USER_TAG]
  return typeof user === 'string' ? user : null
}

function sourceId(record: NewRecord): string | null {
  const trace = record.source?.source_data['trace_id']
  return typeof trace === 'string' ? trace : null
}

/** By what a record is known in its dataset: the SHA-256 of its inputs, hex. */
export function inputHash(inputs: Json): string {
  return createHash('sha256').update(canonical(inputs)).digest('hex')
}

/** JSON with sorted keys: the same inputs have the same text. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))
  return `{${entries.map(([key, one]) => `${JSON.stringify(key)}:${canonical(one)}`).join(',')}}`
}

interface Schema {
  inputs: Record<string, string>
  outputs: Record<string, string> | string
  expectations: Record<string, string>
  version: string
}

/** The types of all fields seen so far: the first value of a field decides. */
function schemaOf(set: SetRow, records: readonly NewRecord[]): string | null {
  if (records.length === 0) return set.schema
  const schema: Schema =
    set.schema === null
      ? { inputs: {}, outputs: {}, expectations: {}, version: '1.0' }
      : (JSON.parse(set.schema) as Schema)
  for (const record of records) {
    note(schema.inputs, record.inputs)
    note(schema.expectations, record.expectations ?? {})
    if (record.outputs === undefined) continue
    if (typeof record.outputs === 'object' && record.outputs !== null && !Array.isArray(record.outputs)) {
      if (typeof schema.outputs === 'object') note(schema.outputs, record.outputs as Json)
    } else if (Object.keys(schema.outputs).length === 0) schema.outputs = typeOf(record.outputs)
  }
  return JSON.stringify(schema)
}

function note(types: Record<string, string>, values: Json): void {
  for (const [key, value] of Object.entries(values)) if (!Object.hasOwn(types, key)) types[key] = typeOf(value)
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'float'
  return typeof value
}

function json(text: string | null): unknown {
  return text === null ? undefined : JSON.parse(text)
}

function wire(id: string, row: RecordRow): Json {
  return {
    dataset_record_id: row.record_id,
    dataset_id: id,
    inputs: json(row.inputs),
    outputs: json(row.outputs),
    expectations: json(row.expectations),
    tags: json(row.tags),
    source: json(row.source),
    source_id: row.source_id ?? undefined,
    source_type: row.source_type ?? undefined,
    created_time: row.created_time,
    last_update_time: row.last_update_time,
    created_by: row.created_by ?? undefined,
    last_updated_by: row.last_updated_by ?? undefined,
  }
}
