/** Act 4: a model that is wrong for one carrier, and one that fails every fifth request: both are stopped, no caller notices. */
import { Plan } from '../../../contract/rollout/plan.ts'
import { candidate } from '../stage/candidates.ts'
import { driveRollout, flightsOf, replayVerdicts, startRollout } from '../stage/world.ts'
import type { Notebook, World } from '../stage/world.ts'
import { day } from './fly.ts'

export async function badModels(world: World, notes: Notebook): Promise<void> {
  const failedBefore = world.failed
  await flipped(world, notes)
  await faulty(world, notes)
  notes.check('errors that callers saw', world.failed - failedBefore, world.failed === failedBefore)
}

/** The flights after those that were sent. */
function rest(world: World): Parameters<typeof driveRollout>[2] {
  return flightsOf(world, Math.max(day(8, 1), world.clock + 1), day(9, 10))
}

async function flipped(world: World, notes: Notebook): Promise<void> {
  const version = await candidate(world, 'flipped')
  notes.tell('candidate with the labels of UA exchanged', `version ${version} passed its own hold-out`)
  const { rollout, result } = await driveRollout(world, await startRollout(world, version), rest(world))
  const failing = rollout.gates.filter((gate) => gate.status === 'failing')
  const slice = failing.find((gate) => gate.slice !== null && gate.slice.includes('UA'))
  notes.check(
    'stopped',
    `${rollout.state} in ${rollout.step} after ${result.sent} requests`,
    rollout.state === 'rolled_back',
  )
  notes.check(
    'the verdict names slice and gate',
    slice === undefined
      ? failing.map((gate) => gate.gate).join(', ')
      : `${slice.slice}, gate ${slice.gate}: ${slice.reason}`,
    slice !== undefined,
  )
  const replayed = await replayVerdicts(world, rollout)
  notes.check(
    'its verdicts replay',
    `${replayed.same} of ${replayed.of}`,
    replayed.of > 0 && replayed.same === replayed.of,
  )
}

async function faulty(world: World, notes: Notebook): Promise<void> {
  const version = await candidate(world, 'faulty')
  // straight to a canary: the breaker or the gate of failures must stop it, not the shadow that would have seen it first
  const plan = Plan.parse({ shadow: { requests: 0 }, canary: [1000, 5000], each: { min_requests: 500 } })
  const { rollout, result } = await driveRollout(world, await startRollout(world, version, plan), rest(world))
  const answered = result.byVersion[version] ?? 0
  notes.check(
    'candidate that fails one request in five',
    `${rollout.state}: ${rollout.reason}`,
    rollout.state === 'rolled_back',
  )
  notes.check(
    'its failures',
    `${rollout.failed_requests} requests failed in it and were answered by stable; it answered ${answered}`,
    rollout.failed_requests > 0,
  )
}
