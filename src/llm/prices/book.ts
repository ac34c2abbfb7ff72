/** The price book that is shipped: rows of `@pydantic/genai-prices`, dated and tiered, in whole picodollars a token. */
import { calcPrice, findProvider } from '@pydantic/genai-prices'
import type { ModelInfo, ModelPrice, Provider } from '@pydantic/genai-prices'
import { unitsOf } from '../../contract/llm/dollars.ts'
import type { PriceRoute } from '../../gateway/table/llm.ts'

/** Name and version of the package; the lock file holds the same. */
export const BOOK = 'genai-prices 0.1.8'

/** A price of the book. */
export interface BookPrice {
  readonly price: PriceRoute
  /** Keys of the book's row by which no call is charged: searches, sound, pictures. */
  readonly notCharged: readonly string[]
}

/** Names of LiteLLM that the book has others for. One that is not here is looked up as it is, and none by a part of its name. */
const PROVIDERS: Readonly<Record<string, string>> = {
  azure_ai: 'azure',
  bedrock: 'aws',
  fireworks_ai: 'fireworks',
  gemini: 'google',
  moonshot: 'moonshotai',
  together_ai: 'together',
  vertex_ai: 'google',
  voyage: 'voyageai',
  xai: 'x-ai',
}

const CHARGED = ['input_mtok', 'output_mtok', 'cache_read_mtok', 'cache_write_mtok', 'requests_kcount']
/** Places of dollars a million tokens in picodollars, and of dollars a thousand requests in nanodollars: 10 to the power of 6 each. */
const PLACES = 6
/** Of a row that holds since always. */
const ALWAYS = '1970-01-01'

type Tokens = PriceRoute['tiers'][number]
type Name = 'input' | 'output' | 'cache_read' | 'cache_write'
const KEYS: readonly (readonly [Name, string])[] = [
  ['input', 'input_mtok'],
  ['output', 'output_mtok'],
  ['cache_read', 'cache_read_mtok'],
  ['cache_write', 'cache_write_mtok'],
]

/**
 * The price that the book says of a provider's model at a time, ms since 1970; null where it says none, or one that is no whole number of
 * picodollars. A model without a price of output, as for embeddings, has 0 there: the book's word for it.
 */
export function priceOf(provider: string, model: string, at: number): BookPrice | null {
  const minute = Math.floor(at / MINUTE_MS)
  if (minute !== looked.minute) looked = { minute, found: new Map() }
  const key = `${provider}\n${model}`
  const known = looked.found.get(key)
  if (known !== undefined) return known
  const found = lookUp(provider, model, at)
  looked.found.set(key, found)
  return found
}

const MINUTE_MS = 60_000
/** What was looked up within a minute: the route is made again each second, and hours of prices begin with a minute. */
let looked = { minute: -1, found: new Map<string, BookPrice | null>() }

/** A model of the book; `window`: most tokens of a call, in and out, where it is known. */
export interface BookModel {
  readonly model: string
  readonly window: number | null
  /** As `priceOf` has it. */
  readonly price: PriceRoute | null
}

/** The models that the book has of a provider, in its order, with their prices at a time, ms since 1970; none of one that it does not know. */
export function modelsOf(provider: string, at: number): BookModel[] {
  return (providerOf(provider)?.models ?? []).map(({ id, context_window }) => ({
    model: id,
    window: context_window ?? null,
    price: priceOf(provider, id, at)?.price ?? null,
  }))
}

/** The book's provider of that name. */
function providerOf(provider: string): Provider | undefined {
  const name = provider.toLowerCase()
  const id = PROVIDERS[name] ?? name
  const known = findProvider({ providerId: id })
  // the package also takes a provider whose name has the name of another in it
  return known?.id === id ? known : undefined
}

function lookUp(provider: string, model: string, at: number): BookPrice | null {
  const known = providerOf(provider)
  if (known === undefined) return null
  const found = calcPrice({}, model, { provider: known, timestamp: new Date(at) })
  if (found === null) return null
  const row = rowOf(found.model_price)
  if (row === null) return null
  const named = `${BOOK} ${found.provider.id}/${found.model.id} ${sinceOf(found.model, found.model_price)}`
  return {
    price: { id: named, ...row },
    notCharged: Object.keys(found.model_price).filter((key) => !CHARGED.includes(key)),
  }
}

function rowOf(row: ModelPrice): Omit<PriceRoute, 'id'> | null {
  if (row['input_mtok'] === undefined) return null
  const bounds = KEYS.flatMap(([, key]) => {
    const price = row[key]
    return typeof price === 'object' ? price.tiers.map(({ start }) => start) : []
  })
  const base = tokensAbove(row, 0)
  const request = exact(row['requests_kcount'], 0)
  const tiers: Tokens[] = []
  for (const above of [...new Set(bounds)].sort((a, b) => a - b)) {
    const tier = tokensAbove(row, above)
    if (tier === null) return null
    tiers.push({ above, ...tier })
  }
  return base === null || request === null ? null : { ...base, request: request ?? 0, tiers }
}

/** Prices of calls with more input tokens than that; null where one is not exact. */
function tokensAbove(row: ModelPrice, above: number): Omit<Tokens, 'above'> | null {
  const [input, output, cache_read, cache_write] = KEYS.map(([, key]) => exact(row[key], above))
  if ([input, output, cache_read, cache_write].includes(null)) return null
  return {
    input: input ?? 0,
    output: output ?? 0,
    cache_read: cache_read ?? null,
    cache_write: cache_write ?? null,
  }
}

/** Of a price of the book in its millionths; undefined where there is none, null where it is no whole number of them. */
function exact(price: ModelPrice[string], above: number): number | null | undefined {
  if (price === undefined) return undefined
  const reached =
    typeof price === 'object' ? price.tiers.findLast(({ start }) => start <= above && above > 0) : undefined
  const dollars = typeof price === 'object' ? (reached?.price ?? price.base) : price
  const units = unitsOf(String(dollars), PLACES)
  return units === null || units < 0n ? null : Number(units)
}

/** From when a row of a model holds: a day, or the hours of each day. */
function sinceOf({ prices }: ModelInfo, row: ModelPrice): string {
  const found = Array.isArray(prices) ? prices.find((one) => one.prices === row)?.constraint : undefined
  if (found === undefined) return ALWAYS
  return found.type === 'start_date' ? found.start_date.slice(0, 10) : `${ALWAYS} ${found.start_time}-${found.end_time}`
}
