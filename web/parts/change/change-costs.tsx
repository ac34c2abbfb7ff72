/** What a change costs and weighs beside the baselines, and how well its scores can be believed. */
import type { ChangeReport } from '../../../src/contract/changes/report.ts'
import { bytes, count, duration, figure, money } from '../../../src/contract/text/format.ts'
import { Panel } from '../page/page.tsx'
import { Empty } from '../page/placeholders.tsx'
import { DataTable } from '../table/data-table.tsx'

type Shown = (value: number | null) => string
type Row = readonly [
  what: string,
  of: Partial<Record<'candidate' | 'production' | 'merge_base', number | null>>,
  show: Shown,
]

const seconds: Shown = (value) => (value === null ? figure(null) : duration(value * 1000))

export function ChangeCosts({ report }: { report: ChangeReport }) {
  const rows: readonly Row[] = [
    ['Cost of the run', report.cost_micro_dollars, money],
    ['Time of the run', report.duration_ms, duration],
    ['CPU of the run', report.cpu_seconds, seconds],
    ['Size of the model', report.size_bytes, bytes],
    ['Latency p95 where it answers', report.latency_p95_ms, duration],
  ]
  return (
    <Panel title="Cost, time, size" flush>
      <DataTable headings={['Figure', ['This change', 'num'], ['Production', 'num'], ['Merge base', 'num']]}>
        {rows.map(([what, of, show]) => (
          <tr key={what} data-row>
            <td>{what}</td>
            <td className="num">{show(of.candidate ?? null)}</td>
            <td className="num">{show(of.production ?? null)}</td>
            <td className="num">{show(of.merge_base ?? null)}</td>
          </tr>
        ))}
      </DataTable>
    </Panel>
  )
}

const WHO = { candidate: 'This change', production: 'Production', merge_base: 'Merge base' } as const

export function ChangeCalibration({ calibration }: { calibration: ChangeReport['calibration'] }) {
  const known = (['candidate', 'production', 'merge_base'] as const).flatMap((who) => {
    const found = calibration[who]
    return found === null ? [] : [{ who, ...found }]
  })
  return (
    <Panel title="Calibration" note="on the rows of this change" flush>
      {known.length === 0 ? (
        <Empty title="Not known: no predictions with scores between 0 and 1" />
      ) : (
        <DataTable
          headings={[
            'Version',
            ['Brier', 'num'],
            ['Expected error', 'num'],
            ['Mean score', 'num'],
            ['Base rate', 'num'],
            ['Rows', 'num'],
          ]}
        >
          {known.map((one) => (
            <tr key={one.who} data-row>
              <td>{WHO[one.who]}</td>
              <td className="num">{figure(one.brier)}</td>
              <td className="num">{figure(one.ece)}</td>
              <td className="num">{figure(one.mean_score)}</td>
              <td className="num">{figure(one.base_rate)}</td>
              <td className="num">{count(one.n)}</td>
            </tr>
          ))}
        </DataTable>
      )}
    </Panel>
  )
}
