/** Reads the prediction log as it was ingested. */
import type { z } from 'zod'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { Prediction } from '../../contract/serving.ts'
import type { Db, SqlValue } from '../../store/db.ts'
import { EXPLAINED_PREFIX, nameExplanation, unpackExplained } from './explained.ts'
import { requireEndpoint, versionsOf } from '../context/rows.ts'
import type { EndpointVersion } from '../context/rows.ts'
import type { VariantRole } from '../../gateway/table/table.ts'

/** A page of predictions; times are ms, `from` inclusive, `until` exclusive. */
export interface PredictionQuery {
  readonly endpoint: string
  readonly from?: number
  readonly until?: number
  readonly version?: string
  readonly role?: VariantRole
  readonly failed?: boolean
  /** Only rows whose contributions were logged. */
  readonly explained?: boolean
  readonly limit: number
  readonly page_token?: string
}

export type PredictionView = z.output<typeof Prediction>

interface PredictionRow {
  readonly id: string
  readonly endpoint: string
  readonly role: VariantRole
  readonly version: string
  readonly epoch: number
  readonly event_time: number
  readonly at: number
  readonly latency_us: number
  readonly status: number
  readonly route_key: string | null
  readonly inputs: string
  readonly score: number | null
  readonly prediction: string
  readonly fallback: number
  readonly error: string | null
  readonly entity: string | null
}

/** A page, newest event time first. Throws `not_found`, and `invalid_field` for a page token that is none. */
export async function listPredictions(
  db: Db,
  query: PredictionQuery,
): Promise<{ items: PredictionView[]; next_page_token?: string }> {
  await requireEndpoint(db, query.endpoint)
  const { sql, params } = where(query)
  const rows = await db.search<PredictionRow>({
    text: `SELECT * FROM predictions WHERE ${sql} ORDER BY event_time DESC, id DESC LIMIT ?`,
    params: [...params, query.limit + 1],
  })
  const page = rows.slice(0, query.limit)
  const versions = await versionsOf(db, query.endpoint)
  const items = page.map((row) => viewOf(row, versions))
  const last = page.at(-1)
  return rows.length > query.limit && last !== undefined
    ? { items, next_page_token: Buffer.from(JSON.stringify([last.event_time, last.id])).toString('base64url') }
    : { items }
}

function where(query: PredictionQuery): { sql: string; params: SqlValue[] } {
  const terms = ['endpoint = ?']
  const params: SqlValue[] = [query.endpoint]
  const add = (term: string, ...values: SqlValue[]): void => {
    terms.push(term)
    params.push(...values)
  }
  if (query.from !== undefined) add('event_time >= ?', query.from)
  if (query.until !== undefined) add('event_time < ?', query.until)
  if (query.version !== undefined) add('version = ?', query.version)
  if (query.role !== undefined) add('role = ?', query.role)
  if (query.failed !== undefined) add(query.failed ? 'status >= 500' : 'status < 500')
  if (query.explained === true) add('substr(prediction, 1, ?) = ?', EXPLAINED_PREFIX.length, EXPLAINED_PREFIX)
  if (query.page_token !== undefined) {
    const [time, id] = readToken(query.page_token)
    add('(event_time < ? OR (event_time = ? AND id < ?))', time, time, id)
  }
  return { sql: terms.join(' AND '), params }
}

function readToken(token: string): [number, string] {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'))
    const [time, id] = value as [unknown, unknown]
    if (Number.isSafeInteger(time) && typeof id === 'string') return [time as number, id]
  } catch {
    // told below
  }
  throw problem('invalid_field', { field: 'query.page_token', value: token, expected: 'the next_page_token of a page' })
}

/** One prediction with what shadows said. Throws `not_found`. */
export async function getPrediction(db: Db, endpoint: string, id: string): Promise<PredictionView> {
  await requireEndpoint(db, endpoint)
  const row = await db.get<PredictionRow>('SELECT * FROM predictions WHERE endpoint = ? AND id = ?', [endpoint, id])
  if (row === undefined) throw problem('not_found', { what: 'prediction', id })
  const shadow = await db.all<{ version: string; score: number | null; error: string | null }>(
    'SELECT version, score, error FROM shadow_predictions WHERE endpoint = ? AND id = ? ORDER BY version',
    [endpoint, id],
  )
  return { ...viewOf(row, await versionsOf(db, endpoint)), shadow }
}

function viewOf(row: PredictionRow, versions: ReadonlyMap<string, EndpointVersion>): PredictionView {
  const values = JSON.parse(row.inputs) as unknown[]
  const names = versions.get(row.version)?.inputs.map((input) => input.name) ?? values.map((_, i) => String(i))
  const { prediction, explanation } = unpackExplained(row.prediction)
  const { id, endpoint, role, version, epoch, latency_us, status, score, error } = row
  return {
    id,
    endpoint,
    role,
    version,
    epoch,
    event_time: toTime(row.event_time),
    at: toTime(row.at),
    latency_us,
    status,
    key: row.route_key,
    inputs: Object.fromEntries(names.map((name, i) => [name, values[i] ?? null])),
    ...(row.entity !== null && { entity: JSON.parse(row.entity) as Record<string, unknown> }),
    score,
    prediction,
    ...(explanation !== undefined && { explanation: nameExplanation(names, explanation) }),
    fallback: row.fallback === 1,
    error,
  }
}
