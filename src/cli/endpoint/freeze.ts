/** `slipway freeze`: what is frozen now; `freeze add|remove ENDPOINT`: a freeze by hand. */
import type { Client } from '../../client/client.ts'
import { rolloutApi } from '../../contract/rollout.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [act = 'list', endpoint] = invocation.args
  if (act !== 'list' && act !== 'add' && act !== 'remove')
    throw new UsageError(`freeze knows no "${act}"; expected list, add or remove`)
  if (act !== 'list' && endpoint === undefined)
    throw new UsageError(`freeze ${act} needs an endpoint: slipway freeze ${act} flight-delay`)
  const { client } = await connect(invocation)
  if (act === 'list') return list(client, invocation)
  return act === 'add' ? add(client, invocation, endpoint ?? '') : remove(client, invocation, endpoint ?? '')
}

async function list(client: Client, invocation: Invocation): Promise<number> {
  const { items } = await client.call(rolloutApi.freezes)
  invocation.out.data(items)
  if (items.length === 0) invocation.out.line('no endpoint is frozen')
  invocation.out.table(
    ['endpoint', 'by', 'until', 'reason'],
    items.map((one) => [one.endpoint, one.by ?? 'its plan', one.until ?? 'it is lifted', one.reason]),
  )
  return 0
}

async function add(client: Client, invocation: Invocation, name: string): Promise<number> {
  const reason = text(invocation, 'reason')
  if (reason === undefined)
    throw new UsageError('freeze add needs a reason: slipway freeze add flight-delay --reason "end of quarter"')
  const end = text(invocation, 'until')
  const until = end === undefined ? undefined : Date.parse(end)
  if (Number.isNaN(until)) throw new UsageError(`--until is "${end}"; expected a time, for example 2026-05-03T10:00Z`)
  const body = { reason, ...(until !== undefined && { until: new Date(until).toISOString() }) }
  const { freeze } = await client.call(rolloutApi.freeze, { params: { name }, body })
  invocation.out.data(freeze)
  invocation.out.line(`${name} is frozen until ${freeze?.until ?? 'it is lifted'}: ${reason}`)
  return 0
}

async function remove(client: Client, invocation: Invocation, name: string): Promise<number> {
  const found = await client.call(rolloutApi.thaw, { params: { name } })
  invocation.out.data(found)
  invocation.out.line(`${name} is not frozen by hand`)
  return 0
}
