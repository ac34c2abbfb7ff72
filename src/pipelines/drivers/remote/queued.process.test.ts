/** A cluster that takes no jobs now: an attempt waits, says for what, is sent again, and ends as the cluster says. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { until } from '../../../../test/until.ts'
import { problem } from '../../../contract/errors.ts'
import { attemptOf, exitOf } from './attempts.fixture.ts'
import type { Launcher } from './launcher.ts'
import { launcherWith } from './process.fixture.ts'
import { openRig } from './rig.fixture.ts'
import { nodeRow } from './rows.ts'

const rig = await openRig({ leaseMs: 300 })
after(() => rig.close())

/** The launcher of the rig, with what is given in place of its own. */
const launcher = (more: Partial<Launcher>): Launcher => launcherWith(rig.launcher, more)

const limit = problem('unavailable', { what: 'the cluster', detail: 'too many jobs of this user' })

test('a job that is refused for now waits, says why, and is sent again as one that may be there', async () => {
  const sent: (boolean | undefined)[] = []
  const full = launcher({
    launch(job) {
      sent.push(job.again)
      return sent.length < 3 ? Promise.reject(limit) : rig.launcher.launch(job)
    },
    state: (attempt) =>
      sent.length < 3 ? Promise.resolve({ state: 'over', detail: 'knows no such job' }) : rig.launcher.state(attempt),
  })
  const driver = rig.driver({ launcher: full, againMs: 400 })
  await driver.submit(await attemptOf(rig, 'att_full'))
  assert.equal((await driver.get('att_full', 'f')).state, 'running')
  assert.equal((await nodeRow(rig.db, 'att_full'))?.waits, limit.message)
  // longer than the silence after which the word of the cluster counts
  await until('the third try', async () => (await driver.get('att_full', 'f'), sent.length === 3))
  assert.equal((await exitOf(driver, 'att_full')).class, 'ok')
  assert.deepEqual(sent, [false, true, true])
})

test('one that is refused for good when it is sent again ends with the words of the cluster', async () => {
  const refused = problem('upstream_failed', { what: 'the cluster', detail: 'no such partition' })
  let sent = 0
  const driver = rig.driver({
    launcher: launcher({ launch: () => Promise.reject(sent++ === 0 ? limit : refused) }),
    againMs: 0,
  })
  await driver.submit(await attemptOf(rig, 'att_refused'))
  const exit = await exitOf(driver, 'att_refused')
  assert.deepEqual([exit.class, /no such partition/.test(exit.message)], ['infrastructure', true])
})

test('one that is refused for what it is when it is sent again is a fault of what was asked for', async () => {
  const refused = problem('unprocessable', { detail: 'a right is missing' })
  let sent = 0
  const driver = rig.driver({
    launcher: launcher({ launch: () => Promise.reject(sent++ === 0 ? limit : refused) }),
    againMs: 0,
  })
  await driver.submit(await attemptOf(rig, 'att_right'))
  assert.equal((await exitOf(driver, 'att_right')).class, 'environment')
})

test('one that is cancelled while it waits is sent no more', async () => {
  let sent = 0
  const full = launcher({ launch: () => (sent++, Promise.reject(limit)) })
  const driver = rig.driver({ launcher: full, againMs: 0 })
  await driver.submit(await attemptOf(rig, 'att_cancelled'))
  await driver.cancel('att_cancelled')
  assert.deepEqual(await driver.get('att_cancelled', 'f'), { state: 'absent' })
  assert.equal(sent, 1)
})

test('an attempt that was taken up and is silent ends with the cause that the cluster names', async () => {
  const ends = { state: 'over', failure: 'out_of_memory', detail: 'it took more memory than its job has' } as const
  const driver = rig.driver({ launcher: launcher({ state: () => Promise.resolve(ends) }) })
  await driver.submit(await attemptOf(rig, 'att_killed', 'print("begun", flush=True)\nimport time\ntime.sleep(600)'))
  // its line may come in two pieces
  await until('its line', async () => (await driver.logs('att_killed', 0, 9)).includes('\n'))
  const pid = rig.launcher.jobs.get('att_killed')?.child.pid ?? assert.fail()
  process.kill(-pid, 'SIGKILL')
  const exit = await exitOf(driver, 'att_killed')
  assert.deepEqual([exit.class, exit.log_bytes], ['out_of_memory', 6])
})

test('one that was taken up and waits to be started again has ended', async () => {
  const again = { state: 'pending', again: true, detail: 'was put back into the queue' } as const
  const driver = rig.driver({ launcher: launcher({ state: () => Promise.resolve(again) }) })
  await driver.submit(await attemptOf(rig, 'att_again', 'import time\ntime.sleep(600)'))
  await until('its first beat', async () => (await driver.usage('att_again')) !== undefined)
  process.kill(-(rig.launcher.jobs.get('att_again')?.child.pid ?? assert.fail()), 'SIGKILL')
  await until('its end', async () => (await driver.get('att_again', 'f')).state === 'absent')
})
