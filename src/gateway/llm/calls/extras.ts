/** What a call asks for that providers do not sell at their list prices: faster tiers, places, and caches that last an hour. */
import type { PriceRoute } from '../../table/llm.ts'
import type { LlmAsk } from './request.ts'

/** How the price of a call differs from the list at most. */
export interface Extras {
  /** Of all prices of a token. */
  readonly factor: number
  /** True where something may be written to a cache for an hour. */
  readonly isHourly: boolean
  /** True where the list price holds; else what the call costs is a bound, and no price. */
  readonly isListed: boolean
}

/** Tiers at the list price, and those below it. */
const LISTED = new Set(['auto', 'default', 'standard', 'standard_only', 'on_demand'])
const CHEAPER = new Set(['flex', 'batch'])
/** OpenAI's, Gemini's and Bedrock's priority tiers are at most twice the list; so is Bedrock's optimized latency. */
const FASTER = 2
/** Anthropic's fast mode, where it is dearest. */
const FAST_MODE = 6
/** Anthropic's surcharge for inference in one country. */
const IN_ONE_PLACE = 1.1
/** Anthropic's and Bedrock's price of input that is kept for an hour, in list prices of input. */
const HOURLY = 2

/** Looks at the members that say so in any dialect. A name that no provider of the call knows makes the bound higher than need be, and never lower. */
export function extrasOf(ask: LlmAsk): Extras {
  const { body } = ask
  const tiers = [body['service_tier'], body['serviceTier']].map(wordOf).filter((tier) => tier !== null)
  const isFaster = tiers.some((tier) => !LISTED.has(tier) && !CHEAPER.has(tier))
  const isOptimized = memberOf(body['performanceConfig'], 'latency') === 'optimized'
  const isFast = body['speed'] === 'fast'
  const place = wordOf(body['inference_geo'])
  const isPlaced = place !== null && place !== 'global'
  const isHourly = keepsAnHour(ask)
  const factor = (isFaster || isOptimized ? FASTER : 1) * (isFast ? FAST_MODE : 1) * (isPlaced ? IN_ONE_PLACE : 1)
  return { factor, isHourly, isListed: factor === 1 && !isHourly && !tiers.some((tier) => CHEAPER.has(tier)) }
}

/** The price that a call with extras costs at most. */
export function priceWith<T extends PriceRoute | null>(price: T, { factor, isHourly }: Extras): T {
  if (price === null || (factor === 1 && !isHourly)) return price
  const times = (rate: number): number => Math.ceil(rate * factor)
  const rates = <R extends Pick<PriceRoute, 'input' | 'output' | 'cache_read' | 'cache_write'>>(of: R): R => {
    const write = isHourly ? Math.max(of.cache_write ?? of.input, HOURLY * of.input) : of.cache_write
    return {
      ...of,
      input: times(of.input),
      output: times(of.output),
      cache_read: of.cache_read === null ? null : times(of.cache_read),
      cache_write: write === null ? null : times(write),
    }
  }
  return { ...rates(price), tiers: price.tiers.map(rates) }
}

/** A tier is a word, or for Bedrock an object that has it as its type; null = none is named. What is neither is a word that nobody knows. */
function wordOf(value: unknown): string | null {
  const word = memberOf(value, 'type') ?? value ?? null
  if (word === null) return null
  return typeof word === 'string' ? word.toLowerCase() : '?'
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

const AN_HOUR = /"ttl"\s*:\s*"1h"/

/** Whether some part of the prompt is marked so, as `cache_control` or `cachePoint` do. Letters may be written as escapes. */
function keepsAnHour({ bytes, body }: LlmAsk): boolean {
  if (bytes.includes(String.raw`\u00`)) return AN_HOUR.test(JSON.stringify(body))
  return bytes.includes('"1h"') && AN_HOUR.test(bytes.toString('latin1'))
}
