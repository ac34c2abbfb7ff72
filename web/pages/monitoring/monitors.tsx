/** Monitoring: which endpoint to look at. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { eventTime } from '../../../src/contract/text/format.ts'
import { Empty } from '../../parts/page/placeholders.tsx'
import { ListPage } from '../../parts/page/list-page.tsx'
import { WatchedWord } from '../../parts/monitoring/watched.tsx'
import * as read from '../../data/queries.ts'
import { DataTable } from '../../parts/table/data-table.tsx'

export function MonitorsPage() {
  return (
    <ListPage
      title="Monitoring"
      lead="What changed in the data of each endpoint, and how good its predictions are."
      panel="Endpoints"
      query={useQuery(read.endpoints)}
      height={160}
      empty={
        <Empty title="No monitors yet" commands={['slipway ship']}>
          Data and quality of an endpoint are monitored from its first prediction.
        </Empty>
      }
    >
      {(items) => (
        <DataTable headings={['Endpoint', 'Watched', 'Evaluated until', 'Open incidents']}>
          {items.map((one) => (
            <MonitorRow key={one.name} name={one.name} />
          ))}
        </DataTable>
      )}
    </ListPage>
  )
}

function MonitorRow({ name }: { name: string }) {
  const monitor = useQuery(read.monitor(name))
  const incidents = useQuery(read.incidents(name))
  return (
    <tr data-row>
      <td>
        <Link to="/monitoring/$name" params={{ name }} className="strong">
          {name}
        </Link>
      </td>
      <td>
        <WatchedWord endpoint={name} />
      </td>
      <td>{monitor.data === undefined ? '–' : eventTime(monitor.data.evaluated_until)}</td>
      <td>{incidents.data?.items.filter((one) => one.state !== 'resolved').length ?? '–'}</td>
    </tr>
  )
}
