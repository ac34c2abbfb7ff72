/** Pools: how many steps that name one may run at once, and who holds its places. */
import { useQuery } from '@tanstack/react-query'
import { pools } from '../../data/pipelines/queue.ts'
import { Empty, Loaded } from '../../parts/page/placeholders.tsx'
import { Page, Panel } from '../../parts/page/page.tsx'
import { PoolForm } from '../../parts/queue/pool-form.tsx'
import { PoolTable } from '../../parts/queue/pool-table.tsx'
import { QueueTabs } from '../../parts/queue/tabs.tsx'

export function PoolsPage() {
  return (
    <Page
      title="Pools"
      lead="So many steps that name a pool run at once, of all projects: licences, a GPU, connections to a database."
      actions={<PoolForm />}
    >
      <QueueTabs />
      <Panel title="Pools" note="a place is free as soon as its attempt has ended" flush>
        <Loaded query={useQuery(pools)} what="The pools" height={200}>
          {({ items }) => (items.length === 0 ? <NoPools /> : <PoolTable pools={items} />)}
        </Loaded>
      </Panel>
    </Page>
  )
}

function NoPools() {
  return (
    <Empty title="No pools yet" commands={['slipway pools set licences 3 --per-project 2']}>
      An admin makes a pool here or by a command; a step takes a place of it with pool: NAME in slipway.yaml.
    </Empty>
  )
}
