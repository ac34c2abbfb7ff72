/** Requests, cost and latency of language models over time. */
import { lazy, Suspense, useMemo } from 'react'
import { duration } from '../../../src/contract/text/format.ts'
import type { Line } from '../../charts/line-chart.tsx'
import { errorsOf } from '../../data/llm/outcomes.ts'
import type { LlmFigures, LlmOverview } from '../../data/llm/queries.ts'
import { Panel } from '../page/page.tsx'
import { Skeleton } from '../page/placeholders.tsx'

const LineChart = lazy(async () => ({ default: (await import('../../charts/line-chart.tsx')).LineChart }))

const NANO = 1e9
const MS = 1000

interface Drawn {
  readonly label: string
  readonly colour: string
  readonly of: (figures: LlmFigures) => number | null
  readonly dashed?: boolean
}

interface ChartKind {
  readonly title: string
  readonly unit: string
  readonly lines: readonly Drawn[]
}

const CHARTS: readonly ChartKind[] = [
  {
    title: 'Requests',
    unit: '',
    lines: [
      { label: 'all', colour: 'var(--c1)', of: ({ requests }) => requests },
      { label: 'errors', colour: 'var(--bad)', of: errorsOf },
    ],
  },
  {
    title: 'Cost, $',
    unit: '',
    lines: [{ label: 'cost', colour: 'var(--c3)', of: costOf }],
  },
  {
    title: 'To the first byte',
    unit: ' ms',
    lines: [
      { label: 'p95', colour: 'var(--c2)', of: ({ first_us: { p95 } }) => inMs(p95) },
      { label: 'p50', colour: 'var(--c1)', of: ({ first_us: { p50 } }) => inMs(p50), dashed: true },
    ],
  },
]

/** Where no call has a price there is a gap, and no cost of 0. */
function costOf({ cost_nanodollars: cost, unpriced }: LlmFigures): number | null {
  return cost === 0 && unpriced > 0 ? null : cost / NANO
}

function inMs(us: number | null): number | null {
  return us === null ? null : us / MS
}

export interface OverviewChartsProps {
  readonly overview: LlmOverview
  /** Called with the ends of the part that was chosen by dragging, ISO times. */
  readonly onZoom: (since: string, until: string) => void
}

export function OverviewCharts({ overview, onZoom }: OverviewChartsProps) {
  const { series, step_ms } = overview
  const x = useMemo(() => series.map(({ at }) => Date.parse(at) / MS), [series])
  return (
    <Panel title="Over time" note={`in steps of ${duration(step_ms)}; drag over a part to see it alone`}>
      <div className="charts">
        {CHARTS.map((chart) => (
          <figure key={chart.title}>
            <figcaption>
              <h3>{chart.title}</h3>
            </figcaption>
            <Chart chart={chart} x={x} series={series} onZoom={onZoom} />
          </figure>
        ))}
      </div>
    </Panel>
  )
}

interface ChartProps extends Pick<OverviewChartsProps, 'onZoom'> {
  readonly chart: ChartKind
  readonly x: readonly number[]
  readonly series: LlmOverview['series']
}

function Chart({ chart, x, series, onZoom }: ChartProps) {
  const lines = useMemo(
    () => chart.lines.map(({ of, ...line }): Line => ({ ...line, values: series.map(of) })),
    [chart, series],
  )
  return (
    <Suspense fallback={<Skeleton height={210} />}>
      <LineChart
        label={`${chart.title} over time`}
        x={x}
        lines={lines}
        time
        height={170}
        unit={chart.unit}
        onZoom={(from, to) => onZoom(new Date(from * MS).toISOString(), new Date(to * MS).toISOString())}
      />
    </Suspense>
  )
}
