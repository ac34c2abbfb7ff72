/** Act 3: a better-fed candidate goes through shadow and canary to production; an equal one is not rejected. */
import { PRODUCTION, registryApi } from '../../../contract/registry.ts'
import { candidate } from '../stage/candidates.ts'
import { driveRollout, ENDPOINT, flightsOf, replayVerdicts, startRollout } from '../stage/world.ts'
import type { Notebook, Rollout, World } from '../stage/world.ts'
import { day } from './fly.ts'

export async function improve(world: World, notes: Notebook): Promise<void> {
  const first = await rollOut(world, notes, 'better-fed')
  await promoted(world, notes, first)
  const second = await rollOut(world, notes, 'other seed')
  notes.check('an equal model is not rejected', `${second.state}: ${second.reason}`, second.state !== 'rolled_back')
  notes.check('failed requests', world.failed, world.failed === 0)
  notes.link(`${world.client.url}/endpoints/${ENDPOINT}`)
}

async function rollOut(world: World, notes: Notebook, name: string): Promise<Rollout> {
  const version = await candidate(world, name)
  const started = await startRollout(world, version)
  const flights = flightsOf(world, Math.max(day(8, 1), world.clock + 1), day(9, 1))
  const { rollout, result } = await driveRollout(world, started, flights)
  const replayed = await replayVerdicts(world, rollout)
  const steps = rollout.verdicts.map((verdict) => verdict.step).filter((step, i, all) => all.indexOf(step) === i)
  notes.check(
    `candidate ${name} (version ${version})`,
    `${rollout.state} after ${result.sent} requests by ${steps.join(' → ')}`,
    rollout.state === 'promoted',
  )
  notes.check(
    'its verdicts replay',
    `${replayed.same} of ${replayed.of} to the same result`,
    replayed.of > 0 && replayed.same === replayed.of,
  )
  return rollout
}

async function promoted(world: World, notes: Notebook, rollout: Rollout): Promise<void> {
  const model = await world.client.call(registryApi.getModel, { params: { name: ENDPOINT } })
  notes.check('alias production', `version ${model.aliases[PRODUCTION]}`, model.aliases[PRODUCTION] === rollout.version)
  const version = await world.client.call(registryApi.getVersion, {
    params: { name: ENDPOINT, version: rollout.version },
  })
  if (version.verdict === null) throw new Error('the promoted version has no verdict')
  const again = await world.client.call(registryApi.replayVerdict, { params: { id: version.verdict.id } })
  notes.check('its registry verdict replays', again.same ? 'to the same result' : 'to another result', again.same)
}
