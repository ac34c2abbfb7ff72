/** `slipway ship`: runs the pipeline and takes the accepted model to its endpoint by its rollout plan. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Client } from '../../client/client.ts'
import { pipelinesApi } from '../../contract/pipelines.ts'
import { registryApi } from '../../contract/registry.ts'
import { rolloutApi } from '../../contract/rollout.ts'
import type { Reply } from '../../contract/route.ts'
import type { Invocation } from '../invocation/command.ts'
import type { Output } from '../invocation/output.ts'
import { connect } from '../invocation/server.ts'
import { tellWatched } from '../endpoint/watched.ts'
import { conclude } from './follow.ts'
import { doubtsOf } from './live-metrics.ts'
import { shipRegistered } from './registered.ts'
import { runProject } from './run.ts'

type Rollout = Reply<typeof rolloutApi.get>

/** A version that goes to an endpoint. */
interface Shipped {
  readonly model: string
  readonly version: string
}

export async function run(invocation: Invocation): Promise<number> {
  const { client, server } = await connect(invocation)
  const apart = invocation.flags['registered'] === true
  const finished = apart ? await shipRegistered(client, invocation) : await runProject(client, invocation, true)
  // what waits for somebody was registered all the same, and asks from now on
  const code = apart ? 0 : conclude(finished, invocation.out)
  if (code !== 0 || finished.registered === null) return code
  if (apart && finished.registered.verdict === 'refused') {
    invocation.out.line(`Version ${finished.registered.version} goes to its endpoint when its gates hold.`)
    return 0
  }
  const version = await client.call(pipelinesApi.getPipelineVersion, { params: { id: finished.pipeline_version } })
  if (version.endpoint === null) {
    invocation.out.line('The project names no endpoint, so the version waits in the registry.')
    return 0
  }
  const busy = await rolloutBefore(client, version.endpoint, finished.registered)
  if (busy !== undefined) {
    invocation.out.line(
      `Version ${finished.registered.version} waits until rollout ${busy.id} of version ${busy.version} ends. Now: ${busy.state}, ${busy.reason}`,
    )
    invocation.out.line(`Follow it: ${client.url}/endpoints/${version.endpoint}`)
    return 0
  }
  await tellDoubts(client, finished.registered, invocation.out)
  const rollout = await awaitRollout(client, version.endpoint, finished.registered)
  invocation.out.line(`Rollout ${rollout.id} of version ${rollout.version}: ${rollout.state}. ${rollout.reason}`)
  await tellNotGranted(client, finished.registered, invocation.out)
  invocation.out.line(`Follow it: ${client.url}/endpoints/${version.endpoint}`)
  invocation.out.line(`Predict: POST ${server.gateway_url}/v1/endpoints/${version.endpoint}:predict`)
  await tellWatched(client, version.endpoint, invocation.out)
  return rollout.state === 'rolled_back' || rollout.state === 'aborted' ? 1 : 0
}

/** Says when what the model answers cannot be judged by its metrics. */
async function tellDoubts(
  client: Client,
  { model, version }: { readonly model: string; readonly version: string },
  out: Output,
): Promise<void> {
  const known = await client.call(registryApi.getVersion, { params: { name: model, version } })
  for (const doubt of doubtsOf(known)) out.line(`Warning: version ${version} cannot be judged live: ${doubt}.`)
}

/** Says what of the project file's wish for the endpoint was not taken over. */
async function tellNotGranted(
  client: Client,
  { model, version }: { readonly model: string; readonly version: string },
  out: Output,
): Promise<void> {
  const { not_granted = [] } = await client.call(registryApi.getVersion, { params: { name: model, version } })
  for (const one of not_granted) out.line(`Not taken over: ${one}.`)
}

/** Versions of several models have the same numbers, and rollouts of another model may have ended on the endpoint. */
function isOf({ model, version }: Rollout, shipped: Shipped): boolean {
  return model === shipped.model && version === shipped.version
}

/** The rollout of another version that is under way on the endpoint: a new version waits for its end. */
async function rolloutBefore(client: Client, endpoint: string, shipped: Shipped): Promise<Rollout | undefined> {
  const { items } = await client.call(rolloutApi.list, { query: { endpoint, limit: 20 } })
  if (items.some((one) => isOf(one, shipped))) return undefined
  return items.find((one) => one.finished_at === null && one.state !== 'watching')
}

/** It is prepared, and a person or a freeze keeps it from its first step. */
function isHeld({ awaits, frozen }: Rollout): boolean {
  return awaits !== null || frozen !== null
}

/** A busy server needs minutes until a version can answer: its environment is built, and its answers are proved. */
const WAIT_MS = 5 * 60_000

/**
 * The rollout of a version once it is under way: promoted at once for an endpoint's first version, else it needs traffic. One that is
 * still being prepared after `waitMs` is given as it is, for it goes on without its caller; throws where none has begun by then.
 */
export async function awaitRollout(
  client: Client,
  endpoint: string,
  shipped: Shipped,
  waitMs = WAIT_MS,
): Promise<Rollout> {
  const until = Date.now() + waitMs
  for (;;) {
    const { items } = await client.call(rolloutApi.list, { query: { endpoint, limit: 20 } })
    const found = items.find((one) => isOf(one, shipped))
    const late = Date.now() > until
    if (found !== undefined && (late || found.state !== 'starting' || isHeld(found))) return found
    if (late) {
      throw new Error(
        `no rollout of version ${shipped.version} began within ${waitMs / 1000} s\nSee: slipway endpoints ${endpoint}`,
      )
    }
    await wait(100)
  }
}
