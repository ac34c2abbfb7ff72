/** Calls of language models become entries: one for each hour, project, endpoint, provider and model. */
import { createHash } from 'node:crypto'
import { HOUR_MS } from '../contract/ids.ts'
import type { Tx } from '../store/db.ts'
import { insertRows } from '../store/sql/sql.ts'
import { LLM_SUMS } from './ledger-rows.ts'
import type { EntryRow, LlmPart } from './ledger-rows.ts'
import { microsOf } from './price.ts'

/** One call that was sent to a provider. */
export interface LlmCharge {
  readonly project: string
  readonly endpoint: string
  readonly provider: string | null
  /** Name of the model at the provider. */
  readonly model: string | null
  /** Beginning, ms since 1970. */
  readonly at: number
  /** Nanodollars, whole; null = the price is not known. */
  readonly nanodollars: number | null
  readonly input_tokens: number
  readonly output_tokens: number
}

type Key = Pick<EntryRow, 'project' | 'endpoint' | 'provider' | 'model'> & { readonly from_at: number }

const COLUMNS = `id, kind, project, run, endpoint, model, version, outcome, provider, from_at, to_at, cpu_ms, memory_kib_s, storage_kib_s,
  predictions, cpu_price, memory_price, storage_price, micro_dollars, unmeasured, ${LLM_SUMS.join(', ')}`

/** The sums are taken by the database, so that two who add at once lose nothing; the amount is `microsOf` of the new sum. */
const ADD = `ON CONFLICT (id) DO UPDATE SET
  ${LLM_SUMS.map((column) => `${column} = cost_entries.${column} + excluded.${column}`).join(', ')},
  micro_dollars = (cost_entries.nanodollars + excluded.nanodollars + 500) / 1000`

/**
 * Adds calls to the entries of their hours, in the transaction that writes the calls: told twice they count twice. Calls of unknown price
 * are counted, with their tokens, and add nothing to an amount.
 */
export async function enterLlmCalls(t: Tx, charges: readonly LlmCharge[]): Promise<void> {
  const byEntry = Map.groupBy(charges, (charge) => entryId(keyOf(charge)))
  // in the order of their ids, so that two transactions take their rows in one order
  const ids = [...byEntry.keys()].sort()
  const rows = ids.flatMap((id) => {
    const own = byEntry.get(id) ?? []
    const [first] = own
    return first === undefined ? [] : [rowOf(id, keyOf(first), sumOf(own))]
  })
  await insertRows(t, `INSERT INTO cost_entries (${COLUMNS})`, rows, ADD)
}

function keyOf({ project, endpoint, provider, model, at }: LlmCharge): Key {
  return { project, endpoint, provider, model, from_at: at - (at % HOUR_MS) }
}

/** Names may be long, and hold anything. */
function entryId({ from_at, project, endpoint, provider, model }: Key): string {
  const of = createHash('sha256').update(JSON.stringify([project, endpoint, provider, model]))
  return `llm/${new Date(from_at).toISOString().slice(0, 13)}/${of.digest('hex').slice(0, 32)}`
}

function rowOf(id: string, key: Key, sums: LlmPart): (string | number | null)[] {
  const subject = [id, 'llm', key.project, null, key.endpoint, key.model, null, null, key.provider]
  const metered = [key.from_at, key.from_at + HOUR_MS, 0, 0, 0, 0, 0, 0, 0]
  return [...subject, ...metered, microsOf(sums.nanodollars), 0, ...LLM_SUMS.map((column) => sums[column])]
}

function sumOf(charges: readonly LlmCharge[]): LlmPart {
  const sum = (of: (charge: LlmCharge) => number, some = charges): number =>
    some.reduce((total, charge) => total + of(charge), 0)
  const unpriced = charges.filter((charge) => charge.nanodollars === null)
  return {
    nanodollars: sum((charge) => charge.nanodollars ?? 0),
    llm_calls: charges.length,
    unpriced_calls: unpriced.length,
    input_tokens: sum((charge) => charge.input_tokens),
    output_tokens: sum((charge) => charge.output_tokens),
    unpriced_tokens: sum((charge) => charge.input_tokens + charge.output_tokens, unpriced),
  }
}
