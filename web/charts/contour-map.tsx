/** A third number over two others: shaded surface, level lines, and the dots it was made from. */
import { useMemo } from 'react'
import { figure } from '../../src/contract/text/format.ts'
import { useWidth } from './width.ts'
import { levelLine, surface } from './scales/contour.ts'
import type { Piece } from './scales/contour.ts'
import { EDGE, PlaneAxes, planeOf } from './plane.tsx'
import type { Plane } from './plane.tsx'
import { extent, linear } from './scales/scale.ts'

export interface ContourProps {
  readonly x: string
  readonly y: string
  readonly z: string
  readonly dots: readonly { readonly label: string; readonly x: number; readonly y: number; readonly z: number }[]
}

const HEIGHT = 320
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
  const plane = planeOf(dots, width, HEIGHT)
  const [low, high] = extent(dots.map((dot) => dot.z)) ?? [0, 1]
  const part = (value: number): number => (high > low ? (value - low) / (high - low) : 0.5)
  return (
    <svg width={width} height={HEIGHT}>
      <Shades dots={dots} plane={plane} part={part} />
      <PlaneAxes plane={plane} x={x} y={y} marks={5} />
      <g className="axis">
        <text x={width - EDGE.right} y={11} textAnchor="end">
          {`${z}: pale ${figure(low, 3)}, full ${figure(high, 3)}`}
        </text>
      </g>
      {dots.map((dot, i) => (
        <circle key={`${i} ${dot.label}`} cx={plane.x(dot.x)} cy={plane.y(dot.y)} r="4" className="spot">
          <title>{`${dot.label}: ${figure(dot.x)}, ${figure(dot.y)}, ${z} ${figure(dot.z)}`}</title>
        </circle>
      ))}
    </svg>
  )
}

interface ShadesProps {
  readonly dots: ContourProps['dots']
  readonly plane: Plane
  /** Where a value of the surface lies between the least and the greatest, 0..1. */
  readonly part: (value: number) => number
}

function Shades({ dots, plane, part }: ShadesProps) {
  const { columns, rows } = CELLS
  const made = useMemo(
    () =>
      surface(
        dots.map((dot) => ({
          x: plane.across.place([0, 1])(dot.x),
          y: plane.up.place([0, 1])(dot.y),
          z: dot.z,
        })),
        columns,
        rows,
      ),
    // the axes follow from the dots
    // oxlint-disable-next-line react/exhaustive-deps
    [dots, columns, rows],
  )
  const placeX = linear([0, columns - 1], [EDGE.left, plane.width - EDGE.right])
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
