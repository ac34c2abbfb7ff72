/** An endpoint: is it healthy, and how does the release go? */
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import type { servingApi } from '../../../src/contract/serving.ts'
import { call } from '../../data/api.ts'
import { versionColour } from '../../data/colours.ts'
import { weight } from '../../../src/contract/text/format.ts'
import { BudgetPanel } from '../../parts/endpoint/budget.tsx'
import { Confirm } from '../../parts/form/confirm.tsx'
import { DeploymentsPanel, NotJudged } from '../../parts/endpoint/deployments.tsx'
import { Deploy } from '../../parts/endpoint/deploy.tsx'
import { Loaded } from '../../parts/page/placeholders.tsx'
import { LatencyPanel } from '../../parts/endpoint/latency.tsx'
import { useLiveEndpoint } from '../../parts/endpoint/live-endpoint.ts'
import { Page, Panel } from '../../parts/page/page.tsx'
import { Predictions } from '../../parts/endpoint/predictions.tsx'
import { ReleasePanel } from '../../parts/endpoint/release.tsx'
import { TryIt } from '../../parts/endpoint/try-it.tsx'
import { VariantTable } from '../../parts/endpoint/variants.tsx'
import { WatchedNotice } from '../../parts/monitoring/watched.tsx'
import * as read from '../../data/queries.ts'
import type { Endpoint } from '../../data/queries.ts'

export function EndpointPage() {
  const { name } = useParams({ from: '/endpoints/$name' })
  const endpoint = useQuery(read.endpoint(name))
  useLiveEndpoint(name)
  return (
    <Page
      title={name}
      crumbs={<Link to="/endpoints">Endpoints</Link>}
      {...(endpoint.data && {
        lead: <Sentence endpoint={endpoint.data} />,
        actions: (
          <>
            <Deploy endpoint={endpoint.data} />
            <Rollback endpoint={endpoint.data} />
          </>
        ),
      })}
    >
      <Loaded query={endpoint} what={`The endpoint ${name}`} height={420}>
        {(data) => (
          <>
            <WatchedNotice endpoint={name} />
            <Panel title="Traffic" note={`routing table ${data.epoch}`} flush>
              <div style={{ padding: '12px 16px' }}>
                <Split variants={data.variants} />
              </div>
              <VariantTable model={data.model} variants={data.variants} />
              {data.deployment !== null && data.deployment.not_judged.length > 0 && (
                <div style={{ padding: '8px 16px 12px' }}>
                  <NotJudged deployment={data.deployment} />
                </div>
              )}
            </Panel>
            <LatencyPanel name={name} />
            <BudgetPanel name={name} />
            <ReleasePanel endpoint={name} model={data.model} stable={stableOf(data)} />
            <DeploymentsPanel endpoint={name} model={data.model} />
            <Panel title="Latest predictions" flush>
              <Predictions endpoint={name} />
            </Panel>
            <Panel title="Try it" note="one row, sent as any caller would send it">
              <TryIt name={name} url={data.url} inputs={data.inputs} />
            </Panel>
          </>
        )}
      </Loaded>
    </Page>
  )
}

function stableOf({ variants }: Endpoint): string | undefined {
  return variants.find((variant) => variant.role === 'stable')?.version
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
      {stable === undefined
        ? 'No version is serving yet.'
        : `Version ${stable.version} serves ${weight(stable.weight)} of the traffic.`}{' '}
      <Link to="/monitoring/$name" params={{ name: endpoint.name }}>
        Monitoring
      </Link>
    </>
  )
}

function Rollback({ endpoint }: { endpoint: Endpoint }) {
  const stable = endpoint.variants.find((variant) => variant.role === 'stable')
  const { previous_version: previous, name } = endpoint
  if (previous === null || stable === undefined) return null
  return (
    <Confirm
      label={`Roll back to version ${previous}`}
      tone="danger"
      needs={{ verb: 'deploy', resource: 'endpoints' }}
      reason="optional"
      preview={
        <p>
          Version {previous} gets 100 % of the traffic within 1 s. Version {stable.version} stays loaded, so that you
          can roll back to it in turn. A rollout in progress ends. No request fails. A freeze does not prevent this.
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
