/** The newest logged predictions of an endpoint, each with its row on demand. */
import { useQuery } from '@tanstack/react-query'
import { valueText } from '../../data/endpoints/evidence.ts'
import { duration, eventTime, figure } from '../../../src/contract/text/format.ts'
import * as read from '../../data/queries.ts'
import type { Prediction } from '../../data/queries.ts'
import { Empty, Loaded } from '../page/placeholders.tsx'
import { usePermission } from '../form/permissions.ts'
import { Facts } from '../page/page.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'

export function Predictions({ endpoint }: { endpoint: string }) {
  const allowed = usePermission({ verb: 'read_predictions', resource: 'endpoints' })
  const predictions = useQuery({ ...read.predictions(endpoint), enabled: allowed })
  if (!allowed) return <Empty title="Only maintainers and admins may read logged predictions" />
  return (
    <Loaded query={predictions} what="The predictions" height={240}>
      {({ items }) =>
        items.length === 0 ? (
          <Empty title="No predictions yet" commands={[`slipway predict ${endpoint} @rows.json`]} />
        ) : (
          <DataTable
            headings={['Event time', 'Variant', ['Score', 'num'], 'Prediction', ['Latency', 'num'], 'Status', 'Row']}
          >
            {items.map((one) => (
              <Row key={one.id} one={one} />
            ))}
          </DataTable>
        )
      }
    </Loaded>
  )
}

const DIGITS = 5

function Row({ one }: { one: Prediction }) {
  const ok = one.error === null && one.status < 400
  return (
    <tr data-row>
      <td className="nowrap">{eventTime(one.event_time)}</td>
      <td className="nowrap">
        {one.role} {one.version}
        {one.fallback && ', fallback after the canary failed'}
      </td>
      <td className="num">{figure(one.score)}</td>
      <td className="break">{answerText(one.prediction)}</td>
      <td className="num">{duration(one.latency_us / 1000)}</td>
      <td>
        <Status word={ok ? 'ok' : 'failed'} label={ok ? String(one.status) : `${one.status} ${one.error ?? ''}`} />
      </td>
      <td style={{ minWidth: 150 }}>
        <details>
          <summary>
            {Object.keys(one.inputs).length} inputs<span className="sr"> of prediction {one.id}</span>
          </summary>
          {one.entity !== undefined && (
            <>
              <h3 className="small">Keys and fields of the request</h3>
              <Facts items={factsOf(one.entity)} />
              <h3 className="small">What the model was given</h3>
            </>
          )}
          <Facts items={factsOf(one.inputs)} />
          <p className="small muted">
            <code>{one.id}</code>
          </p>
        </details>
      </td>
    </tr>
  )
}

function factsOf(values: Prediction['inputs']): [string, string][] {
  return Object.entries(values).map(([name, value]) => [name, value === null ? 'missing' : valueText(value)])
}

/** An answer as JSON with its numbers shortened. */
function answerText(prediction: unknown): string {
  if (typeof prediction === 'number') return figure(prediction)
  return JSON.stringify(prediction, (_, value: unknown) =>
    typeof value === 'number' ? Number(value.toPrecision(DIGITS)) : value,
  )
}
