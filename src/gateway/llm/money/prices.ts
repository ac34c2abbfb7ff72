/** What a call costs, and what it may cost at most: exact sums in picodollars, rounded to whole nanodollars once. */
import type { Usage } from '../records/record.ts'
import type { PriceRoute } from '../../table/llm.ts'

const PICO_PER_NANO = 1000n
/** Amounts are never larger, so that they stay exact as numbers: about 9 million dollars. */
const MOST = BigInt(Number.MAX_SAFE_INTEGER)

type Rates = Pick<PriceRoute, 'input' | 'output' | 'cache_read' | 'cache_write'>

/**
 * Nanodollars of a call, half of one rounded up. Tokens of the cache are a part of `usage.input` and have prices of their own; the tier is that of
 * all input tokens; `reasoning` is a part of `output`. Usage is what an upstream said: what is below 0 or no number counts as 0, parts of a
 * token as a whole one, and cached tokens beyond the input are paid for. At most `Number.MAX_SAFE_INTEGER`.
 */
export function costOf(usage: Usage, price: PriceRoute): number {
  const input = tokens(usage.input)
  const read = tokens(usage.cache_read)
  const write = tokens(usage.cache_write)
  const plain = input > read + write ? input - read - write : 0n
  const rates: Rates = price.tiers.findLast(({ above }) => input > BigInt(above)) ?? price
  const pico =
    plain * BigInt(rates.input) +
    read * BigInt(rates.cache_read ?? rates.input) +
    write * BigInt(rates.cache_write ?? rates.input) +
    tokens(usage.output) * BigInt(rates.output)
  return amount(BigInt(price.request) + (pico + PICO_PER_NANO / 2n) / PICO_PER_NANO)
}

/** What is known of a call before it is sent. */
export interface BoundedAsk {
  /** Bytes of its body as JSON, not compressed. */
  readonly inputBytes: number
  /** Most output tokens of one choice, those of reasoning too. */
  readonly maxOutput: number
  /** Answers that are asked for, `n`. */
  readonly choices: number
  /** Input tokens that do not stand in the body as text; absent = none. */
  readonly extraInput?: number
}

/**
 * Nanodollars that a call costs at most, rounded up.
 *
 * Why it is a bound: tokenizers that work on bytes make at least one byte of text into each token, so a text has no more tokens than bytes; the
 * body has each text at its full length or longer, for JSON escapes; and what a template puts around a message is shorter than the JSON around
 * it. Each input token is taken at the dearest price that input may have, plain or of the cache, and prices are the dearest of all
 * tiers that so many tokens could reach.
 *
 * What it does not bound, and the caller adds as `extraInput`: images, sound and files, by URL and also inline, for a small compressed image may have many
 * tokens; earlier turns that the provider keeps (`previous_response_id`); input that tools of the provider bring (web search), and the instructions that
 * a provider adds where tools are given; tokenizers that make one character into several before they divide the text (NFKC).
 */
export function boundOf(ask: BoundedAsk, price: PriceRoute): number {
  const input = tokens(ask.inputBytes) + tokens(ask.extraInput ?? 0)
  const output = tokens(ask.maxOutput) * tokens(ask.choices)
  const reached: readonly Rates[] = [price, ...price.tiers.filter(({ above }) => input > BigInt(above))]
  const dearestInput = Math.max(...reached.flatMap((one) => [one.input, one.cache_read ?? 0, one.cache_write ?? 0]))
  const dearestOutput = Math.max(...reached.map((one) => one.output))
  const pico = input * BigInt(dearestInput) + output * BigInt(dearestOutput)
  return amount(BigInt(price.request) + (pico + PICO_PER_NANO - 1n) / PICO_PER_NANO)
}

function tokens(count: number): bigint {
  return count > 0 ? BigInt(Math.min(Math.ceil(count), Number.MAX_SAFE_INTEGER)) : 0n
}

function amount(nano: bigint): number {
  return Number(nano < MOST ? nano : MOST)
}
