/** Data sets: each with its newest version. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { bytes, count } from '../../../src/contract/text/format.ts'
import * as read from '../../data/data-sets.ts'
import type { DataSetRow } from '../../data/data-sets.ts'
import { ListPage } from '../../parts/page/list-page.tsx'
import { Empty } from '../../parts/page/placeholders.tsx'
import { Status } from '../../parts/page/status.tsx'
import { DataTable } from '../../parts/table/data-table.tsx'
import { TimeCell } from '../../parts/table/time-cell.tsx'

export function DataSetsPage() {
  return (
    <ListPage
      title="Data sets"
      lead="What runs read and make: each content is a version, with what it holds and who uses it."
      query={useQuery(read.dataSets)}
      empty={
        <Empty title="No data sets yet" commands={['slipway data add flights flights.csv']}>
          A data set is files under a name. The section “data_sets” of slipway.yaml makes one of what a step leaves.
        </Empty>
      }
    >
      {(items) => (
        <DataTable
          headings={[
            'Data set',
            'Project',
            ['Versions', 'num'],
            ['Rows', 'num'],
            ['Size', 'num'],
            'State',
            ['Data of', 'num'],
          ]}
        >
          {items.map((set) => (
            <Row key={`${set.project} ${set.name}`} set={set} />
          ))}
        </DataTable>
      )}
    </ListPage>
  )
}

function Row({ set: { name, project, versions, latest } }: { set: DataSetRow }) {
  return (
    <tr data-row>
      <td>
        <Link to="/data/$name" params={{ name }} search={{ project }} className="strong">
          {name}
        </Link>
      </td>
      <td>{project}</td>
      <td className="num">{count(versions)}</td>
      <td className="num">{count(latest?.rows)}</td>
      <td className="num">{bytes(latest?.size)}</td>
      <td>{latest === null ? 'all removed' : <Status word={latest.state} />}</td>
      {latest === null ? <td className="num">–</td> : <TimeCell at={latest.data_at} />}
    </tr>
  )
}
