/** Incidents: open ones first, each in one sentence. */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { eventTime, plural } from '../../../src/contract/text/format.ts'
import { Empty, Loaded } from '../../parts/page/placeholders.tsx'
import { Page, Panel } from '../../parts/page/page.tsx'
import { Status } from '../../parts/page/status.tsx'
import { TimeCell } from '../../parts/table/time-cell.tsx'
import * as read from '../../data/queries.ts'
import type { Incident } from '../../data/queries.ts'
import { DataTable } from '../../parts/table/data-table.tsx'

const STATES = ['open', 'acknowledged', 'resolved']

export function IncidentsPage() {
  const incidents = useQuery(read.incidents())
  const { state = '' } = useSearch({ from: '/incidents' })
  const navigate = useNavigate({ from: '/incidents' })
  const pick = (value: string): void => void navigate({ search: value === '' ? {} : { state: value } })
  return (
    <Page
      title="Incidents"
      lead="What broke in data, quality or serving, with its likely causes; and runs found by watched searches."
    >
      <Panel
        title="Incidents"
        flush
        tools={
          <label className="row">
            State
            <select data-filter value={state} onChange={(event) => pick(event.target.value)}>
              <option value="">all</option>
              {STATES.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </label>
        }
      >
        <Loaded query={incidents} what="The incidents" height={260}>
          {({ items }) => <List items={items.filter((one) => state === '' || one.state === state)} />}
        </Loaded>
      </Panel>
    </Page>
  )
}

/** Causes that go on beside the one that gives the title. */
function otherCauses({ title, causes }: Incident): string[] {
  const open = causes.filter((one) => one.severity !== null && one.ended_event_time === null)
  return open.map((one) => one.title).filter((one) => !title.includes(one))
}

function List({ items }: { items: readonly Incident[] }) {
  if (items.length === 0) {
    return (
      <Empty title="No incidents">
        Each endpoint is compared with its own history. When its data or quality departs from it, an incident with
        ranked causes opens here.
      </Empty>
    )
  }
  return (
    <DataTable
      headings={['State', 'Severity', 'Incident', 'Endpoint', ['Affected', 'num'], 'Began', ['Opened', 'num']]}
    >
      {items.map((one) => (
        <tr key={one.id} data-row>
          <td>
            <Status word={one.state} />
          </td>
          <td>
            <Status word={one.severity} />
            {!one.pages && <div className="muted small">not paged</div>}
          </td>
          <td className="break" style={{ minWidth: 240 }}>
            <Link to="/incidents/$id" params={{ id: one.id }} className="strong">
              {one.title}
            </Link>
            {otherCauses(one).map((title) => (
              <div key={title} className="muted small">
                {title}
              </div>
            ))}
          </td>
          <td>{one.endpoint}</td>
          <td className="num">{one.kind === 'search' ? 'runs only' : plural(one.affected.rows, 'row')}</td>
          <td className="nowrap">{eventTime(one.began_event_time)}</td>
          <TimeCell at={one.opened_at} />
        </tr>
      ))}
    </DataTable>
  )
}
