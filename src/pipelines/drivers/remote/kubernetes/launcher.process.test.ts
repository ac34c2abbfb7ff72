/** Attempts as Jobs of Kubernetes, against a fake API server: sent once, without their token, and what the cluster says of them in words. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import type { KubernetesSettings } from '../../../../contract/values/drivers.ts'
import { nodeJob } from '../fake-jobs.fixture.ts'
import type { NodeJob } from '../launcher.ts'
import { startFakeApiServer, status, type FakeApiServer, type FakeJob } from './fake-api-server.fixture.ts'
import { kubernetesLauncher } from './launcher.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-kube-'))
let fake: FakeApiServer
before(async () => {
  fake = await startFakeApiServer(root)
  fake.starts = false
})
after(async () => {
  await fake.stop()
  rmSync(root, { recursive: true, force: true })
})
afterEach(() => {
  Object.assign(fake, { answers: [], statuses: {}, events: [], asked: [] })
  fake.asked.length = 0
})

const launcher = (more: Partial<KubernetesSettings> = {}, times: { turnMs?: number; stuckMs?: number } = {}) =>
  kubernetesLauncher({
    settings: { kubeconfig: fake.kubeconfig, ...more },
    url: () => 'http://slipway.example.org',
    turnMs: 0,
    ...times,
  })
const job = (attempt: string, more: Partial<NodeJob> = {}): NodeJob =>
  nodeJob(attempt, {
    of: { project: 'iris', run: 'pr_1', step: 'train: all of it' },
    variables: { SLIPWAY_NODE_URL: 'http://s', SLIPWAY_NODE_TOKEN: 'very-secret', A: '$(B) $C' },
    command: ['python3', '-c', "print('$(date)')"],
    memory_bytes: 1024 ** 3,
    gpus: 1,
    python_version: '3.11.7',
    timeout_ms: 60_000,
    grace_ms: 10_000,
    ...more,
  })
const sent = (attempt: string, namespace = 'default'): FakeJob =>
  fake.jobs.get(`${namespace}/slipway-${attempt.replaceAll('_', '-').toLowerCase()}`)?.job ?? assert.fail('no such Job')

describe('a Job', () => {
  test('runs once, asks for what the step names, gains no privileges, and holds no token', async () => {
    await launcher().launch(job('att_01AB'))
    const { spec, metadata } = sent('att_01AB')
    assert.deepEqual([spec['backoffLimit'], spec['ttlSecondsAfterFinished'], spec['suspend']], [0, 3600, undefined])
    assert.equal(metadata.annotations['slipway.dev/step'], 'train: all of it')
    assert.equal(metadata.labels['slipway.dev/step'], 'train--all-of-it')
    const pod = spec.template.spec
    const [container] = pod.containers
    const asked = { cpu: '2', memory: String(1024 ** 3 + 256 * 1024 ** 2), 'nvidia.com/gpu': '1' }
    assert.deepEqual(container['resources'], { requests: asked, limits: asked })
    assert.deepEqual(
      [pod['restartPolicy'], pod['automountServiceAccountToken'], pod['terminationGracePeriodSeconds']],
      ['Never', false, 20],
    )
    assert.equal(pod['activeDeadlineSeconds'], 60 + 10 + 3600)
    assert.deepEqual(container.command, ['python3', '-c', "print('$$(date)')"])
    assert.equal(container.env.find(({ name }) => name === 'A')?.value, '$$(B) $C')
    assert.equal(container.image, 'python:3.11.7-slim')
    assert.equal(JSON.stringify(sent('att_01AB')).includes('very-secret'), false)
    const secret = fake.secrets.get('default/slipway-att-01ab')
    assert.equal(secret?.stringData.token, 'very-secret')
    const { ownerReferences } = secret['metadata'] as { ownerReferences: { uid: string }[] }
    assert.equal(ownerReferences[0]?.uid, 'uid-default/slipway-att-01ab')
  })

  test('a step’s own image, the server’s, and the place of a project', async () => {
    const own = launcher({
      image: 'registry.example.org/ml:{python}',
      namespace: 'all',
      serviceAccount: 'runner',
      projects: { iris: { namespace: 'team-a', queue: 'fast' } },
    })
    await own.launch(job('att_02'))
    await own.launch(job('att_03', { image: 'cuda:12', of: { project: 'toString', run: 'r', step: 's' } }))
    const [a, b] = [sent('att_02', 'team-a'), sent('att_03', 'all')]
    assert.equal(a.spec.template.spec.containers[0].image, 'registry.example.org/ml:3.11.7')
    assert.equal(b.spec.template.spec.containers[0].image, 'cuda:12')
    assert.deepEqual([a.spec['suspend'], a.metadata.labels['kueue.x-k8s.io/queue-name']], [true, 'fast'])
    assert.deepEqual([b.spec['suspend'], b.spec.template.spec['serviceAccountName']], [undefined, 'runner'])
    assert.match((await own.state('att_02')).detail ?? '', /waits for its queue|container/)
    assert.deepEqual((await own.held?.())?.toSorted(), ['att_02', 'att_03'])
    await own.stop('att_02')
    assert.equal(fake.jobs.has('team-a/slipway-att-02') || fake.secrets.has('team-a/slipway-att-02'), false)
  })

  test('one that is there already is the one that was sent, also where no answer came', async () => {
    fake.answers = [[/^POST .*jobs$/, 0, {}]]
    await assert.rejects(launcher().launch(job('att_04')), { code: 'unavailable' })
    fake.answers = []
    await launcher().launch(job('att_04'))
    await launcher().launch(job('att_04'))
    assert.ok(sent('att_04'))
    const other = { ...job('att-04'), attempt: 'att-04' }
    await assert.rejects(launcher().launch(other), /is not of attempt att-04/)
  })

  test('is ended with its Secret, and one that is not there has ended', async () => {
    await launcher().launch(job('att_05'))
    await launcher().stop('att_05')
    assert.equal(fake.secrets.has('default/slipway-att-05'), false)
    await launcher().stop('att_05')
    fake.answers = [[/^DELETE .*jobs/, 500, { message: 'etcdserver: request timed out' }]]
    await assert.rejects(launcher().stop('att_05'), /500.*timed out/)
  })
})

describe('refusals', () => {
  const forbidden =
    'jobs.batch is forbidden: User "system:serviceaccount:ml:slipway" cannot create resource "jobs" in API group "batch" in the namespace "default"'

  test('a right that is missing is named, and the token is not left behind', async () => {
    fake.answers = [[/^POST .*jobs$/, 403, status(403, forbidden).body]]
    await assert.rejects(launcher().launch(job('att_10')), {
      code: 'unprocessable',
      message: /cannot create resource "jobs"/,
    })
    assert.equal(fake.secrets.has('default/slipway-att-10'), false)
  })

  test('what is not taken now may be taken later', async () => {
    for (const code of [429, 500, 503]) {
      fake.answers = [[/^POST .*jobs$/, code, { message: 'later' }]]
      await assert.rejects(launcher().launch(job('att_11')), { code: 'unavailable', message: /later/ })
    }
    fake.answers = [[/^POST .*jobs$/, 0, {}]]
    await assert.rejects(launcher().launch(job('att_11')), { code: 'unavailable' })
    fake.answers = []
    await launcher().launch(job('att_11'))
  })

  test('a Job without quota is for later, and leaves no Secret', async () => {
    const one = launcher()
    const exceeded =
      'jobs.batch "a" is forbidden: exceeded quota: q, requested: count/jobs.batch=1, used: count/jobs.batch=0'
    fake.answers = [[/^POST .*jobs$/, 403, status(403, exceeded).body]]
    await assert.rejects(one.launch(job('att_12')), {
      code: 'unavailable',
      message: `room in the quota is not available: ${exceeded}`,
    })
    assert.equal(fake.secrets.has('default/slipway-att-12'), false)
    fake.answers = []
    await one.launch(job('att_12'))
    assert.equal((await one.state('att_12')).state, 'pending')
  })

  test('a token that ran out is read anew, in the midst of things; one that does not hold is told', async () => {
    const one = launcher()
    await one.launch(job('att_13'))
    fake.good.clear()
    fake.good.add('next')
    const out = await one.state('att_13')
    assert.deepEqual([out.state, /does not take the credentials.*401/.test(out.detail ?? '')], ['unknown', true])
    writeFileSync(fake.tokenFile, 'next')
    assert.equal((await one.state('att_13')).state, 'pending')
    writeFileSync(fake.tokenFile, 'good')
    fake.good.add('good')
  })

  test('health names what the account may not', async () => {
    const well = { ok: true, detail: 'Kubernetes answers; Jobs go to default', version: 'v1.36.1' }
    assert.deepEqual(await launcher().health?.(), well)
    fake.answers = [[/selfsubjectaccessreviews/, 201, { status: { allowed: false } }]]
    const { ok, detail } = (await launcher().health?.()) ?? assert.fail()
    assert.equal(ok, false)
    assert.match(detail, /may not create jobs in default, get jobs in default, .*list events in default/)
    const away = kubernetesLauncher({ settings: { kubeconfig: join(root, 'none') }, url: () => 'http://s' })
    assert.match((await away.health?.())?.detail ?? '', /there is no .*none/)
    assert.equal((await away.state('x')).state, 'unknown')
  })
})

describe('looks', () => {
  before(() => launcher().launch(job('att_20')))
  const seen = async (jobs: object, pods: object | null = {}) => {
    fake.statuses = { jobs: jobs as never, pods: pods as never }
    return launcher().state('att_20')
  }
  const waiting = (reason: string, message = 'm') => ({
    containerStatuses: [{ state: { waiting: { reason, message } } }],
  })
  const failedBy = (reason: string, message = 'm') => ({
    conditions: [{ type: 'Failed', status: 'True', reason, message }],
  })

  test('what it waits for is told in words', async () => {
    const unschedulable = {
      conditions: [
        {
          type: 'PodScheduled',
          status: 'False',
          reason: 'Unschedulable',
          message: '0/3 nodes are available: 3 Insufficient nvidia.com/gpu.',
        },
      ],
    }
    const cases: [object | null, RegExp][] = [
      [unschedulable, /^waits for a node: 0\/3 nodes/],
      [waiting('ContainerCreating', ''), /being made/],
      [
        waiting('ImagePullBackOff', 'Back-off pulling image "nope"'),
        /image cannot be pulled \(ImagePullBackOff\): Back-off/,
      ],
      [waiting('CreateContainerConfigError', 'secret "x" not found'), /cannot be set up .*secret "x" not found/],
      [null, /pod is not made yet/],
    ]
    for (const [pods, words] of cases) {
      const said = await seen({}, pods)
      assert.equal(said.state, 'pending')
      assert.match(said.detail ?? '', words)
    }
  })

  test('why a pod is not made is told: quota waits, what policy refuses does not', async () => {
    const refused = (message: string) => [{ message, involvedObject: { name: 'slipway-att-20' } }]
    fake.events = refused('Error creating: pods "a" is forbidden: exceeded quota: q, requested: cpu=2')
    assert.match((await seen({}, null)).detail ?? '', /^waits for quota: .*cpu=2/)
    fake.events = refused('Error creating: pods "a" is forbidden: violates PodSecurity "restricted:latest"')
    fake.statuses = { pods: null }
    const strict = launcher({}, { stuckMs: -1 })
    const said = await strict.state('att_20')
    assert.deepEqual([said.state, said.failure], ['over', 'environment'])
    assert.match(said.detail ?? '', /refused: .*PodSecurity/)
  })

  test('what will not come by itself is given up after a while, and what came meanwhile is well', async () => {
    const one = launcher({}, { stuckMs: -1 })
    fake.statuses = { pods: waiting('ErrImagePull') }
    assert.deepEqual([(await one.state('att_20')).failure], ['environment'])
    fake.statuses = { pods: { phase: 'Running' } }
    assert.deepEqual(await one.state('att_20'), { state: 'running' })
  })

  test('whose fault an end is', async () => {
    const disrupted = (reason: string) => ({
      phase: 'Failed',
      conditions: [{ type: 'DisruptionTarget', status: 'True', reason, message: 'told' }],
    })
    const terminated = (reason: string, exitCode: number) => ({
      phase: 'Failed',
      containerStatuses: [{ state: { terminated: { reason, exitCode } } }],
    })
    const cases: [object, object | null, string | undefined, RegExp][] = [
      [
        failedBy('PodFailurePolicy'),
        disrupted('PreemptionByScheduler'),
        'preempted',
        /higher priority \(node node-1\): told/,
      ],
      [failedBy('PodFailurePolicy'), null, 'preempted', /took its place/],
      [{}, { ...disrupted('DeletionByTaintManager'), phase: 'Running' }, 'preempted', /node was lost/],
      [
        failedBy('BackoffLimitExceeded'),
        { phase: 'Failed', reason: 'Evicted', message: 'low on memory' },
        'preempted',
        /Evicted\): low on memory/,
      ],
      [failedBy('BackoffLimitExceeded'), terminated('OOMKilled', 137), 'out_of_memory', /OOMKilled/],
      [{}, { phase: 'Failed', reason: 'DeadlineExceeded' }, 'timeout', /deadline/],
      [failedBy('DeadlineExceeded'), null, 'timeout', /deadline/],
      [failedBy('BackoffLimitExceeded'), terminated('Error', 3), 'infrastructure', /code 3/],
      [{ conditions: [{ type: 'Complete', status: 'True' }] }, { phase: 'Succeeded' }, undefined, /complete/],
    ]
    for (const [jobs, pods, failure, words] of cases) {
      const said = await seen(jobs, pods)
      assert.deepEqual([said.state, said.failure], ['over', failure], JSON.stringify([jobs, pods]))
      assert.match(said.detail ?? '', words)
    }
    const deleted = await launcher().state('att_none')
    assert.deepEqual([deleted.state, deleted.failure], ['over', 'infrastructure'])
    assert.match(deleted.detail ?? '', /no such Job/)
  })

  test('one list of Jobs and one of pods answer for all attempts of a turn', async () => {
    const one = launcher({}, { turnMs: 60_000 })
    for (let i = 30; i < 40; i++) await one.launch(job(`att_${i}`))
    fake.asked.length = 0
    const all = await Promise.all(Array.from({ length: 10 }, (_, i) => one.state(`att_${30 + i}`)))
    assert.deepEqual(new Set(all.map(({ state }) => state)), new Set(['pending']))
    assert.equal(fake.asked.length, 2, fake.asked.join('\n'))
    assert.match(fake.asked[0] ?? '', /labelSelector=slipway\.dev\/server=[0-9a-f]{16}&resourceVersion=0/)
  })

  test('a list that cannot be had says nothing', async () => {
    for (const [code, body] of [
      [500, {}],
      [403, { message: 'pods is forbidden' }],
      [0, {}],
    ] as const) {
      fake.answers = [[/^GET .*pods/, code, body]]
      assert.equal((await launcher().state('att_20')).state, 'unknown')
    }
  })
})
