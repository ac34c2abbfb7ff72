/** What every driver must do passes on a real Slurm cluster, and what only Slurm does: numbers given anew, jobs forgotten, programs killed. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { egress } from '../../src/http/egress.ts'
import { driverCases } from '../../src/pipelines/drivers/driver.cases.ts'
import { logOf } from '../../src/pipelines/drivers/logs.fixture.ts'
import { python } from '../../src/pipelines/drivers/local/attempt.fixture.ts'
import { attemptOf, exitOf, overAs } from '../../src/pipelines/drivers/remote/attempts.fixture.ts'
import { openRig } from '../../src/pipelines/drivers/remote/rig.fixture.ts'
import { gate } from '../../src/pipelines/drivers/suite.fixture.ts'
import { nodeRow } from '../../src/pipelines/drivers/remote/rows.ts'
import { slurmLauncher } from '../../src/pipelines/drivers/remote/slurm/slurm.ts'
import { until } from '../until.ts'
import { att, HELD } from './attempts.ts'
import { missingSlurm, SLURM_PACKAGES, startSlurm } from './slurm-nodes.ts'

const missing = missingSlurm()
const lacks =
  missing.length > 0
    ? `${missing.join(', ')} not found; apt-get install ${SLURM_PACKAGES}`
    : process.getuid?.() !== 0 && 'slurmd starts jobs as root alone'

describe('Slurm', { skip: lacks }, async () => {
  if (lacks !== false) return
  const cluster = await startSlurm()
  const { url } = cluster
  let token = await cluster.token(7200)
  // longer than a busy machine holds up a node
  const rig = await openRig({ leaseMs: 60_000 })
  const send = egress({ allow: [new URL(url).host] })
  const path = process.env['PATH']
  const cacheFolder = `${rig.folder}/nodes`
  const launcher = slurmLauncher({ url, user: 'root', token: () => token, path, cacheFolder, send })
  after(async () => {
    await rig.close()
    await cluster.stop()
  })

  driverCases({ python, blobs: rig.blobs, open: () => rig.driver({ launcher }) })

  const driver = rig.driver({ launcher, againMs: 1000 })
  /** Slurm takes a node away that runs what it has forgotten, and holds the job that was to run there: a person lets both go on. */
  const settled = async (attempt: string): Promise<void> => {
    let looks = 0
    await until(`the end of ${attempt}`, async () => {
      if ((await driver.get(attempt, 'f')).state !== 'running') return true
      if (looks++ % 20 > 0) return false
      await cluster.scontrol('update', 'nodename=n1', 'state=resume').catch(() => undefined)
      await cluster.scontrol('release', `jobname=slipway-${attempt}`).catch(() => undefined)
      return false
    })
  }
  const hasBegun = (attempt: string): Promise<boolean> =>
    until(`the first line of ${attempt}`, async () => (await logOf(driver, attempt)) === 'begun\n')
  const waitsOf = async (attempt: string): Promise<string> => (await nodeRow(rig.db, attempt))?.waits ?? ''
  const show = (attempt: string): Promise<string> =>
    cluster.scontrol('show', 'job', '--all').then((text) => partOf(text, attempt))

  test('a job is never put back, and shows neither its token nor its variables', async () => {
    const { env, go } = gate()
    await driver.submit(await attemptOf(rig, att('shown'), HELD, { env }))
    await hasBegun(att('shown'))
    const shown = await show(att('shown'))
    assert.match(shown, / Requeue=0 /)
    assert.doesNotMatch(shown, /SLIPWAY_|slw_|exec/)
    const [, id = ''] = /^(\d+) /.exec(shown) ?? []
    await assert.rejects(cluster.scontrol('requeue', id))
    go()
    assert.equal((await exitOf(driver, att('shown'))).class, 'ok')
  })

  test('a job that is sent again is the one that is there', async () => {
    const spec = await attemptOf(rig, att('twice'), 'print("once")')
    await Promise.all([driver.submit(spec), driver.submit(spec), rig.driver({ launcher }).submit(spec)])
    assert.equal((await exitOf(driver, att('twice'))).class, 'ok')
    assert.equal(await logOf(driver, att('twice')), 'once\n')
  })

  test('a job without room waits and says so, and one that no node can hold is refused with the words of Slurm', async () => {
    await driver.submit({ ...(await attemptOf(rig, att('wide'), 'import time\ntime.sleep(3600)')), cpus: 8 })
    await until('a job that runs', async () => (await launcher.state(att('wide'))).state === 'running')
    await driver.submit({ ...(await attemptOf(rig, att('waits'))), cpus: 8 })
    await until('a job that waits for room', async () => {
      await driver.get(att('waits'), 'f')
      return /waits in the queue \((Resources|Priority)/.test(await waitsOf(att('waits')))
    })
    await driver.cancel(att('waits'))
    assert.equal((await overAs(driver, att('waits'))).state, 'absent')
    await driver.kill(att('wide'))
    await assert.rejects(driver.submit({ ...(await attemptOf(rig, att('huge'))), memory_bytes: 2 ** 40 }), {
      code: 'upstream_failed',
    })
  })

  test('a token that has expired is told, and one that takes its place is taken', async () => {
    const good = token
    token = await cluster.token(1)
    await until('a token that has expired', async () =>
      /its token has expired at /.test((await launcher.health?.())?.detail ?? ''),
    )
    await driver.submit(await attemptOf(rig, att('token'), 'print("sent later")'))
    assert.equal((await driver.get(att('token'), 'f')).state, 'running')
    assert.match(await waitsOf(att('token')), /expired/)
    token = good
    assert.equal((await exitOf(driver, att('token'))).class, 'ok')
    assert.equal((await launcher.health?.())?.ok, true)
  })

  test('slurmd and slurmctld are killed while a step runs: it ends once or is lost, and does not begin again', async () => {
    const { env, go } = gate()
    await driver.submit(await attemptOf(rig, att('kill'), HELD, { env }))
    await hasBegun(att('kill'))
    await cluster.kill('slurmd')
    await cluster.kill('slurmctld')
    assert.equal((await driver.get(att('kill'), 'f')).state, 'running')
    await cluster.start('slurmctld')
    await cluster.start('slurmd')
    go()
    // a slurmctld that was killed may have forgotten the job, and a slurmd that comes back ends what is forgotten: then the attempt is lost
    const over = await overAs(rig.driver({ launcher, leaseMs: 15_000 }), att('kill'))
    const log = await logOf(driver, att('kill'))
    if (over.state === 'finished') assert.deepEqual([over.exit.class, log], ['ok', 'begun\nover\n'])
    else assert.deepEqual([over.state, log.split('begun').length], ['absent', 2])
  })

  test('what is sent while slurmctld is away waits, and runs once when it is back', async () => {
    await cluster.kill('slurmctld')
    await driver.submit(await attemptOf(rig, att('later'), 'print("once")'))
    assert.equal((await driver.get(att('later'), 'f')).state, 'running')
    assert.equal((await launcher.state(att('later'))).state, 'unknown')
    await cluster.start('slurmctld')
    assert.equal((await exitOf(driver, att('later'))).class, 'ok')
    assert.equal(await logOf(driver, att('later')), 'once\n')
  })

  test('slurmctld is killed right after a yes, at ten moments: each attempt runs once or is told as not begun', async () => {
    for (let i = 0; i < 10; i++) {
      const attempt = att(`yes${i}`)
      await driver.submit(await attemptOf(rig, attempt, 'print("once")'))
      // by the clock: moments of some spread, and what is demanded below holds after each
      await new Promise((resolve) => setTimeout(resolve, i * 120))
      await cluster.kill('slurmctld')
      await cluster.start('slurmctld')
    }
    for (let i = 0; i < 10; i++) {
      await settled(att(`yes${i}`))
      const exit = await exitOf(driver, att(`yes${i}`))
      const log = await logOf(driver, att(`yes${i}`))
      if (exit.class === 'ok') assert.equal(log, 'once\n')
      else assert.deepEqual([log, exit.class, /knows no such job/.test(exit.message)], ['', 'infrastructure', true])
    }
  })

  test('how long it takes from submit to the first line of a step is told beside that of an empty job', async (t) => {
    const empty: number[] = []
    const step: number[] = []
    for (let i = 0; i < 9; i++) {
      const file = join(cluster.folder, `empty${i}`)
      const before = Date.now()
      await launcher.launch({
        ...EMPTY,
        attempt: `empty${i}`,
        command: ['sh', '-c', `date +%s%3N > ${file}.new && mv ${file}.new ${file}`],
      })
      await until(`the file of empty job ${i}`, () => existsSync(file))
      empty.push(Number(readFileSync(file, 'utf8')) - before)
      const began = Date.now()
      await driver.submit(await attemptOf(rig, att(`first${i}`), 'import time\nprint(int(time.time() * 1000))'))
      assert.equal((await exitOf(driver, att(`first${i}`))).class, 'ok')
      step.push(Number(await logOf(driver, att(`first${i}`))) - began)
    }
    const load = loadavg()[0]?.toFixed(1)
    t.diagnostic(
      `submit to first line, median of 9 at load ${load}: step ${median(step)} ms, empty job ${median(empty)} ms`,
    )
    assert.ok([...step, ...empty].every(Number.isFinite), `${step.join()} against ${empty.join()}`)
  })

  test('the program of a node is killed with all it runs: the attempt is lost, and was not begun again', async () => {
    const { env } = gate()
    const program = `import os, signal\nos.kill(0, signal.SIGCONT)\n${HELD}`
    await driver.submit(await attemptOf(rig, att('dead'), program, { env }))
    await hasBegun(att('dead'))
    const [, id = ''] = /^(\d+) /.exec(await show(att('dead'))) ?? []
    await cluster.scontrol('update', `jobid=${id}`, 'comment=x')
    const { stdout } = await import('node:child_process').then(({ execFileSync }) => ({
      stdout: String(
        execFileSync('scontrol', ['listpids', id], {
          env: { ...process.env, SLURM_CONF: `${cluster.folder}/slurm.conf` },
        }),
      ),
    }))
    for (const [, pid] of stdout.matchAll(/^\s*(\d+)\s+\d+/gm)) kill(Number(pid))
    const status = await overAs(rig.driver({ launcher, leaseMs: 10_000 }), att('dead'))
    assert.equal(status.state, 'absent')
    assert.equal(await logOf(driver, att('dead')), 'begun\n')
  })
})

/** A job that asks for nothing but to be started. */
const EMPTY = {
  of: { project: '', run: '', step: '' },
  variables: {},
  cpus: 1,
  gpus: 0,
  image: null,
  python_version: null,
  memory_bytes: null,
  timeout_ms: null,
  grace_ms: 0,
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN
}

/** The number of a job, and what is shown of it. */
function partOf(text: string, attempt: string): string {
  const part = text.split('JobId=').find((one) => one.includes(`JobName=slipway-${attempt}\n`))
  return part ?? assert.fail(`no job of ${attempt}`)
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has ended already
  }
}
