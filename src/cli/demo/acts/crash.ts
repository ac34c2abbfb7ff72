/** Act 7: the control process is killed with -9 during traffic and during a training step; nothing is lost or doubled. */
import { setTimeout as wait } from 'node:timers/promises'
import { follow } from '../../follow.ts'
import { SILENT } from '../../output.ts'
import { caughtUp, DAY, flightsOf, newClient, send, startRun, until } from '../world.ts'
import type { Notebook, World } from '../world.ts'
import { pipelinesApi } from '../../../contract/pipelines.ts'
import { performance } from './fly.ts'

/** How long control stays dead, ms. */
const DEAD_MS = 1500

export async function crash(world: World, notes: Notebook): Promise<void> {
  const run = await startRun(world, { params: { train: { seed: 7 } }, register: false })
  await until('the training step to run', async () => {
    const now = await world.client.call(pipelinesApi.getPipelineRun, { params: { id: run.id } })
    const train = now.steps.find((step) => step.name === 'train')
    return train?.attempts.some((attempt) => attempt.state === 'running') === true ? true : undefined
  })
  const begun = world.clock
  const flights = flightsOf(world, begun + 1, begun + 21 * DAY)
  const failedBefore = world.failed
  const sending = send(world, flights)
  await wait(300)
  await world.server.kill()
  notes.tell('kill -9', `control process ended in the middle of training and traffic; dead for ${DEAD_MS} ms`)
  await wait(DEAD_MS)
  const file = await world.server.start()
  world.client = newClient(file.url, world.token)
  const sent = await sending
  notes.check('failed predictions', `${world.failed - failedBefore} of ${sent.sent}`, world.failed === failedBefore)
  await training(world, notes, run.id)
  await world.traffic?.settle(world.clock)
  await caughtUp(world, world.clock)
  // a failed prediction was told above and is in no log
  await nothingLost(world, notes, { from: begun + 1, sent: sent.sent - (world.failed - failedBefore) })
}

/** The step went on without its master, or was tried again from the budget for lost ones. */
async function training(world: World, notes: Notebook, id: string): Promise<void> {
  const over = await follow(world.client, id, SILENT)
  const train = over.steps.find((step) => step.name === 'train')
  const attempts = train?.attempts ?? []
  const succeeded = attempts.filter((attempt) => attempt.state === 'succeeded').length
  const story = attempts.map((attempt) => attempt.state).join(', ')
  notes.check('training step', `${over.outcome}; attempts: ${story}`, over.outcome === 'succeeded' && succeeded === 1)
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
