/** A plane of two numbers: the places of points on it, and its axes with their names. */
import { figure } from '../../src/contract/text/format.ts'
import { axisFor } from './scales/domain.ts'
import type { AxisScale } from './scales/domain.ts'
import type { Scale } from './scales/scale.ts'
import { ValueAxis } from './value-axis.tsx'

/** Room around a plane, px. */
export const EDGE = { left: 64, right: 16, top: 16, bottom: 40 }

export interface Plane {
  readonly across: AxisScale
  readonly up: AxisScale
  /** Places in px. */
  readonly x: Scale
  readonly y: Scale
  readonly width: number
  readonly height: number
}

/** The plane that holds these points in a drawing of so many px; a missing number counts for nothing. */
export function planeOf(
  points: readonly { readonly x: number | null; readonly y: number | null }[],
  width: number,
  height: number,
): Plane {
  const across = axisFor(points.map((point) => point.x))
  const up = axisFor(points.map((point) => point.y))
  return {
    across,
    up,
    x: across.place([EDGE.left, width - EDGE.right]),
    y: up.place([height - EDGE.bottom, EDGE.top]),
    width,
    height,
  }
}

export interface PlaneAxesProps {
  readonly plane: Plane
  readonly x: string
  readonly y: string
  /** Marks of the upright axis, about so many. */
  readonly marks: number
}

export function PlaneAxes({ plane, x, y, marks }: PlaneAxesProps) {
  const { across, up, width, height } = plane
  return (
    <>
      <ValueAxis
        marks={up.marks(marks)}
        y={plane.y}
        from={EDGE.left}
        to={width - EDGE.right}
        text={(mark) => figure(mark)}
      />
      <g className="axis">
        {across.marks(5).map((mark) => (
          <text key={mark} x={plane.x(mark)} y={height - EDGE.bottom + 16} textAnchor="middle">
            {figure(mark)}
          </text>
        ))}
        <text x={width - EDGE.right} y={height - 6} textAnchor="end">
          {across.log ? `${x}, logarithmic` : x}
        </text>
        <text x={4} y={11}>
          {up.log ? `${y}, logarithmic` : y}
        </text>
      </g>
    </>
  )
}
