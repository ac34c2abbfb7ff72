/** `slipway incidents`: what is wrong, why, and what can be done. */
import { monitoringApi } from '../../contract/monitoring.ts'
import type { Cause } from '../../contract/monitoring.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

export async function run(invocation: Invocation): Promise<number> {
  const { client } = await connect(invocation)
  const [id] = invocation.args
  if (id === undefined) {
    const { items } = await client.call(monitoringApi.listIncidents, { query: { limit: 50 } })
    invocation.out.data(items)
    invocation.out.table(
      ['incident', 'endpoint', 'severity', 'state', 'began', 'what'],
      items.map((one) => [one.id, one.endpoint, one.severity, one.state, one.began_event_time, one.title]),
    )
    return 0
  }
  const found = await client.call(monitoringApi.getIncident, { params: { id } })
  invocation.out.data(found)
  invocation.out.line(`${found.title} (${found.severity}, ${found.state})`)
  invocation.out.line(`affected: ${found.affected.rows} rows, ${found.affected.marked_bad} marked bad`)
  for (const cause of found.causes) invocation.out.line(`  ${cause.rank}. ${causeLine(cause)}`)
  for (const action of found.actions) invocation.out.line(`  can: ${action.action}: ${action.preview}`)
  return 0
}

/** A cause with how sure it is, how bad, and since and until when. */
function causeLine({ title, score, severity, began_event_time, ended_event_time }: Cause): string {
  const since = began_event_time === null ? '' : `, since ${began_event_time}`
  const until = ended_event_time === null ? '' : `, over at ${ended_event_time}`
  return `${title} (${score.toFixed(2)}${severity === null ? '' : `, ${severity}`}${since}${until})`
}
