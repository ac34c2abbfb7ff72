/** Providers, endpoints and prices of language models: what can be called, where, and what it costs. */
import { useQuery } from '@tanstack/react-query'
import '../../css/llm.css'
import { plural } from '../../../src/contract/text/format.ts'
import * as read from '../../data/llm/queries.ts'
import { EndpointTable } from '../../parts/llm/endpoint-table.tsx'
import { LlmTabs } from '../../parts/llm/llm-tabs.tsx'
import { NewEndpoint } from '../../parts/llm/new-endpoint.tsx'
import { NewProvider } from '../../parts/llm/new-provider.tsx'
import { PriceTable } from '../../parts/llm/price-table.tsx'
import { ProviderHealth } from '../../parts/llm/provider-health.tsx'
import { ProviderTable } from '../../parts/llm/provider-table.tsx'
import { Page, Panel } from '../../parts/page/page.tsx'
import { Empty, Loaded } from '../../parts/page/placeholders.tsx'

export function LlmProvidersPage() {
  const [providers, endpoints, prices] = [
    useQuery(read.llmProviders),
    useQuery(read.llmEndpoints),
    useQuery(read.llmPrices),
  ]
  const health = useQuery(read.llmHealth)
  return (
    <Page title="Providers and prices" lead="Where language models are called, by which names, and what a token costs.">
      <LlmTabs />
      <Panel title="Health" note="24 hours in half hours, from the calls that were sent" flush>
        <Loaded query={health} what="The health of the providers" height={180}>
          {(data) => (data.providers.length === 0 ? <NoHealth /> : <ProviderHealth health={data} />)}
        </Loaded>
      </Panel>
      <Panel
        title="Endpoints"
        note="the names that programs put into “model”"
        flush
        tools={providers.data !== undefined && <NewEndpoint providers={providers.data.items} />}
      >
        <Loaded query={endpoints} what="The endpoints of language models" height={180}>
          {({ items }) => (items.length === 0 ? <NoEndpoints /> : <EndpointTable endpoints={items} />)}
        </Loaded>
      </Panel>
      <Panel title="Providers" note="credentials are sealed, and never shown" flush tools={<NewProvider />}>
        <Loaded query={providers} what="The providers" height={180}>
          {({ items }) =>
            items.length === 0 ? (
              <NoProviders />
            ) : (
              <ProviderTable providers={items} endpoints={endpoints.data?.items ?? []} />
            )
          }
        </Loaded>
      </Panel>
      <Panel title="Prices in use" note={prices.data === undefined ? '' : noteOf(prices.data.items)} flush>
        <Loaded query={prices} what="The prices" height={180}>
          {({ items }) => (items.length === 0 ? <NoPrices /> : <PriceTable prices={items} />)}
        </Loaded>
      </Panel>
    </Page>
  )
}

function noteOf(prices: readonly read.PricedModel[]): string {
  const unknown = prices.filter(({ status }) => status === 'unknown').length
  const known = `dollars a million tokens, ${plural(prices.length, 'model')}`
  return unknown === 0 ? known : `${known}, ${unknown} without a price`
}

function NoHealth() {
  return <Empty title="Nothing to tell yet">How providers answer is told as soon as there is one.</Empty>
}

function NoEndpoints() {
  return (
    <Empty
      title="No endpoints of language models yet"
      commands={['slipway llm endpoints add chat --model openai/gpt-4o-mini']}
    >
      A name for one model or several, with shares and fallbacks.
    </Empty>
  )
}

function NoProviders() {
  return (
    <Empty title="No providers yet" commands={['slipway llm providers add openai --key-env OPENAI_API_KEY']}>
      A provider is a vendor, or a server of yours that speaks the API of OpenAI.
    </Empty>
  )
}

function NoPrices() {
  return (
    <Empty title="No prices yet">
      The price of a model is looked up as soon as an endpoint has it; one that nobody knows is told, and never 0.
    </Empty>
  )
}
