/** A map of prices in the form of LiteLLM, taken as a second source: kept only where something changed, used only where the book says nothing. */
import type { Principal } from '../../contract/access.ts'
import { unitsOf } from '../../contract/llm/dollars.ts'
import type { Llm } from '../context/context.ts'
import { addPrice, pricesAt, samePrice } from './kept.ts'
import type { PriceGiven } from './kept.ts'

/** What became of a map. */
export interface Imported {
  readonly added: number
  /** Rows that say what was kept before. */
  readonly same: number
  /** At most 100 of them. */
  readonly skipped: { model: string; why: string }[]
  readonly skipped_count: number
}

const MOST_TOLD = 100
/** An example of the form that is no model. */
const EXAMPLE = 'sample_spec'
/** Places of dollars a token in picodollars, and of dollars a request in nanodollars. */
const [PICO, NANO] = [12, 9]

/** Keeps the rows of a map that are new or changed, and writes the audit trail. Prices that are no whole number of picodollars are skipped. */
export async function importPrices(
  room: Llm,
  who: Principal,
  map: Readonly<Record<string, unknown>>,
): Promise<Imported> {
  const at = room.clock()
  const skipped: { model: string; why: string }[] = []
  const rows: PriceGiven[] = []
  for (const [key, value] of Object.entries(map)) {
    if (key === EXAMPLE) continue
    const read = rowOf(key, value, at)
    if (typeof read === 'string') skipped.push({ model: key.slice(0, 255), why: read })
    else rows.push(read)
  }
  return room.db.tx(async (t) => {
    await t.lock('llm_prices')
    const kept = new Map(
      (await pricesAt(t, at))
        .filter(({ source }) => source === 'litellm')
        .map((row) => [`${row.provider}\n${row.model}`, row]),
    )
    let added = 0
    for (const row of rows) {
      const before = kept.get(`${row.provider}\n${row.model}`)
      if (before !== undefined && samePrice(before, row)) continue
      kept.set(`${row.provider}\n${row.model}`, await addPrice(t, room, who, row))
      added += 1
    }
    const same = rows.length - added
    const detail = { imported: added, same, skipped: skipped.length }
    await room.record(t, who, { verb: 'manage', resource: 'cost', id: 'llm prices', detail })
    return { added, same, skipped: skipped.slice(0, MOST_TOLD), skipped_count: skipped.length }
  })
}

/** A row of the map, or why it is none. */
function rowOf(key: string, value: unknown, valid_from: number): PriceGiven | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'no object'
  const row = value as Readonly<Record<string, unknown>>
  const provider = row['litellm_provider']
  if (typeof provider !== 'string' || provider === '') return 'litellm_provider is missing'
  const costs = costsOf(row)
  if (typeof costs === 'string') return costs
  const most = row['max_output_tokens']
  const name = provider.toLowerCase()
  return {
    source: 'litellm',
    provider: name,
    model: (key.startsWith(`${name}/`) ? key.slice(name.length + 1) : key).slice(0, 255),
    ...costs,
    max_output: typeof most === 'number' && Number.isSafeInteger(most) && most > 0 ? most : null,
    valid_from,
    note: '',
  }
}

type Costs = Pick<PriceGiven, 'input' | 'output' | 'cache_read' | 'cache_write' | 'request'>

/** What a row says of money, or why it says nothing that can be kept. */
function costsOf(row: Readonly<Record<string, unknown>>): Costs | string {
  const input = unitsIn(row['input_cost_per_token'], PICO)
  if (input === undefined) return 'input_cost_per_token is missing'
  const output = unitsIn(row['output_cost_per_token'], PICO)
  const cache_read = unitsIn(row['cache_read_input_token_cost'], PICO)
  const cache_write = unitsIn(row['cache_creation_input_token_cost'], PICO)
  const request = unitsIn(row['input_cost_per_request'], NANO)
  if (input === null || output === null || cache_read === null || cache_write === null || request === null)
    return 'a price is no whole number of picodollars a token'
  return {
    input,
    output: output ?? 0,
    cache_read: cache_read ?? null,
    cache_write: cache_write ?? null,
    request: request ?? 0,
  }
}

/** Undefined where it is not there, null where it is no number of dollars that is whole in units. */
function unitsIn(value: unknown, places: number): number | null | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number') return null
  const units = unitsOf(String(value), places)
  return units === null || units < 0n || units > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(units)
}
