/** Parallel coordinates: an axis for each number, a line for each run. */
import { figure } from '../../src/contract/text/format.ts'
import { useWidth } from './width.ts'
import { axisFor } from './scales/domain.ts'
import { linear, linePath } from './scales/scale.ts'

export interface ParallelProps {
  readonly axes: readonly string[]
  /** `values` has one number an axis. */
  readonly lines: readonly {
    readonly label: string
    readonly colour: string
    readonly values: readonly (number | null)[]
  }[]
}

const HEIGHT = 240
const EDGE = { side: 60, top: 40, bottom: 24 }
const LABEL = 16

export function Parallel({ axes, lines }: ParallelProps) {
  const [holder, width] = useWidth()
  const x = linear([0, Math.max(1, axes.length - 1)], [EDGE.side, Math.max(EDGE.side, width - EDGE.side)])
  const scales = axes.map((_, i) => {
    const axis = axisFor(
      lines.map((line) => line.values[i]),
      0,
    )
    return { ...axis, y: axis.place([HEIGHT - EDGE.bottom, EDGE.top]) }
  })
  return (
    <div ref={holder} role="img" aria-label={`Parallel axes of ${axes.join(', ')}`} style={{ height: HEIGHT }}>
      {width > 0 && (
        <svg width={width} height={HEIGHT}>
          {axes.map((axis, i) => (
            <g key={axis} className="axis">
              <title>{scales[i]?.log ? `${axis}, logarithmic` : axis}</title>
              <line
                x1={x(i)}
                x2={x(i)}
                y1={EDGE.top}
                y2={HEIGHT - EDGE.bottom}
                style={{ stroke: 'var(--line-strong)' }}
              />
              <text x={x(i)} y={14} textAnchor="middle">
                {short(axis.slice(axis.indexOf('.') + 1))}
              </text>
              <text x={x(i)} y={EDGE.top - 8} textAnchor="middle">
                {figure(scales[i]?.domain[1], 3)}
              </text>
              <text x={x(i)} y={HEIGHT - 8} textAnchor="middle">
                {figure(scales[i]?.domain[0], 3)}
              </text>
            </g>
          ))}
          {lines.map((line, place) => (
            <path
              key={`${place} ${line.label}`}
              d={linePath(line.values.map((value, i) => (value === null ? null : [x(i), scales[i]?.y(value) ?? 0])))}
              fill="none"
              stroke={line.colour}
              strokeWidth="2"
            >
              <title>{line.label}</title>
            </path>
          ))}
        </svg>
      )}
    </div>
  )
}

function short(text: string): string {
  return text.length > LABEL ? `${text.slice(0, LABEL - 1)}…` : text
}
