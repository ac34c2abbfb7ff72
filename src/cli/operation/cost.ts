/** `slipway cost`: what runs, endpoints, projects or days cost; `cost rates`: the rate card; `cost set`: a new price. */
import type { Client } from '../../client/client.ts'
import { costApi, CostBy, PricedResource } from '../../contract/cost.ts'
import type { Rate } from '../../contract/cost.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [what = 'endpoint', ...rest] = invocation.args
  if (what !== 'set' && rest.length > 0) throw new UsageError(`"${rest[0]}" is one argument too many`)
  if (what === 'rates') return rates((await connect(invocation)).client, invocation)
  if (what === 'set') return setRate(invocation, rest)
  const by = CostBy.safeParse(what)
  if (!by.success) throw new UsageError(`"${what}" is not one of ${CostBy.options.join(', ')}, rates, set`)
  return report(invocation, by.data)
}

async function report(invocation: Invocation, by: CostBy): Promise<number> {
  const [from, to] = [time(invocation, 'from'), time(invocation, 'to')]
  const { client } = await connect(invocation)
  const query = { by, ...(from !== undefined && { from }), ...(to !== undefined && { to }) }
  const found = await client.call(costApi.report, { query })
  invocation.out.data(found)
  invocation.out.table(
    [
      by,
      'dollars',
      'CPU s',
      'memory GiB s',
      'storage GiB months',
      'predictions',
      '$ per 1k',
      'LLM calls',
      '$ per 1M tokens',
      'entries',
    ],
    found.items.map((item) => [
      item.key === '' ? `(${item.label})` : item.key,
      dollars(item.micro_dollars),
      item.cpu_seconds.toFixed(2),
      item.memory_gib_seconds.toFixed(2),
      item.storage_gib_months.toPrecision(3),
      String(item.predictions),
      item.micro_dollars_per_1k === null ? '' : dollars(item.micro_dollars_per_1k),
      String(item.llm_calls),
      item.micro_dollars_per_1m_tokens === null ? '' : dollars(item.micro_dollars_per_1m_tokens),
      String(item.entries),
    ]),
  )
  invocation.out.line(`total $${dollars(found.total_micro_dollars)}`)
  const unmeasured = found.items.reduce((sum, item) => sum + item.unmeasured, 0)
  if (unmeasured > 0) {
    invocation.out.line(`${unmeasured} of the entries used more than could be measured: their end was not seen`)
  }
  const unpriced = found.items.reduce((sum, item) => sum + item.unpriced_calls, 0)
  if (unpriced > 0)
    invocation.out.line(`${unpriced} calls of language models are in no amount: their price is not known`)
  return 0
}

async function rates(client: Client, invocation: Invocation): Promise<number> {
  return show(invocation, (await client.call(costApi.rates)).items)
}

async function setRate(invocation: Invocation, args: readonly string[]): Promise<number> {
  const [given, price = '', ...more] = args
  const resource = PricedResource.safeParse(given)
  const micro_dollars = Math.round(Number(price) * 1e6)
  if (!resource.success) throw new UsageError(`cost set needs one of ${PricedResource.options.join(', ')}`)
  if (price === '' || !(micro_dollars >= 0) || more.length > 0) {
    throw new UsageError(`cost set ${given} needs a price in dollars, for example 0.04`)
  }
  const from = time(invocation, 'from')
  const note = text(invocation, 'note') ?? ''
  const { client } = await connect(invocation)
  const rate = { resource: resource.data, micro_dollars, note, ...(from !== undefined && { from }) }
  return show(invocation, (await client.call(costApi.setRates, { body: { rates: [rate] } })).items)
}

function show(invocation: Invocation, items: readonly Rate[]): number {
  invocation.out.data(items)
  invocation.out.table(
    ['resource', 'dollars', 'for a', 'from', 'note'],
    items.map((rate) => [rate.resource, dollars(rate.micro_dollars), rate.unit, rate.from, rate.note]),
  )
  return 0
}

function time(invocation: Invocation, name: string): string | undefined {
  const given = text(invocation, name)
  if (given === undefined) return undefined
  const ms = Date.parse(given)
  if (Number.isNaN(ms)) {
    throw new UsageError(`--${name} is "${given}", not a time; expected for example 2026-05-03T10:00Z`)
  }
  return new Date(ms).toISOString()
}

function dollars(micro: number): string {
  return (micro / 1e6).toFixed(6)
}
