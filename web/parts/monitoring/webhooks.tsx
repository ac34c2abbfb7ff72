/** The webhooks that are told of an endpoint's incidents: which take messages, what waits, and what was given up. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { monitoringApi, Notice, NoticeRoute } from '../../../src/contract/monitoring.ts'
import { call } from '../../data/api.ts'
import { count } from '../../../src/contract/text/format.ts'
import * as read from '../../data/queries.ts'
import { ErrorText } from '../form/error-text.tsx'
import { usePermission } from '../form/permissions.ts'
import { Panel } from '../page/page.tsx'
import { RelativeTime } from '../page/relative-time.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'

export function Webhooks({ endpoint, webhooks }: { endpoint: string; webhooks: readonly NoticeRoute[] }) {
  return (
    <Panel title="Webhooks" note="told of incidents from a severity on; of an address only its server is shown" flush>
      {webhooks.length === 0 ? (
        <p className="muted">
          Nobody is told of incidents: the settings of the monitor name no webhook. They are seen here, on Home and in
          GET /metrics.
        </p>
      ) : (
        <DataTable
          label="Webhooks"
          headings={['Webhook', 'To', 'From', 'State', ['Waiting', 'num'], ['Given up', 'num'], 'Last taken']}
        >
          {webhooks.map((one) => (
            <tr key={one.name}>
              <td>{one.name}</td>
              <td className="break">{one.to}</td>
              <td>{one.from}</td>
              <td className="break">
                <Status word={one.state} />
                {one.last_error !== null && one.state !== 'ok' && <div className="muted small">{one.last_error}</div>}
              </td>
              <td className="num">{count(one.waiting)}</td>
              <td className="num">{count(one.dead)}</td>
              <td>{one.delivered_at === null ? 'never' : <RelativeTime at={one.delivered_at} />}</td>
            </tr>
          ))}
        </DataTable>
      )}
      {webhooks.some((one) => one.dead > 0) && <GivenUp endpoint={endpoint} />}
    </Panel>
  )
}

/** Messages that were given up, each of which can be sent again. */
function GivenUp({ endpoint }: { endpoint: string }) {
  const dead = useQuery(read.deadNotices(endpoint))
  const queries = useQueryClient()
  const allowed = usePermission({ verb: 'write', resource: 'monitors' })
  const resend = useMutation({
    mutationFn: ({ id }: Notice) =>
      call<typeof monitoringApi.resendNotice>('POST', '/v1/endpoints/:name/messages/:id/resend', {
        params: { name: endpoint, id },
        body: {},
      }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['monitors'] }),
  })
  return (
    <>
      <DataTable label="Messages that were given up" headings={['Given up', 'Webhook', 'Incident', 'Why', 'Action']}>
        {(dead.data?.items ?? []).map((one) => (
          <tr key={one.id}>
            <td>
              <RelativeTime at={one.ended_at ?? one.at} />
            </td>
            <td>{one.route}</td>
            <td>
              <Link to="/incidents/$id" params={{ id: one.incident_id }}>
                {one.status}
              </Link>
            </td>
            <td className="break">{one.last_error}</td>
            <td>
              {allowed && (
                <button
                  type="button"
                  className="button quiet"
                  disabled={resend.isPending}
                  onClick={() => resend.mutate(one)}
                >
                  Send again<span className="sr"> {one.id}</span>
                </button>
              )}
            </td>
          </tr>
        ))}
      </DataTable>
      <ErrorText error={resend.error} />
    </>
  )
}
