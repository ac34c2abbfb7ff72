/** The health of each endpoint on one line: what answers, traffic, p99, errors, open incidents. */
import { Link } from '@tanstack/react-router'
import { duration, figure, percent, weight } from '../../../src/contract/text/format.ts'
import { healthOf } from '../../../src/contract/needs/health.ts'
import type { HealthEndpoint, HealthIncident } from '../../../src/contract/needs/health.ts'
import { Empty } from '../page/placeholders.tsx'
import { Status, VersionChip } from '../page/status.tsx'
import { useWatched, WatchedWord } from '../monitoring/watched.tsx'
import { DataTable } from '../table/data-table.tsx'

export function HealthTable(props: { endpoints: readonly HealthEndpoint[]; incidents: readonly HealthIncident[] }) {
  if (props.endpoints.length === 0) {
    return (
      <Empty title="No endpoints yet" commands={['slipway ship']}>
        An endpoint serves a model over HTTP and is monitored from its first request.
      </Empty>
    )
  }
  return (
    <DataTable
      headings={[
        'Endpoint',
        'State',
        'Serving',
        ['Requests/s', 'num'],
        ['p99', 'num'],
        ['Errors', 'num'],
        'Data and quality',
      ]}
    >
      {props.endpoints.map((endpoint) => (
        <HealthRow key={endpoint.name} endpoint={endpoint} incidents={props.incidents} />
      ))}
    </DataTable>
  )
}

function HealthRow({ endpoint, incidents }: { endpoint: HealthEndpoint; incidents: readonly HealthIncident[] }) {
  const health = healthOf(endpoint, incidents)
  return (
    <tr data-row>
      <td>
        <Link to="/endpoints/$name" params={{ name: endpoint.name }} className="strong">
          {endpoint.name}
        </Link>
      </td>
      <td>
        <Status word={health.word} tone={health.tone} />
      </td>
      <td>
        <div className="row">
          {endpoint.variants.map((variant) => (
            <VersionChip
              key={`${variant.role} ${variant.version}`}
              model={endpoint.model}
              version={variant.version}
              label={`${variant.version} ${variant.role === 'shadow' ? 'shadow' : weight(variant.weight)}`}
            />
          ))}
        </div>
      </td>
      <td className="num">{figure(health.requestsPerSecond, 3)}</td>
      <td className="num">{duration(health.p99)}</td>
      <td className="num">{percent(health.errorShare, 2)}</td>
      <td>
        <Unwatched endpoint={endpoint.name} />
        {health.incidents.length === 0 ? (
          <Link to="/monitoring/$name" params={{ name: endpoint.name }}>
            no open incidents
          </Link>
        ) : (
          <Link to="/incidents/$id" params={{ id: health.incidents[0]?.id ?? '' }} className="break">
            {health.incidents.length === 1 ? health.incidents[0]?.title : `${health.incidents.length} open incidents`}
          </Link>
        )}
      </td>
    </tr>
  )
}

/** Before what is known of its data: that nobody looks at it. */
function Unwatched({ endpoint }: { endpoint: string }) {
  if (useWatched(endpoint)?.state !== 'unwatched') return null
  return (
    <div>
      <WatchedWord endpoint={endpoint} />
    </div>
  )
}
