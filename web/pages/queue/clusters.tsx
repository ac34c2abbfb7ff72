/** Clusters: where steps may run, whether each answers and takes steps, and how to add one. */
import { useQuery } from '@tanstack/react-query'
import { drivers } from '../../data/pipelines/queue.ts'
import { Loaded } from '../../parts/page/placeholders.tsx'
import { Page } from '../../parts/page/page.tsx'
import { AddCluster } from '../../parts/queue/add-cluster.tsx'
import { DriverPanel } from '../../parts/queue/driver.tsx'
import { QueueTabs } from '../../parts/queue/tabs.tsx'

export function ClustersPage() {
  return (
    <Page title="Clusters" lead="Where steps may run: this machine, and the clusters that the server hands steps to.">
      <QueueTabs />
      <Loaded query={useQuery(drivers)} what="The drivers" height={300}>
        {({ items }) => (
          <>
            {items.map((driver) => (
              <DriverPanel key={driver.name} driver={driver} />
            ))}
            <AddCluster known={items.filter(({ configured }) => configured).map(({ name }) => name)} />
          </>
        )}
      </Loaded>
    </Page>
  )
}
