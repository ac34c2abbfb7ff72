/** Latency, traffic and errors of each variant over time, from the prediction log. */
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useMemo } from 'react'
import type { Line } from '../../charts/line-chart.tsx'
import { extent } from '../../charts/scales/scale.ts'
import { versionColour } from '../../data/colours.ts'
import { duration, eventTime, plural } from '../../../src/contract/text/format.ts'
import * as read from '../../data/queries.ts'
import type { Latency } from '../../data/queries.ts'
import type { Span } from '../../data/address.ts'
import { Skeleton, Empty, Loaded } from '../page/placeholders.tsx'
import { Panel } from '../page/page.tsx'

const LineChart = lazy(async () => ({ default: (await import('../../charts/line-chart.tsx')).LineChart }))

const SPANS: Readonly<Record<Span, readonly [word: string, seconds: number]>> = {
  '15m': ['15 minutes', 900],
  '1h': ['1 hour', 3600],
  '6h': ['6 hours', 21_600],
  '24h': ['24 hours', 86_400],
  '7d': ['7 days', 604_800],
}

const CHARTS = [
  ['p50', 'p50_ms', ' ms'],
  ['p95', 'p95_ms', ' ms'],
  ['p99', 'p99_ms', ' ms'],
  ['Requests per window', 'requests', ''],
] as const

export function LatencyPanel({ name }: { name: string }) {
  const { span = '1h' } = useSearch({ from: '/endpoints/$name' })
  const navigate = useNavigate({ from: '/endpoints/$name' })
  const latency = useQuery(read.latency(name, SPANS[span][1]))
  return (
    <Panel
      title="Latency in the gateway"
      note={latency.data && noteOf(latency.data)}
      tools={
        <label className="row">
          last
          <select
            value={span}
            onChange={(event) =>
              void navigate({
                params: { name },
                search: { span: event.target.value as Span },
                replace: true,
                resetScroll: false,
              })
            }
          >
            {Object.entries(SPANS).map(([key, [word]]) => (
              <option key={key} value={key}>
                {word}
              </option>
            ))}
          </select>
        </label>
      }
    >
      <Loaded query={latency} what="The latency" height={290}>
        {(data) =>
          data.series.length === 0 ? (
            <Empty title="No requests yet" commands={[`slipway predict ${name} @rows.json`]} />
          ) : (
            <Charts latency={data} />
          )
        }
      </Loaded>
    </Panel>
  )
}

function noteOf({ until, window_s, series }: Latency): string {
  const errors = series.reduce((sum, one) => sum + one.errors.reduce((all, n) => all + n, 0), 0)
  const failed = errors === 0 ? 'no request failed' : `${plural(errors, 'request')} failed`
  return `up to ${eventTime(until)}, windows of ${duration(window_s * 1000)}, ${failed}`
}

function Charts({ latency }: { latency: Latency }) {
  const x = useMemo(() => latency.windows.map((at) => Date.parse(at) / 1000), [latency.windows])
  return (
    <div className="charts wide">
      {CHARTS.map(([title, key, unit]) => (
        <figure key={key}>
          <figcaption>
            <h3>{title}</h3>
          </figcaption>
          <Chart latency={latency} x={x} title={title} pick={key} unit={unit} />
        </figure>
      ))}
    </div>
  )
}

/** From the least to the greatest value that a plain axis still shows both of. */
const PLAIN = 30

function spreads(lines: readonly Line[]): boolean {
  const [low, high] = extent(lines.flatMap((line) => line.values)) ?? [1, 1]
  return low > 0 && high / low > PLAIN
}

interface ChartProps {
  readonly latency: Latency
  readonly x: readonly number[]
  readonly title: string
  readonly pick: (typeof CHARTS)[number][1]
  readonly unit: string
}

function Chart({ latency, x, title, pick, unit }: ChartProps) {
  const lines = useMemo(
    () =>
      latency.series.map((one): Line => ({
        label: `${one.role} ${one.version}`,
        colour: versionColour(one.version),
        values: one[pick],
        dashed: one.role !== 'stable',
      })),
    [latency.series, pick],
  )
  return (
    <Suspense fallback={<Skeleton height={210} />}>
      <LineChart
        label={`${title} by variant over time`}
        x={x}
        lines={lines}
        time
        log={unit !== '' && spreads(lines)}
        height={170}
        unit={unit}
      />
    </Suspense>
  )
}
