/** Writes records of the prediction log into tables, each once, and tells the rooms below in the same transaction. */
import type { SqlValue, Tx } from '../../store/db.ts'
import { packExplained } from './explained.ts'
import { predictionsIn } from '../../gateway/records/packed.ts'
import type {
  BreakerRecord,
  CanaryFailureRecord,
  LogRecord,
  PredictionRecord,
  RowRecord,
  ShadowRecord,
} from '../../gateway/records/records.ts'

/** A prediction as it was ingested. `x` is the row in the order of the version's inputs. */
export type IngestedPrediction = PredictionRecord
export type IngestedShadow = ShadowRecord
export type IngestedBreaker = BreakerRecord

/**
 * What rooms below do with ingested records, inside the transaction that ingests them: their effect happens exactly once.
 * Records whose id was ingested before are not told again.
 */
export interface IngestHooks {
  readonly onPredictions?: (t: Tx, rows: readonly IngestedPrediction[]) => Promise<void>
  readonly onShadows?: (t: Tx, rows: readonly IngestedShadow[]) => Promise<void>
  readonly onBreakers?: (t: Tx, rows: readonly IngestedBreaker[]) => Promise<void>
}

/** Reads the payload of a record, one of several predictions as so many: undefined for one that is no record of this log, none for one that only earlier versions wrote. */
export function parseRecord(payload: Buffer): readonly RowRecord[] | undefined {
  try {
    const record = JSON.parse(payload.toString('utf8')) as LogRecord | { readonly t: 'f'; readonly ep: string }
    if (typeof record.ep !== 'string' || !KINDS.has(record.t)) return undefined
    if (record.t === 'm') return predictionsIn(record)
    return record.t === 'f' ? [] : [record]
  } catch {
    return undefined
  }
}

const KINDS: ReadonlySet<string> = new Set(['p', 'm', 's', 'c', 'b', 'f'])

/** Writes records and calls the hooks. Returns the endpoints that had a breaker trip. */
export async function writeRecords(t: Tx, records: readonly RowRecord[], hooks: IngestHooks): Promise<string[]> {
  const of = <K extends RowRecord['t']>(kind: K): Extract<RowRecord, { t: K }>[] =>
    records.filter((record): record is Extract<RowRecord, { t: K }> => record.t === kind)
  const predictions = await insertFresh(t, PREDICTIONS, of('p'))
  const shadows = await insertFresh(t, SHADOWS, of('s'))
  await insertFresh(t, FAILURES, of('c'))
  const breakers = of('b')
  const tripped = await writeBreakers(t, breakers)
  if (predictions.length > 0) await hooks.onPredictions?.(t, predictions)
  if (shadows.length > 0) await hooks.onShadows?.(t, shadows)
  if (breakers.length > 0) await hooks.onBreakers?.(t, breakers)
  return tripped
}

/** How a kind of record becomes a row. The first columns are its key. */
interface TableOf<R> {
  readonly table: string
  readonly columns: readonly string[]
  readonly keys: number
  readonly values: (record: R) => SqlValue[]
}

const PREDICTIONS: TableOf<PredictionRecord> = {
  table: 'predictions',
  columns: [
    'endpoint',
    'id',
    'role',
    'version',
    'epoch',
    'event_time',
    'at',
    'latency_us',
    'status',
    'route_key',
    'inputs',
    'score',
    'prediction',
    'fallback',
    'error',
    'entity',
  ],
  keys: 2,
  values: (r) => [
    r.ep,
    r.id,
    r.role,
    r.ver,
    r.ep_epoch,
    r.et,
    r.at,
    r.us,
    r.st,
    r.key,
    JSON.stringify(r.x),
    r.s,
    r.ex === undefined ? JSON.stringify(r.p) : packExplained(r.p, r.ex),
    r.fb === true ? 1 : 0,
    errorOf(r),
    r.e === undefined ? null : JSON.stringify(r.e),
  ],
}

const SHADOWS: TableOf<ShadowRecord> = {
  table: 'shadow_predictions',
  columns: ['endpoint', 'id', 'version', 'event_time', 'at', 'latency_us', 'score', 'prediction', 'error'],
  keys: 3,
  values: (r) => [r.ep, r.id, r.ver, r.et, r.at, r.us, r.s, JSON.stringify(r.p), errorOf(r)],
}

const FAILURES: TableOf<CanaryFailureRecord> = {
  table: 'canary_failures',
  columns: ['endpoint', 'id', 'version', 'event_time', 'at', 'latency_us', 'error'],
  keys: 3,
  values: (r) => [r.ep, r.id, r.ver, r.et, r.at, r.us, errorOf(r)],
}

/** Rows of one statement: few sizes, so that the store keeps the statements prepared. */
const SIZES = [64, 16, 4, 1]

/** Inserts what is not there yet; returns the records that were new. */
async function insertFresh<R>(t: Tx, into: TableOf<R>, records: readonly R[]): Promise<R[]> {
  const fresh: R[] = []
  for (let at = 0; at < records.length;) {
    const size = SIZES.find((n) => n <= records.length - at) ?? 1
    const part = records.slice(at, at + size)
    fresh.push(...(await insertPart(t, into, part)))
    at += size
  }
  return fresh
}

async function insertPart<R>(t: Tx, into: TableOf<R>, records: readonly R[]): Promise<R[]> {
  const values = records.map(into.values)
  const keyOf = (row: readonly SqlValue[]): string => row.slice(0, into.keys).join('\n')
  const inserted = await t.all<Record<string, SqlValue>>(statement(into, records.length), values.flat())
  if (inserted.length === records.length) return [...records]
  const keys = new Set(
    inserted.map((row) => keyOf(into.columns.slice(0, into.keys).map((name) => row[name] as SqlValue))),
  )
  // Of two records with one key in the same statement only the first is new.
  return records.filter((_, i) => keys.delete(keyOf(values[i] as SqlValue[])))
}

const statements = new Map<string, string>()

function statement<R>(into: TableOf<R>, rows: number): string {
  const key = `${into.table} ${rows}`
  const known = statements.get(key)
  if (known !== undefined) return known
  const one = `(${into.columns.map(() => '?').join(',')})`
  const all = Array.from({ length: rows }, () => one).join(',')
  const keys = into.columns.slice(0, into.keys).join(', ')
  const sql = `INSERT INTO ${into.table} (${into.columns.join(', ')}) VALUES ${all} ON CONFLICT (${keys}) DO NOTHING RETURNING ${keys}`
  statements.set(key, sql)
  return sql
}

/** A tripped canary has weight 0 from now on in the rows too, so that no restarted gateway sends it traffic again. */
async function writeBreakers(t: Tx, breakers: readonly BreakerRecord[]): Promise<string[]> {
  const tripped: string[] = []
  for (const { ep, ver, since, reason } of breakers) {
    const changed = await t.run(
      "UPDATE endpoint_variants SET weight = 0, tripped = ? WHERE endpoint = ? AND version = ? AND role = 'canary' AND since = ? AND tripped IS NULL",
      [reason, ep, ver, since],
    )
    if (changed > 0) tripped.push(ep)
  }
  return tripped
}

/** What a model raised may hold anything; no database holds NUL in a text. */
function errorOf({ err }: { readonly err?: string }): string | null {
  return err?.replaceAll('\0', '') ?? null
}
