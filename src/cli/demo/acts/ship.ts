/** Act 1: from raw data to an endpoint; nothing is done twice; a model that has seen the answer is refused. */
import { pipelinesApi } from '../../../contract/pipelines.ts'
import { registryApi } from '../../../contract/registry.ts'
import { servingApi } from '../../../contract/serving.ts'
import { follow } from '../../project/follow.ts'
import type { PipelineRun } from '../../project/follow.ts'
import { awaitRollout } from '../../project/ship.ts'
import { trainCandidates } from '../stage/candidates.ts'
import { Traffic } from '../stage/replay.ts'
import { flightTable } from '../stage/table.ts'
import { awaitStep, ENDPOINT, runToEnd, startRun } from '../stage/world.ts'
import type { Notebook, World } from '../stage/world.ts'

export async function ship(world: World, notes: Notebook): Promise<void> {
  const started = await startRun(world, { deploy: true })
  const leaky = trainLeaky(world, started.id)
  leaky.catch(() => undefined)
  const run = await follow(world.client, started.id, world.out)
  trainCandidates(world)
  notes.check(
    'pipeline',
    `${run.outcome} in ${((run.duration_ms ?? 0) / 1000).toFixed(1)} s`,
    run.outcome === 'succeeded',
  )
  if (run.registered === null) throw new Error(`the pipeline registered no model: ${run.message}`)
  const { version } = run.registered
  await judgeVersion(world, notes, version)
  const rollout = await awaitRollout(world.client, ENDPOINT, run.registered)
  notes.check('first version', `${rollout.state} on endpoint ${ENDPOINT}`, rollout.state === 'promoted')
  await makeTraffic(world, run)
  await runAgain(world, notes)
  await refuseLeak(world, notes, await leaky)
  notes.link(`${world.client.url}/models/${ENDPOINT}/versions/${version}`)
}

async function judgeVersion(world: World, notes: Notebook, version: string): Promise<void> {
  const found = await world.client.call(registryApi.getVersion, { params: { name: ENDPOINT, version } })
  const area = found.metrics['roc_auc'] ?? Number.NaN
  notes.check('hold-out AUC (June)', area.toFixed(4), area > 0.75 && area < 0.8)
  notes.check(
    'gates',
    found.verdict?.passed === true ? `all ${found.verdict.gates.length} hold` : 'not all hold',
    found.verdict?.passed === true,
  )
}

/** The callers' rows are the pipeline's own feature table, read back through the API. */
async function makeTraffic(world: World, run: PipelineRun): Promise<void> {
  const response = await world.client.open(pipelinesApi.readOutputFile, {
    params: { id: run.id, step: 'features', output: 'table' },
    query: {},
  })
  world.table = flightTable(await response.text())
  const target = { gatewayUrl: world.gatewayUrl, token: world.token, endpoint: ENDPOINT, client: world.client }
  world.traffic = new Traffic(target)
  await world.client.call(servingApi.getEndpoint, { params: { name: ENDPOINT } })
}

async function runAgain(world: World, notes: Notebook): Promise<void> {
  const again = await runToEnd(world, { register: false, quiet: true })
  const executed = again.steps.filter((step) => step.state === 'succeeded').length
  const reason = again.steps.at(-1)?.cache?.reason ?? ''
  notes.check(
    'second run',
    `${executed} of ${again.steps.length} steps executed; ${reason}`,
    executed === 0 && again.outcome === 'succeeded',
  )
}

/** A model that has seen the answer, made beside the first one from the same features. */
async function trainLeaky(world: World, beside: string): Promise<PipelineRun> {
  await awaitStep(world, beside, 'features')
  return runToEnd(world, { params: { prepare: { leak: true } }, deploy: true, quiet: true })
}

async function refuseLeak(world: World, notes: Notebook, leaky: PipelineRun): Promise<void> {
  if (leaky.registered === null) throw new Error(`the leaky variant was not judged: ${leaky.message}`)
  const found = await world.client.call(registryApi.getVersion, {
    params: { name: ENDPOINT, version: leaky.registered.version },
  })
  const failed = found.verdict?.gates.filter((gate) => gate.outcome === 'failed') ?? []
  const leak = failed.find((gate) => 'jump_at_most' in gate.gate)
  const area = (found.metrics['roc_auc'] ?? Number.NaN).toFixed(3)
  notes.check(
    'leaky variant',
    `AUC ${area}, ${leaky.outcome}: ${leak?.reason ?? 'no gate stopped it'}`,
    leaky.outcome === 'refused' && leak !== undefined,
  )
}
