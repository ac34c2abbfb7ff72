/** The ledger: entries that carry what was used and the prices it was priced with. */
import type { Tx } from '../store/db.ts'
import { amountOf, microsOf } from './price.ts'
import { LLM_SUMS } from './ledger-rows.ts'
import { pricesAt } from './rates.ts'
import type { Cost, EntryRow, LlmPart, Quantities, Subject } from './ledger-rows.ts'

/** What is added to an entry. */
export interface Use extends Quantities {
  readonly from_at: number
  readonly to_at: number
  readonly predictions: number
}

const COLUMNS = `id, kind, project, run, endpoint, model, version, outcome, from_at, to_at, cpu_ms, memory_kib_s, storage_kib_s,
  predictions, cpu_price, memory_price, storage_price, micro_dollars, unmeasured`

/** Writes an entry that is there once, however often this is called. False when it was there. */
export async function enterOnce(t: Tx, subject: Subject, use: Use, unmeasured = 0): Promise<boolean> {
  const prices = await pricesAt(t, use.from_at)
  return (await insert(t, { ...subject, ...use, ...prices, micro_dollars: amountOf(use, prices), unmeasured })) === 1
}

/**
 * Writes an entry whose use is told again as it grows: while its outcome is `until` it takes the new outcome and no less than it had,
 * priced with the prices that held when it began. False when it has ended before.
 */
export async function enterSoFar(
  t: Tx,
  subject: Subject,
  use: Use,
  { until, unmeasured }: { readonly until: string; readonly unmeasured: number },
): Promise<boolean> {
  if (await enterOnce(t, subject, use, unmeasured)) return true
  const row = await entryOf(t, subject.id)
  if (row.outcome !== until) return false
  const most = {
    cpu_ms: Math.max(row.cpu_ms, use.cpu_ms),
    memory_kib_s: Math.max(row.memory_kib_s, use.memory_kib_s),
    storage_kib_s: Math.max(row.storage_kib_s, use.storage_kib_s),
  }
  await t.run(
    `UPDATE cost_entries SET cpu_ms = ?, memory_kib_s = ?, storage_kib_s = ?, to_at = ?, micro_dollars = ?, outcome = ?,
       unmeasured = ? WHERE id = ?`,
    [
      most.cpu_ms,
      most.memory_kib_s,
      most.storage_kib_s,
      Math.max(row.to_at, use.to_at),
      amountOf(most, row),
      subject.outcome,
      unmeasured,
      row.id,
    ],
  )
  return true
}

async function entryOf(t: Tx, id: string): Promise<EntryRow> {
  const row = await t.get<EntryRow>('SELECT * FROM cost_entries WHERE id = ?', [id])
  if (row === undefined) throw new Error(`entry ${id} is neither there nor could it be written`)
  return row
}

/** Adds to an entry, or begins it; the whole is priced with the prices that held when it began. */
export async function addToEntry(t: Tx, subject: Subject, use: Use): Promise<void> {
  if (await enterOnce(t, subject, use)) return
  const row = await entryOf(t, subject.id)
  const sum = {
    cpu_ms: row.cpu_ms + use.cpu_ms,
    memory_kib_s: row.memory_kib_s + use.memory_kib_s,
    storage_kib_s: row.storage_kib_s + use.storage_kib_s,
  }
  await t.run(
    `UPDATE cost_entries SET cpu_ms = ?, memory_kib_s = ?, storage_kib_s = ?, predictions = ?, to_at = ?, micro_dollars = ?
     WHERE id = ?`,
    [
      sum.cpu_ms,
      sum.memory_kib_s,
      sum.storage_kib_s,
      row.predictions + use.predictions,
      Math.max(row.to_at, use.to_at),
      amountOf(sum, row),
      row.id,
    ],
  )
}

/** A row without what is of calls of language models alone. */
type MeteredRow = Omit<EntryRow, 'provider' | keyof LlmPart>

function insert(t: Tx, row: MeteredRow): Promise<number> {
  return t.run(
    `INSERT INTO cost_entries (${COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`,
    [
      row.id,
      row.kind,
      row.project,
      row.run,
      row.endpoint,
      row.model,
      row.version,
      row.outcome,
      row.from_at,
      row.to_at,
      row.cpu_ms,
      row.memory_kib_s,
      row.storage_kib_s,
      row.predictions,
      row.cpu_price,
      row.memory_price,
      row.storage_price,
      row.micro_dollars,
      row.unmeasured,
    ],
  )
}

/** Result of computing every amount again: the ids of those that came out otherwise. */
export interface Recomputed {
  readonly entries: number
  readonly micro_dollars: number
  readonly differs: readonly string[]
}

const STEP = 1000

/** What the calls of an entry of the kind llm come to by the log of calls; undefined where none of them is kept any more. */
export type LlmSums = (entry: EntryRow) => Promise<LlmPart | undefined>

/**
 * Computes the amount of every entry again from its quantities and prices, that of calls of language models from their nanodollars.
 * With `llm` these are compared with the log of calls too. Nothing is changed.
 */
export async function recompute(room: Cost, llm?: LlmSums): Promise<Recomputed> {
  const differs: string[] = []
  let entries = 0
  let micro_dollars = 0
  for (let after = ''; ;) {
    const rows = await room.db.all<EntryRow>('SELECT * FROM cost_entries WHERE id > ? ORDER BY id LIMIT ?', [
      after,
      STEP,
    ])
    for (const row of rows) {
      const amount = row.kind === 'llm' ? microsOf(row.nanodollars) : amountOf(row, row)
      micro_dollars += amount
      if (amount !== row.micro_dollars || !(await agrees(row, llm))) differs.push(row.id)
    }
    entries += rows.length
    const last = rows.at(-1)
    if (last === undefined || rows.length < STEP) return { entries, micro_dollars, differs }
    after = last.id
  }
}

async function agrees(row: EntryRow, llm: LlmSums | undefined): Promise<boolean> {
  const sums = row.kind === 'llm' ? await llm?.(row) : undefined
  return sums === undefined || LLM_SUMS.every((key) => sums[key] === row[key])
}
