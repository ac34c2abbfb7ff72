/** A curve the size of a word: where it went, without axes. */
import { extent, linear, linePath } from './scales/scale.ts'

export interface SparklineProps {
  /** What it shows, for readers who do not see it. */
  readonly label: string
  readonly x: readonly number[]
  readonly values: readonly (number | 'NaN')[]
}

const WIDTH = 96
const HEIGHT = 22
const EDGE = 2

export function Sparkline({ label, x, values }: SparklineProps) {
  const numbers = values.map((value) => (value === 'NaN' ? null : value))
  const across = linear(extent(x) ?? [0, 1], [EDGE, WIDTH - EDGE])
  const up = linear(extent(numbers) ?? [0, 1], [HEIGHT - EDGE, EDGE])
  const places = numbers.map((value, i) => (value === null ? null : ([across(x[i] ?? 0), up(value)] as const)))
  const last = places.findLast((place) => place !== null)
  return (
    <svg width={WIDTH} height={HEIGHT} role="img" aria-label={label} className="sparkline">
      <path d={linePath(places)} fill="none" stroke="var(--c1)" strokeWidth="1.3" />
      {last !== undefined && last !== null && <circle cx={last[0]} cy={last[1]} r="1.8" fill="var(--c1)" />}
    </svg>
  )
}
