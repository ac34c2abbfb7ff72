/** The curves of runs, one chart a metric: smoothing, logarithmic axis, more points for the part that is looked at. */
import { useQueries } from '@tanstack/react-query'
import { lazy, Suspense, useId, useMemo, useState } from 'react'
import { joinHistories } from '../charts/curves.ts'
import type { History } from '../charts/curves.ts'
import { seriesColour } from '../colours.ts'
import { plural } from '../format.ts'
import * as read from '../queries.ts'
import { Bone } from './failure.tsx'
import { Panel } from './page.tsx'

const LineChart = lazy(async () => ({ default: (await import('../charts/line-chart.tsx')).LineChart }))

const POINTS = 500
const POINTS_ZOOMED = 10_000
const SHOWN = 8
const STEP = 0.05
const MOST = 0.95

export interface RunChartsProps {
  readonly runs: readonly { readonly id: string; readonly label: string }[]
  readonly metrics: readonly string[]
  readonly smooth: number
  readonly log: boolean
  readonly onChange: (smooth: number, log: boolean) => void
}

export function RunCharts({ runs, metrics, smooth, log, onChange }: RunChartsProps) {
  const [all, setAll] = useState(false)
  const slider = useId()
  if (metrics.length === 0) return null
  const shown = all ? metrics : metrics.slice(0, SHOWN)
  return (
    <Panel
      title="Curves"
      note="drag to zoom, double-click to go back"
      tools={
        <>
          <label htmlFor={slider}>Smoothing {smooth.toFixed(2)}</label>
          <input
            id={slider}
            type="range"
            min={0}
            max={MOST}
            step={STEP}
            value={smooth}
            onChange={(event) => onChange(Number(event.target.value), log)}
          />
          <label className="row">
            <input type="checkbox" checked={log} onChange={(event) => onChange(smooth, event.target.checked)} />
            logarithmic
          </label>
        </>
      }
    >
      <div className="charts">
        {shown.map((metric) => (
          <MetricChart key={metric} runs={runs} metric={metric} smooth={smooth} log={log} />
        ))}
      </div>
      {metrics.length > shown.length && (
        <button type="button" className="button" onClick={() => setAll(true)}>
          Show all {metrics.length} metrics
        </button>
      )}
    </Panel>
  )
}

interface MetricChartProps {
  readonly runs: RunChartsProps['runs']
  readonly metric: string
  readonly smooth: number
  readonly log: boolean
}

function MetricChart({ runs, metric, smooth, log }: MetricChartProps) {
  const [points, setPoints] = useState(POINTS)
  const histories = useQueries({
    queries: runs.map((run) => read.history(run.id, metric, points)),
    combine: (queries) => ({
      pending: queries.some((query) => query.isPending),
      data: queries.map((query) => query.data),
    }),
  })
  if (histories.pending) return <Bone height={270} />
  const total = Math.max(0, ...histories.data.map((one) => one?.total ?? 0))
  return (
    <figure>
      <figcaption className="row">
        <h3 className="break">{metric}</h3>
        <span className="muted small">
          {plural(total, 'point')}
          {total > points && `, ${points} drawn with their extremes`}
        </span>
      </figcaption>
      <Curves
        runs={runs}
        metric={metric}
        smooth={smooth}
        log={log}
        histories={histories.data.map((one) => one ?? { points: [] })}
        onZoom={total > points ? () => setPoints(POINTS_ZOOMED) : undefined}
      />
    </figure>
  )
}

interface CurvesProps extends MetricChartProps {
  readonly histories: readonly History[]
  readonly onZoom: (() => void) | undefined
}

function Curves({ runs, metric, smooth, log, histories, onZoom }: CurvesProps) {
  const { steps, lines } = useMemo(() => {
    const joined = joinHistories(histories, smooth)
    return {
      steps: joined.steps,
      lines: runs.flatMap((run, i) => [
        ...(smooth > 0
          ? [{ label: `${run.label} raw`, colour: seriesColour(i), values: joined.raw[i] ?? [], pale: true }]
          : []),
        { label: run.label, colour: seriesColour(i), values: joined.smoothed[i] ?? [] },
      ]),
    }
    // the histories are new objects at each drawing; their points are not
    // oxlint-disable-next-line react/exhaustive-deps
  }, [runs.map((run) => run.id).join(' '), smooth, ...histories.map((history) => history.points)])
  return (
    <Suspense fallback={<Bone height={250} />}>
      <LineChart label={`${metric} by step`} x={steps} lines={lines} log={log} {...(onZoom && { onZoom })} />
    </Suspense>
  )
}
