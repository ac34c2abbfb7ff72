/** Gates and metrics of a change beside production and the merge base, with the differences and their intervals. */
import type { ChangeReport, MetricDelta } from '../../../src/contract/changes/report.ts'
import { count, figure, interval } from '../../data/format.ts'
import { deltaText, deltaTone, signed } from '../../data/models/changes.ts'
import { Panel } from '../page/page.tsx'
import { Empty } from '../page/placeholders.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'
import type { Heading } from '../table/data-table.tsx'

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
        <Empty title="The model has no gates" />
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
      <td className="break">
        {gate.name}
        {gate.slice !== null && <div className="muted small">{gate.slice}</div>}
      </td>
      <td>
        <Status word={gate.outcome} />
      </td>
      <Beside value={whole?.value ?? gate.value} production={whole?.production} mergeBase={whole?.merge_base} />
      <td className="num">{count(gate.n ?? whole?.production?.n ?? whole?.merge_base?.n)}</td>
      <td className="break" style={{ minWidth: 240 }}>
        {gate.reason}
      </td>
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

export function ChangeMetrics({ report }: { report: ChangeReport }) {
  const others = report.metrics.filter(({ gated }) => !gated)
  if (others.length === 0) return null
  return (
    <Panel title="Other metrics" note="no gate asks for them" flush long={others.length > 20}>
      <DataTable headings={['Metric', ...BESIDE]}>
        {others.map((one) => (
          <tr key={one.metric} data-row>
            <td className="break">{one.metric}</td>
            <Beside value={one.value} production={one.production} mergeBase={one.merge_base} />
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
