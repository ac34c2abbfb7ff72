/** Keys and budgets of language models: who may call what, how much, and how long the money lasts. */
import { useQuery } from '@tanstack/react-query'
import '../../css/llm.css'
import { plural } from '../../../src/contract/text/format.ts'
import * as read from '../../data/llm/queries.ts'
import type { LlmFigures } from '../../data/llm/queries.ts'
import { NewBudget } from '../../parts/llm/budget-form.tsx'
import { BudgetTable } from '../../parts/llm/budget-table.tsx'
import { KeyTable } from '../../parts/llm/key-table.tsx'
import { LlmTabs } from '../../parts/llm/llm-tabs.tsx'
import { NewKey } from '../../parts/llm/new-key.tsx'
import { Page, Panel } from '../../parts/page/page.tsx'
import { Empty, Loaded } from '../../parts/page/placeholders.tsx'

const DAY = { range: '24h', since: undefined, until: undefined } as const

export function LlmKeysPage() {
  const [keys, budgets, endpoints] = [useQuery(read.llmKeys), useQuery(read.llmBudgets), useQuery(read.llmEndpoints)]
  const names = new Map(keys.data?.items.map(({ id, name }) => [id, name]))
  return (
    <Page title="Keys and budgets" lead="Who may call which language model, how much, and how long the money lasts.">
      <LlmTabs />
      <Panel
        title="Budgets"
        note="the thin line is the part of the window that has gone by; a mark is an alert"
        flush
        tools={<NewBudget keys={keys.data?.items ?? []} />}
      >
        <Loaded query={budgets} what="The budgets" height={180}>
          {({ items }) => (items.length === 0 ? <NoBudgets /> : <BudgetTable budgets={items} names={names} />)}
        </Loaded>
      </Panel>
      <Panel
        title="Keys"
        note={keys.data === undefined ? '' : plural(keys.data.items.length, 'key')}
        flush
        tools={<NewKey endpoints={endpoints.data?.items.map(({ name }) => name) ?? []} />}
      >
        <Loaded query={keys} what="The keys" height={180}>
          {({ items }) => (items.length === 0 ? <NoKeys /> : <Keys keys={items} />)}
        </Loaded>
      </Panel>
    </Page>
  )
}

function Keys({ keys }: { keys: readonly read.LlmKey[] }) {
  const { data } = useQuery(read.llmOverview('key', DAY))
  // where not all groups are listed, nobody knows whether a key that is not among them did nothing
  const used =
    data === undefined || data.more_groups > 0
      ? undefined
      : new Map<string | null, LlmFigures>(data.groups.map((group) => [group.key, group]))
  return <KeyTable keys={keys} used={used} />
}

function NoBudgets() {
  return (
    <Empty title="No budgets yet" commands={['slipway llm budgets add 100 --window month']}>
      Nothing but the limits of keys holds what language models may cost.
    </Empty>
  )
}

function NoKeys() {
  return (
    <Empty title="No keys yet" commands={['slipway llm keys add my-app --endpoint chat --rpm 60']}>
      A program calls with a key of its own, so that it has its own limits and costs, and can be stopped alone.
    </Empty>
  )
}
