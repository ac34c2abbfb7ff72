/** What the models in use cost, by whose word, and who says otherwise. */
import { count } from '../../../src/contract/text/format.ts'
import { dollarMoney } from '../../data/llm/amounts.ts'
import type { PricedModel } from '../../data/llm/queries.ts'
import { Command } from '../page/command.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'

type Price = NonNullable<PricedModel['price']>

export function PriceTable({ prices }: { prices: readonly PricedModel[] }) {
  return (
    <DataTable
      headings={[
        'Model',
        'State',
        ['Input', 'num'],
        ['Output', 'num'],
        ['Cache read', 'num'],
        ['Cache write', 'num'],
        'By whose word',
        'Endpoints',
      ]}
    >
      {prices.map((one) => (
        <Row key={`${one.provider}/${one.model}`} one={one} />
      ))}
    </DataTable>
  )
}

function Row({ one }: { one: PricedModel }) {
  const { provider, model, price, conflict, others, endpoints } = one
  return (
    <tr data-row>
      <td className="break">
        {model}
        <div className="muted small">{provider}</div>
      </td>
      <td>
        {price === null ? (
          <Status word="unknown" tone="warn" label="not known" />
        ) : conflict ? (
          <Status word="conflict" tone="warn" label="sources differ" />
        ) : (
          <Status word="known" tone="good" />
        )}
      </td>
      {price === null ? (
        <td colSpan={5}>
          <Command text={`slipway llm prices add ${provider}/${model} --input DOLLARS --output DOLLARS`} />
        </td>
      ) : (
        <>
          <td className="num">{dollarMoney(price.input)}</td>
          <td className="num">{dollarMoney(price.output)}</td>
          <CacheCells price={price} />
          <td className="break">
            {price.source}
            <Beside price={price} />
            {others.map((other) => (
              <div key={other.id} className={conflict ? 'warn-text small' : 'muted small'}>
                {other.source} says {dollarMoney(other.input)} in, {dollarMoney(other.output)} out
              </div>
            ))}
          </td>
        </>
      )}
      <td className="break">{endpoints.join(', ') || 'none'}</td>
    </tr>
  )
}

function CacheCells({ price }: { price: Price }) {
  return [price.cache_read, price.cache_write].map((cost, at) => (
    // oxlint-disable-next-line react/no-array-index-key -- there are two of them, always in this order
    <td key={at} className="num">
      {cost === null ? <span className="muted">as input</span> : dollarMoney(cost)}
    </td>
  ))
}

/** What else a price has, beyond tokens at one price each. */
function Beside({ price: { request, tiers, not_charged } }: { price: Price }) {
  return (
    <>
      {Number(request) > 0 && <div className="muted small">and {dollarMoney(request)} a request</div>}
      {tiers.map(({ above, input, output }) => (
        <div key={above} className="muted small">
          above {count(above)} tokens in: {dollarMoney(input)} in, {dollarMoney(output)} out
        </div>
      ))}
      {not_charged.length > 0 && <div className="muted small">not charged: {not_charged.join(', ')}</div>}
    </>
  )
}
