/** Endpoints: each one's health on a line. */
import { useQuery } from '@tanstack/react-query'
import { Loaded } from '../../parts/page/placeholders.tsx'
import { Freezes } from '../../parts/endpoints/freezes.tsx'
import { HealthTable } from '../../parts/endpoints/health.tsx'
import { Page, Panel } from '../../parts/page/page.tsx'
import * as read from '../../data/queries.ts'

export function EndpointsPage() {
  const endpoints = useQuery(read.endpoints)
  const incidents = useQuery(read.incidents())
  return (
    <Page title="Endpoints" lead="What serves predictions now, and how well.">
      <Panel title="Endpoints" note="the last minute" flush>
        <Loaded query={endpoints} what="The endpoints" height={200}>
          {({ items }) => <HealthTable endpoints={items} incidents={incidents.data?.items ?? []} />}
        </Loaded>
      </Panel>
      {endpoints.data !== undefined && endpoints.data.items.length > 0 && (
        <Freezes endpoints={endpoints.data.items.map((one) => one.name)} />
      )}
    </Page>
  )
}
