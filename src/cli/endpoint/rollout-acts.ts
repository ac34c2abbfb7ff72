/** `slipway rollout approve|resume|promote|abort ENDPOINT`: steers the rollout that is under way on an endpoint. */
import type { Client } from '../../client/client.ts'
import { problem } from '../../contract/errors.ts'
import { rolloutApi } from '../../contract/rollout.ts'
import type { Rollout } from '../../contract/rollout.ts'
import { servingApi } from '../../contract/serving.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

export const ACTS = ['approve', 'resume', 'promote', 'abort'] as const
export type Act = (typeof ACTS)[number]

export function isAct(verb: string | undefined): verb is Act {
  return ACTS.some((act) => act === verb)
}

export async function steer(invocation: Invocation, action: Act): Promise<number> {
  const [, endpoint] = invocation.args
  const reason = text(invocation, 'reason')
  if (endpoint === undefined || reason === undefined)
    throw new UsageError(
      `rollout ${action} needs an endpoint and a reason: slipway rollout ${action} flight-delay --reason "looks right"`,
    )
  const { client } = await connect(invocation)
  const { id } = await underWay(client, { endpoint, action, version: text(invocation, 'candidate') })
  const body = { action, reason, ...(invocation.flags['override-freeze'] === true && { override_freeze: true }) }
  const now = await client.call(rolloutApi.act, { params: { id }, body })
  invocation.out.data(now)
  invocation.out.line(`${endpoint}: version ${now.version} is ${now.state}, ${now.step}: ${now.reason}`)
  return 0
}

interface Meant {
  readonly endpoint: string
  readonly action: Act
  readonly version: string | undefined
}

/** The one rollout that is meant; challengers are told apart by their version, or by which of them waits for an approval. */
async function underWay(client: Client, { endpoint, action, version }: Meant): Promise<Rollout> {
  const { items } = await client.call(rolloutApi.list, { query: { endpoint, limit: 100 } })
  const open = items.filter((one) => one.finished_at === null && (version === undefined || one.version === version))
  const waiting = open.filter((one) => action === 'approve' && one.awaits !== null)
  const [found, other] = waiting.length > 0 ? waiting : open
  const of = version === undefined ? '' : ` of version ${version}`
  if (found === undefined) {
    if (items.length === 0) await client.call(servingApi.getEndpoint, { params: { name: endpoint } })
    throw problem('conflict', { detail: `no rollout${of} is under way on ${endpoint}` })
  }
  if (other !== undefined) {
    const versions = open.map((one) => one.version).join(', ')
    throw new UsageError(`rollouts of versions ${versions} are under way on ${endpoint}: name one with --candidate`)
  }
  return found
}
