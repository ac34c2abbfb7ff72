/** Writes calls, each once: their rows, what they cost into the ledger and onto budgets, and their traces, in one transaction. */
import { DAY_MS } from '../../contract/ids.ts'
import type { LlmCharge } from '../../cost/llm-entries.ts'
import type { LlmCallRecord } from '../../gateway/llm/records/record.ts'
import type { SqlValue, Tx } from '../../store/db.ts'
import { insertRows } from '../../store/sql/sql.ts'
import type { ProjectPlace } from '../../traces/spans/ingest.ts'
import type { SpanData } from '../../traces/spans/span.ts'
import { spansOf } from './spans.ts'

/** What else becomes of calls, in the transaction that writes them. */
export interface CallPorts {
  /** Adds what calls cost to the ledger. */
  readonly charge: (t: Tx, charges: readonly LlmCharge[]) => Promise<void>
  /** Writes spans; ids of the traces that were written. */
  readonly trace: (t: Tx, place: ProjectPlace, spans: readonly SpanData[]) => Promise<readonly string[]>
}

/** A row of the table as it is read; what is JSON there is text. */
export interface CallRow {
  readonly id: string
  readonly project: string
  readonly endpoint: string
  readonly key_token: string | null
  readonly user_name: string | null
  readonly team: string | null
  readonly provider: string | null
  readonly model: string | null
  readonly dialect: LlmCallRecord['dialect']
  readonly stream: number
  readonly started: number
  readonly us: number
  readonly first_us: number | null
  readonly own_us: number
  readonly status: number
  readonly outcome: LlmCallRecord['outcome']
  readonly error: string | null
  readonly input_tokens: number | null
  readonly output_tokens: number | null
  readonly cache_read_tokens: number | null
  readonly cache_write_tokens: number | null
  readonly reasoning_tokens: number | null
  readonly cost_status: LlmCallRecord['cost_status']
  readonly cost: number | null
  readonly price: string | null
  readonly reserved: number
  readonly cache: LlmCallRecord['cache']
  readonly saved: number
  /** JSON of what guardrails found; null = nothing. */
  readonly guards: string | null
  readonly trace: string | null
  /** JSON of `CallRest`. */
  readonly rest: string
  /** JSON of request and answer. */
  readonly content: string | null
}

/** What of a call is neither searched for nor summed. */
export type CallRest = Pick<
  LlmCallRecord,
  'kind' | 'attempts' | 'raw_usage' | 'lost' | 'budgets' | 'tags' | 'digest' | 'experiment' | 'traceparent' | 'finish'
>

/** Writes calls and all that follows from them. A call whose id is there changes nothing. Returns those that were new. */
export async function writeCalls(
  t: Tx,
  calls: readonly LlmCallRecord[],
  ports: CallPorts,
): Promise<readonly LlmCallRecord[]> {
  const fresh = await insertFresh(t, calls)
  await ports.charge(t, fresh.filter((call) => call.cost_status !== 'none').map(chargeOf))
  await addSpent(t, fresh)
  await writeTraces(t, fresh, ports)
  return fresh
}

function chargeOf(call: LlmCallRecord): LlmCharge {
  const { project, endpoint, provider, model, started, usage } = call
  return {
    project,
    endpoint,
    provider,
    model,
    at: started,
    nanodollars: costOf(call),
    input_tokens: usage?.input ?? 0,
    output_tokens: usage?.output ?? 0,
  }
}

/** Nanodollars; null where the price is not known. */
function costOf(call: LlmCallRecord): number | null {
  return call.cost_status === 'unknown_price' ? null : call.cost
}

/** Rows of one statement: few sizes, so that the store keeps the statements prepared. */
const SIZES = [64, 16, 4, 1]

