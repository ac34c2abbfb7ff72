/** What every driver must do, on a real control plane of Kubernetes; run by kubernetes.story.test.ts in a network of its own. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { driverCases } from '../../src/pipelines/drivers/driver.cases.ts'
import { python } from '../../src/pipelines/drivers/local/attempt.fixture.ts'
import { logOf } from '../../src/pipelines/drivers/logs.fixture.ts'
import { attemptOf, exitOf, overAs } from '../../src/pipelines/drivers/remote/attempts.fixture.ts'
import { apiOf } from '../../src/pipelines/drivers/remote/kubernetes/api.ts'
import { kubernetesLauncher } from '../../src/pipelines/drivers/remote/kubernetes/launcher.ts'
import { openRig } from '../../src/pipelines/drivers/remote/rig.fixture.ts'
import { gate } from '../../src/pipelines/drivers/suite.fixture.ts'
import { until } from '../until.ts'
import { att, beatsOn, HELD } from './attempts.ts'
import { startPlane } from './kubernetes-plane.ts'

/** An attempt is lost that is silent for so long, ms: longer than a busy machine holds up a node. */
const LEASE_MS = 30_000

const plane = await startPlane(process.env['SLIPWAY_TEST_KUBERNETES'] ?? '')
const rig = await openRig({ leaseMs: LEASE_MS })
after(async () => {
  await rig.close()
  await plane.stop()
})
const { kubectl } = plane

