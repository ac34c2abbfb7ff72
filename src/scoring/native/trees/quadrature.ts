/** Gauss–Legendre quadrature on the unit interval. */

export interface Quadrature {
  readonly points: Float64Array
  readonly weights: Float64Array
}

const rules = new Map<number, Quadrature>()

/** The rule of n points: exact for polynomials up to degree 2n - 1. Points and weights lie in (0, 1). */
export function legendre(n: number): Quadrature {
  const known = rules.get(n)
  if (known !== undefined) return known
  const points = new Float64Array(n)
  const weights = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    let x = Math.cos((Math.PI * (i + 0.75)) / (n + 0.5))
    let slope = 1
    for (let step = 0; step < 100; step++) {
      const [value, derivative] = polynomial(n, x)
      slope = derivative
      const next = x - value / derivative
      if (next === x || Math.abs(next - x) < 1e-16) break
      x = next
    }
    points[i] = (1 + x) / 2
    weights[i] = 1 / ((1 - x * x) * slope * slope)
  }
  const rule = { points, weights }
  rules.set(n, rule)
  return rule
}

/** The Legendre polynomial of degree n and its derivative, by the recurrence of three terms. */
function polynomial(n: number, x: number): [number, number] {
  let before = 1
  let value = x
  for (let k = 2; k <= n; k++) [before, value] = [value, ((2 * k - 1) * x * value - (k - 1) * before) / k]
  return [value, (n * (x * value - before)) / (x * x - 1)]
}
