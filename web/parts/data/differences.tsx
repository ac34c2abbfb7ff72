/** What differs from one version of a data set to another: columns, rows, and how far each column moved. */
import { useQuery } from '@tanstack/react-query'
import { count, figure, percent, plural } from '../../../src/contract/text/format.ts'
import * as read from '../../data/data-sets.ts'
import type { DataDifference, OneDataSet } from '../../data/data-sets.ts'
import { Facts, Panel } from '../page/page.tsx'
import { Loaded } from '../page/placeholders.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'

type Version = OneDataSet['items'][number]

export function Differences({ before, after }: { before: Version; after: Version }) {
  const query = useQuery(read.dataDiff(before, after))
  const title = `From version ${before.version} to ${after.version}`
  return (
    <>
      <Panel title={title}>
        <Loaded query={query} what="The differences" height={200}>
          {({ diff }) =>
            diff === null ? <p className="muted">The tables are being compared.</p> : <Facts items={factsOf(diff)} />
          }
        </Loaded>
      </Panel>
      {query.data?.diff != null && !query.data.diff.same && (
        <Panel title="Drift" note="by the population stability index of each column" flush>
          <Drift drift={query.data.diff.drift} />
        </Panel>
      )}
    </>
  )
}

function names(list: readonly { readonly name: string }[]): string {
  return list.map(({ name }) => name).join(', ')
}

function factsOf({ same, rows, columns, changes, drift }: DataDifference): (readonly [string, string])[] {
  if (same) return [['Content', 'the same']]
  const drifted = drift.filter((column) => column.drifted).length
  return [
    ['Rows', `${count(rows.before)} to ${count(rows.after)}`],
    ['Whole rows', `${count(changes.added)} added, ${count(changes.removed)} removed`],
    ...(columns.added.length > 0 ? [['Columns added', names(columns.added)] as const] : []),
    ...(columns.removed.length > 0 ? [['Columns removed', names(columns.removed)] as const] : []),
    ...columns.retyped.map(({ name, before, after }) => [`Type of ${name}`, `was ${before}, is ${after}`] as const),
    ['Drift', `${drifted} of ${plural(drift.length, 'column')} above the limit of ${drift[0]?.limit ?? 0.25}`],
  ]
}

function Drift({ drift }: Pick<DataDifference, 'drift'>) {
  return (
    <DataTable headings={['Column', 'State', ['PSI', 'num'], 'Missing', 'Mean']}>
      {drift.map((column) => (
        <tr key={column.column} data-row>
          <td className="key">{column.column}</td>
          <td>{column.why ?? <Status word={column.drifted ? 'drifted' : 'ok'} />}</td>
          <td className="num">{figure(column.psi, 3)}</td>
          <td>
            {percent(column.missing_before)} to {percent(column.missing_after)}
          </td>
          <td>{meansOf(column)}</td>
        </tr>
      ))}
    </DataTable>
  )
}

function meansOf({ type, mean_before, mean_after }: DataDifference['drift'][number]): string {
  return mean_before === null || type === 'time' ? '' : `${figure(mean_before)} to ${figure(mean_after)}`
}
