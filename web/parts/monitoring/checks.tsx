/** Checks of features in windows: value against limit with the sample, or how much is missing for a judgement. */
import { count, eventTime, figure, words } from '../../../src/contract/text/format.ts'
import { Empty } from '../page/placeholders.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'

export interface CheckRow {
  readonly feature: string
  readonly check: string
  readonly window_end: string
  readonly value: number | null
  readonly limit: number | null
  readonly n: number
  readonly n_min: number
  readonly state: string
  readonly pages: boolean
  readonly baseline: string
}

export function CheckTable({ checks }: { checks: readonly CheckRow[] }) {
  if (checks.length === 0) return <Empty title="No checks yet" />
  return (
    <DataTable
      headings={[
        'Feature',
        'Check',
        'State',
        ['Value', 'num'],
        ['Limit', 'num'],
        ['Sample', 'num'],
        'Window until',
        'Against',
      ]}
    >
      {checks.map((check) => (
        <tr key={`${check.feature} ${check.check} ${check.window_end}`} data-row>
          <td>{check.feature}</td>
          <td>{words(check.check)}</td>
          <td>
            <Status
              word={check.state}
              {...(check.state === 'alert' && !check.pages && { label: 'alert, not paged' })}
            />
          </td>
          <td className="num">{check.state === 'not_enough_data' ? '–' : figure(check.value)}</td>
          <td className="num">{figure(check.limit)}</td>
          <td className="num">
            {check.n < check.n_min ? `${count(check.n)} of ${count(check.n_min)}` : count(check.n)}
          </td>
          <td className="nowrap">{eventTime(check.window_end)}</td>
          <td className="break">{check.baseline}</td>
        </tr>
      ))}
    </DataTable>
  )
}
