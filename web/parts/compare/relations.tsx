/** How numbers of runs go together: parallel axes, a scatter of two, a contour of three. */
import { useNavigate, useSearch } from '@tanstack/react-router'
import { ContourMap } from '../../charts/contour-map.tsx'
import { Parallel } from '../../charts/parallel.tsx'
import { Scatter } from '../../charts/scatter.tsx'
import { seriesColour } from '../../data/colours.ts'
import { axesOf, drawableAxes, numberOf } from '../../data/runs/comparison.ts'
import type { Differing } from '../../data/runs/comparison.ts'
import type { RunRow } from '../../data/queries.ts'
import type { CompareSearch } from '../../data/address.ts'
import { seedParam } from '../../data/runs/seeds.ts'
import { Panel } from '../page/page.tsx'

const LEAST_FOR_CONTOUR = 4

export function Relations({ runs, differing }: { runs: readonly RunRow[]; differing: Differing }) {
  const search = useSearch({ from: '/runs/compare' })
  const navigate = useNavigate({ from: '/runs/compare' })
  const all = drawableAxes(runs, differing)
  const axes = axesOf(runs, differing)
  if (runs.length < 2 || all.length < 2) return null
  // a seed decides nothing that one would look for
  const params = all.filter((axis) => axis.startsWith('params.') && axis !== `params.${seedParam(differing.params)}`)
  const metrics = all.filter((axis) => axis.startsWith('metrics.'))
  const x = search.x ?? params[0] ?? all[0] ?? ''
  const y = search.y ?? (params.length > 1 && metrics.length > 0 ? params[1] : all.find((axis) => axis !== x)) ?? ''
  const z = search.z ?? metrics[0] ?? all.at(-1) ?? ''
  const pick = (change: CompareSearch): void =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true, resetScroll: false })
  const named = runs.map((run, i) => ({ label: run.name || run.id.slice(0, 8), colour: seriesColour(i), run }))
  const scatterY = search.y ?? metrics[0] ?? y
  return (
    <>
      <Panel title="Parallel axes" note="numeric params and metrics that differ">
        <Parallel
          axes={axes}
          lines={named.map(({ label, colour, run }) => ({
            label,
            colour,
            values: axes.map((axis) => numberOf(run, axis)),
          }))}
        />
      </Panel>
      <div className="two">
        <Panel
          title="Scatter"
          tools={
            <>
              <AxisSelect label="x" axes={all} value={x} onChange={(value) => pick({ x: value })} />
              <AxisSelect label="y" axes={all} value={scatterY} onChange={(value) => pick({ y: value })} />
            </>
          }
        >
          <Scatter
            x={x}
            y={scatterY}
            dots={named.map(({ label, colour, run }) => ({
              label,
              colour,
              x: numberOf(run, x),
              y: numberOf(run, scatterY),
            }))}
          />
        </Panel>
        <Panel
          title="Contour"
          note="interpolated between runs, weighted by inverse distance"
          tools={<AxisSelect label="colour" axes={all} value={z} onChange={(value) => pick({ z: value })} />}
        >
          <Contour runs={named} x={x} y={y} z={z} />
        </Panel>
      </div>
    </>
  )
}

interface ContourProps {
  readonly runs: readonly { readonly label: string; readonly run: RunRow }[]
  readonly x: string
  readonly y: string
  readonly z: string
}

function Contour({ runs, x, y, z }: ContourProps) {
  const dots = runs.flatMap(({ label, run }) => {
    const [a, b, c] = [numberOf(run, x), numberOf(run, y), numberOf(run, z)]
    return a === null || b === null || c === null ? [] : [{ label, x: a, y: b, z: c }]
  })
  if (new Set([x, y, z]).size < 3) return <p className="muted">Choose three different values for x, y and colour.</p>
  if (dots.length < LEAST_FOR_CONTOUR) {
    return (
      <p className="muted">
        A contour needs {LEAST_FOR_CONTOUR} runs with all three values; {dots.length}{' '}
        {dots.length === 1 ? 'has' : 'have'} them.
      </p>
    )
  }
  return <ContourMap x={x} y={y} z={z} dots={dots} />
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
