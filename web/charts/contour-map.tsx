/** A third number over two others: shaded surface, level lines, and the dots it was made from. */
import { useMemo } from 'react'
import { figure } from '../data/format.ts'
import { useWidth } from './width.ts'
import { levelLine, surface } from './contour.ts'
import type { Piece } from './contour.ts'
import { axisFor } from './domain.ts'
import type { AxisScale } from './domain.ts'
import { extent, linear } from './scale.ts'

export interface ContourProps {
  readonly x: string
  readonly y: string
  readonly z: string
  readonly dots: readonly { readonly label: string; readonly x: number; readonly y: number; readonly z: number }[]
}

const HEIGHT = 320
const EDGE = { left: 64, right: 16, top: 16, bottom: 40 }
const CELLS = { columns: 48, rows: 30 }
const LEVELS = 6

export function ContourMap(props: ContourProps) {
  const [holder, width] = useWidth()
  const { x, y, z, dots } = props
  return (
    <div ref={holder} role="img" aria-label={`${z} over ${x} and ${y}, ${dots.length} runs`} style={{ height: HEIGHT }}>
      {width > 0 && dots.length > 0 && <Drawing {...props} width={width} />}
    </div>
  )
}

function Drawing({ x, y, z, dots, width }: ContourProps & { width: number }) {
  const across = axisFor(dots.map((dot) => dot.x))
  const up = axisFor(dots.map((dot) => dot.y))
  const [low, high] = extent(dots.map((dot) => dot.z)) ?? [0, 1]
  const placeX = across.place([EDGE.left, width - EDGE.right])
  const placeY = up.place([HEIGHT - EDGE.bottom, EDGE.top])
  const part = (value: number): number => (high > low ? (value - low) / (high - low) : 0.5)
  return (
    <svg width={width} height={HEIGHT}>
      <Shades dots={dots} across={across} up={up} part={part} width={width} />
      <g className="axis">
        {up.marks(5).map((tick) => (
          <text key={tick} x={EDGE.left - 6} y={placeY(tick) + 4} textAnchor="end">
            {figure(tick)}
          </text>
        ))}
        {across.marks(5).map((tick) => (
          <text key={tick} x={placeX(tick)} y={HEIGHT - EDGE.bottom + 16} textAnchor="middle">
            {figure(tick)}
          </text>
        ))}
        <text x={width - EDGE.right} y={HEIGHT - 6} textAnchor="end">
          {across.log ? `${x}, logarithmic` : x}
        </text>
        <text x={4} y={11}>
          {up.log ? `${y}, logarithmic` : y}
        </text>
        <text x={width - EDGE.right} y={11} textAnchor="end">
          {`${z}: pale ${figure(low, 3)}, full ${figure(high, 3)}`}
        </text>
      </g>
      {dots.map((dot) => (
        <circle key={dot.label} cx={placeX(dot.x)} cy={placeY(dot.y)} r="4" className="spot">
          <title>{`${dot.label}: ${figure(dot.x)}, ${figure(dot.y)}, ${z} ${figure(dot.z)}`}</title>
        </circle>
      ))}
    </svg>
  )
}

interface ShadesProps {
  readonly dots: ContourProps['dots']
  readonly across: AxisScale
  readonly up: AxisScale
  readonly part: (value: number) => number
  readonly width: number
}

function Shades({ dots, across, up, part, width }: ShadesProps) {
  const { columns, rows } = CELLS
  const made = useMemo(
    () =>
      surface(
        dots.map((dot) => ({
          x: across.place([0, 1])(dot.x),
          y: up.place([0, 1])(dot.y),
          z: dot.z,
        })),
        columns,
        rows,
      ),
    // the axes follow from the dots
    // oxlint-disable-next-line react/exhaustive-deps
    [dots, columns, rows],
  )
  const placeX = linear([0, columns - 1], [EDGE.left, width - EDGE.right])
  const placeY = linear([0, rows - 1], [HEIGHT - EDGE.bottom, EDGE.top])
  const cell = { width: placeX(1) - placeX(0), height: placeY(0) - placeY(1), shapeRendering: 'crispEdges' } as const
  const [low, high] = extent(made.values) ?? [0, 1]
  const levels = Array.from({ length: LEVELS }, (_, i) => low + ((i + 1) / (LEVELS + 1)) * (high - low))
  return (
    <>
      {made.values.map((value, i) => {
        const [column, row] = [i % columns, Math.floor(i / columns)]
        if (column === columns - 1 || row === rows - 1) return null
        return (
          <rect
            key={i}
            x={placeX(column)}
            y={placeY(row + 1)}
            {...cell}
            fill="var(--c1)"
            opacity={0.06 + 0.74 * part(value)}
          />
        )
      })}
      {high > low &&
        levels.map((level) => (
          <path key={level} className="level" d={pathOf(levelLine(made, level), placeX, placeY)} />
        ))}
    </>
  )
}

function pathOf(pieces: readonly Piece[], x: (value: number) => number, y: (value: number) => number): string {
  return pieces
    .map(([x1, y1, x2, y2]) => `M${x(x1).toFixed(1)} ${y(y1).toFixed(1)}L${x(x2).toFixed(1)} ${y(y2).toFixed(1)}`)
    .join('')
}
