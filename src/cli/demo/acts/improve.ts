/** Act 3: a better-fed candidate goes through shadow and canary to production; an equal one is not rejected. */
import { registryApi } from '../../../contract/registry.ts'
import type { PipelineRun } from '../../follow.ts'
import { readFlights } from '../table.ts'
import { driveRollout, ENDPOINT, replayVerdicts, runToEnd, startRollout } from '../world.ts'
import type { Notebook, Rollout, World } from '../world.ts'
import { day } from './fly.ts'

/** Data preparation of every candidate of August: trained on what was known on 1 July, judged on July. */
const AUGUST = { train_until: '2013-07-01', holdout_until: '2013-08-01' }

/** Starts the training of all candidates of acts 3 and 4; each act awaits its own. */
export function trainCandidates(world: World): void {
  const wishes: readonly (readonly [string, Record<string, Record<string, unknown>>])[] = [
    ['better-fed', { prepare: AUGUST }],
    ['other seed', { prepare: AUGUST, train: { seed: 2 } }],
    ['flipped', { prepare: { ...AUGUST, flip_carrier: 'UA' } }],
    ['faulty', { prepare: AUGUST, train: { faulty: true } }],
  ]
  let before: Promise<unknown> = Promise.resolve()
  for (const [name, params] of wishes) {
    // one after the other: each has the machine's two cores and the steps before it in the cache
    const run = before.then(() => runToEnd(world, { params, quiet: true }))
    run.catch(() => undefined)
    world.candidates.set(name, run)
    before = run.catch(() => undefined)
  }
}

/** The version that a candidate's run registered. Throws when its gates did not hold. */
export async function candidate(world: World, name: string): Promise<string> {
  const run: PipelineRun | undefined = await world.candidates.get(name)
  if (run?.registered == null)
    throw new Error(`the candidate "${name}" was not registered: ${run?.message ?? 'it was never trained'}`)
  if (run.registered.verdict !== 'accepted')
    throw new Error(`the candidate "${name}" was refused: ${run.registered.detail}`)
  return run.registered.version
}

export async function improve(world: World, notes: Notebook): Promise<void> {
  trainCandidates(world)
  const flights = await readFlights(world.table, day(8, 1), day(9, 1))
  const first = await rollOut(world, notes, {
    name: 'better-fed',
    flights: (from) => flights.filter((one) => one.event_time > from),
  })
  await promoted(world, notes, first)
  const second = await rollOut(world, notes, {
    name: 'other seed',
    flights: (from) => flights.filter((one) => one.event_time > from),
  })
  notes.check('an equal model is not rejected', `${second.state}: ${second.reason}`, second.state !== 'rolled_back')
  notes.check('failed requests', world.failed, world.failed === 0)
  notes.link(`${world.client.url}/endpoints/${ENDPOINT}`)
}

async function rollOut(
  world: World,
  notes: Notebook,
  wish: { name: string; flights: (from: number) => Parameters<typeof driveRollout>[2] },
): Promise<Rollout> {
  const version = await candidate(world, wish.name)
  const started = await startRollout(world, version)
  const { rollout, result } = await driveRollout(world, started, wish.flights(world.clock))
  const replayed = await replayVerdicts(world, rollout)
  const steps = rollout.verdicts.map((verdict) => verdict.step).filter((step, i, all) => all.indexOf(step) === i)
  notes.check(
    `candidate ${wish.name} (version ${version})`,
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
  notes.check(
    'alias production',
    `version ${model.aliases['production']}`,
    model.aliases['production'] === rollout.version,
  )
  const version = await world.client.call(registryApi.getVersion, {
    params: { name: ENDPOINT, version: rollout.version },
  })
  if (version.verdict === null) throw new Error('the promoted version has no verdict')
  const again = await world.client.call(registryApi.replayVerdict, { params: { id: version.verdict.id } })
  notes.check('its registry verdict replays', again.same ? 'to the same result' : 'to another result', again.same)
}