async function insertFresh(t: Tx, calls: readonly LlmCallRecord[]): Promise<LlmCallRecord[]> {
  const fresh = new Map<string, LlmCallRecord>()
  for (let at = 0; at < calls.length;) {
    const size = SIZES.find((n) => n <= calls.length - at) ?? 1
    const part = calls.slice(at, at + size)
    const rows = part.map(rowOf)
    const columns = Object.keys(rows[0] ?? {})
    const marks = rows.map(() => `(${columns.map(() => '?').join(',')})`).join(',')
    const inserted = await t.all<{ id: string }>(
      `INSERT INTO llm_calls (${columns.join(', ')}) VALUES ${marks} ON CONFLICT (id) DO NOTHING RETURNING id`,
      rows.flatMap((row) => Object.values(row)),
    )
    const ids = new Set(inserted.map((row) => row.id))
    // of two records with one id the first is the one that was written
    for (const call of part) if (ids.delete(call.id)) fresh.set(call.id, call)
    at += size
  }
  return [...fresh.values()]
}

function rowOf(call: LlmCallRecord): Record<Exclude<keyof CallRow, 'trace'>, SqlValue> {
  const { usage, content } = call
  return {
    id: call.id,
    project: call.project,
    endpoint: call.endpoint,
    key_token: call.key,
    user_name: call.user,
    team: call.team,
    provider: call.provider,
    model: call.model,
    dialect: call.dialect,
    stream: call.stream ? 1 : 0,
    started: call.started,
    us: call.us,
    first_us: call.first_us,
    own_us: call.own_us,
    status: call.status,
    outcome: call.outcome,
    error: call.error ?? null,
    input_tokens: usage?.input ?? null,
    output_tokens: usage?.output ?? null,
    cache_read_tokens: usage?.cache_read ?? null,
    cache_write_tokens: usage?.cache_write ?? null,
    reasoning_tokens: usage?.reasoning ?? null,
    cost_status: call.cost_status,
    cost: costOf(call),
    price: call.price,
    reserved: call.reserved,
    cache: call.cache,
    saved: call.saved,
    guards: call.guards.length === 0 ? null : JSON.stringify(call.guards),
    rest: JSON.stringify(restOf(call)),
    content: content === undefined ? null : JSON.stringify(content),
  }
}

function restOf(call: LlmCallRecord): CallRest {
  const { kind, attempts, raw_usage, lost, budgets, tags, digest, experiment, traceparent, finish } = call
  return { kind, attempts, raw_usage, lost, budgets, tags, digest, experiment, traceparent, finish }
}

/** Adds to what budgets are charged with, by the day on which a call began. */
async function addSpent(t: Tx, calls: readonly LlmCallRecord[]): Promise<void> {
  const sums = new Map<string, { readonly row: readonly [string, number, string]; spent: number }>()
  for (const call of calls) {
    const cost = costOf(call)
    if (cost === null || cost === 0) continue
    const day = call.started - (call.started % DAY_MS)
    for (const budget of new Set(call.budgets)) {
      const key = JSON.stringify([budget, day])
      const sum = sums.get(key) ?? { row: [budget, day, call.project] as const, spent: 0 }
      sum.spent += cost
      sums.set(key, sum)
    }
  }
  // in the order of their keys, so that two transactions take their rows in one order
  const rows = [...sums].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, { row, spent }]) => [...row, spent])
  await insertRows(
    t,
    'INSERT INTO llm_spent (budget, day, project, spent)',
    rows,
    'ON CONFLICT (budget, day) DO UPDATE SET spent = llm_spent.spent + excluded.spent',
  )
}

async function writeTraces(t: Tx, calls: readonly LlmCallRecord[], ports: CallPorts): Promise<void> {
  const places = Map.groupBy(
    calls.filter((call) => call.experiment !== null),
    ({ project, experiment }) => JSON.stringify([project, experiment]),
  )
  for (const [, own] of [...places].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const [first] = own
    if (first === undefined || first.experiment === null) continue
    const place = { project: first.project, experiment_id: first.experiment }
    const spans = own.map((call) => spansOf(call))
    const written = new Set(await ports.trace(t, place, spans.flat()))
    for (const [at, call] of own.entries()) {
      const trace = `tr-${spans[at]?.[0]?.trace_id ?? ''}`
      if (written.has(trace)) await t.run('UPDATE llm_calls SET trace = ? WHERE id = ?', [trace, call.id])
    }
  }
}
