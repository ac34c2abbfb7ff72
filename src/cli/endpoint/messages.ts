/** `slipway messages`: what the webhooks of an endpoint were told of incidents, what waits, and what was given up. */
import type { NoticeRoute } from '../../contract/monitoring.ts'
import { monitoringApi } from '../../contract/monitoring.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

const STATES = ['waiting', 'delivered', 'dead'] as const

/** Ends with 1 where a webhook takes no messages. */
export async function run(invocation: Invocation): Promise<number> {
  const [name] = invocation.args
  if (name === undefined) throw new UsageError('messages needs an endpoint: slipway messages flight-delay')
  const given = text(invocation, 'state')
  const state = STATES.find((one) => one === given)
  if (given !== undefined && state === undefined)
    throw new UsageError(`--state is "${given}"; expected ${STATES.join(', ')}`)
  const { client } = await connect(invocation)
  const params = { name }
  const id = text(invocation, 'resend')
  if (id !== undefined) {
    const sent = await client.call(monitoringApi.resendNotice, { params: { name, id }, body: {} })
    invocation.out.data(sent)
    invocation.out.line(`${id} is sent again to ${sent.route}`)
    return 0
  }
  const { webhooks } = await client.call(monitoringApi.getMonitor, { params })
  const { items } = await client.call(monitoringApi.listNotices, { params, query: { limit: 50, state } })
  invocation.out.data({ webhooks, items })
  for (const one of webhooks) invocation.out.line(routeLine(one))
  if (webhooks.length === 0) invocation.out.line(`the monitor of ${name} has no webhook`)
  invocation.out.table(
    ['message', 'webhook', 'incident', 'says', 'state', 'attempts', 'at', 'error'],
    items.map((one) => [
      one.id,
      one.route,
      one.incident_id,
      one.status,
      one.state,
      String(one.attempts),
      one.at,
      one.last_error ?? '',
    ]),
  )
  return webhooks.some((one) => one.state === 'failing') ? 1 : 0
}

function routeLine({ name, to, from, state, waiting, dead, last_error }: NoticeRoute): string {
  const why = state === 'failing' && last_error !== null ? `: ${last_error}` : ''
  return `${name} (${to}, from ${from} severity on): ${state}, ${waiting} waiting, ${dead} given up${why}`
}
