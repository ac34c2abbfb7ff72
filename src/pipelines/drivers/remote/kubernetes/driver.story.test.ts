/** The driver of Kubernetes passes what every driver must do, against a fake API server whose pods are processes. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { until } from '../../../../../test/until.ts'
import { driverCases } from '../../driver.cases.ts'
import { python } from '../../local/attempt.fixture.ts'
import { attemptOf, exitOf, overAs } from '../attempts.fixture.ts'
import { clusterWaits } from '../rows.ts'
import { openRig } from '../rig.fixture.ts'
import { startFakeApiServer } from './fake-api-server.fixture.ts'
import { kubernetesLauncher } from './launcher.ts'

const rig = await openRig({ leaseMs: 20_000 })
const fake = await startFakeApiServer(rig.folder)
const settings = { kubeconfig: fake.kubeconfig }
const launcher = kubernetesLauncher({ settings, url: () => rig.server.url, turnMs: 50 })
after(async () => {
  await fake.stop()
  await rig.close()
})

driverCases({ python, blobs: rig.blobs, open: () => rig.driver({ launcher }) })

const driver = rig.driver({ launcher, leaseMs: 300 })

test('what an attempt waits for is kept for its run, until it is taken up', async () => {
  fake.starts = false
  await driver.submit(await attemptOf(rig, 'att_waits'))
  const waits = () =>
    rig.db.get<{ waits: string | null }>("SELECT waits FROM pipeline_nodes WHERE attempt = 'att_waits'")
  await until('what it waits for', async () => {
    await driver.get('att_waits', 'f')
    return /being made/.test((await waits())?.waits ?? '')
  })
  assert.deepEqual(await clusterWaits(rig.db, 'no such run'), new Map())
  await driver.cancel('att_waits')
  assert.equal((await overAs(driver, 'att_waits')).state, 'absent')
  assert.equal(fake.jobs.size, [...fake.jobs.keys()].filter((key) => !key.includes('waits')).length)
  fake.starts = true
})

test('an attempt whose node falls silent ends by whose fault the cluster says it is, once its lease is over', async () => {
  await driver.submit(await attemptOf(rig, 'att_evicted', 'import time; time.sleep(600)'))
  await until(
    'its node takes it up',
    async () =>
      (
        await rig.db.get<{ claimed_at: number | null }>(
          "SELECT claimed_at FROM pipeline_nodes WHERE attempt = 'att_evicted'",
        )
      )?.claimed_at != null,
  )
  const { child } = [...fake.jobs].find(([key]) => key.includes('evicted'))?.[1] ?? assert.fail()
  process.kill(-(child?.pid ?? 0), 'SIGKILL')
  fake.statuses = { pods: { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' } }
  const exit = await exitOf(driver, 'att_evicted')
  assert.equal(exit.class, 'preempted')
  assert.match(exit.message, /kubernetes ended it: .*low on resource/)
  fake.statuses = {}
})

test('an end that the cluster could not be told is told later, and orphans are found by their label', async () => {
  fake.starts = false
  await driver.submit(await attemptOf(rig, 'att_orphan'))
  fake.answers = [[/^DELETE /, 503, { message: 'away' }]]
  await driver.kill('att_orphan')
  assert.match(rig.notes.at(-1) ?? '', /could not be asked to end its job att_orphan/)
  await driver.delete('att_orphan')
  const held = async (): Promise<string[]> => (await launcher.held?.()) ?? []
  await until('its job is there', async () => (await held()).includes('att_orphan'))
  await driver.endStrays?.()
  assert.match(rig.notes.at(-1) ?? '', /could not be asked to end what nobody hears of: .*away/)
  fake.answers = []
  await driver.submit(await attemptOf(rig, 'att_ours'))
  await until('the job of another is there', async () => (await held()).includes('att_ours'))
  await driver.endStrays?.()
  await until('its job is gone', async () => !(await held()).includes('att_orphan'))
  assert.ok((await held()).includes('att_ours'), 'what has a row is left alone')
  fake.starts = true
})
