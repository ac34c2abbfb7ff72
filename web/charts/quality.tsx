/** A quality metric by window with its interval, and below how many predictions had labels. */
import { count, eventTime, figure, interval, percent } from '../../src/contract/text/format.ts'
import { Captioned } from './captioned.tsx'
import { ValueAxis } from './value-axis.tsx'
import { extent, linear, linePath, ticks } from './scales/scale.ts'

export interface QualityPoint {
  readonly from: string
  readonly to: string
  readonly estimate: number | null
  readonly interval: readonly [number, number] | null
  readonly labelled: number
  readonly n: number
  readonly coverage: number
  readonly provisional: boolean
}

const HEIGHT = 190
const COVER = 22
const EDGE = { left: 46, right: 10, top: 8, bottom: COVER + 26 }

export function QualityChart({ title, points }: { title: string; points: readonly QualityPoint[] }) {
  const last = points.findLast((point) => point.estimate !== null)
  const said =
    last === undefined
      ? 'not enough labels'
      : `${figure(last.estimate)} ${interval(last.interval)} from ${count(last.labelled)} labels${last.provisional ? ', provisional' : ''}`
  return (
    <Captioned
      title={title}
      said={said}
      label={`${title} by week; last ${said}`}
      height={HEIGHT}
      drawn={last !== undefined}
    >
      {(width) => <Drawing width={width} points={points} />}
    </Captioned>
  )
}

function Drawing({ width, points }: { width: number; points: readonly QualityPoint[] }) {
  const values = points.flatMap((point) => [point.estimate, ...(point.interval ?? [])])
  const [low, high] = extent(values) ?? [0, 1]
  const room = (high - low || Math.abs(high) || 1) * 0.08
  const domain = [low - room, high + room] as const
  const y = linear(domain, [HEIGHT - EDGE.bottom, EDGE.top])
  const x = linear([-0.5, points.length - 0.5], [EDGE.left, width - EDGE.right])
  const bar = Math.max(2, Math.min(26, (width - EDGE.left - EDGE.right) / points.length - 2))
  return (
    <svg width={width} height={HEIGHT}>
      <ValueAxis
        marks={ticks(domain, 4)}
        y={y}
        from={EDGE.left}
        to={width - EDGE.right}
        text={(mark) => figure(mark)}
      />
      {points.map((point, i) => (
        <Point key={`${point.from} ${i}`} point={point} x={x(i)} y={y} bar={bar} />
      ))}
      <path
        d={linePath(points.map((point, i) => (point.estimate === null ? null : [x(i), y(point.estimate)])))}
        fill="none"
        stroke="var(--c1)"
        strokeWidth="1.5"
      />
      <text x={EDGE.left} y={HEIGHT - 4}>
        {points[0]?.from.slice(0, 10)}
      </text>
      <text x={width - EDGE.right} y={HEIGHT - 4} textAnchor="end">
        {points.at(-1)?.to.slice(0, 10)}
      </text>
    </svg>
  )
}

function Point({ point, x, y, bar }: { point: QualityPoint; x: number; y: (value: number) => number; bar: number }) {
  const base = HEIGHT - 20
  return (
    <g>
      <title>
        {`${eventTime(point.from)}: ${figure(point.estimate)} ${interval(point.interval)}, ${count(point.labelled)} of ${count(point.n)} labelled${point.provisional ? ', provisional' : ''}`}
      </title>
      {point.interval !== null && (
        <line
          x1={x}
          x2={x}
          y1={y(point.interval[0])}
          y2={y(point.interval[1])}
          stroke="var(--c1)"
          strokeWidth="5"
          opacity="0.3"
        />
      )}
      {point.estimate !== null && (
        <circle
          cx={x}
          cy={y(point.estimate)}
          r="3.500"
          fill={point.provisional ? 'var(--panel)' : 'var(--c1)'}
          stroke="var(--c1)"
          strokeWidth="1.500"
        />
      )}
      <rect x={x - bar / 2} y={base - COVER} width={bar} height={COVER} fill="var(--sunken)" />
      <rect
        x={x - bar / 2}
        y={base - COVER * point.coverage}
        width={bar}
        height={COVER * point.coverage}
        fill="var(--idle)"
        opacity="0.6"
      >
        <title>{percent(point.coverage)} labelled</title>
      </rect>
    </g>
  )
}
