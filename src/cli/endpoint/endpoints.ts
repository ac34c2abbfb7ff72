/** `slipway endpoints`: endpoints with their variants and rollouts. */
import type { Client } from '../../client/client.ts'
import { deploymentText, notJudgedText } from '../../contract/serving/deployment-text.ts'
import type { Watched } from '../../contract/endpoint-view.ts'
import { rolloutApi } from '../../contract/rollout.ts'
import { servingApi } from '../../contract/serving.ts'
import type { Reply } from '../../contract/route.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { watchedBy } from './watched.ts'

type EndpointView = Reply<typeof servingApi.getEndpoint>
type Rollout = Reply<typeof rolloutApi.get>

export async function run(invocation: Invocation): Promise<number> {
  const { client } = await connect(invocation)
  const [name] = invocation.args
  return name === undefined ? list(client, invocation) : show(client, invocation, name)
}

async function list(client: Client, invocation: Invocation): Promise<number> {
  const { items } = await client.call(servingApi.listEndpoints)
  const watched = await watchedBy(client)
  invocation.out.data(items)
  invocation.out.table(
    ['endpoint', 'variant', 'version', 'came', 'monitor', 'share', 'backend', 'req/s', 'p99 ms', 'errors'],
    items.flatMap((endpoint) =>
      endpoint.variants.map((variant) => [
        endpoint.name,
        variant.override === null ? variant.role : `${variant.role}, gates overridden`,
        variant.version,
        variant.role === 'stable' ? cameBy(endpoint) : '',
        variant.role === 'stable' ? (watched.get(endpoint.name)?.state ?? '') : '',
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

/** How the stable version came, in a word, and whether gates had nothing to judge. */
function cameBy({ deployment }: EndpointView): string {
  if (deployment === null) return ''
  const word = deployment.way.replace('_', ' ')
  const gates = deployment.not_judged.map(({ gate }) => gate)
  return gates.length === 0 ? word : `${word}; not judged: ${gates.join(', ')}`
}

async function show(client: Client, invocation: Invocation, name: string): Promise<number> {
  const endpoint = await client.call(servingApi.getEndpoint, { params: { name } })
  const { items: rollouts } = await client.call(rolloutApi.list, { query: { endpoint: name, limit: 10 } })
  const { items: deployments } = await client.call(servingApi.listDeployments, {
    params: { name },
    query: { limit: 10 },
  })
  const watched = (await watchedBy(client)).get(name)
  invocation.out.data({ endpoint, rollouts, deployments, ...(watched !== undefined && { watched }) })
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
    if (variant.role === 'stable') describe(invocation, endpoint, watched)
  }
  invocation.out.table(
    ['rollout', 'version', 'state', 'step', 'why'],
    rollouts.map((one) => [one.id, one.version, stateOf(one, endpoint), one.step, one.reason]),
  )
  invocation.out.table(
    ['answering since', 'version', 'before', 'how', 'by', 'why'],
    deployments.map((one) => [
      one.at,
      one.version ?? 'none',
      one.previous_version ?? '',
      one.way.replace('_', ' '),
      one.by,
      one.reason,
    ]),
  )
  return 0
}

/** How the stable version came to answer, what nobody judged of it, and whether it is watched. */
function describe({ out }: Invocation, { deployment }: EndpointView, watched: Watched | undefined): void {
  if (deployment !== null) {
    out.line(`    since ${deployment.at}, ${deploymentText(deployment)}`)
    const unjudged = notJudgedText(deployment)
    if (unjudged !== undefined) out.line(`    not judged: ${unjudged}`)
  }
  if (watched !== undefined && watched.state !== 'watched') out.line(`    ${watched.state}: ${watched.detail}`)
}

/** The state of a rollout, and of one that promoted its version whether that has been replaced since. */
function stateOf({ state, version }: Rollout, endpoint: EndpointView): string {
  const stable = endpoint.variants.find(({ role }) => role === 'stable')?.version
  return state === 'promoted' && stable !== version ? 'promoted, replaced since' : state
}
