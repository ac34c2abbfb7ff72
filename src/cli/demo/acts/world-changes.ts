/** Act 6: the world itself changes in October; the reaction retrains, and the winner, whichever it is, stays. */
import { pipelinesApi } from '../../../contract/pipelines.ts'
import { PRODUCTION, registryApi } from '../../../contract/registry.ts'
import { rolloutApi } from '../../../contract/rollout.ts'
import { follow } from '../../project/follow.ts'
import type { PipelineRun } from '../../project/follow.ts'
import { SILENT } from '../../invocation/output.ts'
import { caughtUp, driveRollout, ENDPOINT, flightsOf, incidents, send, until } from '../stage/world.ts'
import type { Incident, Notebook, World } from '../stage/world.ts'
import { day, performance } from './fly.ts'

export async function worldChanges(world: World, notes: Notebook): Promise<void> {
  const found = await fallOfQuality(world, notes)
  if (found === undefined) return
  const run = await reaction(world, found)
  const excluded = excludedRows(run)
  notes.check(
    'the reaction retrained',
    `${run.outcome}: ${run.message}`,
    run.outcome === 'succeeded' || run.outcome === 'refused',
  )
  notes.check('rows marked bad were left out', `${excluded} ids given to the data preparation`, excluded > 0)
  await winner(world, notes, run)
  notes.link(`${world.client.url}/incidents/${found.id}`)
}

/** October, with delayed labels, until the fall is told. */
async function fallOfQuality(world: World, notes: Notebook): Promise<Incident | undefined> {
  let found: Incident | undefined
  let hours = 0
  await send(world, flightsOf(world, world.clock + 1, day(11, 1)), {
    hour: async (eventTime) => {
      if (++hours % 6 !== 0) return
      await caughtUp(world, eventTime)
      found = (await incidents(world)).find((one) => one.kind === 'quality')
      return found !== undefined
    },
  })
  const months = (await performance(world, 'month')).filter((one) => one.metric === 'roc_auc' && one.slice === null)
  notes.tell(
    'AUC by month',
    months.map((one) => `${one.from.slice(0, 7)} ${one.estimate?.toFixed(3) ?? '?'}`).join(', '),
  )
  notes.check('quality fell', found === undefined ? 'no incident' : found.title, found !== undefined)
  return found
}

/** The run that the incident's reaction started, once it is over. */
async function reaction(world: World, incident: Incident): Promise<PipelineRun> {
  const row = await until(`the retraining that incident ${incident.id} asks for`, async () => {
    const { items } = await world.client.call(pipelinesApi.listPipelineRuns, { query: { limit: 50 } })
    return items.find((one) => one.trigger === 'reaction')
  })
  return follow(world.client, row.id, SILENT)
}

function excludedRows(run: PipelineRun): number {
  const given = run.steps.find((step) => 'exclude' in step.params)?.params['exclude']
  return Array.isArray(given) ? given.length : 0
}

/** Gates decide, then the rollout; both outcomes are honest ones. */
async function winner(world: World, notes: Notebook, run: PipelineRun): Promise<void> {
  if (run.registered === null) return
  const { version, verdict, detail } = run.registered
  if (verdict === 'refused') {
    notes.tell(
      'the retrained model',
      `version ${version} does not win against production and is not promoted: ${detail}`,
    )
    return
  }
  const rollout = await until(`the rollout of version ${version}`, async () => {
    const { items } = await world.client.call(rolloutApi.list, { query: { endpoint: ENDPOINT, limit: 50 } })
    return items.find((one) => one.version === version)
  })
  const rest = flightsOf(world, world.clock + 1, day(11, 20))
  const { rollout: over } = await driveRollout(world, rollout, rest)
  const model = await world.client.call(registryApi.getModel, { params: { name: ENDPOINT } })
  const agrees = (model.aliases[PRODUCTION] === version) === (over.state === 'promoted')
  notes.check(
    'the retrained model',
    `version ${version} ${over.state}; production is version ${model.aliases[PRODUCTION]}`,
    agrees,
  )
}
