/** A map of prices in the form of LiteLLM, taken as a second source: kept only where something changed, used only where the book says nothing. */
import type { Principal } from '../../contract/access.ts'
import { unitsOf } from '../../contract/llm/dollars.ts'
import type { PriceRoute } from '../../gateway/table/llm.ts'
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
const LONGEST_NAME = 255
/** An example of the form that is no model. */
const EXAMPLE = 'sample_spec'
/** Places of dollars a token in picodollars, and of dollars a request in nanodollars. */
const [PICO, NANO] = [12, 9]

/** Names of LiteLLM for APIs of a vendor that has another name with us; what begins so is all of Vertex AI. */
const VENDORS: Readonly<Record<string, string>> = {
  bedrock_converse: 'bedrock',
  cohere_chat: 'cohere',
  'text-completion-codestral': 'codestral',
  'text-completion-openai': 'openai',
}
const VERTEX = 'vertex_ai-'

/** A row with the name that the map has for it. */
interface Read {
  readonly key: string
  readonly row: PriceGiven
}

/**
 * Keeps the rows of a map that are new or changed, and writes the audit trail. Prices that are no whole number of picodollars are skipped. Of
 * several names of one model the one with its vendor before it counts, as with LiteLLM, else the first by letters; one that says another price is skipped.
 */
export async function importPrices(
  room: Llm,
  who: Principal,
  map: Readonly<Record<string, unknown>>,
): Promise<Imported> {
  const at = room.clock()
  const skipped: { model: string; why: string }[] = []
  const read: Read[] = []
  for (const [key, value] of Object.entries(map)) {
    if (key === EXAMPLE) continue
    const row = rowOf(key, value, at)
    if (typeof row === 'string') skipped.push({ model: key.slice(0, 255), why: row })
    else read.push({ key, row })
  }
  const chosen = [...Map.groupBy(read, ({ row }) => modelOf(row)).values()].map((all) => {
    const [first, ...others] = all.toSorted(byName)
    for (const { key, row } of others)
      if (first !== undefined && !samePrice(row, first.row))
        skipped.push({
          model: key.slice(0, 255),
          why: `"${first.key}" counts, and says otherwise of the same model`,
        })
    return first
  })
  const rows = chosen.flatMap((one) => (one === undefined ? [] : [one.row]))
  return room.db.tx(async (t) => {
    await t.lock('llm_prices')
    const kept = new Map(
      (await pricesAt(t, at)).filter(({ source }) => source === 'litellm').map((row) => [modelOf(row), row]),
    )
    let added = 0
    for (const row of rows) {
      const before = kept.get(modelOf(row))
      if (before !== undefined && samePrice(before, row)) continue
      await addPrice(t, room, who, row)
      added += 1
    }
    const same = rows.length - added
    const detail = { imported: added, same, skipped: skipped.length }
    await room.record(t, who, { verb: 'manage', resource: 'cost', id: 'llm prices', detail })
    return { added, same, skipped: skipped.slice(0, MOST_TOLD), skipped_count: skipped.length }
  })
}

function modelOf({ provider, model }: Pick<PriceGiven, 'provider' | 'model'>): string {
  return `${provider}\n${model}`
}

function byName(a: Read, b: Read): number {
  const [one, other] = [a, b].map(({ key, row }) => (key.startsWith(`${row.provider}/`) ? 0 : 1))
  return (one ?? 0) - (other ?? 0) || (a.key < b.key ? -1 : 1)
}

/** A row of the map, or why it is none. */
function rowOf(key: string, value: unknown, valid_from: number): PriceGiven | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'no object'
  const row = value as Readonly<Record<string, unknown>>
  const said = row['litellm_provider']
  if (typeof said !== 'string' || said === '') return 'litellm_provider is missing'
  const costs = costsOf(row)
  if (typeof costs === 'string') return costs
  const most = row['max_output_tokens']
  const name = said.toLowerCase()
  const provider = name.startsWith(VERTEX) ? 'vertex_ai' : (Object.hasOwn(VENDORS, name) && VENDORS[name]) || name
  const before = [name, provider].find((one) => key.startsWith(`${one}/`))
  const model = before === undefined ? key : key.slice(before.length + 1)
  if (model.length > LONGEST_NAME) return `a name of more than ${LONGEST_NAME} characters`
  return {
    source: 'litellm',
    provider,
    model,
    ...costs,
    max_output: typeof most === 'number' && Number.isSafeInteger(most) && most > 0 ? most : null,
    valid_from,
    note: '',
  }
}

type Costs = Pick<PriceGiven, 'input' | 'output' | 'cache_read' | 'cache_write' | 'request' | 'tiers'>
type Tokens = Pick<Costs, 'input' | 'output' | 'cache_read' | 'cache_write'>

const KEYS = {
  input: 'input_cost_per_token',
  output: 'output_cost_per_token',
  cache_read: 'cache_read_input_token_cost',
  cache_write: 'cache_creation_input_token_cost',
} as const
/** Behind each of them: of calls with more thousands of input tokens. */
const ABOVE = /_above_(\d{1,6})k_tokens$/

/** What a row says of money, or why it says nothing that can be kept. */
function costsOf(row: Readonly<Record<string, unknown>>): Costs | string {
  const base = tokensOf(row, '')
  const request = unitsIn(row['input_cost_per_request'], NANO)
  if (base?.input === undefined) return base === null ? INEXACT : 'input_cost_per_token is missing'
  if (request === null) return INEXACT
  const { input, output = 0, cache_read = null, cache_write = null } = base
  const tokens: Tokens = { input, output, cache_read, cache_write }
  const bounds = new Set(
    Object.keys(row).flatMap((key) => {
      const [, thousands] = ABOVE.exec(key) ?? []
      return thousands === undefined ? [] : [Number(thousands)]
    }),
  )
  const tiers: PriceRoute['tiers'][number][] = []
  for (const bound of [...bounds].toSorted((a, b) => a - b)) {
    const tier = tokensOf(row, `_above_${bound}k_tokens`)
    if (tier === null) return INEXACT
    if (Object.keys(tier).length > 0) tiers.push({ above: bound * 1000, ...tokens, ...tier })
  }
  return { ...tokens, request: request ?? 0, tiers: tiers.length === 0 ? null : JSON.stringify(tiers) }
}

const INEXACT = 'a price is no whole number of picodollars a token'

/** The prices a token that stand under the keys with this end; null where one of them is not exact. */
function tokensOf(row: Readonly<Record<string, unknown>>, end: string): Partial<Tokens & { input: number }> | null {
  const found: Partial<Record<keyof Tokens, number>> = {}
  for (const [name, key] of Object.entries(KEYS) as [keyof Tokens, string][]) {
    const units = unitsIn(row[`${key}${end}`], PICO)
    if (units === null) return null
    if (units !== undefined) found[name] = units
  }
  return found
}

/** Undefined where it is not there, null where it is no number of dollars that is whole in units. */
function unitsIn(value: unknown, places: number): number | null | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number') return null
  const units = unitsOf(String(value), places)
  return units === null || units < 0n || units > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(units)
}
