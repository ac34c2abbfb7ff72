/** What every driver must do, on a real Ray cluster that stands in the same network; run by ray.story.test.ts in a network of its own. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { egress } from '../../src/http/egress.ts'
import { driverCases } from '../../src/pipelines/drivers/driver.cases.ts'
import { logOf } from '../../src/pipelines/drivers/logs.fixture.ts'
import { python } from '../../src/pipelines/drivers/local/attempt.fixture.ts'
import { attemptOf, exitOf, overAs } from '../../src/pipelines/drivers/remote/attempts.fixture.ts'
import { rayLauncher } from '../../src/pipelines/drivers/remote/ray.ts'
import { openRig } from '../../src/pipelines/drivers/remote/rig.fixture.ts'
import { nodeRow } from '../../src/pipelines/drivers/remote/rows.ts'
import { gate } from '../../src/pipelines/drivers/suite.fixture.ts'
import { until } from '../until.ts'
import { att, beatsOn, HELD } from './attempts.ts'
import { startRay } from './ray-nodes.ts'

/** An attempt is lost that is silent for so long, ms: longer than a busy machine holds up a node. */
const LEASE_MS = 30_000

const cluster = await startRay(Number(process.env['SLIPWAY_TEST_RAY_NODES'] ?? '0'))
const { url } = cluster
const launcher = rayLauncher({ url, send: egress({ allow: [new URL(url).host] }) })
const rig = await openRig({ leaseMs: LEASE_MS })
after(async () => {
  await rig.close()
  await cluster.stop()
})

driverCases({ python, blobs: rig.blobs, open: () => rig.driver({ launcher }) })

const driver = rig.driver({ launcher })

test('Ray takes a name once: a job that is sent again is the one that is there', async () => {
  const spec = await attemptOf(rig, att('twice'), 'print("once")')
  await driver.submit(spec)
  const row = await nodeRow(rig.db, att('twice'))
  assert.equal(row?.claimed_at, null)
  await driver.submit(spec)
  assert.equal((await exitOf(driver, att('twice'))).class, 'ok')
  assert.equal(await logOf(driver, att('twice')), 'once\n')
})

test('a demand that no node meets waits, says nothing, and is taken back', async () => {
  await driver.submit({ ...(await attemptOf(rig, att('large'))), cpus: 64 })
  await until('a job that is pending', async () => (await launcher.state(att('large'))).state === 'pending')
  const waiting = { state: 'running', silent_ms: 0, quiet_ms: 0, starting: true }
  assert.deepEqual(await driver.get(att('large'), 'f'), waiting)
  await driver.cancel(att('large'))
  assert.equal((await overAs(driver, att('large'))).state, 'absent')
})

test('Ray says of a job what is so, and of none that it is over', async () => {
  assert.match((await launcher.state(att('nobody'))).detail ?? '', /knows no such job/)
  await launcher.stop(att('nobody'))
  await driver.submit(await attemptOf(rig, att('well')))
  await exitOf(driver, att('well'))
  await until('the end of the job', async () => (await launcher.state(att('well'))).state === 'over')
  assert.match((await launcher.state(att('well'))).detail ?? '', /SUCCEEDED/)
})

test('a head that cannot be reached says nothing, and takes no job', async () => {
  const away = rayLauncher({ url: 'http://127.0.0.1:9', send: egress({ allow: ['127.0.0.1:9'] }) })
  assert.equal((await away.state(att('well'))).state, 'unknown')
  const alone = rig.driver({ launcher: away })
  await alone.submit(await attemptOf(rig, att('refused')))
  assert.equal((await alone.get(att('refused'), 'f')).state, 'running')
  assert.match((await nodeRow(rig.db, att('refused')))?.waits ?? '', /Ray is not available/)
  await alone.cancel(att('refused'))
})

test('a head that was started anew has forgotten its jobs: what runs on beats, ends and counts once', async () => {
  const { env, go } = gate()
  await driver.submit(await attemptOf(rig, att('head'), HELD, { env }))
  await until('the first line', async () => (await logOf(driver, att('head'))) === 'begun\n')
  await cluster.restartHead()
  await until('a head that knows no such job', async () => (await launcher.state(att('head'))).state === 'over')
  await beatsOn(rig, driver, att('head'), LEASE_MS)
  go()
  assert.equal((await exitOf(driver, att('head'))).class, 'ok')
  assert.equal(await logOf(driver, att('head')), 'begun\nover\n')
})
