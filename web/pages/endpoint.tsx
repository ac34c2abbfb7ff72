/** An endpoint: is it healthy, and how does the release go? */
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { lazy, Suspense, useMemo } from 'react'
import type { servingApi } from '../../src/contract/serving.ts'
import { call } from '../api.ts'
import { versionColour } from '../colours.ts'
import { duration, weight } from '../format.ts'
import { Confirm } from '../parts/confirm.tsx'
import { Bone, Loaded } from '../parts/failure.tsx'
import { useLiveEndpoint } from '../parts/live-endpoint.ts'
import type { Moment } from '../parts/live-endpoint.ts'
import { Page, Panel } from '../parts/page.tsx'
import { Predictions } from '../parts/predictions.tsx'
import { ReleasePanel } from '../parts/release.tsx'
import { TryIt } from '../parts/try-it.tsx'
import { VariantTable } from '../parts/variants.tsx'
import * as read from '../queries.ts'
import type { Endpoint } from '../queries.ts'

const LineChart = lazy(async () => ({ default: (await import('../charts/line-chart.tsx')).LineChart }))

export function EndpointPage() {
  const { name } = useParams({ from: '/endpoints/$name' })
  const endpoint = useQuery(read.endpoint(name))
  const moments = useLiveEndpoint(name)
  return (
    <Page
      title={name}
      crumbs={<Link to="/endpoints">Endpoints</Link>}
      {...(endpoint.data && {
        lead: <Sentence endpoint={endpoint.data} />,
        actions: <Actions endpoint={endpoint.data} />,
      })}
    >
      <Loaded query={endpoint} what={`The endpoint ${name}`} height={420}>
        {(data) => (
          <>
            <Panel title="Traffic" note={`routing table ${data.epoch}`} flush>
              <div style={{ padding: '12px 16px' }}>
                <Split variants={data.variants} />
              </div>
              <VariantTable model={data.model} variants={data.variants} />
            </Panel>
            <Latency moments={moments} />
            <ReleasePanel endpoint={name} model={data.model} />
            <Panel title="Latest predictions" flush>
              <Predictions endpoint={name} />
            </Panel>
            <Panel title="Try it" note="fill in a row and run the command where the token is">
              <TryIt name={name} url={data.url} inputs={data.inputs} />
            </Panel>
          </>
        )}
      </Loaded>
    </Page>
  )
}

function Sentence({ endpoint }: { endpoint: Endpoint }) {
  const stable = endpoint.variants.find((variant) => variant.role === 'stable')
  return (
    <>
      Model{' '}
      <Link to="/models/$name" params={{ name: endpoint.model }}>
        {endpoint.model}
      </Link>
      , project {endpoint.project}.{' '}
      {stable === undefined ? 'No version answers yet.' : `Version ${stable.version} answers ${weight(stable.weight)}.`}{' '}
      <Link to="/monitoring/$name" params={{ name: endpoint.name }}>
        Monitoring
      </Link>
    </>
  )
}

function Actions({ endpoint }: { endpoint: Endpoint }) {
  const stable = endpoint.variants.find((variant) => variant.role === 'stable')
  const { previous_version: previous, name } = endpoint
  if (previous === null || stable === undefined) return null
  return (
    <Confirm
      label={`Roll back to version ${previous}`}
      tone="danger"
      reason="optional"
      preview={
        <p>
          Version {previous} gets 100 % of the traffic within 1 s. Version {stable.version} stops answering and stays
          loaded, so that it can return the same way. A rollout in progress ends. No request fails.
        </p>
      }
      act={(reason) =>
        call<typeof servingApi.rollbackEndpoint>('POST', '/v1/endpoints/:name/rollback', {
          params: { name },
          body: reason === '' ? {} : { reason },
        })
      }
    />
  )
}

function Split({ variants }: { variants: Endpoint['variants'] }) {
  const shares = variants.filter((variant) => variant.role !== 'shadow')
  const said = shares.map((variant) => `version ${variant.version} ${weight(variant.weight)}`).join(', ')
  return (
    <div className="split" role="img" aria-label={`Traffic: ${said || 'no version'}`}>
      {shares.map((variant) => (
        <span
          key={variant.version}
          style={{ flex: `0 0 ${variant.weight / 100}%`, background: versionColour(variant.version) }}
          title={`version ${variant.version}: ${weight(variant.weight)}`}
        />
      ))}
    </div>
  )
}

/** Latency since the page was opened; needs a few seconds of traffic. */
function Latency({ moments }: { moments: readonly Moment[] }) {
  const versions = [...new Set(moments.flatMap((moment) => moment.variants.map((variant) => variant.version)))].sort()
  const key = versions.join(' ')
  const x = useMemo(() => moments.map((moment) => moment.at), [moments])
  const lines = useMemo(
    () =>
      key
        .split(' ')
        .filter(Boolean)
        .flatMap((version) => {
          const of = (pick: 'p50' | 'p99') =>
            moments.map((moment) => moment.variants.find((variant) => variant.version === version)?.[pick] ?? null)
          return [
            { label: `version ${version} p99`, colour: versionColour(version), values: of('p99') },
            { label: `version ${version} p50`, colour: versionColour(version), values: of('p50'), dashed: true },
          ]
        }),
    [moments, key],
  )
  const newest = moments.at(-1)?.variants[0]
  return (
    <Panel title="Latency inside the gateway" note="since this page was opened, ms">
      {x.length < 2 ? (
        <p className="muted">
          The curves begin with the first figures and grow while this page is open.
          {newest?.p99 !== null && newest?.p99 !== undefined && ` p99 is ${duration(newest.p99)} now.`}
        </p>
      ) : (
        <Suspense fallback={<Bone height={250} />}>
          <LineChart label="p50 and p99 by version over time" x={x} lines={lines} time unit=" ms" />
        </Suspense>
      )}
    </Panel>
  )
}
