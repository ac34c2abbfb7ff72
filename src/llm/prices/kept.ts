/** Prices that the operator set or imported: rows are added, and none is ever changed. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import { dollarsText, perMillionText } from '../../contract/llm/dollars.ts'
import type { KeptPrice, NewPrice } from '../../contract/llm/prices.ts'
import type { PriceRoute } from '../../gateway/table/llm.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { insertRow } from '../../store/sql/rows.ts'
import { all, fetchAll, raw, sql } from '../../store/sql/sql.ts'
import type { Llm } from '../context/context.ts'

/** A row of `llm_prices`: picodollars a token, `request` in nanodollars, times in ms. */
export interface PriceRow {
  readonly id: string
  readonly source: 'operator' | 'litellm'
  readonly provider: string
  readonly model: string
  readonly input: number
  readonly output: number
  readonly cache_read: number | null
  readonly cache_write: number | null
  readonly request: number
  readonly max_output: number | null
  /** JSON list of prices of calls with more input tokens; null = none. */
  readonly tiers: string | null
  readonly valid_from: number
  readonly note: string
  readonly created_at: number
  readonly created_by: string
}

/** What a price is made of, before it has an id. */
export type PriceGiven = Omit<PriceRow, 'id' | 'created_at' | 'created_by'>

/** Adds a price of the operator's, who is told apart by its vendor, and writes the audit trail. What is not said of the output's bound stays. The same again is fine; `conflict` for another of the same model and time. */
export async function setPrice(room: Llm, who: Principal, given: NewPrice): Promise<KeptPrice> {
  const valid_from = given.from === undefined ? room.clock() : Date.parse(given.from)
  if (valid_from < 0)
    throw problem('invalid_field', { field: 'from', value: given.from, expected: 'a time since 1970' })
  const said: PriceGiven = {
    source: 'operator',
    provider: given.provider.toLowerCase(),
    model: given.model,
    input: given.input,
    output: given.output,
    cache_read: given.cache_read ?? null,
    cache_write: given.cache_write ?? null,
    request: given.request ?? 0,
    max_output: given.max_output ?? null,
    tiers: null,
    valid_from,
    note: given.note,
  }
  return room.db.tx(async (t) => {
    await t.lock('llm_prices')
    const wanted = given.max_output === undefined ? { ...said, max_output: await boundBefore(t, said) } : said
    const kept = await addPrice(t, room, who, wanted)
    if (!samePrice(kept, wanted)) {
      const now = `${perMillionText(kept.input)} in and ${perMillionText(kept.output)} out`
      throw problem('conflict', {
        detail: `${wanted.provider}/${wanted.model} has a price from ${toTime(valid_from)} on already (${now}); give a later time`,
      })
    }
    const detail = { price: kept.id, input: perMillionText(kept.input), output: perMillionText(kept.output) }
    await room.record(t, who, { verb: 'manage', resource: 'cost', id: 'llm prices', detail })
    return showKept(kept)
  })
}

/** The most output tokens that the operator's row of before says. */
async function boundBefore(t: Tx, { provider, model, valid_from }: PriceGiven): Promise<number | null> {
  const before = await t.get<Pick<PriceRow, 'max_output'>>(
    `SELECT max_output FROM llm_prices WHERE source = 'operator' AND provider = ? AND model = ? AND valid_from <= ?
      ORDER BY valid_from DESC LIMIT 1`,
    [provider, model, valid_from],
  )
  return before?.max_output ?? null
}

/** Adds a row unless its source has one of the same model and time. Returns the row that is there then. */
export async function addPrice(t: Tx, room: Llm, who: Principal, given: PriceGiven): Promise<PriceRow> {
  const id = `${given.source} ${given.provider}/${given.model} ${toTime(given.valid_from)}`
  const row: PriceRow = { id, ...given, created_at: room.clock(), created_by: who.name }
  const added = await insertRow(t, 'llm_prices', { ...row }, 'ON CONFLICT (id) DO NOTHING')
  if (added > 0) return row
  return (await t.get<PriceRow>('SELECT * FROM llm_prices WHERE id = ?', [id])) ?? row
}

/** Whether two rows price a call alike. */
export function samePrice(a: PriceGiven, b: PriceGiven): boolean {
  const keys = ['input', 'output', 'cache_read', 'cache_write', 'request', 'max_output', 'tiers'] as const
  return keys.every((key) => a[key] === b[key])
}

/** Rows of all, or of a provider or model, newest first; at most 1000. */
export async function listKept(
  reader: Reader,
  of: { readonly provider?: string | undefined; readonly model?: string | undefined },
): Promise<KeptPrice[]> {
  const where = [raw('1 = 1')]
  if (of.provider !== undefined) where.push(sql`provider = ${of.provider.toLowerCase()}`)
  if (of.model !== undefined) where.push(sql`model = ${of.model}`)
  const rows = await fetchAll<PriceRow>(
    reader,
    sql`SELECT * FROM llm_prices WHERE ${all(where)} ORDER BY valid_from DESC, id LIMIT 1000`,
  )
  return rows.map(showKept)
}

/** The newest row of each source, provider and model that holds at a time (ms). */
export function pricesAt(reader: Reader, at: number): Promise<PriceRow[]> {
  return fetchAll<PriceRow>(
    reader,
    sql`SELECT p.* FROM llm_prices p JOIN (
        SELECT source, provider, model, MAX(valid_from) AS newest FROM llm_prices
        WHERE valid_from <= ${at} GROUP BY source, provider, model
      ) n ON n.source = p.source AND n.provider = p.provider AND n.model = p.model AND n.newest = p.valid_from
      ORDER BY p.id`,
  )
}

/** A row as gateways get it. */
export function routeOf(row: PriceRow): PriceRoute {
  const { id, input, output, cache_read, cache_write, request } = row
  return { id, input, output, cache_read, cache_write, request, tiers: tiersOf(row) }
}

/** Prices of tokens as they are shown: dollars a million. */
export function tokensText(of: Pick<PriceRoute, 'input' | 'output' | 'cache_read' | 'cache_write'>) {
  return {
    input: perMillionText(of.input),
    output: perMillionText(of.output),
    cache_read: of.cache_read === null ? null : perMillionText(of.cache_read),
    cache_write: of.cache_write === null ? null : perMillionText(of.cache_write),
  }
}

function tiersOf({ tiers }: PriceRow): PriceRoute['tiers'] {
  return tiers === null ? [] : (JSON.parse(tiers) as PriceRoute['tiers'])
}

function showKept(row: PriceRow): KeptPrice {
  const { id, source, provider, model, max_output, note, created_by } = row
  return {
    id,
    source,
    provider,
    model,
    ...tokensText(row),
    request: dollarsText(row.request),
    tiers: tiersOf(row).map((tier) => ({ above: tier.above, ...tokensText(tier) })),
    max_output,
    from: toTime(row.valid_from),
    note,
    created_at: toTime(row.created_at),
    created_by,
  }
}
