/** The arithmetic of money: exact, in whole micro-dollars, rounded once. */
import type { Prices, Quantities } from './ledger-rows.ts'

const KIB_PER_GIB = 1024n * 1024n
const HOUR_S = 3600n
const MONTH_S = 30n * 24n * HOUR_S
/** A denominator that all three fractions divide. */
const WHOLE = MONTH_S * 1000n * KIB_PER_GIB

/**
 * Micro-dollars of what was used: vCPU hours, GiB hours and GiB months times their prices, summed exactly and rounded to the
 * nearest, half upwards. The same quantities and prices give the same amount on every machine.
 */
export function amountOf(used: Quantities, prices: Prices): number {
  const cpu = (BigInt(used.cpu_ms) * BigInt(prices.cpu_price) * WHOLE) / (HOUR_S * 1000n)
  const memory = (BigInt(used.memory_kib_s) * BigInt(prices.memory_price) * WHOLE) / (HOUR_S * KIB_PER_GIB)
  const storage = (BigInt(used.storage_kib_s) * BigInt(prices.storage_price) * WHOLE) / (MONTH_S * KIB_PER_GIB)
  return Number((2n * (cpu + memory + storage) + WHOLE) / (2n * WHOLE))
}

/** KiB seconds of a number of bytes over a time, whole. */
export function kibSeconds(bytes: number, ms: number): number {
  return Math.round((bytes / 1024) * (ms / 1000))
}

/** Micro-dollars of nanodollars, rounded to the nearest, half upwards. */
export function microsOf(nanodollars: number): number {
  return Math.floor((nanodollars + 500) / 1000)
}
