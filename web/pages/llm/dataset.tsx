/** An evaluation dataset: its records, each with what goes in and what is expected. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { dataset as read, datasetRecords, parseRecord } from '../../data/traces/datasets.ts'
import type { DatasetRecord } from '../../data/traces/datasets.ts'
import { count } from '../../../src/contract/text/format.ts'
import { Empty, Loaded } from '../../parts/page/placeholders.tsx'
import { Facts, Page, Panel } from '../../parts/page/page.tsx'
import { PagedList, rowsOf } from '../../parts/table/paged-list.tsx'
import { RelativeTime } from '../../parts/page/relative-time.tsx'
import { plainText } from '../../data/traces/spans.ts'
import { DataTable } from '../../parts/table/data-table.tsx'

export function DatasetPage() {
  const { id } = useParams({ from: '/datasets/$id' })
  const dataset = useQuery(read(id))
  return (
    <Page title={dataset.data?.name ?? 'Dataset'} crumbs={<Link to="/datasets">Evaluation sets</Link>}>
      <Panel title="Details">
        <Loaded query={dataset} what="The dataset" height={100}>
          {(one) => (
            <Facts
              items={[
                ['Id', <code key="i">{one.dataset_id}</code>],
                ['Digest', <code key="d">{one.digest ?? '–'}</code>],
                ['Created', <RelativeTime key="m" at={new Date(one.created_time).toISOString()} />],
                ['By', one.created_by ?? '–'],
                ...Object.entries(parseRecord(one.tags)).map(([key, value]) => [key, plainText(value)] as const),
              ]}
            />
          )}
        </Loaded>
      </Panel>
      <Records id={id} />
    </Page>
  )
}

function Records({ id }: { id: string }) {
  const list = useInfiniteQuery(datasetRecords(id))
  const rows = rowsOf(list)
  return (
    <Panel title="Records" note={`${count(rows.length)}${list.hasNextPage ? ' loaded so far' : ''}`} flush>
      <PagedList list={list} what="The records" height={240}>
        {(read) =>
          read.length === 0 ? (
            <Empty title="No records yet" commands={['dataset.merge_records([{"inputs": {…}}])']} />
          ) : (
            <Table rows={read} />
          )
        }
      </PagedList>
    </Panel>
  )
}

function Table({ rows }: { rows: readonly DatasetRecord[] }) {
  return (
    <DataTable headings={['Inputs', 'Expectations', 'Source']}>
      {rows.map((row) => (
        <tr key={row.dataset_record_id} data-row>
          <td className="break value">{plainText(row.inputs)}</td>
          <td className="break value">{row.expectations === undefined ? '–' : plainText(row.expectations)}</td>
          <td className="key">
            {row.created_by ?? '–'} <span className="muted small">{(row.source_type ?? '').toLowerCase()}</span>
          </td>
        </tr>
      ))}
    </DataTable>
  )
}
