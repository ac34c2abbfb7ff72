/** Act 7: the control process is killed with -9 during traffic and during a training step; nothing is lost or doubled. */
import { setTimeout as wait } from 'node:timers/promises'
import { DAY_MS } from '../../../contract/ids.ts'
import { pipelinesApi } from '../../../contract/pipelines.ts'
import { beginProof } from '../stage/proof.ts'
import { awaitStep, caughtUp, flightsOf, newClient, send, until } from '../stage/world.ts'
import type { Notebook, World } from '../stage/world.ts'
import { performance } from './fly.ts'

/** How long control stays dead, ms. */
const DEAD_MS = 1500

/** Traffic before and after the kill, days of event time. */
const BEFORE_DAYS = 7
const AFTER_DAYS = 14

export async function crash(world: World, notes: Notebook): Promise<void> {
  // production does not change any more, so the step that must survive is one of the proof that the last act reads
  world.proof = await beginProof(world)
  const { run } = world.proof
  const begun = world.clock
  const failedBefore = world.failed
  const training = trainingBegins(world, run)
  const before = await send(world, flightsOf(world, begun + 1, begun + BEFORE_DAYS * DAY_MS), {
    hour: async () => training.begun,
  })
  await training.done
  const sending = send(world, flightsOf(world, world.clock + 1, world.clock + AFTER_DAYS * DAY_MS))
  await wait(300)
  await world.server.kill()
  notes.tell('kill -9', `control process ended in the middle of training and traffic; dead for ${DEAD_MS} ms`)
  await wait(DEAD_MS)
  const file = await world.server.start()
  world.client = newClient(file.url, world.token)
  const sent = before.sent + (await sending).sent
  notes.check('failed predictions', `${world.failed - failedBefore} of ${sent}`, world.failed === failedBefore)
  await trainedOnce(world, notes, run)
  await world.traffic?.settle(world.clock)
  await caughtUp(world, world.clock)
  // a failed prediction was told above and is in no log
  await nothingLost(world, notes, { from: begun + 1, sent: sent - (world.failed - failedBefore) })
}

/** Looks for the training step of a run while traffic flows; `begun` says whether it runs by now. */
function trainingBegins(world: World, id: string): { begun: boolean; readonly done: Promise<true> } {
  const done = until('the training step to run', async () => {
    const now = await world.client.call(pipelinesApi.getPipelineRun, { params: { id } })
    const train = now.steps.find((step) => step.name === 'train')
    return train?.attempts.some((attempt) => attempt.state === 'running') === true ? true : undefined
  })
  const found = { begun: false, done }
  done.then(
    () => (found.begun = true),
    // told by who awaits it
    () => (found.begun = true),
  )
  return found
}

/** The step went on without its master, or was tried again from the budget for lost ones. */
async function trainedOnce(world: World, notes: Notebook, id: string): Promise<void> {
  const train = await awaitStep(world, id, 'train')
  const succeeded = train.attempts.filter((attempt) => attempt.state === 'succeeded').length
  const story = train.attempts.map((attempt) => attempt.state).join(', ')
  notes.check('training step', `${train.state}; attempts: ${story}`, train.state === 'succeeded' && succeeded === 1)
}

async function nothingLost(world: World, notes: Notebook, window: { from: number; sent: number }): Promise<void> {
  const whole = await until('all predictions of the crash in the log', async () => {
    const items = await performance(world, 'all', { from: window.from })
    const found = items.find((one) => one.metric === 'roc_auc' && one.slice === null)
    return found !== undefined && found.n >= window.sent ? found : undefined
  })
  notes.check('logged once', `${whole.n} rows for ${window.sent} predictions`, whole.n === window.sent)
  notes.check(
    'labels joined',
    `${whole.labelled}, ${world.traffic?.waiting ?? 0} not known yet`,
    whole.labelled === whole.n - (world.traffic?.waiting ?? 0),
  )
}
