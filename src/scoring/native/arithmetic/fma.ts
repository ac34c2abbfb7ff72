/** Multiply and add with a single rounding, which JavaScript lacks. */

const SPLIT = 134217729
const LARGE = 2 ** 995
const TINY = 2 ** -960
const bits = new Float64Array(1)
const halves = new Int32Array(bits.buffer)
/** Index of the low word of a double in `halves`. */
const LOW = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 0 : 1

/**
 * a × b + c, rounded once to the nearest double, ties to even. Exact while the product lies between 2^-960 and 2^995 in size; outside
 * that range it falls back to two roundings.
 *
 * Source: S. Boldo and G. Melquiond, Emulation of a FMA and correctly rounded sums: proved algorithms using rounding to odd, IEEE Trans.
 * Computers 57(4), 2008; products split after T. J. Dekker, Numerische Mathematik 18, 1971.
 */
export function fma(a: number, b: number, c: number): number {
  const high = a * b
  const size = Math.abs(high)
  if (!(size < LARGE && size > TINY && Math.abs(a) < LARGE && Math.abs(b) < LARGE)) return high + c
  const low = productError(a, b, high)
  const inner = c + low
  const innerRest = sumError(c, low, inner)
  const outer = high + inner
  const outerRest = sumError(high, inner, outer)
  return outer + addToOdd(innerRest, outerRest)
}

function productError(a: number, b: number, product: number): number {
  const aScaled = a * SPLIT
  const aHigh = aScaled - (aScaled - a)
  const aLow = a - aHigh
  const bScaled = b * SPLIT
  const bHigh = bScaled - (bScaled - b)
  const bLow = b - bHigh
  return aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow)
}

function sumError(a: number, b: number, sum: number): number {
  const bPart = sum - a
  return a - (sum - bPart) + (b - bPart)
}

/** a + b rounded to odd: an inexact sum gets a last bit of 1, so that the next rounding is right. */
function addToOdd(a: number, b: number): number {
  const sum = a + b
  const rest = sumError(a, b, sum)
  if (rest === 0) return sum
  bits[0] = sum
  if ((halves[LOW]! & 1) === 1) return sum
  return rest > 0 === sum > 0 ? stepAway() : stepBack()
}

function stepAway(): number {
  halves[LOW] = halves[LOW]! | 1
  return bits[0]!
}

function stepBack(): number {
  const low = halves[LOW]!
  halves[LOW] = low - 1
  if (low === 0) halves[1 - LOW] = halves[1 - LOW]! - 1
  return bits[0]!
}
