/** Spans of time in words. */

const UNITS = [
  ['day', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const

/** A span in ms in its two largest units: `2 h 5 min`, `90 s`, `0.5 s`. */
export function spoken(ms: number): string {
  if (ms < 120_000) return `${ms < 10_000 ? Math.round(ms / 100) / 10 : Math.round(ms / 1000)} s`
  let rest = Math.round(ms / 1000) * 1000
  const parts: string[] = []
  for (const [name, size] of UNITS) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count} ${name}${name === 'day' && count > 1 ? 's' : ''}`)
  }
  if (rest >= 1000) parts.push(`${rest / 1000} s`)
  return parts.slice(0, 2).join(' ')
}
