/** Evaluation datasets: what applications are tested with. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { datasets as read, parseRecord } from '../../data/traces/datasets.ts'
import type { Dataset } from '../../data/traces/datasets.ts'
import { figure } from '../../../src/contract/text/format.ts'
import { Empty } from '../../parts/page/placeholders.tsx'
import { ListPage } from '../../parts/page/list-page.tsx'
import { TimeCell } from '../../parts/table/time-cell.tsx'
import { DataTable } from '../../parts/table/data-table.tsx'

export function DatasetsPage() {
  return (
    <ListPage
      title="Evaluation sets"
      lead="Inputs with expected outputs, for evaluating applications."
      panel="Sets"
      query={useQuery(read)}
      empty={
        <Empty title="No datasets yet" commands={['mlflow.genai.datasets.create_dataset(name="golden")']}>
          Datasets are created with MLflow’s client, which also adds their records.
        </Empty>
      }
    >
      {(items) => <Table items={items} />}
    </ListPage>
  )
}

function Table({ items }: { items: readonly Dataset[] }) {
  return (
    <DataTable headings={['Dataset', ['Records', 'num'], 'Digest', 'By', ['Updated', 'num']]}>
      {items.map((one) => (
        <tr key={one.dataset_id} data-row>
          <td className="key">
            <Link to="/datasets/$id" params={{ id: one.dataset_id }} className="strong">
              {one.name}
            </Link>
          </td>
          <td className="num">{figure(recordsOf(one))}</td>
          <td>
            <code>{one.digest ?? ''}</code>
          </td>
          <td className="key">{one.created_by ?? '–'}</td>
          <TimeCell at={new Date(one.last_update_time).toISOString()} />
        </tr>
      ))}
    </DataTable>
  )
}

function recordsOf({ profile }: Dataset): number | null {
  const { num_records: records } = parseRecord(profile)
  return typeof records === 'number' ? records : null
}
