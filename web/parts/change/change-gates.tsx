/** Gates and metrics of a change beside production and the merge base, with the differences and their intervals. */
import type { BaselineName, ChangeReport, MetricDelta } from '../../../src/contract/changes/report.ts'
import { count, figure, interval } from '../../../src/contract/text/format.ts'
import { deltaText, deltaTone, signed } from '../../data/models/changes.ts'
import { Panel } from '../page/page.tsx'
import { Empty } from '../page/placeholders.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'
import { GateCells, WhyCell } from '../table/gate-cells.tsx'
import type { Heading } from '../table/data-table.tsx'

/** Written here, for the contract's own list would bring all of its schemas to the browser. */
const BASELINES: readonly BaselineName[] = ['production', 'merge_base']

const BESIDE: readonly Heading[] = [
  ['Value', 'num'],
  ['Production', 'num'],
  ['Merge base', 'num'],
  ['Δ production', 'num'],
  ['Δ merge base', 'num'],
]

export function ChangeGates({ report }: { report: ChangeReport }) {
  return (
    <Panel title="Gates" note="differences with their 95 % interval; what is no chance is called better or worse" flush>
      {report.gates.length === 0 ? (
        <Empty
          title={report.model === null ? 'No gate was judged: the run registered no version' : 'The model has no gates'}
        />
      ) : (
        <DataTable headings={['Gate', 'Outcome', ...BESIDE, ['Rows', 'num'], 'Why']}>
          {report.gates.map((gate) => (
            <GateRow key={`${gate.name} ${gate.slice}`} gate={gate} metrics={report.metrics} />
          ))}
        </DataTable>
      )}
    </Panel>
  )
}

function GateRow({ gate, metrics }: { gate: ChangeReport['gates'][number]; metrics: ChangeReport['metrics'] }) {
  // the figures of a metric are of all rows: those of a gate on a slice stand in its reason
  const whole = gate.slice === null ? metrics.find((one) => one.metric === gate.gate['metric']) : undefined
  return (
    <tr data-row>
      <GateCells gate={gate} />
      <Beside value={whole?.value ?? gate.value} production={whole?.production} mergeBase={whole?.merge_base} />
      <td className="num">{count(gate.n ?? whole?.production?.n ?? whole?.merge_base?.n)}</td>
      <WhyCell>{gate.reason}</WhyCell>
    </tr>
  )
}

interface BesideProps {
  readonly value: number | null
  readonly production: MetricDelta | null | undefined
  readonly mergeBase: MetricDelta | null | undefined
}

function Beside({ value, production = null, mergeBase = null }: BesideProps) {
  return (
    <>
      <td className="num">{figure(value)}</td>
      <td className="num">{figure(production?.value)}</td>
      <td className="num">{figure(mergeBase?.value)}</td>
      <Delta of={production} />
      <Delta of={mergeBase} />
    </>
  )
}

function Delta({ of }: { of: MetricDelta | null }) {
  const tone = deltaTone(of)
  return (
    <td className="num" {...(of !== null && { title: of.method })}>
      {tone === undefined ? (
        deltaText(of)
      ) : (
        <Status word={tone} label={`${deltaText(of)} ${tone === 'good' ? 'better' : 'worse'}`} tone={tone} />
      )}
    </td>
  )
}

export function ChangeMetrics({ report: { metrics, metrics_gone: gone, gates } }: { report: ChangeReport }) {
  // the row of a gate on a slice has no figures of all rows
  const told = new Set(gates.flatMap(({ slice, gate }) => (slice === null ? [gate['metric']] : [])))
  const others = metrics.filter(({ metric }) => !told.has(metric))
  const names = [...new Set(gone.map(({ metric }) => metric))]
  if (others.length + names.length === 0) return null
  return (
    <Panel
      title="Other metrics"
      note="no gate on all rows asks for them"
      flush
      long={others.length + names.length > 20}
    >
      <DataTable headings={['Metric', ...BESIDE]}>
        {others.map((one) => (
          <tr key={one.metric} data-row>
            <td className="break">{one.metric}</td>
            <Beside value={one.value} production={one.production} mergeBase={one.merge_base} />
          </tr>
        ))}
        {names.map((metric) => (
          <tr key={metric} data-row>
            <td className="break">{metric}, no longer measured</td>
            <td className="num">{figure(null)}</td>
            {BASELINES.map((baseline) => (
              <td key={baseline} className="num">
                {figure(gone.find((one) => one.metric === metric && one.baseline === baseline)?.value)}
              </td>
            ))}
            <Delta of={null} />
            <Delta of={null} />
          </tr>
        ))}
      </DataTable>
    </Panel>
  )
}

export function WorseSlices({ report: { slices, slices_note } }: { report: ChangeReport }) {
  return (
    <Panel title="Slices that became worse" note={slices_note} flush>
      {slices.length === 0 ? (
        <Empty title="None" />
      ) : (
        <DataTable
          headings={[
            'Slice',
            'Metric',
            'Against',
            ['Δ (better is +)', 'num'],
            ['95 %', 'num'],
            ['Rows', 'num'],
            ['Harm to the whole', 'num'],
          ]}
        >
          {slices.map((one) => (
            <tr key={`${one.baseline} ${one.metric} ${one.slice} ${one.value}`} data-row>
              <td className="break">
                {one.slice} = {one.value}
              </td>
              <td className="break">{one.metric}</td>
              <td>{one.baseline === 'production' ? 'production' : 'merge base'}</td>
              <td className="num">{signed(one.delta)}</td>
              <td className="num">{interval(one.interval)}</td>
              <td className="num">{count(one.n)}</td>
              <td className="num">{figure(one.harm)}</td>
            </tr>
          ))}
        </DataTable>
      )}
    </Panel>
  )
}