/** The rights that the guide gives, and nothing else. */
const guide = readFileSync(join(import.meta.dirname, '../../docs/guides/drivers.md'), 'utf8')
const role = /```yaml\n(apiVersion: rbac[^`]*)```/.exec(guide)?.[1] ?? assert.fail('the guide has no Role')
kubectl(['create', 'namespace', 'steps'])
kubectl(['label', 'namespace', 'steps', 'pod-security.kubernetes.io/enforce=restricted'])
kubectl(['-n', 'steps', 'apply', '-f', '-'], role)
for (const name of ['slipway', 'weak']) kubectl(['-n', 'steps', 'create', 'serviceaccount', name])
kubectl(['-n', 'steps', 'create', 'rolebinding', 'slipway', '--role=slipway', '--serviceaccount=steps:slipway'])

const launcherOf = (kubeconfig: string, more = {}) =>
  kubernetesLauncher({ settings: { kubeconfig }, url: () => rig.server.url, turnMs: 200, ...more })
const launcher = launcherOf(plane.account('steps', 'slipway'))

driverCases({ python, blobs: rig.blobs, open: () => rig.driver({ launcher }) })

const driver = rig.driver({ launcher })
const waitsOf = async (attempt: string): Promise<string> => {
  await driver.get(attempt, 'f')
  const row = await rig.db.get<{ waits: string | null }>('SELECT waits FROM pipeline_nodes WHERE attempt = ?', [
    attempt,
  ])
  return row?.waits ?? ''
}
/** Goes on until it is ended. */
const UP = 'import time\nprint("up", flush=True)\ntime.sleep(3600)'
const nameOf = (attempt: string): string => `slipway-${attempt.replaceAll('_', '-')}`

test('the Role of the guide is enough; a right that is missing is named', async () => {
  const { version, ...health } = (await launcher.health?.()) ?? {}
  assert.deepEqual(health, { ok: true, detail: 'Kubernetes answers; Jobs go to steps' })
  assert.match(version ?? '', /^v1\.\d+\.\d+$/)
  const weak = launcherOf(plane.account('steps', 'weak'))
  assert.match((await weak.health?.())?.detail ?? '', /may not create jobs in steps, .*list events in steps/)
  const alone = rig.driver({ launcher: weak })
  const wrong = { code: 'unprocessable', message: /cannot create resource "secrets"/ } as const
  await assert.rejects(alone.submit(await attemptOf(rig, att('weak'))), wrong)
})

test('the token is in the Secret alone, which goes with its Job', async () => {
  await driver.submit(await attemptOf(rig, att('token'), 'import time; time.sleep(3600)', { grace_ms: 100 }))
  const name = nameOf(att('token'))
  const secret = kubectl(['-n', 'steps', 'get', 'secret', name, '-o', 'jsonpath={.data.token}'])
  const token = Buffer.from(secret, 'base64').toString()
  assert.match(token, /^slw_/)
  assert.equal(kubectl(['-n', 'steps', 'get', 'job,pod', '-o', 'yaml']).includes(token), false)
  await until('a job that runs', async () => (await driver.get(att('token'), 'f')).state === 'running')
  kubectl(['-n', 'steps', 'delete', 'job', name, '--wait=false'])
  const gone = (): boolean => kubectl(['-n', 'steps', 'get', 'secret', name, '--ignore-not-found']) === ''
  await until('a Secret that is gone', gone)
})

test('a Job that somebody deletes ends its attempt as ended from outside', async () => {
  await driver.submit(await attemptOf(rig, att('deleted'), UP))
  await until('the first line', async () => (await logOf(driver, att('deleted'))) === 'up\n')
  kubectl(['-n', 'steps', 'delete', 'job', nameOf(att('deleted')), '--wait=false'])
  assert.equal((await exitOf(driver, att('deleted'))).class, 'cancelled')
})

test('an eviction ends the attempt with its grace time', async () => {
  await driver.submit(await attemptOf(rig, att('drained'), UP))
  await until('the first line', async () => (await logOf(driver, att('drained'))) === 'up\n')
  const pod = kubectl(['-n', 'steps', 'get', 'pod', '-l', 'slipway.dev/attempt=' + att('drained'), '-o', 'name'])
    .trim()
    .slice(4)
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: pod, namespace: 'steps' } }
  kubectl(['create', '--raw', `/api/v1/namespaces/steps/pods/${pod}/eviction`, '-f', '-'], JSON.stringify(eviction))
  assert.equal((await exitOf(driver, att('drained'))).class, 'cancelled')
  await until('the end of the Job', async () => (await launcher.state(att('drained'))).state === 'over')
  const said = await launcher.state(att('drained'))
  assert.equal(said.failure, 'preempted')
})

test('a demand that no node meets waits, is told, and is taken back', async () => {
  await driver.submit({ ...(await attemptOf(rig, att('large'))), cpus: 640 })
  await until('a demand that is told', async () =>
    /waits for a node: 0\/1 nodes are available: 1 Insufficient cpu/.test(await waitsOf(att('large'))),
  )
  await driver.cancel(att('large'))
  assert.equal((await overAs(driver, att('large'))).state, 'absent')
  const gone = (): boolean => kubectl(['-n', 'steps', 'get', 'job', nameOf(att('large')), '--ignore-not-found']) === ''
  await until('a Job that is gone', gone)
})

test('GPUs are asked of the node', async () => {
  await driver.submit({ ...(await attemptOf(rig, att('gpus'))), gpus: 2 })
  assert.equal((await exitOf(driver, att('gpus'))).class, 'ok')
  await driver.submit({ ...(await attemptOf(rig, att('more'))), gpus: 3 })
  await until('a demand that is told', async () => /Insufficient nvidia\.com\/gpu/.test(await waitsOf(att('more'))))
  await driver.kill(att('more'))
})

test('quota of Jobs and of pods is waited for, told, and gone on with', async () => {
  for (const [attempt, hard] of [
    [att('quota'), 'count/jobs.batch=0'],
    [att('pods'), 'pods=0'],
  ] as const) {
    kubectl(['-n', 'steps', 'create', 'quota', 'none', `--hard=${hard}`])
    await until(
      'a quota',
      () => kubectl(['-n', 'steps', 'get', 'quota', 'none', '-o', 'jsonpath={.status.hard}']) !== '',
    )
    await driver.submit(await attemptOf(rig, attempt))
    await until('a quota that is told', async () => /quota.*: .*exceeded quota: none/.test(await waitsOf(attempt)))
    kubectl(['-n', 'steps', 'delete', 'quota', 'none'])
    // the controller of Jobs tries again ever more seldom
    await until('the end of the step', async () => (await driver.get(attempt, 'f')).state === 'finished', 600_000)
    assert.equal((await exitOf(driver, attempt)).class, 'ok', attempt)
  }
})

test('a token that ran out says nothing of what runs, until its file has the next one', async () => {
  const { env, go } = gate()
  await driver.submit(await attemptOf(rig, att('expired'), HELD, { env }))
  await until('the first line', async () => (await logOf(driver, att('expired'))) === 'begun\n')
  const file = join(plane.folder, 'token-slipway')
  const good = readFileSync(file, 'utf8')
  writeFileSync(file, good.slice(0, -4))
  try {
    await until('a token that is refused', async () => (await launcher.state(att('expired'))).state === 'unknown')
    await beatsOn(rig, driver, att('expired'), LEASE_MS)
    go()
    assert.equal((await exitOf(driver, att('expired'))).class, 'ok')
  } finally {
    writeFileSync(file, good)
  }
  await until('the end of the Job', async () => (await launcher.state(att('expired'))).state === 'over')
})

test('how long it takes from the Job to the first line of a step is told beside that of a bare Job', async (t) => {
  const own: number[] = []
  const bare: number[] = []
  for (let i = 0; i < 9; i++) {
    const attempt = att(`speed_${i}`)
    const spec = await attemptOf(rig, attempt, 'import time; print(time.time(), flush=True)')
    const from = Date.now() / 1000
    await driver.submit(spec)
    assert.equal((await exitOf(driver, attempt)).class, 'ok')
    own.push(Number(await logOf(driver, attempt)) - from)
    bare.push(await bareStart(`bare-${i}`))
  }
  const median = (of: readonly number[]): number => of.toSorted((a, b) => a - b)[4] ?? 0
  const figures = [own, bare].map((of) => `${median(of).toFixed(2)} s`)
  const load = readFileSync('/proc/loadavg', 'utf8').split(' ')[0]
  t.diagnostic(
    `from the Job to the first line: a step ${figures[0]}, a bare Job ${figures[1]}, median of 9, load ${load}`,
  )
  assert.ok([...own, ...bare].every(Number.isFinite), figures.join())
})

/** Seconds from sending a Job of nothing but an interpreter to its first line. */
async function bareStart(name: string): Promise<number> {
  const program = 'import time; print(time.time())'
  const container = { name: 'c', image: 'none', command: ['python3', '-I', '-S', '-c', program] }
  const spec = { restartPolicy: 'Never', containers: [container] }
  const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name }, spec: { template: { spec } } }
  const admin = apiOf(join(plane.folder, 'kubeconfig'))
  const from = Date.now() / 1000
  const sent = await admin.ask('POST', '/apis/batch/v1/namespaces/default/jobs', job)
  assert.equal(sent.status, 201, sent.message)
  const log = (): string => kubectl(['logs', `job/${name}`])
  kubectl(['wait', '--for=condition=complete', `job/${name}`, '--timeout=600s'])
  return Number(log()) - from
}
