/** The exponential function with the bits that Python's C library gives; V8's own differs in the last one now and then. */

import { fma } from './fma.ts'

const STEPS = 128
const SHIFT = 2 ** 52 * 1.5
const PER_LN2 = 184.6649652337873
const LN2_HIGH = -0.005415212348111709
const LN2_LOW = -1.2864023111638344e-14
const C2 = 0.49999999999996786
const C3 = 0.16666666666665886
const C4 = 0.0416666808410674
const C5 = 0.008333335853059549
/** Beyond this size powers leave the range of normal numbers. */
const FAR = 512

const { powers, tails } = tables()
const scale = new Float64Array(1)
const words = new Int32Array(scale.buffer)
const HIGH = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0

/**
 * e to the power of x, bit for bit as glibc ≥ 2.28 gives it on processors with fused multiply and add, for sizes below 512; beyond,
 * as V8 gives it.
 *
 * Source: S. Nagy, Arm Optimized Routines, math/exp.c (order 5, 128 steps), each a × b + c contracted as GCC does.
 */
export function exp(x: number): number {
  const size = Math.abs(x)
  if (!(size < FAR)) return Math.exp(x)
  if (size < 2 ** -54) return 1 + x
  const k = fma(PER_LN2, x, SHIFT) - SHIFT
  const r = fma(k, LN2_LOW, fma(k, LN2_HIGH, x))
  const step = ((k % STEPS) + STEPS) % STEPS
  words[HIGH] = (1023 + (k - step) / STEPS) << 20
  const power = powers[step]! * scale[0]!
  const r2 = r * r
  const low = fma(r2, fma(r, C3, C2), tails[step]! + r)
  return fma(power, fma(r2 * r2, fma(r, C5, C4), low), power)
}

/** 2^(k/128) as the nearest double, and how far the true value lies from it, relatively. */
function tables(): { powers: Float64Array; tails: Float64Array } {
  const digits = 240n
  let root = 2n << digits
  for (let i = 0; i < 7; i++) root = squareRoot(root << digits)
  const powers = new Float64Array(STEPS)
  const tails = new Float64Array(STEPS)
  let power = 1n << digits
  for (let k = 0; k < STEPS; k++) {
    powers[k] = Number(power) / 2 ** 240
    const nearest = BigInt(powers[k]! * 2 ** 52) << (digits - 52n)
    tails[k] = Number(((power - nearest) << digits) / nearest) / 2 ** 240
    power = (power * root) >> digits
  }
  return { powers, tails }
}

/** The integer part of the square root, by Newton's iteration from above. */
function squareRoot(n: bigint): bigint {
  let x = 1n << BigInt((n.toString(2).length + 1) >> 1)
  for (;;) {
    const next = (x + n / x) >> 1n
    if (next >= x) return x
    x = next
  }
}
