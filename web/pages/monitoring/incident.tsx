/** An incident: what broke, why, what do I do? */
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { DAY_MS } from '../../../src/contract/ids.ts'
import type { monitoringApi } from '../../../src/contract/monitoring.ts'
import { call } from '../../data/api.ts'
import { count, eventTime, percent, plural, sentence } from '../../../src/contract/text/format.ts'
import { CheckTable } from '../../parts/monitoring/checks.tsx'
import { Confirm } from '../../parts/form/confirm.tsx'
import { WatchedRuns } from '../../parts/incident/watched-runs.tsx'
import { usePermission } from '../../parts/form/permissions.ts'
import { OnePage } from '../../parts/page/one-page.tsx'
import { Figures, Panel } from '../../parts/page/page.tsx'
import { Status } from '../../parts/page/status.tsx'
import { Suspects } from '../../parts/incident/suspects.tsx'
import { Timeline } from '../../parts/incident/timeline.tsx'
import { RelativeTime } from '../../parts/page/relative-time.tsx'
import * as read from '../../data/queries.ts'
import type { Incident } from '../../data/queries.ts'

const MARGIN_MS = 7 * DAY_MS
const ACTIONS = ['acknowledge', 'resolve', 'mark_bad', 'retrain', 'rollback', 'false_alarm'] as const
type Action = (typeof ACTIONS)[number]

export function IncidentPage() {
  const { id } = useParams({ from: '/incidents/$id' })
  return (
    <OnePage
      title="Incident"
      crumbs={<Link to="/incidents">Incidents</Link>}
      query={useQuery(read.incident(id))}
      height={480}
      head={headOf}
    >
      {(incident) => <Body incident={incident} />}
    </OnePage>
  )
}

function headOf(incident: Incident) {
  return {
    title: incident.title,
    lead: <Sentence incident={incident} />,
    beside: (
      <>
        <Status word={incident.state} />
        <Status word={incident.severity} label={`${incident.severity} severity`} />
      </>
    ),
  }
}

function Sentence({ incident }: { incident: Incident }) {
  const { endpoint, affected } = incident
  return (
    <>
      {sentence(incident.kind)} of{' '}
      <Link to="/endpoints/$name" params={{ name: endpoint }}>
        {endpoint}
      </Link>
      :{' '}
      {incident.kind === 'search' ? (
        <>a watched search found runs at {eventTime(incident.began_event_time)}.</>
      ) : incident.kind === 'notification' ? (
        <>messages about its incidents do not arrive since {eventTime(incident.began_event_time)}.</>
      ) : (
        <>
          the data began to differ at {eventTime(incident.began_event_time)}; {plural(affected.rows, 'row')} (
          {percent(affected.share)}) {affected.rows === 1 ? 'is' : 'are'} affected.
        </>
      )}{' '}
      {incident.pages ? 'Paged' : 'Notified without paging'} <RelativeTime at={incident.opened_at} />
      {incident.times_paged > 1 && <>, {incident.times_paged} times in all</>}.
      {incident.resolved_at !== null && (
        <>
          {' '}
          Resolved <RelativeTime at={incident.resolved_at} />.
        </>
      )}
    </>
  )
}

function Body({ incident }: { incident: Incident }) {
  return (
    <>
      <Panel
        title="What to do"
        note={
          incident.state === 'resolved'
            ? 'this incident is resolved'
            : 'each action shows its effect before you confirm it'
        }
      >
        <Actions incident={incident} />
      </Panel>
      <div className="two">
        {incident.kind === 'search' ? (
          <WatchedRuns incident={incident} />
        ) : (
          <Panel title="Suspects" note="what goes on first, the worst of it at the top" flush>
            <Suspects causes={incident.causes} />
          </Panel>
        )}
        <div className="stack">
          {incident.kind !== 'search' && <Affected incident={incident} />}
          <Panel title="Timeline" note="event time in UTC">
            <Timeline entries={incident.timeline} />
          </Panel>
        </div>
      </div>
      {incident.kind !== 'search' && (
        <Panel title="Checks" flush>
          <CheckTable checks={incident.checks} />
        </Panel>
      )}
    </>
  )
}

function Affected({ incident }: { incident: Incident }) {
  const from = new Date(Date.parse(incident.began_event_time) - MARGIN_MS).toISOString()
  const feature = incident.causes[0]?.features[0]
  return (
    <Panel title="Affected">
      <Figures
        items={[
          ['Rows', count(incident.affected.rows)],
          ['Share of the predictions', percent(incident.affected.share)],
          ['Marked bad', count(incident.affected.marked_bad), 'excluded from training'],
        ]}
      />
      <p>
        <Link
          to="/monitoring/$name"
          params={{ name: incident.endpoint }}
          search={{ from, ...(feature !== undefined && { feature }) }}
        >
          Show the features around that time
        </Link>
      </p>
    </Panel>
  )
}

function Actions({ incident }: { incident: Incident }) {
  const allowed = usePermission({ verb: 'write', resource: 'incidents' })
  const known = incident.actions.flatMap((one) => {
    const action = ACTIONS.find((name) => name === one.action)
    return action === undefined ? [] : [{ ...one, action }]
  })
  if (known.length === 0) return <p className="muted">No actions left.</p>
  if (!allowed) return <p className="muted">Only maintainers and admins may act on an incident.</p>
  return (
    <ul className="row">
      {known.map((one) => (
        <li key={one.action}>
          <Confirm
            label={labelOf(one.action)}
            tone={one.action === 'rollback' ? 'danger' : one.action === 'retrain' ? 'primary' : 'plain'}
            reason={one.action === 'false_alarm' ? 'required' : 'optional'}
            disabled={!one.allowed}
            preview={<p>{one.preview}</p>}
            act={(reason) =>
              call<typeof monitoringApi.actOnIncident>('POST', '/v1/incidents/:id/actions', {
                params: { id: incident.id },
                body: { action: one.action, reason },
              })
            }
          />
        </li>
      ))}
    </ul>
  )
}

const LABELS: Record<Action, string> = {
  acknowledge: 'Acknowledge',
  resolve: 'Resolve',
  mark_bad: 'Mark the rows bad',
  retrain: 'Retrain',
  rollback: 'Roll back',
  false_alarm: 'False alarm',
}

function labelOf(action: Action): string {
  return LABELS[action]
}
