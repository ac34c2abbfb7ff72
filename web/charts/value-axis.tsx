/** The axis of values at the left edge of a drawing: a line and a text at each mark. */
import type { Scale } from './scales/scale.ts'

export interface ValueAxisProps {
  readonly marks: readonly number[]
  /** Places of values from the top, in px. */
  readonly y: Scale
  /** Where the lines begin and end, in px. */
  readonly from: number
  readonly to: number
  readonly text: (mark: number) => string
}

export function ValueAxis({ marks, y, from, to, text }: ValueAxisProps) {
  return (
    <g className="axis">
      {marks.map((mark) => (
        <g key={mark}>
          <line x1={from} x2={to} y1={y(mark)} y2={y(mark)} />
          <text x={from - 6} y={y(mark) + 4} textAnchor="end">
            {text(mark)}
          </text>
        </g>
      ))}
    </g>
  )
}
