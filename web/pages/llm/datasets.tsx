/** Evaluation datasets: what applications are tested with. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { datasets as read, parseRecord } from '../../data/traces/datasets.ts'
import type { Dataset } from '../../data/traces/datasets.ts'
import { figure } from '../../data/format.ts'
import { Empty, Loaded } from '../../parts/page/placeholders.tsx'
import { Page, Panel } from '../../parts/page/page.tsx'
import { RelativeTime } from '../../parts/page/relative-time.tsx'
import { DataTable } from '../../parts/table/data-table.tsx'

export function DatasetsPage() {
  const datasets = useQuery(read)
  return (
    <Page title="Evaluation datasets" lead="Inputs with expected outputs, for evaluating applications.">
      <Panel title="Datasets" flush>
        <Loaded query={datasets} what="The datasets" height={240}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="No datasets yet" commands={['mlflow.genai.datasets.create_dataset(name="golden")']}>
                Datasets are created with MLflow’s client, which also adds their records.
              </Empty>
            ) : (
              <Table items={items} />
            )
          }
        </Loaded>
      </Panel>
    </Page>
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
          <td className="num">
            <RelativeTime at={new Date(one.last_update_time).toISOString()} />
          </td>
        </tr>
      ))}
    </DataTable>
  )
}

function recordsOf({ profile }: Dataset): number | null {
  const { num_records: records } = parseRecord(profile)
  return typeof records === 'number' ? records : null
}
