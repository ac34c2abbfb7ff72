/** A sequential test as it grew: evidence over observations on a logarithmic axis, its boundary a line that means failure. */
import { count, figure } from '../../src/contract/text/format.ts'
import { Captioned } from './captioned.tsx'
import { ValueAxis } from './value-axis.tsx'
import { decades, extent, linear, linePath, logarithmic } from './scales/scale.ts'

export interface EvidenceProps {
  readonly title: string
  readonly boundary: number
  readonly points: readonly { readonly n: number; readonly evidence: number }[]
  readonly failing: boolean
  /** What is beyond the boundary: failure, or a wait. */
  readonly beyond?: 'fails' | 'waits'
}

const HEIGHT = 150
const EDGE = { left: 44, right: 12, top: 12, bottom: 22 }
const FLOOR = 1e-4
const LABELS = 5
/** Beyond so many times the boundary a curve is cut, so that its way there stays to be seen. */
const BEYOND = 1e4

export function Evidence({ title, boundary, points, failing, beyond = 'fails' }: EvidenceProps) {
  const last = points.at(-1)
  const said =
    last === undefined
      ? 'no observation yet'
      : `${figure(last.evidence, 3)} after ${count(last.n)}; ${beyond} at ${figure(boundary, 3)}`
  return (
    <Captioned title={title} said={said} label={`${title}: ${said}`} height={HEIGHT} drawn={points.length > 0}>
      {(width) => <Drawing width={width} boundary={boundary} points={points} failing={failing} beyond={beyond} />}
    </Captioned>
  )
}

type DrawingProps = Required<Omit<EvidenceProps, 'title'>> & { readonly width: number }

function Drawing({ width, boundary, points, failing, beyond }: DrawingProps) {
  const shown = points.map(({ n, evidence }) => ({ n, evidence: Math.min(evidence, boundary * BEYOND) }))
  const [low, high] = extent([...shown.map((point) => Math.max(point.evidence, FLOOR)), boundary, 1]) ?? [FLOOR, 1]
  const domain = [low / 1.5, high * 2] as const
  const y = logarithmic(domain, [HEIGHT - EDGE.bottom, EDGE.top])
  const most = points.at(-1)?.n ?? 1
  const x = linear([0, Math.max(1, most)], [EDGE.left, width - EDGE.right])
  const all = decades(domain)
  const every = Math.ceil(all.length / LABELS)
  return (
    <svg width={width} height={HEIGHT}>
      <ValueAxis
        marks={all.filter((_, i) => i % every === 0)}
        y={y}
        from={EDGE.left}
        to={width - EDGE.right}
        text={(mark) => (mark >= 1e4 || mark < 1e-2 ? mark.toExponential(0) : String(Number(mark.toPrecision(1))))}
      />
      <line
        x1={EDGE.left}
        x2={width - EDGE.right}
        y1={y(boundary)}
        y2={y(boundary)}
        stroke="var(--bad)"
        strokeWidth="1.5"
        strokeDasharray="5 4"
      />
      <text x={width - EDGE.right} y={y(boundary) - 4} textAnchor="end" style={{ fill: 'var(--bad)' }}>
        {beyond} here
      </text>
      <path
        d={linePath(shown.map((point) => [x(point.n), y(point.evidence)]))}
        fill="none"
        stroke={failing ? 'var(--bad)' : 'var(--c1)'}
        strokeWidth="2"
      />
      <text x={EDGE.left} y={HEIGHT - 6}>
        0
      </text>
      <text x={width - EDGE.right} y={HEIGHT - 6} textAnchor="end">
        {count(most)} observations
      </text>
    </svg>
  )
}
