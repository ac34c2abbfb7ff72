/** Dots by two numbers. */
import { figure } from '../../src/contract/text/format.ts'
import { useWidth } from './width.ts'
import { PlaneAxes, planeOf } from './plane.tsx'

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

export function Scatter({ x, y, dots }: ScatterProps) {
  const [holder, width] = useWidth()
  return (
    <div ref={holder} role="img" aria-label={`${y} by ${x}`} style={{ height: HEIGHT }}>
      {width > 0 && <Drawing x={x} y={y} dots={dots} width={width} />}
    </div>
  )
}

function Drawing({ x, y, dots, width }: ScatterProps & { width: number }) {
  const plane = planeOf(dots, width, HEIGHT)
  return (
    <svg width={width} height={HEIGHT}>
      <PlaneAxes plane={plane} x={x} y={y} marks={4} />
      {dots.map((dot, i) =>
        dot.x === null || dot.y === null ? null : (
          // two runs may have one name
          <circle key={`${i} ${dot.label}`} cx={plane.x(dot.x)} cy={plane.y(dot.y)} r="5" fill={dot.colour}>
            <title>{`${dot.label}: ${figure(dot.x)}, ${figure(dot.y)}`}</title>
          </circle>
        ),
      )}
    </svg>
  )
}
