/** Tokens of a call and what they cost: by which price, charged to which budgets. */
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { count } from '../../../src/contract/text/format.ts'
import { dollarMoney, nanoMoney } from '../../data/llm/amounts.ts'
import { COST_WORDS } from '../../data/llm/outcomes.ts'
import { budgetName } from '../../data/llm/budgets.ts'
import type { LlmBudget, LlmCallDetail, PricedModel } from '../../data/llm/queries.ts'
import { Facts } from '../page/page.tsx'
import { Status } from '../page/status.tsx'

export interface CallCostProps {
  readonly call: LlmCallDetail
  /** As far as they are read. */
  readonly budgets: readonly LlmBudget[]
  readonly prices: readonly PricedModel[]
  /** Names of keys by their ids. */
  readonly names: ReadonlyMap<string, string>
}

export function CallCost({ call, budgets, prices, names }: CallCostProps) {
  const { tokens } = call
  return (
    <>
      <Facts
        items={[
          ['Cost', <Cost key="c" call={call} />],
          ['Price', <PriceRow key="p" call={call} prices={prices} />],
          ['Reserved before it was sent', nanoMoney(call.reserved_nanodollars)],
          ['Charged to', <Charged key="b" call={call} budgets={budgets} names={names} />],
          ['Input tokens', count(tokens.input)],
          ['… read from a cache', count(tokens.cache_read)],
          ['… written to a cache', count(tokens.cache_write)],
          ['Output tokens', count(tokens.output)],
          ['… for reasoning', count(tokens.reasoning)],
        ]}
      />
      {call.raw_usage === null || call.raw_usage === undefined ? (
        <p className="muted small">The provider told no usage.</p>
      ) : (
        <details>
          <summary>Usage as the provider told it</summary>
          <pre className="log short">{JSON.stringify(call.raw_usage, null, 2)}</pre>
        </details>
      )}
    </>
  )
}

function Cost({ call }: { call: LlmCallDetail }) {
  const means = COST_WORDS[call.cost_status]
  if (call.cost_status === 'unknown_price') return <Status word="unknown" tone="warn" label={means} />
  if (call.cost_status === 'none') return means
  return (
    <>
      <strong>{nanoMoney(call.cost_nanodollars)}</strong> <span className="muted">{means}</span>
    </>
  )
}

/** Of a price that is still in force, what it says; of another, its name. */
function PriceRow({ call, prices }: Pick<CallCostProps, 'call' | 'prices'>): ReactNode {
  if (call.price === null) return <span className="muted">none</span>
  const price = prices
    .flatMap((one) => (one.price === null ? one.others : [one.price, ...one.others]))
    .find(({ id }) => id === call.price)
  return (
    <>
      {price !== undefined && (
        <div>
          {dollarMoney(price.input)} in, {dollarMoney(price.output)} out, a million tokens, by {price.source}
        </div>
      )}
      <code>{call.price}</code>
    </>
  )
}

function Charged({ call, budgets, names }: Omit<CallCostProps, 'prices'>) {
  if (call.budgets.length === 0) return <span className="muted">no budget</span>
  return (
    <ul>
      {call.budgets.map((id) => {
        const budget = budgets.find((one) => one.id === id)
        return (
          <li key={id}>
            <Link to="/llm/keys">{budget === undefined ? id : budgetName(budget, names)}</Link>
          </li>
        )
      })}
    </ul>
  )
}
