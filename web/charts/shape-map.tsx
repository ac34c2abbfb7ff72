/** Shapes on a plain map: longitude to the right, latitude up, no tiles of anybody. */
import { figure } from '../../src/contract/text/format.ts'
import type { Place, Shape } from '../data/geojson.ts'
import { useWidth } from './width.ts'
import { extent, linear } from './scales/scale.ts'

const EDGE = 12
const HEIGHT = 420
/** Shapes that are drawn. */
const MOST = 5000

export function ShapeMap({ label, shapes }: { label: string; shapes: readonly Shape[] }) {
  const [holder, width] = useWidth()
  const places = shapes.flatMap((shape) => shape.parts.flat())
  const [west, east] = extent(places.map(([x]) => x)) ?? [0, 1]
  const [south, north] = extent(places.map(([, y]) => y)) ?? [0, 1]
  return (
    <>
      <div ref={holder} role="img" aria-label={label} style={{ width: '100%', height: HEIGHT }}>
        {width > 0 && (
          <Drawing shapes={shapes.slice(0, MOST)} place={placing(width, [west, east], [south, north])} width={width} />
        )}
      </div>
      <p className="muted small">
        {shapes.length} shapes, longitude {figure(west)} to {figure(east)}, latitude {figure(south)} to {figure(north)}
      </p>
    </>
  )
}

type Range = readonly [number, number]

/** One scale for both directions, shortened by the latitude in the middle, so that shapes keep their form. */
function placing(width: number, x: Range, y: Range): (place: Place) => Range {
  const middle = (y[0] + y[1]) / 2
  const squeeze = Math.abs(middle) < 85 ? Math.cos((middle * Math.PI) / 180) : 1
  const degrees = { x: Math.max((x[1] - x[0]) * squeeze, 1e-9), y: Math.max(y[1] - y[0], 1e-9) }
  const scale = Math.min((width - 2 * EDGE) / degrees.x, (HEIGHT - 2 * EDGE) / degrees.y)
  const across = linear(x, [width / 2 - (degrees.x * scale) / 2, width / 2 + (degrees.x * scale) / 2])
  const up = linear(y, [HEIGHT / 2 + (degrees.y * scale) / 2, HEIGHT / 2 - (degrees.y * scale) / 2])
  return ([longitude, latitude]) => [across(longitude), up(latitude)]
}

interface DrawingProps {
  readonly shapes: readonly Shape[]
  readonly place: (place: Place) => Range
  readonly width: number
}

function Drawing({ shapes, place, width }: DrawingProps) {
  return (
    <svg width={width} height={HEIGHT}>
      {shapes.map((shape, i) => {
        const [x, y] = place(shape.parts[0]?.[0] ?? [0, 0])
        return (
          <g
            key={i}
            stroke="var(--c1)"
            strokeWidth={1.5}
            fill={shape.kind === 'line' ? 'none' : 'var(--c1)'}
            fillOpacity={shape.kind === 'area' ? 0.2 : 1}
            fillRule="evenodd"
          >
            <title>{shape.label}</title>
            {shape.kind === 'point' ? (
              <circle cx={x} cy={y} r={4} />
            ) : (
              <path d={shape.parts.map((part) => pathOf(part.map(place), shape.kind === 'area')).join('')} />
            )}
          </g>
        )
      })}
    </svg>
  )
}

function pathOf(points: readonly Range[], closed: boolean): string {
  return `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join('L')}${closed ? 'Z' : ''}`
}
