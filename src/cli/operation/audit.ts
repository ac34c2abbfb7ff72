/** `slipway audit`: reads the audit trail or verifies its chain. */
import { authApi } from '../../contract/auth.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [what] = invocation.args
  if (what !== undefined && what !== 'verify')
    throw new UsageError(`"${what}" is not known; expected verify or nothing`)
  const { client } = await connect(invocation)
  if (what === 'verify') {
    const verdict = await client.call(authApi.verifyAudit)
    invocation.out.data(verdict)
    invocation.out.line(
      verdict.ok
        ? `The audit chain is whole: ${verdict.rows} rows, head ${verdict.head?.slice(0, 16)}…`
        : `The audit chain is broken at row ${verdict.seq}: ${verdict.reason}`,
    )
    return verdict.ok ? 0 : 1
  }
  const { items } = await client.call(authApi.listAudit, { query: { limit: 100 } })
  invocation.out.data(items)
  const rows = items.map((row) => [
    row.at,
    row.actor,
    row.verb,
    `${row.resource}/${row.resource_id}`,
    JSON.stringify(row.detail),
  ])
  invocation.out.table(['time', 'who', 'verb', 'what', 'detail'], rows)
  return 0
}
