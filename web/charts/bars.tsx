/** Two distributions over the same bins, side by side: shares at baseline and now. */
import { percent } from '../../src/contract/text/format.ts'
import { useWidth } from './width.ts'
import { ValueAxis } from './value-axis.tsx'
import { linear, ticks } from './scales/scale.ts'

export interface Bin {
  readonly label: string
  readonly baseline: number
  readonly window: number
}

const HEIGHT = 220
const EDGE = { left: 42, right: 6, top: 8, bottom: 34 }
const LABEL_PX = 62

/** Counts or shares; each side is divided by its own sum. */
export function Bars({ bins }: { bins: readonly Bin[] }) {
  const [holder, width] = useWidth()
  const total = (pick: (bin: Bin) => number): number => bins.reduce((sum, bin) => sum + pick(bin), 0) || 1
  const before = total((bin) => bin.baseline)
  const now = total((bin) => bin.window)
  const shares = bins.map((bin) => ({ label: bin.label, before: bin.baseline / before, now: bin.window / now }))
  const said = shares.map((bin) => `${bin.label}: ${percent(bin.before)} then, ${percent(bin.now)} now`).join('; ')
  return (
    <figure>
      <div ref={holder} role="img" aria-label={`Distribution. ${said}`} style={{ height: HEIGHT }}>
        {width > 0 && shares.length > 0 && <Drawing width={width} shares={shares} />}
      </div>
      <figcaption className="legend">
        <span className="chip">
          <i style={{ background: 'var(--line-strong)' }} /> baseline
        </span>
        <span className="chip">
          <i style={{ background: 'var(--c2)' }} /> now
        </span>
      </figcaption>
    </figure>
  )
}

interface Share {
  readonly label: string
  readonly before: number
  readonly now: number
}

function Drawing({ width, shares }: { width: number; shares: readonly Share[] }) {
  const top = Math.max(...shares.flatMap((bin) => [bin.before, bin.now]), 1e-9)
  const y = linear([0, top], [HEIGHT - EDGE.bottom, EDGE.top])
  const slot = (width - EDGE.left - EDGE.right) / shares.length
  const bar = Math.max(1, slot * 0.4)
  const every = Math.max(1, Math.ceil(LABEL_PX / slot))
  return (
    <svg width={width} height={HEIGHT}>
      <ValueAxis
        marks={ticks([0, top], 4)}
        y={y}
        from={EDGE.left}
        to={width - EDGE.right}
        text={(mark) => percent(mark)}
      />
      {shares.map((bin, i) => {
        const x = EDGE.left + i * slot + slot / 2
        return (
          <g key={bin.label}>
            <title>{`${bin.label}: ${percent(bin.before)} at baseline, ${percent(bin.now)} now`}</title>
            <rect x={x - bar} width={bar} y={y(bin.before)} height={y(0) - y(bin.before)} fill="var(--line-strong)" />
            <rect x={x} width={bar} y={y(bin.now)} height={y(0) - y(bin.now)} fill="var(--c2)" />
            {i % every === 0 && (
              <text x={x} y={HEIGHT - EDGE.bottom + 16} textAnchor="middle">
                {bin.label.length > 10 ? `${bin.label.slice(0, 9)}…` : bin.label}
              </text>
            )}
          </g>
        )
      })}
    </svg>
  )
}
