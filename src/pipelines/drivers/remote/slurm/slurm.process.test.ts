/** Attempts as jobs of Slurm: found by name and never by number alone, in each version's fields, and told apart from what else answers. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, beforeEach, describe, test } from 'node:test'
import { egress } from '../../../../http/egress.ts'
import { nodeJob } from '../fake-jobs.fixture.ts'
import type { Launcher, NodeJob } from '../launcher.ts'
import { dialectOf, jobsOf } from './dialect.ts'
import { RECORDED, startFakeSlurmrestd, type FakeJob, type FakeSlurmrestd } from './fake-slurmrestd.fixture.ts'
import { slurmLauncher, type SlurmOptions } from './slurm.ts'
import { launchState } from './states.ts'
import { tokenReader } from './token.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-slurm-'))
after(() => rmSync(root, { recursive: true, force: true }))

const job = (attempt: string, more: Partial<NodeJob> = {}): NodeJob =>
  nodeJob(attempt, { variables: { A: "it's $HOME\nand more" }, grace_ms: 1000, ...more })

let fake: FakeSlurmrestd
beforeEach(async () => {
  fake = await startFakeSlurmrestd(root)
  fake.starts = false
})
afterEach(() => fake.stop())

function launcher(more: Partial<SlurmOptions> = {}): Launcher {
  const send = egress({ allow: [new URL(fake.url).host], timeoutMs: 60_000 })
  return slurmLauncher({ url: `${fake.url}/`, user: 'me', token: () => 't', send, ...more })
}

function only(): FakeJob {
  assert.equal(fake.jobs.length, 1)
  return fake.jobs[0] ?? assert.fail()
}

describe('what is sent', () => {
  test('a job asks for cores, memory, time and place, is never put back, and has its token in no script', async () => {
    const options = { partition: 'gpu', account: 'lab', qos: 'high', constraint: 'a100', cacheFolder: '/scratch/c' }
    const given = job('a1', { memory_bytes: 2 ** 30, timeout_ms: 60_000, variables: { SLIPWAY_NODE_TOKEN: 'secret' } })
    await launcher(options).launch(given)
    const { script, job: sent } = only()
    assert.doesNotMatch(script, /secret/)
    assert.match(script, /^#!\/bin\/sh\n[^\n]*HOME[^\n]*\nexec python3 -c 'print\('"'"'x'"'"'\)'\n$/)
    assert.deepEqual(sent, {
      name: 'slipway-a1',
      current_working_directory: '/tmp',
      standard_output: '/dev/null',
      standard_error: '/dev/null',
      environment: {
        PATH: '/usr/local/bin:/usr/bin:/bin',
        SLIPWAY_NODE_CACHE: '/scratch/c',
        SLIPWAY_NODE_TOKEN: 'secret',
      },
      tasks: 1,
      cpus_per_task: 2,
      memory_per_node: 1152,
      time_limit: 31,
      no_requeue: true,
      partition: 'gpu',
      account: 'lab',
      qos: 'high',
      constraints: 'a100',
    })
  })

  test('a later version wraps numbers, lists variables and says requeue plainly', async () => {
    fake.version = 'v0.0.42'
    await launcher({ timeLimitMinutes: 90 }).launch(job('a1', { memory_bytes: 2 ** 20 }))
    const { job: sent } = only()
    assert.deepEqual(sent['time_limit'], { set: true, infinite: false, number: 90 })
    assert.deepEqual(sent['memory_per_node'], { set: true, infinite: false, number: 129 })
    assert.deepEqual(sent['environment'], ['PATH=/usr/local/bin:/usr/bin:/bin', "A=it's $HOME\nand more"])
    assert.deepEqual([sent['requeue'], sent['no_requeue']], [false, undefined])
    assert.match((await launcher().state('a1')).detail ?? '', /job 1 waits in the queue \(Resources\)/)
  })

  test('the newest version that is known is taken, and a server of none is refused by name', () => {
    const paths = (...versions: string[]) => ({
      paths: Object.fromEntries(
        versions.flatMap((v) => [
          [`/slurm/${v}/job/submit`, {}],
          [`/slurm/${v}/jobs/`, {}],
        ]),
      ),
    })
    assert.equal(dialectOf(paths('v0.0.39', 'v0.0.41', 'v0.0.40', 'v0.0.99')).jobs, '/slurm/v0.0.41/jobs/')
    assert.throws(
      () => dialectOf(paths('v0.0.37', 'v1.0.40')),
      /offers v0\.0\.37, v1\.0\.40; this Slipway knows v0\.0\.38/,
    )
    for (const text of [{}, null, { paths: null }]) assert.throws(() => dialectOf(text), /offers no version/)
  })
})

describe('once', () => {
  test('a job is sent once where the answer was lost, also after the server was started anew', async () => {
    fake.lie = { on: /job\/submit/, status: 0, text: '' }
    await assert.rejects(launcher().launch(job('a1')), { code: 'unavailable' })
    fake.lie = undefined
    await launcher().launch(job('a1', { again: true }))
    assert.equal(fake.jobs.length, 1)
    await launcher().launch(job('a2'))
    assert.equal(fake.jobs.length, 2)
  })

  test('a first sending asks for no list of all jobs', async () => {
    await launcher().launch(job('a1'))
    assert.deepEqual(fake.asked, ['GET /openapi/v3', 'POST /slurm/v0.0.38/job/submit'])
  })

  test('a number that was given anew is another job, which is neither read nor ended', async () => {
    const one = launcher()
    await one.launch(job('a1'))
    fake.jobs.length = 0
    fake.next = 1
    await launcher().launch(job('other'))
    assert.match((await one.state('a1')).detail ?? '', /knows no such job/)
    await one.stop('a1')
    assert.deepEqual((await launcher().state('other')).state, 'pending')
  })

  test('of two jobs of one name the earlier stays, and a job of somebody else is left alone', async () => {
    await launcher().launch(job('a1'))
    await launcher().launch(job('a1'))
    await launcher().launch(job('a1'))
    Object.assign(fake.jobs[2] ?? {}, { user: 'mallory' })
    assert.equal((await launcher().state('a1')).state, 'pending')
    assert.deepEqual(
      fake.jobs.map(({ state }) => state),
      [undefined, 'CANCELLED', undefined],
    )
    await launcher().stop('a1')
    assert.deepEqual(
      fake.jobs.map(({ state }) => state),
      ['CANCELLED', 'CANCELLED', undefined],
    )
    assert.match((await launcher().state('a1')).detail ?? '', /somebody ended it/)
  })
})

describe('refused', () => {
  const told = async (text: string, status = 500): Promise<{ code: string; message: string }> => {
    fake.lie = { on: /job\/submit/, status, text }
    const error = await launcher()
      .launch(job('a1'))
      .then(
        () => assert.fail('it was taken'),
        (error: unknown) => error,
      )
    return error as { code: string; message: string }
  }

  test('what Slurm never takes is a failure in its words, and a limit waits', async () => {
    const never = await told(RECORDED.noPartition)
    assert.deepEqual(
      [never.code, /Invalid partition name specified \(2000\)/.test(never.message)],
      ['upstream_failed', true],
    )
    assert.equal((await told(RECORDED.noTime)).code, 'upstream_failed')
    const limit = await told(RECORDED.policy)
    assert.deepEqual([limit.code, /accounting\/QOS policy.*\(2050\)/.test(limit.message)], ['unavailable', true])
  })

  test('what did not come from Slurm is no word on the job', async () => {
    for (const [text, status] of [
      [RECORDED.submitLost, 500],
      [RECORDED.unauthorized, 401],
      ['<html>502 Bad Gateway</html>', 502],
      ['<html>welcome</html>', 200],
      ['{}', 200],
      ['', 200],
    ] as const)
      assert.equal((await told(text, status)).code, 'unavailable', text)
  })

  test('a job that was taken with a fault beside it is taken', async () => {
    const text = JSON.stringify({ errors: [{ error_code: 2015, error: 'not available now' }], job_id: 7 })
    fake.lie = { on: /job\/submit/, status: 200, text }
    await launcher().launch(job('a1'))
  })
})

describe('away', () => {
  const faults: [string, number, string][] = [
    ['slurmctld', 500, RECORDED.controlAway],
    ['a token', 500, RECORDED.expired],
    ['a page', 200, '<html>sign in</html>'],
    ['no route', 404, RECORDED.noRoute],
    ['a broken line', 0, ''],
  ]

  test('nothing is said of jobs while Slurm cannot be asked, and none is ended unheard', async () => {
    const one = launcher()
    await one.launch(job('a1'))
    for (const [name, status, text] of faults) {
      fake.lie = { on: /jobs?(\/\d+)?$/, status, text }
      assert.equal((await launcher().state('a1')).state, 'unknown', name)
      assert.equal((await one.state('a1')).state, 'unknown', name)
      await assert.rejects(launcher().stop('a1'), { code: 'unavailable' }, name)
    }
    fake.lie = undefined
    assert.equal((await launcher().state('a1')).state, 'pending')
  })

  test('a server that hangs is not asked again at once', async (t) => {
    let calls = 0
    t.mock.method(performance, 'now', () => 0)
    const hanging = createServer(() => calls++).listen(0, '127.0.0.1')
    await once(hanging, 'listening')
    const { port } = hanging.address() as AddressInfo
    const send = egress({ allow: [`127.0.0.1:${port}`], timeoutMs: 1000 })
    const one = launcher({ send, url: `http://127.0.0.1:${port}` })
    assert.equal((await one.state('a1')).state, 'unknown')
    const asked = calls
    assert.match((await one.health?.())?.detail ?? '', /Slurm is not available/)
    await assert.rejects(one.launch(job('a1')), { code: 'unavailable' })
    assert.ok(calls === asked && calls <= 1, `${asked}, then ${calls}`)
    hanging.closeAllConnections()
    hanging.close()
  })

  test('a token is read anew for each question, and one that has expired is told with its time', async () => {
    const file = join(root, 'token')
    const token = tokenReader({ file })
    const one = launcher({ token })
    assert.match((await one.health?.())?.detail ?? '', /token of SLIPWAY_SLURM_TOKEN_FILE cannot be read \(ENOENT\)/)
    const expired = `a.${Buffer.from('{"exp":1000}').toString('base64url')}.b`
    writeFileSync(file, `SLURM_JWT=${expired}\n`)
    fake.lie = { on: /diag/, status: 500, text: RECORDED.expired }
    assert.match((await one.health?.())?.detail ?? '', /expired at 1970-01-01T00:16:40/)
    fake.lie = undefined
    writeFileSync(file, 'fresh\n')
    assert.deepEqual(await one.health?.(), { ok: true, detail: 'slurmrestd answers (v0.0.38)', version: '22.05.8' })
    assert.deepEqual([...fake.tokens], [expired, 'fresh'])
    writeFileSync(file, 'two\nlines\n')
    assert.match((await one.health?.())?.detail ?? '', /holds no token/)
  })
})

describe('states', () => {
  const said = (state: unknown, more: object = {}) => {
    const [seen] = jobsOf({ jobs: [{ job_id: 4, job_state: state, ...more }] }) ?? []
    return launchState(seen ?? assert.fail())
  }

  test('each end has its cause', () => {
    const ends = [
      'COMPLETED',
      'FAILED',
      'CANCELLED',
      'TIMEOUT',
      'DEADLINE',
      'OUT_OF_MEMORY',
      'NODE_FAIL',
      'PREEMPTED',
      'BOOT_FAIL',
    ]
    assert.deepEqual(
      ends.map((end) => said(end).failure),
      [
        undefined,
        undefined,
        'preempted',
        'timeout',
        'timeout',
        'out_of_memory',
        'infrastructure',
        'preempted',
        'infrastructure',
      ],
    )
    for (const end of ends) assert.equal(said([end, 'COMPLETING']).state, 'over')
    assert.match(said('TIMEOUT', { state_reason: 'TimeLimit' }).detail ?? '', /^TIMEOUT \(TimeLimit\): .*; job 4$/)
  })

  test('what goes on goes on, what waits says for what, and what is not known is not known', () => {
    for (const state of ['RUNNING', 'COMPLETING', 'SUSPENDED', ['RUNNING', 'STAGE_OUT']])
      assert.equal(said(state).state, 'running')
    assert.equal(said(['RUNNING', 'CONFIGURING']).state, 'pending')
    const waits = said('PENDING', { state_reason: 'QOSMaxCpuPerUserLimit' })
    assert.deepEqual(waits, { state: 'pending', detail: 'job 4 waits in the queue (QOSMaxCpuPerUserLimit)' })
    assert.equal(said('PENDING', { restart_cnt: 1 }).again, true)
    assert.equal(said(['PENDING', 'REQUEUED']).again, true)
    for (const state of ['NEW', [], null, 7]) assert.equal(said(state).state, 'unknown')
  })
})
