/** The price that a model is charged with: the operator's, else that of the shipped book, else one that was imported. */
import { dollarsText } from '../../contract/llm/dollars.ts'
import type { LlmPrice, PriceSource } from '../../contract/llm/prices.ts'
import type { PriceRoute } from '../../gateway/table/llm.ts'
import type { Reader } from '../../store/db.ts'
import { priceOf } from './book.ts'
import { pricesAt, routeOf, tokensText } from './kept.ts'
import type { PriceRow } from './kept.ts'

/** A price with who says it. */
export interface SaidPrice {
  readonly source: PriceSource
  readonly price: PriceRoute
  readonly notCharged: readonly string[]
}

/** All that is said of a model. */
export interface ModelPrices {
  /** Null = unknown. */
  readonly effective: SaidPrice | null
  readonly others: readonly SaidPrice[]
  /** Most output tokens of one call, where a source says it. */
  readonly max_output: number | null
}

/** Looks prices up as they hold at one time. */
export type PriceBook = (provider: string, model: string) => ModelPrices

/** The prices of all sources at a time, ms since 1970. */
export async function priceBook(reader: Reader, at: number): Promise<PriceBook> {
  const rows = new Map((await pricesAt(reader, at)).map((row) => [keyOf(row.source, row.provider, row.model), row]))
  return (provider, model) => {
    const kept = (source: PriceRow['source']) => rows.get(keyOf(source, provider.toLowerCase(), model))
    const [operator, litellm] = [kept('operator'), kept('litellm')]
    const book = priceOf(provider, model, at)
    const said: SaidPrice[] = []
    if (operator !== undefined) said.push({ source: 'operator', price: routeOf(operator), notCharged: [] })
    if (book !== null) said.push({ source: 'genai-prices', ...book })
    if (litellm !== undefined) said.push({ source: 'litellm', price: routeOf(litellm), notCharged: [] })
    const [effective = null, ...others] = said
    return { effective, others, max_output: operator?.max_output ?? litellm?.max_output ?? null }
  }
}

/** Whether two sources say another price for a token or a request; a price of the cache that one of them leaves out is no other. */
export function differs(a: PriceRoute, b: PriceRoute): boolean {
  const cache = (['cache_read', 'cache_write'] as const).some(
    (key) => a[key] !== null && b[key] !== null && a[key] !== b[key],
  )
  return a.input !== b.input || a.output !== b.output || a.request !== b.request || cache
}

/** A price as it is shown. */
export function showPrice({ source, price, notCharged }: SaidPrice): LlmPrice {
  return {
    id: price.id,
    source,
    ...tokensText(price),
    request: dollarsText(price.request),
    tiers: price.tiers.map((tier) => ({ above: tier.above, ...tokensText(tier) })),
    not_charged: [...notCharged],
  }
}

function keyOf(source: string, provider: string, model: string): string {
  return `${source}\n${provider}\n${model}`
}
