/** The curves of runs, one chart a metric: smoothing, logarithmic axis, steps or time, more detail for the part that is looked at. */
import { useQueries, useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useId, useMemo, useState } from 'react'
import { interpolated, joinCurves } from '../../charts/curves/curves.ts'
import { meanBand } from '../../charts/curves/bands.ts'
import type { Line } from '../../charts/line-chart.tsx'
import type { ChartSettings } from '../../data/runs/chart-settings.ts'
import { seriesColour } from '../../data/colours.ts'
import { count, plural } from '../../../src/contract/text/format.ts'
import { runCurves } from '../../data/runs/queries.ts'
import type { RunCurve, Steps } from '../../data/runs/queries.ts'
import { Skeleton, Failure } from '../page/placeholders.tsx'
import { Panel } from '../page/page.tsx'

const LineChart = lazy(async () => ({ default: (await import('../../charts/line-chart.tsx')).LineChart }))

const POINTS = 500
const SHOWN = 8
const MORE = 24
const STEP = 0.05
const MOST = 0.95
/** More lines than this are neither listed below the chart nor drawn raw behind their smoothed form. */
const LISTED = 10
/** Bands of more groups than this would cover each other; their colours are those of the table of groups. */
const BANDS = 6

export interface ChartedRun {
  readonly id: string
  readonly label: string
}

export interface RunChartsProps extends ChartSettings {
  readonly runs: readonly ChartedRun[]
  readonly metrics: readonly string[]
  /** Runs that repeat the same: each group is drawn as its mean with the interval of the mean. */
  readonly groups?: readonly { readonly label: string; readonly ids: readonly string[] }[] | undefined
  readonly onChange: (settings: ChartSettings) => void
}

export function RunCharts(props: RunChartsProps) {
  const { metrics, runs } = props
  const [most, setMost] = useState(SHOWN)
  const ids = useMemo(() => runs.map((run) => run.id), [runs])
  const asked = metrics.slice(0, most)
  const totals = useQueries({
    queries: asked.map((metric) => runCurves(ids, metric, POINTS)),
    combine: (queries) => queries.map(({ data }) => data?.items.reduce((most, one) => Math.max(most, one.total), 0)),
  })
  // a single point is a number of the table, not a curve
  const shown = asked.filter((_, i) => (totals[i] ?? 2) > 1)
  if (shown.length === 0) return null
  return (
    <Panel title="Curves" note="drag to zoom in, double-click to reset" tools={<Settings {...props} />}>
      <div className="charts">
        {shown.map((metric) => (
          <MetricChart key={metric} {...props} metric={metric} />
        ))}
      </div>
      {metrics.length > asked.length && (
        <div>
          <button type="button" className="button" onClick={() => setMost(most + MORE)}>
            Load {Math.min(MORE, metrics.length - asked.length)} more of {metrics.length} metrics
          </button>
        </div>
      )}
    </Panel>
  )
}

function Settings({ smooth, log, axis, zoom, onChange }: RunChartsProps) {
  const slider = useId()
  return (
    <>
      <label htmlFor={slider}>Smoothing {smooth.toFixed(2)}</label>
      <input
        id={slider}
        type="range"
        min={0}
        max={MOST}
        step={STEP}
        value={smooth}
        onChange={(event) => onChange({ smooth: Number(event.target.value), log, axis, zoom })}
      />
      <label className="row">
        <input
          type="checkbox"
          checked={log}
          onChange={(event) => onChange({ smooth, log: event.target.checked, axis, zoom })}
        />
        logarithmic
      </label>
      <label className="row">
        by
        <select
          value={axis}
          onChange={(event) => onChange({ smooth, log, axis: event.target.value === 'time' ? 'time' : 'step', zoom })}
        >
          <option value="step">step</option>
          <option value="time">time</option>
        </select>
      </label>
    </>
  )
}

