import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fma } from './fma.ts'

/** A finite double as mantissa × 2^exponent, exactly. */
function exact(value: number): { mantissa: bigint; exponent: number } {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  const bits = view.getBigUint64(0)
  const biased = Number((bits >> 52n) & 2047n)
  const fraction = bits & ((1n << 52n) - 1n)
  const mantissa = biased === 0 ? fraction : fraction | (1n << 52n)
  return { mantissa: bits >> 63n === 1n ? -mantissa : mantissa, exponent: Math.max(biased, 1) - 1075 }
}

/** a × b + c in whole numbers, rounded once to the nearest double, ties to even (normal results only). */
function reference(a: number, b: number, c: number): number {
  const [x, y, z] = [exact(a), exact(b), exact(c)]
  const low = Math.min(x.exponent + y.exponent, z.exponent)
  const sum =
    ((x.mantissa * y.mantissa) << BigInt(x.exponent + y.exponent - low)) + (z.mantissa << BigInt(z.exponent - low))
  const size = sum < 0n ? -sum : sum
  const surplus = BigInt(Math.max(0, size.toString(2).length - 53))
  let rounded = size >> surplus
  const rest = size - (rounded << surplus)
  const half = surplus === 0n ? 1n : 1n << (surplus - 1n)
  if (rest > half || (rest === half && surplus > 0n && (rounded & 1n) === 1n)) rounded += 1n
  const value = Number(rounded) * 2 ** (low + Number(surplus))
  return sum < 0n ? -value : value
}

function* randoms(seed: number): Generator<number> {
  let state = seed
  while (true) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    yield state / 2 ** 32
  }
}

test('one rounding, on random numbers of near and far sizes and where the sum nearly cancels', () => {
  const random = randoms(7)
  const draw = (): number =>
    (random.next().value! * 2 - 1 + random.next().value! * 2 ** -32) * 2 ** Math.floor(random.next().value! * 40 - 20)
  let differs = 0
  for (let i = 0; i < 20_000; i++) {
    const [a, b] = [draw(), draw()]
    const c = i % 3 === 0 ? -a * b : i % 3 === 1 ? draw() : draw() * 2 ** -50
    assert.equal(fma(a, b, c), reference(a, b, c), `${a} * ${b} + ${c}`)
    if (fma(a, b, c) !== a * b + c) differs++
  }
  assert.ok(differs > 3000, `two roundings differ from one only ${differs} times: the numbers prove nothing`)
})

test('ties go to even and zeros stay exact', () => {
  assert.equal(fma(1 + 2 ** -52, 1 + 2 ** -52, -1), 2 ** -51 + 2 ** -104)
  assert.equal(fma(0, 5, 3), 3)
  assert.equal(fma(2 ** 53, 1, 1), 2 ** 53)
  assert.equal(fma(Infinity, 1, 0), Infinity)
  assert.ok(Number.isNaN(fma(NaN, 1, 0)))
})
