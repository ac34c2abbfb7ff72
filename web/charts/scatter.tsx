/** Dots of things by two of their numbers. */
import { figure } from '../data/format.ts'
import { useWidth } from './width.ts'
import { axisFor } from './domain.ts'

export interface ScatterProps {
  readonly x: string
  readonly y: string
  readonly dots: readonly {
    readonly label: string
    readonly colour: string
    readonly x: number | null
    readonly y: number | null
  }[]
}

const HEIGHT = 260
const EDGE = { left: 64, right: 16, top: 12, bottom: 40 }

export function Scatter({ x, y, dots }: ScatterProps) {
  const [holder, width] = useWidth()
  return (
    <div ref={holder} role="img" aria-label={`${y} by ${x}`} style={{ height: HEIGHT }}>
      {width > 0 && <Drawing x={x} y={y} dots={dots} width={width} />}
    </div>
  )
}

function Drawing({ x, y, dots, width }: ScatterProps & { width: number }) {
  const across = axisFor(dots.map((dot) => dot.x))
  const up = axisFor(dots.map((dot) => dot.y))
  const placeX = across.place([EDGE.left, width - EDGE.right])
  const placeY = up.place([HEIGHT - EDGE.bottom, EDGE.top])
  return (
    <svg width={width} height={HEIGHT}>
      <g className="axis">
        {up.marks(4).map((tick) => (
          <g key={tick}>
            <line x1={EDGE.left} x2={width - EDGE.right} y1={placeY(tick)} y2={placeY(tick)} />
            <text x={EDGE.left - 6} y={placeY(tick) + 4} textAnchor="end">
              {figure(tick)}
            </text>
          </g>
        ))}
        {across.marks(5).map((tick) => (
          <text key={tick} x={placeX(tick)} y={HEIGHT - EDGE.bottom + 16} textAnchor="middle">
            {figure(tick)}
          </text>
        ))}
        <text x={width - EDGE.right} y={HEIGHT - 6} textAnchor="end">
          {across.log ? `${x}, logarithmic` : x}
        </text>
        <text x={4} y={10}>
          {up.log ? `${y}, logarithmic` : y}
        </text>
      </g>
      {dots.map((dot) =>
        dot.x === null || dot.y === null ? null : (
          <circle key={dot.label} cx={placeX(dot.x)} cy={placeY(dot.y)} r="5" fill={dot.colour}>
            <title>{`${dot.label}: ${figure(dot.x)}, ${figure(dot.y)}`}</title>
          </circle>
        ),
      )}
    </svg>
  )
}
