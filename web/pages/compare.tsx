/** Runs side by side: what differs first, curves on one chart, parallel axes and a scatter. */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { Parallel } from '../charts/parallel.tsx'
import { Scatter } from '../charts/scatter.tsx'
import { seriesColour } from '../colours.ts'
import { axesOf, numberOf } from '../comparison.ts'
import { figure } from '../format.ts'
import { Empty, Loaded } from '../parts/failure.tsx'
import { Page, Panel } from '../parts/page.tsx'
import { RunCharts } from '../parts/run-charts.tsx'
import * as read from '../queries.ts'
import type { RunRow } from '../queries.ts'

const CURVES = 4

export function ComparePage() {
  const { ids = [] } = useSearch({ from: '/runs/compare' })
  const comparison = useQuery({ ...read.comparison(ids), enabled: ids.length > 0 })
  return (
    <Page title={`Comparison of ${ids.length} runs`} crumbs={<Link to="/runs">Runs</Link>}>
      {ids.length === 0 ? (
        <Panel title="Nothing to compare" flush>
          <Empty title="Choose runs first">On the Runs page, choose two or more and press Compare.</Empty>
        </Panel>
      ) : (
        <Loaded query={comparison} what="The comparison" height={480}>
          {({ runs, differing }) => <Compared runs={runs} differing={differing} />}
        </Loaded>
      )}
    </Page>
  )
}

interface Differing {
  readonly params: readonly string[]
  readonly metrics: readonly string[]
}

function Compared({ runs, differing }: { runs: readonly RunRow[]; differing: Differing }) {
  const [smooth, setSmooth] = useState(0)
  const [log, setLog] = useState(false)
  const metrics = keysOf(runs, 'metrics', differing.metrics)
  return (
    <>
      <Panel
        title="Side by side"
        note={`${differing.params.length} params and ${differing.metrics.length} metrics differ`}
        flush
      >
        <SideBySide runs={runs} differing={differing} metrics={metrics} />
      </Panel>
      <RunCharts
        runs={runs.map((run) => ({ id: run.id, label: run.name || run.id.slice(0, 8) }))}
        metrics={metrics.slice(0, CURVES)}
        smooth={smooth}
        log={log}
        onChange={(nextSmooth, nextLog) => {
          setSmooth(nextSmooth)
          setLog(nextLog)
        }}
      />
      <Relations runs={runs} differing={differing} />
    </>
  )
}

/** All keys, those that differ first. */
function keysOf(runs: readonly RunRow[], kind: 'params' | 'metrics', differing: readonly string[]): string[] {
  return [...new Set([...differing, ...runs.flatMap((run) => Object.keys(run[kind]))])]
}

function SideBySide(props: { runs: readonly RunRow[]; differing: Differing; metrics: readonly string[] }) {
  const { runs, differing, metrics } = props
  return (
    <table>
      <thead>
        <tr>
          <th>Name</th>
          {runs.map((run, i) => (
            <th key={run.id} className="num">
              <Link to="/runs/$id" params={{ id: run.id }} className="chip">
                <i style={{ background: seriesColour(i) }} />
                {run.name || run.id.slice(0, 8)}
              </Link>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rowsOf(runs, differing, metrics).map(({ kind, key, differs }) => (
          <Line
            key={`${kind} ${key}`}
            name={key}
            differs={differs}
            values={runs.map((run) => (kind === 'metrics' ? figure(run.metrics[key], 6) : (run.params[key] ?? '–')))}
          />
        ))}
      </tbody>
    </table>
  )
}

/** Params that differ, metrics that differ, then what is the same. */
function rowsOf(runs: readonly RunRow[], differing: Differing, metrics: readonly string[]) {
  const rows = [
    ...keysOf(runs, 'params', differing.params).map((key) => ({
      kind: 'params',
      key,
      differs: differing.params.includes(key),
    })),
    ...metrics.map((key) => ({ kind: 'metrics', key, differs: differing.metrics.includes(key) })),
  ]
  return [...rows.filter((row) => row.differs), ...rows.filter((row) => !row.differs)]
}

function Line({ name, differs, values }: { name: string; differs: boolean; values: readonly string[] }) {
  return (
    <tr data-row>
      <td className={differs ? 'break' : 'break muted'}>
        {differs ? <strong>{name}</strong> : name}
        {differs && <span className="sr"> differs</span>}
      </td>
      {values.map((value, i) => (
        <td key={i} className={differs ? 'num' : 'num muted'}>
          {value}
        </td>
      ))}
    </tr>
  )
}

function Relations({ runs, differing }: { runs: readonly RunRow[]; differing: Differing }) {
  const search = useSearch({ from: '/runs/compare' })
  const navigate = useNavigate({ from: '/runs/compare' })
  const axes = axesOf(runs, differing)
  if (runs.length < 2 || axes.length < 2) return null
  const x = search.x ?? axes[0] ?? ''
  const y = search.y ?? axes.at(-1) ?? ''
  const named = runs.map((run, i) => ({ label: run.name || run.id.slice(0, 8), colour: seriesColour(i), run }))
  const pick = (change: { x?: string; y?: string }): void =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true, resetScroll: false })
  return (
    <>
      <Panel title="Parallel axes" note="params and metrics that differ and are numbers">
        <Parallel
          axes={axes}
          lines={named.map(({ label, colour, run }) => ({
            label,
            colour,
            values: axes.map((axis) => numberOf(run, axis)),
          }))}
        />
      </Panel>
      <Panel
        title="Scatter"
        tools={
          <>
            <AxisSelect label="x" axes={axes} value={x} onChange={(value) => pick({ x: value })} />
            <AxisSelect label="y" axes={axes} value={y} onChange={(value) => pick({ y: value })} />
          </>
        }
      >
        <Scatter
          x={x}
          y={y}
          dots={named.map(({ label, colour, run }) => ({ label, colour, x: numberOf(run, x), y: numberOf(run, y) }))}
        />
      </Panel>
    </>
  )
}

function AxisSelect(props: {
  label: string
  axes: readonly string[]
  value: string
  onChange: (value: string) => void
}) {
  return (
    <label className="row">
      {props.label}
      <select value={props.value} onChange={(event) => props.onChange(event.target.value)}>
        {props.axes.map((axis) => (
          <option key={axis}>{axis}</option>
        ))}
      </select>
    </label>
  )
}