function MetricChart(props: RunChartsProps & { metric: string }) {
  const { runs, metric, smooth, log, axis, zoom: zoomed, onChange } = props
  const steps = zoomed[metric]
  const setSteps = (part: Steps | undefined): void => {
    const others = Object.entries(zoomed).filter(([key]) => key !== metric)
    const zoom = Object.fromEntries(part === undefined ? others : [...others, [metric, part] as const])
    onChange({ smooth, log, axis, zoom })
  }
  const ids = useMemo(() => runs.map((run) => run.id), [runs])
  const curves = useQuery(runCurves(ids, metric, POINTS, steps))
  if (curves.data === undefined) {
    if (curves.error === null) return <Skeleton height={270} />
    return <Failure what={metric} error={curves.error} retry={() => void curves.refetch()} />
  }
  const { items } = curves.data
  const total = Math.max(0, ...items.map((curve) => curve.total))
  const zoom = (from: number, to: number): void => setSteps(axis === 'step' ? { from, to } : stepsAt(items, from, to))
  return (
    <figure>
      <figcaption className="row">
        <h3 className="break">{metric}</h3>
        <span className="muted small">
          {plural(total, 'point')}
          {steps !== undefined && ` from step ${count(Math.floor(steps.from))} to ${count(Math.ceil(steps.to))}`}
          {total > POINTS && `, reduced to ${POINTS} with minima and maxima kept`}
        </span>
        {steps !== undefined && (
          <button type="button" className="button quiet" onClick={() => setSteps(undefined)}>
            Reset zoom
          </button>
        )}
      </figcaption>
      <Curves {...props} curves={items} onZoom={zoom} onReset={() => setSteps(undefined)} />
    </figure>
  )
}

/** The steps whose time since the start lies in a range of seconds, over all runs. */
function stepsAt(curves: readonly RunCurve[], from: number, to: number): Steps | undefined {
  const inside = curves.flatMap(({ steps, times }) =>
    steps.filter((_, i) => {
      const seconds = ((times[i] ?? 0) - (times[0] ?? 0)) / 1000
      return seconds >= from && seconds <= to
    }),
  )
  if (inside.length === 0) return undefined
  return {
    from: inside.reduce((least, step) => Math.min(least, step)),
    to: inside.reduce((most, step) => Math.max(most, step)),
  }
}

interface CurvesProps extends RunChartsProps {
  readonly metric: string
  readonly curves: readonly RunCurve[]
  readonly onZoom: (from: number, to: number) => void
  readonly onReset: () => void
}

function Curves({ runs, groups, metric, smooth, log, axis, curves, onZoom, onReset }: CurvesProps) {
  const { x, lines } = useMemo(
    () => (groups === undefined ? single(runs, curves, { smooth, axis }) : grouped(groups, curves, { smooth, axis })),
    [runs, groups, curves, smooth, axis],
  )
  return (
    <Suspense fallback={<Skeleton height={250} />}>
      <LineChart
        label={`${metric} by ${axis}`}
        x={x}
        lines={lines}
        log={log}
        xLabel={axis === 'step' ? 'step' : 'seconds since the start'}
        legend={groups === undefined ? lines.length <= 2 * LISTED : lines.length <= BANDS}
        onZoom={onZoom}
        onReset={onReset}
      />
    </Suspense>
  )
}

interface Drawn {
  readonly x: readonly number[]
  readonly lines: readonly Line[]
}

type Shape = Pick<ChartSettings, 'smooth' | 'axis'>

function single(runs: readonly ChartedRun[], curves: readonly RunCurve[], { smooth, axis }: Shape): Drawn {
  const joined = joinCurves(curves, smooth, axis)
  const lines = runs.flatMap((run, i) => [
    ...(smooth > 0 && runs.length <= LISTED
      ? [{ label: `${run.label} raw`, colour: seriesColour(i), values: joined.raw[i] ?? [], pale: true }]
      : []),
    { label: run.label, colour: seriesColour(i), values: joined.smoothed[i] ?? [] },
  ])
  return { x: joined.x, lines }
}

function grouped(
  groups: NonNullable<RunChartsProps['groups']>,
  curves: readonly RunCurve[],
  { smooth, axis }: Shape,
): Drawn {
  const joined = joinCurves(curves, smooth, axis)
  const byId = new Map(curves.map((curve, i) => [curve.id, interpolated(joined.x, joined.smoothed[i] ?? [])]))
  const lines = groups.map((group, i) => {
    const { mean, low, high } = meanBand(members(group.ids, byId))
    const line = { label: `${group.label} (${group.ids.length})`, colour: seriesColour(i), values: mean }
    return groups.length <= BANDS ? { ...line, band: { low, high } } : line
  })
  return { x: joined.x, lines }
}

function members<T>(ids: readonly string[], byId: ReadonlyMap<string, T>): T[] {
  return ids.flatMap((id) => {
    const found = byId.get(id)
    return found === undefined ? [] : [found]
  })
}
