/** What people and judges said about a trace. */
import { plainText } from '../../data/traces/spans.ts'
import type { Assessment } from '../../data/traces/queries.ts'
import { Empty } from '../page/placeholders.tsx'
import { TimeCell } from '../table/time-cell.tsx'
import { DataTable } from '../table/data-table.tsx'

export function Assessments({ assessments }: { assessments: readonly Assessment[] }) {
  if (assessments.length === 0) {
    return (
      <Empty title="No assessments yet" commands={['mlflow.log_feedback(trace_id=…, name=…, value=…)']}>
        Feedback and expectations from people, code and LLM judges appear here.
      </Empty>
    )
  }
  return (
    <DataTable headings={['Name', 'Kind', 'Value', 'By', ['When', 'num']]}>
      {assessments.map((one) => (
        <tr key={one.id} data-row className={one.valid ? '' : 'muted'}>
          <td>{one.name}</td>
          <td>
            {one.kind}
            {!one.valid && ', overridden'}
          </td>
          <td className="break">
            {one.error === null ? plainText(one.value) : `failed: ${plainText(one.error)}`}
            {one.rationale !== null && <div className="muted small">{one.rationale}</div>}
          </td>
          <td className="break">
            {one.source_id || '–'} <span className="muted small">{one.source_type.toLowerCase()}</span>
          </td>
          <TimeCell at={one.updated_at} />
        </tr>
      ))}
    </DataTable>
  )
}
