/** `slipway endpoints`: endpoints with their variants and rollouts. */
import type { Client } from '../../client/client.ts'
import { rolloutApi } from '../../contract/rollout.ts'
import { servingApi } from '../../contract/serving.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

export async function run(invocation: Invocation): Promise<number> {
  const { client } = await connect(invocation)
  const [name] = invocation.args
  return name === undefined ? list(client, invocation) : show(client, invocation, name)
}

async function list(client: Client, invocation: Invocation): Promise<number> {
  const { items } = await client.call(servingApi.listEndpoints)
  invocation.out.data(items)
  invocation.out.table(
    ['endpoint', 'variant', 'version', 'share', 'backend', 'req/s', 'p99 ms', 'errors'],
    items.flatMap((endpoint) =>
      endpoint.variants.map((variant) => [
        endpoint.name,
        variant.override === null ? variant.role : `${variant.role}, gates overridden`,
        variant.version,
        `${variant.weight / 100} %`,
        variant.backend,
        variant.stats?.requests_per_s.toFixed(1) ?? '',
        variant.stats?.p99_ms?.toFixed(2) ?? '',
        variant.fault === null ? String(variant.stats?.errors ?? '') : 'does not answer',
      ]),
    ),
  )
  return 0
}

async function show(client: Client, invocation: Invocation, name: string): Promise<number> {
  const endpoint = await client.call(servingApi.getEndpoint, { params: { name } })
  const { items: rollouts } = await client.call(rolloutApi.list, { query: { endpoint: name, limit: 10 } })
  invocation.out.data({ endpoint, rollouts })
  invocation.out.line(`${endpoint.name} serves ${endpoint.model}: ${endpoint.url}`)
  for (const variant of endpoint.variants) {
    const why = variant.backend_reason === null ? '' : ` (${variant.backend_reason})`
    invocation.out.line(
      `  ${variant.role} version ${variant.version}, ${variant.weight / 100} %, ${variant.backend}${why}`,
    )
    if (variant.override !== null) {
      const { by, at, reason, refusal } = variant.override
      invocation.out.line(`    gates overridden by ${by} at ${at}: ${reason} (${refusal})`)
    }
    if (variant.fault !== null) invocation.out.line(`    does not answer: ${variant.fault}`)
  }
  invocation.out.table(
    ['rollout', 'version', 'state', 'step', 'why'],
    rollouts.map((one) => [one.id, one.version, one.state, one.step, one.reason]),
  )
  return 0
}
