/** A trigger: what it watches, what it has noticed and started, and the calls that came to its address. */
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { duration, fullSentence } from '../../../src/contract/text/format.ts'
import * as read from '../../data/pipelines/trigger-queries.ts'
import type { Trigger } from '../../data/pipelines/trigger-queries.ts'
import { OnePage } from '../../parts/page/one-page.tsx'
import { Facts, Panel } from '../../parts/page/page.tsx'
import { Loaded } from '../../parts/page/placeholders.tsx'
import { RelativeTime } from '../../parts/page/relative-time.tsx'
import { Status } from '../../parts/page/status.tsx'
import { MakeSecret } from '../../parts/triggers/make-secret.tsx'
import { DataTable } from '../../parts/table/data-table.tsx'
import { TimeCell } from '../../parts/table/time-cell.tsx'

export function TriggerPage() {
  const named = useParams({ from: '/triggers/$project/$name' })
  return (
    <OnePage
      title="Trigger"
      crumbs={<Link to="/triggers">Triggers</Link>}
      query={useQuery(read.trigger(named))}
      head={(trigger) => ({
        title: `${trigger.project}/${trigger.name}`,
        lead: `Watches ${trigger.watches}.`,
        beside: <Status word={trigger.state} />,
        actions: trigger.path === null ? null : <MakeSecret trigger={trigger} />,
      })}
    >
      {(trigger) => <Body trigger={trigger} />}
    </OnePage>
  )
}

function Body({ trigger }: { trigger: Trigger }) {
  const { trouble, trouble_since: since, path, debounce_ms, at_most, looked_at, has_secret } = trigger
  return (
    <>
      {trouble !== null && (
        <p className="notice break" role="status">
          It starts nothing now
          {since !== null && (
            <>
              , since <RelativeTime at={since} />
            </>
          )}
          . {fullSentence(trouble)}
        </p>
      )}
      <Panel title="How it starts runs">
        <Facts
          items={[
            [
              'Waits for quiet',
              debounce_ms === 0
                ? 'no, each event starts a run'
                : `${duration(debounce_ms)} without an event, then one run for all`,
            ],
            ['Runs within an hour', `${at_most} at most; what waits then is run together`],
            ...(path === null
              ? [
                  [
                    'Looked last',
                    looked_at === null ? 'not yet' : <RelativeTime key="looked" at={looked_at} />,
                  ] as const,
                ]
              : ([
                  ['Path', <code key="path">{path}</code>],
                  ['Secret', has_secret ? 'made; it was told once' : 'none yet'],
                ] as const)),
          ]}
        />
      </Panel>
      <Events trigger={trigger} />
      {path !== null && <Deliveries trigger={trigger} />}
    </>
  )
}

function Events({ trigger }: { trigger: Trigger }) {
  return (
    <Panel title="Events" note="the newest 50" flush>
      <Loaded query={useQuery(read.triggerEvents(trigger))} what="The events" height={160}>
        {({ items }) =>
          items.length === 0 ? (
            <p className="empty">Nothing has happened since it watches.</p>
          ) : (
            <DataTable headings={['State', 'What', 'Run', ['Noticed', 'num']]}>
              {items.map(({ id, state, what, message, run, at }) => (
                <tr key={id} data-row>
                  <td>
                    <Status word={state} />
                  </td>
                  <td className="break">
                    {what}
                    {message !== '' && <div className="note">{message}</div>}
                  </td>
                  <td>
                    {run !== null && (
                      <Link to="/pipelines/$id" params={{ id: run }}>
                        run<span className="sr"> for {what}</span>
                      </Link>
                    )}
                  </td>
                  <TimeCell at={at} />
                </tr>
              ))}
            </DataTable>
          )
        }
      </Loaded>
    </Panel>
  )
}

function Deliveries({ trigger }: { trigger: Trigger }) {
  return (
    <Panel title="Deliveries" note="the newest 50; refused ones too" flush>
      <Loaded query={useQuery(read.triggerDeliveries(trigger))} what="The deliveries" height={160}>
        {({ items }) =>
          items.length === 0 ? (
            <p className="empty">Nobody has called its address.</p>
          ) : (
            <DataTable headings={['Outcome', 'Delivery', 'Why', ['Called', 'num']]}>
              {items.map(({ id, outcome, delivery, reason, at }) => (
                <tr key={id} data-row>
                  <td>
                    <Status word={outcome} />
                  </td>
                  <td>
                    <code className="break">{delivery}</code>
                  </td>
                  <td className="break">{reason}</td>
                  <TimeCell at={at} />
                </tr>
              ))}
            </DataTable>
          )
        }
      </Loaded>
    </Panel>
  )
}
