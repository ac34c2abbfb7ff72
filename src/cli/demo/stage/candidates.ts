/** Candidate models of the acts to come. They are inputs of the story, so they are trained while traffic flows. */
import type { PipelineRun } from '../../project/follow.ts'
import { runToEnd } from './world.ts'
import type { RunWish, World } from './world.ts'

/** Data preparation of every candidate of August: trained on what was known on 1 July, judged on July. */
const AUGUST = { train_until: '2013-07-01', holdout_until: '2013-08-01' }

const WISHES: readonly (readonly [string, NonNullable<RunWish['params']>])[] = [
  ['better-fed', { prepare: AUGUST }],
  ['other seed', { prepare: AUGUST, train: { seed: 2 } }],
  ['flipped', { prepare: { ...AUGUST, flip_carrier: 'UA' } }],
  ['faulty', { prepare: AUGUST, train: { faulty: true } }],
]

/** Starts the training of all candidates of acts 3 and 4; each act awaits its own. They are judged against the version in production. */
export function trainCandidates(world: World): void {
  let before: Promise<unknown> = Promise.resolve()
  for (const [name, params] of WISHES) {
    // one after the other: each finds the steps before it in the cache, and leaves a core to the traffic
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
