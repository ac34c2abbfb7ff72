/** From numbers to places: linear and logarithmic scales, round ticks, extents, lines. */

export type Scale = (value: number) => number

/** A straight map from a domain to a range; a domain of one point maps to the middle. */
export function linear([low, high]: readonly [number, number], [from, to]: readonly [number, number]): Scale {
  const width = high - low
  if (width === 0) return () => (from + to) / 2
  return (value) => from + ((value - low) / width) * (to - from)
}

/** A logarithmic map; values at or below zero take the place of the domain's lower end. Needs 0 < low. */
export function logarithmic([low, high]: readonly [number, number], range: readonly [number, number]): Scale {
  const straight = linear([Math.log10(low), Math.log10(high)], range)
  return (value) => straight(Math.log10(Math.max(value, low)))
}

/** Least and greatest finite value; undefined when there is none. */
export function extent(values: Iterable<number | null | undefined>): [number, number] | undefined {
  let low = Infinity
  let high = -Infinity
  for (const value of values) {
    if (value === null || value === undefined || !Number.isFinite(value)) continue
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  return low > high ? undefined : [low, high]
}

/** Round numbers (1, 2 or 5 times a power of ten) inside a domain, about `wanted` of them. */
export function ticks([low, high]: readonly [number, number], wanted = 4): number[] {
  if (!(high > low)) return [low]
  const rough = (high - low) / wanted
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10)
  const digits = Math.max(0, -Math.floor(Math.log10(step)))
  const first = Math.ceil(low / step) * step
  // counted, not added up: a step may be too small for a number as large to change by it
  const all = Array.from({ length: wanted + 2 }, (_, i) => first + i * step).filter(
    (tick) => tick <= high + step * 1e-9,
  )
  return [...new Set(all.map((tick) => Number(tick.toFixed(Math.min(digits, 20)))))]
}

/** Powers of ten inside a domain of positive numbers. */
export function decades([low, high]: readonly [number, number]): number[] {
  const first = Math.ceil(Math.log10(low) - 1e-9)
  const last = Math.floor(Math.log10(high) + 1e-9)
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => 10 ** (first + i))
}

/** An SVG path through points; a null breaks the line. */
export function linePath(points: readonly (readonly [number, number] | null)[]): string {
  let pen = 'M'
  let path = ''
  for (const point of points) {
    if (point === null) pen = 'M'
    else {
      path += `${pen}${point[0].toFixed(1)} ${point[1].toFixed(1)}`
      pen = 'L'
    }
  }
  return path
}
